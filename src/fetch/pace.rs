//! How slow a server may be: one that sends now and then a byte would hold whoever reads for very long.

use crate::limits;
use std::time::Duration;

/// What came of a body so far, and how long the server was waited for. The time that the reader takes
/// between pieces does not count.
#[derive(Debug, Default)]
pub(super) struct Pace {
    waited: Duration,
    bytes: u64,
}

impl Pace {
    /// Another piece came after a wait.
    pub(super) fn note(&mut self, waited: Duration, bytes: u64) {
        self.waited += waited;
        self.bytes += bytes;
    }

    /// How much longer to wait for the next piece.
    pub(super) fn patience(&self) -> Duration {
        let allowed = Duration::from_secs(self.bytes / limits::FETCH_SLOWEST).max(limits::FETCH_WAIT);
        allowed.saturating_sub(self.waited)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_slower_than_the_slowest_for_long_is_not_waited_for() {
        const MIB: u64 = 1024 * 1024;
        // Seconds waited, bytes that came, seconds of patience left.
        for (waited, bytes, left) in [
            (0, 0, 30),
            (20, 100, 10),
            (30, 100, 0),
            (31, 0, 0),
            (29, MIB, 35),
            (64, MIB, 0),
            (600, 10 * MIB, 40),
        ] {
            let mut pace = Pace::default();
            pace.note(Duration::from_secs(waited / 2), bytes / 2);
            pace.note(Duration::from_secs(waited - waited / 2), bytes - bytes / 2);
            assert_eq!(pace.patience().as_secs(), left, "{bytes} bytes in {waited} s");
        }
    }
}
