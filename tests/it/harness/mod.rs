//! What the tests are built from: databases, gateways as processes, connected clients, valid jobs.

pub mod collector;
pub mod command;
pub mod corpus;
pub mod cutting_proxy;
pub mod database;
pub mod eventually;
pub mod gateway;
pub mod http;
pub mod jobs;
pub mod load;
pub mod log_server;
mod ports;
pub mod postgres;
pub mod pulse;
pub mod rabbitmq;
pub mod raw_stream;
pub mod reading;
pub mod signed;
pub mod submitting;

pub use database::Database;
pub use eventually::eventually;
pub use gateway::Gateway;

use std::io::Write;

/// Whether the long versions are wanted.
pub fn long() -> bool {
    std::env::var("HERDGATE_LONG").is_ok_and(|value| value == "1")
}

/// Says that a test is skipped and why. Not captured, unlike what a test prints otherwise.
pub fn skipped(why: &str) {
    let test = std::thread::current().name().map(ToOwned::to_owned).unwrap_or_default();
    // A closed stderr is no reason to fail.
    let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {why}");
}

/// A random seed, printed so that a failure can be run again with `HERDGATE_SEED`.
pub fn seed(of: &str) -> u64 {
    let seed = std::env::var("HERDGATE_SEED").ok().map_or_else(rand::random, |text| text.parse().unwrap());
    println!("{of}: HERDGATE_SEED={seed}");
    seed
}

/// Makes of each `async fn name(database: Database)` one test on SQLite and one on PostgreSQL.
macro_rules! on_both_databases {
    ($($name:ident),+ $(,)?) => {
        mod on_sqlite {
            use crate::harness::Database;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    super::$name(Database::sqlite()).await;
                }
            )+
        }
        mod on_postgresql {
            use crate::harness::Database;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    if let Some(database) = Database::postgres().await {
                        super::$name(database).await;
                    }
                }
            )+
        }
    };
}
