//! Measures ingestion end to end: real jobs through the real binary into a real database, next to bare
//! batched upserts of the same rows, in one run. `cargo bench --bench ingest` does everything.
//!
//! `HERDGATE_BENCH_JOBS` sets the number of jobs of each phase (default 30000; every job has three
//! states), `HERDGATE_BENCH_DATABASES` the databases (default `postgres,sqlite`). With
//! `HERDGATE_BENCH_STORED` set to a number of jobs it measures something else instead: how throughput
//! with so many jobs stored compares with that of 100,000.
//!
//! A further door is a further [`Way`](load::way::Way), and a line in [`measure`].

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
mod growth;
#[path = "../load/mod.rs"]
#[allow(dead_code, reason = "each benchmark uses a part, and the tests others of what is shared with them")]
mod load;
mod phase;
mod report;

use load::database::{Database, sqlite_file};
use load::gateway::Gateway;
use load::grpc::{self, Streams};
use load::jobs::{Jobs, Moment};
use load::legacy::Collections;
use load::way::Way;
use report::Report;

/// What the replaced system reaches with both cores busy, and the bare rates it goes with (design
/// section 14): messages a second; rows a second into its own table, and into one like ours.
const REPLACED: f64 = 51.0;
const BARE_OF_REPLACED_MACHINE: f64 = 40_000.0;

/// Collections of one, where clients wait for a commit each time, take more clients to keep it busy.
const COLLECTIONS: [Collections; 3] = [
    Collections { size: 1, clients: 64 },
    Collections { size: 50, clients: 8 },
    Collections { size: 2000, clients: 8 },
];

fn main() {
    rustls::crypto::ring::default_provider().install_default().expect("nothing else installs a provider");
    let jobs = load::number("HERDGATE_BENCH_JOBS", 30_000);
    let stored = load::number("HERDGATE_BENCH_STORED", 0);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        report::machine(jobs);
        for name in Database::names() {
            let Some(database) = Database::start(&name).await else { continue };
            let gateway = Gateway::start(&database.url());
            warm_up(&gateway, jobs).await;
            if stored > 0 {
                let sizes = growth::measure(&gateway, &database, jobs, stored).await;
                gateway.stop();
                report::growth(database.title(), &sizes);
                continue;
            }
            let report = measure(&gateway, &database, jobs).await;
            // The bare writers have the machine for themselves.
            gateway.stop();
            let bare = match &database {
                Database::Postgres(server) => bare::postgres(&server.url(), jobs).await,
                Database::Sqlite(folder) => bare::sqlite(&sqlite_file(folder), jobs).await,
            };
            let replaced = match &database {
                Database::Postgres(_) => REPLACED / BARE_OF_REPLACED_MACHINE * bare.rows_per_second,
                Database::Sqlite(_) => REPLACED,
            };
            report.print(bare, replaced);
        }
    });
}

/// Submits the push, and brings reference data, caches and plans to where they are after the first
/// minute of a real gateway.
async fn warm_up(gateway: &Gateway, jobs: usize) {
    let set = Jobs::new("warm", (jobs / 10).max(1));
    grpc::pushes(gateway, &set).await;
    Streams(8).submit(gateway, &set, &Moment::ALL).await;
}

/// Loads a gateway in every way.
async fn measure(gateway: &Gateway, database: &Database, jobs: usize) -> Report {
    let mut report = Report::new(database.title());
    let process = database.process();
    for streams in [1, 8, 64] {
        let set = Jobs::new(&format!("s{streams}"), jobs);
        report.phase(phase::measure(gateway, &Streams(streams), &set, process).await);
    }
    for collections in COLLECTIONS {
        let set = Jobs::new(&format!("c{}", collections.size), jobs);
        report.phase(phase::measure(gateway, &collections, &set, process).await);
    }
    report.unary(grpc::unary(gateway, &Jobs::new("unary", 10_000), 1000).await);
    report
}
