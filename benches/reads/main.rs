//! Measures what legacy clients read over HTTP, with many jobs stored: latencies of the list endpoints of
//! the real binary on a real database. `cargo bench --bench reads` does everything.
//!
//! `HERDGATE_BENCH_STORED` sets the number of jobs stored (default 100000), `HERDGATE_BENCH_CALLS` the
//! calls of each question (default 500), `HERDGATE_BENCH_DATABASES` the databases (default
//! `postgres,sqlite`).

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    missing_docs,
    reason = "a benchmark that cannot go on says so and ends"
)]

mod latency;
#[path = "../load/mod.rs"]
#[allow(dead_code, reason = "each benchmark uses a part, and the tests others of what is shared with them")]
mod load;
mod question;
mod sample;

use latency::Latencies;
use load::database::Database;
use load::gateway::Gateway;
use load::grpc;
use load::jobs::Jobs;
use question::QUESTIONS;
use sample::{LIST, Sample};
use std::time::Instant;

/// The greatest offset that the goal is about.
const OFFSET: usize = 10_000;
/// With fewer jobs there are not enough to be asked for.
const FEWEST: usize = 10_000;

fn main() {
    rustls::crypto::ring::default_provider().install_default().expect("nothing else installs a provider");
    let stored = load::number("HERDGATE_BENCH_STORED", 100_000);
    let calls = load::number("HERDGATE_BENCH_CALLS", 500);
    assert!(stored >= FEWEST, "HERDGATE_BENCH_STORED must be at least {FEWEST}");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        println!("{}", load::machine());
        println!(
            "load: {calls} calls of each question, one after the other on one connection, gzip accepted; \
             nothing is written meanwhile"
        );
        for name in Database::names() {
            let Some(database) = Database::start(&name).await else { continue };
            measure(&database, stored, calls).await;
        }
    });
}

async fn measure(database: &Database, stored: usize, calls: usize) {
    let gateway = Gateway::start(&database.url());
    let offset = OFFSET.min(stored / 10);
    // The first push alone is long enough for the offset.
    let jobs = Jobs::spread("reads", stored, offset + LIST);
    let started = Instant::now();
    grpc::pushes(&gateway, &jobs).await;
    grpc::fill(&gateway, &jobs).await;
    let bytes = database.settle().await;
    println!(
        "\n== {}: {stored} jobs in {} pushes, {:.0} MiB, filled in {:.0} s ==",
        database.title(),
        jobs.pushes().count(),
        bytes as f64 / 1024.0 / 1024.0,
        started.elapsed().as_secs_f64()
    );
    let mut connection = gateway.connect().await;
    let sample = Sample::take(&mut connection, offset).await;
    latency::headings();
    for question in &QUESTIONS {
        Latencies::of(&mut connection, question, &sample, calls).await.print();
    }
    gateway.stop();
}
