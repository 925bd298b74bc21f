//! Measures what retention costs those who submit: how long verdicts take without it, and while it deletes
//! many old jobs. `cargo bench --bench retention` does everything.
//!
//! `HERDGATE_BENCH_STORED` sets the number of old jobs (default 100000; the goal is about 1000000),
//! `HERDGATE_BENCH_RATE` the young jobs that come in a second (default 1000), `HERDGATE_BENCH_SECONDS` how
//! long they come before retention is switched on (default 60), and `HERDGATE_BENCH_DATABASES` the databases
//! (default `postgres,sqlite`).

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    missing_docs,
    reason = "a benchmark that cannot go on says so and ends"
)]

#[path = "../load/mod.rs"]
#[allow(dead_code, reason = "each benchmark uses a part, and the tests others of what is shared with them")]
mod load;

use load::database::{Database, number};
use load::gateway::Gateway;
use load::grpc;
use load::jobs::Jobs;
use load::latencies::Latencies;
use sea_orm::DatabaseConnection;
use std::ops::Range;
use std::time::{Duration, Instant};

/// How much longer 99 of 100 verdicts may take while jobs are deleted.
const GOAL: f64 = 2.0;
/// Microseconds that old jobs are set back by: two days, where one is kept.
const AGE: i64 = 2 * 24 * 3600 * 1_000_000;
const KEEP_ONE_DAY: (&str, &str) = ("HERDGATE_RETENTION_DAYS", "1");
/// Newest pushes that young jobs come for.
const ACTIVE_PUSHES: usize = 100;
/// Young jobs come in parts of so many seconds while jobs are deleted.
const PART_SECONDS: usize = 5;
/// After so many seconds of deleting the benchmark gives up.
const PATIENCE_SECONDS: usize = 2 * 3600;
/// Time between two looks whether old jobs are left.
const LOOK: Duration = Duration::from_millis(250);

/// What the environment asks for.
struct Settings {
    stored: usize,
    rate: u32,
    seconds: usize,
}

impl Settings {
    fn read() -> Self {
        Self {
            stored: load::number("HERDGATE_BENCH_STORED", 100_000).max(1),
            rate: load::number("HERDGATE_BENCH_RATE", 1000) as u32,
            seconds: load::number("HERDGATE_BENCH_SECONDS", 60).max(1),
        }
    }

    /// Jobs that come in so many seconds.
    fn jobs_in(&self, seconds: usize) -> usize {
        self.rate as usize * seconds
    }
}

fn main() {
    rustls::crypto::ring::default_provider().install_default().expect("nothing else installs a provider");
    let settings = Settings::read();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        println!("{}", load::machine());
        for name in Database::names() {
            let Some(database) = Database::start(&name).await else { continue };
            measure(&database, &settings).await;
        }
    });
}

async fn measure(database: &Database, settings: &Settings) {
    let url = database.url();
    let gateway = Gateway::start(&url);
    let pushes = fill(&gateway, database, settings).await;
    let active = pushes.saturating_sub(ACTIVE_PUSHES)..pushes;

    let before = Jobs::around("before", settings.jobs_in(settings.seconds), active.clone());
    let undisturbed = Latencies::new(grpc::unary(&gateway, &before, settings.rate).await);
    undisturbed.print("without retention");

    let gateway = gateway.restart_with(&url, &[KEEP_ONE_DAY]);
    let (during, disturbed) = while_deleting(&gateway, database, settings, active).await;
    disturbed.print("while deleting");
    let p99 = |latencies: &Latencies| latencies.at(99).as_secs_f64();
    println!(
        "p99 is {:.2} times that without retention; the goal is {GOAL}",
        p99(&disturbed) / p99(&undisturbed)
    );

    let connection = database.connect().await;
    let left = number(&connection, "SELECT count(*) FROM jobs").await.expect("a count") as usize;
    let young = before.count() + during;
    assert_eq!(left, young, "every young job is there, and no old one");
    println!("all {young} young jobs are there");
    gateway.stop();
}

/// Stores old jobs; gives how many pushes they have.
async fn fill(gateway: &Gateway, database: &Database, settings: &Settings) -> usize {
    let old = Jobs::spread("old", settings.stored, 1000);
    let started = Instant::now();
    grpc::pushes(gateway, &old).await;
    grpc::fill(gateway, &old).await;
    database.take_logs_for_parsed().await;
    let set_back = database.execute(&format!("UPDATE jobs SET received_at = received_at - {AGE}")).await;
    assert_eq!(set_back, settings.stored as u64, "all of them are old");
    database.execute(&format!("UPDATE pushes SET received_at = received_at - {AGE}")).await;
    let bytes = database.settle().await;
    let pushes = old.pushes().count();
    println!(
        "\n== {}: {} old jobs in {pushes} pushes, {:.0} MiB, filled in {:.0} s; {} young jobs a second ==",
        database.title(),
        settings.stored,
        bytes as f64 / 1024.0 / 1024.0,
        started.elapsed().as_secs_f64(),
        settings.rate
    );
    pushes
}

/// Whether old jobs are left. They go in the order of their ids and came first: one row tells.
async fn has_old(connection: &DatabaseConnection, limit: i64) -> bool {
    let first = number(connection, "SELECT received_at FROM jobs ORDER BY id LIMIT 1").await;
    first.is_some_and(|received_at| received_at < limit)
}

/// Young jobs come until no old one is left; gives how many came, and how long their verdicts took.
async fn while_deleting(
    gateway: &Gateway,
    database: &Database,
    settings: &Settings,
    active: Range<usize>,
) -> (usize, Latencies) {
    let started = Instant::now();
    let connection = database.connect().await;
    let limit = chrono::Utc::now().timestamp_micros() - AGE / 2;
    let deleted = tokio::spawn(async move {
        while has_old(&connection, limit).await {
            tokio::time::sleep(LOOK).await;
        }
        started.elapsed()
    });
    let coming = Jobs::around("during", settings.jobs_in(PATIENCE_SECONDS), active);
    let before = gateway.usage(database.process()).await;
    let (mut count, mut latencies) = (0, Vec::new());
    for part in coming.parts(settings.jobs_in(PART_SECONDS)) {
        latencies.extend(grpc::unary(gateway, &part, settings.rate).await);
        count += part.count();
        if deleted.is_finished() {
            break;
        }
    }
    assert!(deleted.is_finished(), "old jobs are left after {PATIENCE_SECONDS} s");
    let took = deleted.await.expect("a time").as_secs_f64();
    let used = gateway.usage(database.process()).await.since(&before).per(started.elapsed().as_secs_f64());
    println!(
        "{} jobs deleted in {took:.0} s, {:.0} a second; CPU a second: gateway {:.2} s, database {:.2} s",
        settings.stored,
        settings.stored as f64 / took,
        used.gateway_cpu,
        used.database_cpu
    );
    (count, Latencies::new(latencies))
}
