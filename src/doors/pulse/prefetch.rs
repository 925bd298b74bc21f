//! How many deliveries a queue may have unacknowledged: fewer while its messages are large (R19).

use crate::limits;

/// Messages after which the prefetch may grow again.
const ROUND: u32 = 500;

/// Follows the sizes of messages.
#[derive(Debug, Clone)]
pub(super) struct Prefetch {
    most: u16,
    current: u16,
    seen: u32,
    /// Largest message of this round.
    largest: usize,
}

impl Prefetch {
    /// At most so many.
    pub(super) fn new(most: u16) -> Self {
        Self { most, current: most, seen: 0, largest: 0 }
    }

    /// What is asked of the broker now.
    pub(super) fn current(&self) -> u16 {
        self.current
    }

    /// Sees the size of a message; true if the prefetch has changed.
    pub(super) fn observe(&mut self, bytes: usize) -> bool {
        self.largest = self.largest.max(bytes);
        self.seen += 1;
        let fitting = self.fitting();
        if fitting < self.current {
            self.current = fitting;
        } else if self.seen >= ROUND {
            let grown = self.current.saturating_mul(2).min(fitting);
            let changed = grown > self.current;
            (self.current, self.seen, self.largest) = (grown, 0, 0);
            return changed;
        } else {
            return false;
        }
        (self.seen, self.largest) = (0, 0);
        true
    }

    /// As many of the largest as fit into the bound, at least one.
    fn fitting(&self) -> u16 {
        let fitting = (limits::PULSE_UNACKED_BYTES / self.largest.max(1)).max(1);
        u16::try_from(fitting).unwrap_or(u16::MAX).min(self.most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1024 * 1024;

    #[test]
    fn small_messages_leave_it_alone() {
        let mut prefetch = Prefetch::new(2000);
        assert!((0..5000).all(|_| !prefetch.observe(2500)));
        assert_eq!(prefetch.current(), 2000);
    }

    #[test]
    fn large_messages_shrink_it_at_once() {
        let mut prefetch = Prefetch::new(2000);
        assert!(prefetch.observe(MIB));
        assert_eq!(prefetch.current(), 32);
        assert!(prefetch.observe(4 * MIB));
        assert_eq!(prefetch.current(), 8);
        assert!(prefetch.observe(usize::MAX));
        assert_eq!(prefetch.current(), 1);
    }

    #[test]
    fn it_grows_step_by_step_once_messages_are_small_again() {
        let mut prefetch = Prefetch::new(100);
        prefetch.observe(4 * MIB);
        let mut steps = vec![prefetch.current()];
        for _ in 0..5 * ROUND {
            if prefetch.observe(100) {
                steps.push(prefetch.current());
            }
        }
        assert_eq!(steps, [8, 16, 32, 64, 100]);
    }
}
