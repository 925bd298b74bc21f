//! Whether throughput holds as the database grows: the same phase with few jobs stored and with many.
//! The database is filled through the gateway itself at full rate, each job once, as completed and with
//! its log and links, so that the rows are those of real jobs.

use super::gateway::Gateway;
use super::grpc::Streams;
use super::jobs::{Jobs, Moment};
use super::phase::{self, Figures, Way};
use std::time::Instant;

/// The size that others are compared with; less where the greater size is less than ten times this.
const BASELINE: usize = 100_000;
/// Jobs that are prepared in memory at once while filling.
const PART: usize = 20_000;
/// Phases at each size, of which the median counts.
const ROUNDS: usize = 3;
/// How the database is filled and measured.
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

/// Measures at the baseline and at `stored` jobs. `settle` is called after each filling, lets the
/// database do what it would have done long before, and gives its size in bytes.
pub async fn measure(
    gateway: &Gateway,
    jobs: usize,
    stored: usize,
    database: Option<u32>,
    settle: impl AsyncFn() -> u64,
) -> [AtSize; 2] {
    let mut there = 0;
    let mut grow = async |size: usize| {
        let started = Instant::now();
        let missing = Jobs::new(&format!("fill{size}"), size.saturating_sub(there));
        for part in missing.parts(PART) {
            WAY.submit(gateway, &part, &[Moment::Completed]).await;
        }
        let bytes = settle().await;
        let filled_in = started.elapsed().as_secs_f64();
        eprintln!("{size} jobs are stored, after {filled_in:.0} s more");
        let mut rounds = Vec::new();
        for round in 0..ROUNDS {
            let set = Jobs::new(&format!("at{size}-{round}"), jobs);
            rounds.push(phase::measure(gateway, &WAY, &set, database).await);
        }
        there = size.max(there) + ROUNDS * jobs;
        rounds.sort_by(|one, other| one.all().total_cmp(&other.all()));
        AtSize { stored: size, filled_in, bytes, median: rounds.swap_remove(ROUNDS / 2) }
    };
    [grow(BASELINE.min(stored / 10)).await, grow(stored).await]
}
