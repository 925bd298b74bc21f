//! How long failed work waits for its next attempt (logs contract 1.4).

use rand::RngExt;
use std::time::Duration;

/// The wait after the `failed`th attempt, counted from 1: `first` times the whole part of a random
/// 1.9 to 2.1 to the power of the attempts before. Doubles, with jitter.
pub(super) fn pause(first: Duration, failed: u32) -> Duration {
    let exponent = i32::try_from(failed.saturating_sub(1)).unwrap_or(i32::MAX);
    let factor = rand::rng().random_range(1.9_f64..=2.1).powi(exponent).floor();
    // Beyond ten retries nothing waits; the bound keeps the product a duration.
    first.mul_f64(factor.min(10_000.0))
}

#[cfg(test)]
mod tests {
    use super::pause;
    use std::time::Duration;

    #[test]
    fn waits_double_with_jitter_from_ten_seconds_to_hours() {
        let ranges = [(1, 10, 10), (2, 10, 20), (3, 30, 40), (4, 60, 90), (10, 3_000, 8_000)];
        for (failed, shortest, longest) in ranges {
            for _ in 0..100 {
                let seconds = pause(Duration::from_secs(10), failed).as_secs();
                assert!((shortest..=longest).contains(&seconds), "{failed}: {seconds}");
            }
        }
    }

    #[test]
    fn no_number_of_attempts_is_too_large() {
        assert!(pause(Duration::from_secs(10), u32::MAX) <= Duration::from_secs(100_000));
    }
}
