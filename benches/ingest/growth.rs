//! Whether throughput holds as the database grows: the same phase with few jobs stored and with many.

use super::load::database::Database;
use super::load::gateway::Gateway;
use super::load::grpc::{self, Streams};
use super::load::jobs::Jobs;
use super::phase::{self, Figures};
use std::time::Instant;

/// The size that others are compared with; less where the greater size is less than ten times this.
const BASELINE: usize = 100_000;
/// Phases at each size, of which the median counts.
const ROUNDS: usize = 3;
/// How each size is measured.
const WAY: Streams = Streams(8);

/// What was reached with so many jobs stored.
#[derive(Debug)]
pub struct AtSize {
    /// Jobs stored before the first phase.
    pub stored: usize,
    /// Seconds that filling up to there took.
    pub filled_in: f64,
    /// Bytes of the database then.
    pub bytes: u64,
    /// The phase in the middle, by submissions a second.
    pub median: Figures,
}

/// Measures at the baseline and at `stored` jobs.
pub async fn measure(gateway: &Gateway, database: &Database, jobs: usize, stored: usize) -> [AtSize; 2] {
    let mut there = 0;
    let mut grow = async |size: usize| {
        let started = Instant::now();
        let missing = Jobs::new(&format!("fill{size}"), size.saturating_sub(there));
        grpc::fill(gateway, &missing).await;
        let bytes = database.settle().await;
        let filled_in = started.elapsed().as_secs_f64();
        eprintln!("{size} jobs are stored, after {filled_in:.0} s more");
        let mut rounds = Vec::new();
        for round in 0..ROUNDS {
            let set = Jobs::new(&format!("at{size}-{round}"), jobs);
            rounds.push(phase::measure(gateway, &WAY, &set, database.process()).await);
        }
        there = size.max(there) + ROUNDS * jobs;
        rounds.sort_by(|one, other| one.all().total_cmp(&other.all()));
        AtSize { stored: size, filled_in, bytes, median: rounds.swap_remove(ROUNDS / 2) }
    };
    [grow(BASELINE.min(stored / 10)).await, grow(stored).await]
}
