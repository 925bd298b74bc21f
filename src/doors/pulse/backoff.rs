//! Pauses between attempts: each twice the one before, with jitter, so that many gateways do not come
//! back to a broker at the same moment.

use crate::limits;
use rand::RngExt;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How long to wait before the next attempt.
#[derive(Debug, Clone)]
pub(super) struct Backoff {
    next: Duration,
}

impl Backoff {
    pub(super) fn new() -> Self {
        Self { next: limits::PULSE_RETRY.0 }
    }

    /// After a success.
    pub(super) fn reset(&mut self) {
        *self = Self::new();
    }

    /// The pause now: between half and all of a time that doubles up to [`limits::PULSE_RETRY`].
    pub(super) fn pause(&mut self) -> Duration {
        let longest = self.next;
        self.next = (longest * 2).min(limits::PULSE_RETRY.1);
        longest.mul_f64(rand::rng().random_range(0.5..=1.0))
    }

    /// Waits; false if told to stop meanwhile.
    pub(super) async fn wait(&mut self, stop: &CancellationToken) -> bool {
        stop.run_until_cancelled(tokio::time::sleep(self.pause())).await.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_are_never_the_same_for_all() {
        let mut backoff = Backoff::new();
        let (first, longest) = limits::PULSE_RETRY;
        let mut expected = first;
        for _ in 0..10 {
            let pause = backoff.pause();
            assert!(expected / 2 <= pause && pause <= expected, "{pause:?} of {expected:?}");
            expected = (expected * 2).min(longest);
        }
        assert_eq!(expected, longest);
        backoff.reset();
        assert!(backoff.pause() <= first);
    }
}
