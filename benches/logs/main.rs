//! Measures how logs are read: decoded bytes a second on one core by kind of log, with and without
//! decompression, allocations a line; and logs a second of the whole way, from a server on this machine to
//! committed rows, with 8 workers. `cargo bench --bench logs` does everything.
//!
//! Logs are those of the corpus (`HERDGATE_CORPUS`), or made up where there is none. `HERDGATE_BENCH_LOGS`
//! sets how many go the whole way (default 2000), `HERDGATE_BENCH_MEGABYTES` how much of each kind is
//! parsed (default 200), `HERDGATE_BENCH_DATABASES` the databases (default `postgres,sqlite`).

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    missing_docs,
    reason = "a benchmark that cannot go on says so and ends"
)]

#[path = "../load/mod.rs"]
#[allow(dead_code, reason = "each benchmark uses a part, and the tests others of what is shared with them")]
mod load;
mod parsing;
mod pipeline;
mod samples;
mod server;

use load::database::Database;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use std::alloc::System;

/// Counts allocations.
#[global_allocator]
static ALLOCATIONS: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() {
    rustls::crypto::ring::default_provider().install_default().expect("nothing else installs a provider");
    println!("{}", load::machine());
    let samples = samples::read();
    parsing::measure(&samples, load::number("HERDGATE_BENCH_MEGABYTES", 200) * 1_000_000);
    let logs = load::number("HERDGATE_BENCH_LOGS", 2000);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        for name in Database::names() {
            let Some(database) = Database::start(&name).await else { continue };
            pipeline::measure(&database, &samples, logs).await;
        }
    });
}
