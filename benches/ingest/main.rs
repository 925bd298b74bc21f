//! Measures ingestion end to end: real jobs through the real binary into a real database, next to bare
//! batched upserts of the same rows, in one run. `cargo bench --bench ingest` does everything.
//!
//! `HERDGATE_BENCH_JOBS` sets the number of jobs of each phase (default 30000; every job has three
//! states), `HERDGATE_BENCH_DATABASES` the databases (default `postgres,sqlite`).

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
mod jobs;
mod load;
#[path = "../../tests/it/harness/postgres.rs"]
#[allow(dead_code, reason = "shared with the tests, which stop and crash servers too")]
mod postgres;
mod report;

use eventually_module::eventually;
use gateway::Gateway;
use jobs::{Jobs, Moment};
use report::Report;
use std::time::Duration;

/// What the replaced system reaches with both cores busy, and the bare rates it goes with (design
/// section 14): messages a second; rows a second into its own table, and into one like ours.
const REPLACED: f64 = 51.0;
const BARE_OF_REPLACED_MACHINE: f64 = 40_000.0;

fn main() {
    rustls::crypto::ring::default_provider().install_default().expect("nothing else installs a provider");
    let jobs: usize = setting("HERDGATE_BENCH_JOBS", "30000").parse().expect("a number of jobs");
    let databases = setting("HERDGATE_BENCH_DATABASES", "postgres,sqlite");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        report::machine(jobs);
        for database in databases.split(',') {
            match database {
                "postgres" => on_postgres(jobs).await,
                "sqlite" => on_sqlite(jobs).await,
                other => panic!("HERDGATE_BENCH_DATABASES names {other:?}; it takes postgres and sqlite"),
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

/// Starts a gateway, loads it in every way, stops it.
async fn measure(name: &'static str, url: &str, jobs: usize, database: Option<u32>) -> Report {
    let gateway = Gateway::start(url);
    let mut report = Report::new(name);
    load::push(&gateway).await;
    // Reference data, caches and plans as they are after the first minute of a real gateway.
    load::stream(&gateway, 8, &Jobs::new("warm", jobs / 10), &Moment::ALL).await;
    for streams in [1, 8, 64] {
        let set = Jobs::new(&format!("s{streams}"), jobs);
        let before = gateway.usage(database).await;
        let created = load::stream(&gateway, streams, &set, &[Moment::Pending]).await;
        let moved = load::stream(&gateway, streams, &set, &[Moment::Running, Moment::Completed]).await;
        let used = gateway.usage(database).await.since(&before);
        report.streams(streams, created, moved, &used, jobs * 3);
    }
    report.unary(load::unary(&gateway, 1000, Duration::from_secs(10)).await);
    report.memory(gateway.peak_memory());
    gateway.stop();
    report
}
