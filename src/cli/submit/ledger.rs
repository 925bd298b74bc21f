//! Which jobs have their verdict.

use crate::proto::{Outcome, Verdict};
use std::time::Duration;

/// The verdicts of all jobs, by their position. Sequence numbers are positions counted from 1.
#[derive(Debug)]
pub(super) struct Ledger {
    verdicts: Vec<Option<Verdict>>,
    open: usize,
    retry_delay: Option<Duration>,
}

impl Ledger {
    /// So many jobs, all without a verdict.
    pub fn new(jobs: usize) -> Self {
        Self { verdicts: vec![None; jobs], open: jobs, retry_delay: None }
    }

    /// Notes a verdict; true if the job had none. RETRY_LATER leaves it open.
    pub fn record(&mut self, sequence: u64, verdict: Verdict) -> bool {
        let Some(position) = self.position(sequence) else { return false };
        if verdict.outcome() == Outcome::RetryLater {
            let delay = verdict.retry_delay.and_then(|delay| Duration::try_from(delay).ok());
            self.retry_delay = self.retry_delay.max(delay);
            return false;
        }
        let first = self.verdicts[position].replace(verdict).is_none();
        self.open -= usize::from(first);
        first
    }

    /// Jobs without a verdict.
    pub fn open(&self) -> usize {
        self.open
    }

    /// Whether a job is without a verdict.
    pub fn is_open(&self, sequence: u64) -> bool {
        self.position(sequence).is_some_and(|position| self.verdicts[position].is_none())
    }

    /// The longest delay that RETRY_LATER verdicts asked for since the last call.
    pub fn take_retry_delay(&mut self) -> Option<Duration> {
        self.retry_delay.take()
    }

    fn position(&self, sequence: u64) -> Option<usize> {
        let position = usize::try_from(sequence).ok()?.checked_sub(1)?;
        (position < self.verdicts.len()).then_some(position)
    }

    /// The verdicts, in the order of the jobs.
    pub fn into_verdicts(self) -> Vec<Option<Verdict>> {
        self.verdicts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(outcome: Outcome) -> Verdict {
        Verdict { outcome: outcome.into(), ..Default::default() }
    }

    #[test]
    fn what_has_no_verdict_stays_open() {
        let mut ledger = Ledger::new(3);
        assert!(ledger.record(2, verdict(Outcome::Stored)));
        assert_eq!(
            [0, 1, 2, 3, 4].map(|sequence| ledger.is_open(sequence)),
            [false, true, false, true, false]
        );
        assert_eq!(ledger.open(), 2);
    }

    #[test]
    fn retry_later_is_no_verdict_but_a_delay() {
        let mut ledger = Ledger::new(1);
        let delay = Some(prost_types::Duration { seconds: 3, nanos: 0 });
        assert!(!ledger.record(1, Verdict { retry_delay: delay, ..verdict(Outcome::RetryLater) }));
        assert_eq!(ledger.open(), 1);
        assert_eq!(ledger.take_retry_delay(), Some(Duration::from_secs(3)));
        assert_eq!(ledger.take_retry_delay(), None);
    }

    #[test]
    fn a_second_verdict_of_a_job_counts_once() {
        let mut ledger = Ledger::new(1);
        assert!(ledger.record(1, verdict(Outcome::Stored)));
        assert!(!ledger.record(1, verdict(Outcome::Unchanged)));
        assert_eq!(ledger.open(), 0);
    }

    #[test]
    fn a_verdict_of_no_job_of_ours_is_ignored() {
        let mut ledger = Ledger::new(1);
        assert!(!ledger.record(0, verdict(Outcome::Stored)));
        assert!(!ledger.record(2, verdict(Outcome::Stored)));
        assert_eq!(ledger.open(), 1);
    }
}
