//! Measures ingestion end to end: real jobs through the real binary into a real database, next to bare
//! batched upserts of the same rows, in one run. `cargo bench --bench ingest` does everything.
//!
//! `HERDGATE_BENCH_JOBS` sets the number of jobs of each phase (default 30000; every job has three
//! states), `HERDGATE_BENCH_DATABASES` the databases (default `postgres,sqlite`). With
//! `HERDGATE_BENCH_STORED` set to a number of jobs it measures something else instead: how throughput
//! with so many jobs stored compares with that of 100,000.
//!
//! A further door is a further [`phase::Way`], and a line in [`measure`].

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    missing_docs,
    reason = "a benchmark that cannot go on says so and ends"
)]

mod bare;
#[path = "../../tests/it/harness/eventually.rs"]
#[allow(dead_code, reason = "shared with the tests")]
mod eventually_module;
mod gateway;
mod growth;
mod grpc;
mod jobs;
mod phase;
#[path = "../../tests/it/harness/postgres.rs"]
#[allow(dead_code, reason = "shared with the tests, which stop and crash servers too")]
mod postgres;
mod report;

use eventually_module::eventually;
use gateway::Gateway;
use grpc::Streams;
use jobs::{Jobs, Moment};
use phase::Way;
use report::Report;
use sea_orm::{ConnectionTrait, DbBackend, Statement};
use std::time::Duration;

/// What the replaced system reaches with both cores busy, and the bare rates it goes with (design
/// section 14): messages a second; rows a second into its own table, and into one like ours.
const REPLACED: f64 = 51.0;
const BARE_OF_REPLACED_MACHINE: f64 = 40_000.0;

fn main() {
    rustls::crypto::ring::default_provider().install_default().expect("nothing else installs a provider");
    let jobs: usize = setting("HERDGATE_BENCH_JOBS", "30000").parse().expect("a number of jobs");
    let databases = setting("HERDGATE_BENCH_DATABASES", "postgres,sqlite");
    let stored = std::env::var("HERDGATE_BENCH_STORED").ok();
    let stored: Option<usize> = stored.map(|number| number.parse().expect("a number of jobs"));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        report::machine(jobs);
        for database in databases.split(',') {
            match (database, stored) {
                ("postgres", None) => on_postgres(jobs).await,
                ("postgres", Some(stored)) => growing_on_postgres(jobs, stored).await,
                ("sqlite", None) => on_sqlite(jobs).await,
                ("sqlite", Some(stored)) => growing_on_sqlite(jobs, stored).await,
                (other, _) => {
                    panic!("HERDGATE_BENCH_DATABASES names {other:?}; it takes postgres and sqlite")
                }
            }
        }
    });
}

/// What the harness of the tests says where something is missing.
fn skipped(why: &str) {
    eprintln!("SKIPPED: {why}");
}

fn setting(name: &str, default: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| default.to_owned())
}

async fn on_postgres(jobs: usize) {
    let Some(server) = postgres::PrivatePostgres::start_new().await else { return };
    let url = server.url();
    let report = measure("PostgreSQL", &url, jobs, server.process()).await;
    let bare = bare::postgres(&url, jobs).await;
    report.print(bare, REPLACED / BARE_OF_REPLACED_MACHINE * bare.rows_per_second);
}

async fn on_sqlite(jobs: usize) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bench.db");
    let url = format!("sqlite://{}?mode=rwc", path.display());
    let report = measure("SQLite", &url, jobs, None).await;
    let bare = bare::sqlite(&path, jobs).await;
    report.print(bare, REPLACED);
}

async fn growing_on_postgres(jobs: usize, stored: usize) {
    let Some(server) = postgres::PrivatePostgres::start_new().await else { return };
    let url = server.url();
    let connection = sea_orm::Database::connect(&url).await.expect("PostgreSQL answers");
    // What autovacuum and the checkpointer do in the days that so many jobs take.
    let settle = async || {
        for statement in ["VACUUM ANALYZE", "CHECKPOINT"] {
            connection.execute_unprepared(statement).await.expect(statement);
        }
        let size = Statement::from_string(DbBackend::Postgres, "SELECT pg_database_size(current_database())");
        let row = connection.query_one_raw(size).await.expect("a size").expect("a row");
        row.try_get_by_index::<i64>(0).expect("a number") as u64
    };
    let gateway = Gateway::start(&url);
    warm_up(&gateway, jobs).await;
    let sizes = growth::measure(&gateway, jobs, stored, server.process(), settle).await;
    gateway.stop();
    report::growth("PostgreSQL", &sizes);
}

async fn growing_on_sqlite(jobs: usize, stored: usize) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bench.db");
    let gateway = Gateway::start(&format!("sqlite://{}?mode=rwc", path.display()));
    let size = async || std::fs::metadata(&path).map_or(0, |file| file.len());
    warm_up(&gateway, jobs).await;
    let sizes = growth::measure(&gateway, jobs, stored, None, size).await;
    gateway.stop();
    report::growth("SQLite", &sizes);
}

/// Submits the push, and brings reference data, caches and plans to where they are after the first
/// minute of a real gateway.
async fn warm_up(gateway: &Gateway, jobs: usize) {
    grpc::push(gateway).await;
    Streams(8).submit(gateway, &Jobs::new("warm", jobs / 10), &Moment::ALL).await;
}

/// Starts a gateway, loads it in every way, stops it.
async fn measure(name: &'static str, url: &str, jobs: usize, database: Option<u32>) -> Report {
    let gateway = Gateway::start(url);
    let mut report = Report::new(name);
    warm_up(&gateway, jobs).await;
    for streams in [1, 8, 64] {
        let set = Jobs::new(&format!("s{streams}"), jobs);
        report.phase(phase::measure(&gateway, &Streams(streams), &set, database).await);
    }
    report.unary(grpc::unary(&gateway, 1000, Duration::from_secs(10)).await);
    report.memory(gateway.peak_memory());
    gateway.stop();
    report
}
