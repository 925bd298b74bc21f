//! How long answers take.

use std::time::Duration;

/// Latencies of one kind of request.
pub struct Latencies {
    sorted: Vec<Duration>,
}

impl Latencies {
    pub fn new(mut latencies: Vec<Duration>) -> Self {
        latencies.sort_unstable();
        Self { sorted: latencies }
    }

    /// What so many percent took at most.
    pub fn at(&self, percent: usize) -> Duration {
        let index = (self.sorted.len() * percent).div_ceil(100).saturating_sub(1);
        self.sorted.get(index).copied().unwrap_or_default()
    }

    /// What 95 percent took at most, as a part of a goal.
    pub fn part_of(&self, goal: Duration) -> f64 {
        self.at(95).as_secs_f64() / goal.as_secs_f64()
    }

    pub fn print(&self, name: &str) {
        let milliseconds = |percent| self.at(percent).as_secs_f64() * 1000.0;
        println!(
            "{name:>20}: p50 {:>8.2} ms, p95 {:>8.2} ms, p99 {:>8.2} ms",
            milliseconds(50),
            milliseconds(95),
            milliseconds(99)
        );
    }
}
