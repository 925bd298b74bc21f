//! Labels of metrics. Each is a closed set, so that no input can multiply the number of series.

use crate::domain::{Door, HeldState, Outcome};
use opentelemetry::KeyValue;

/// The verdicts as a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the closed set of `domain::Outcome`, documented there")]
pub enum VerdictLabel {
    Stored,
    Unchanged,
    Parked,
    Rejected,
    RetryLater,
}

impl VerdictLabel {
    /// All verdicts.
    pub const ALL: [Self; 5] =
        [Self::Stored, Self::Unchanged, Self::Parked, Self::Rejected, Self::RetryLater];

    /// The value of the label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Unchanged => "unchanged",
            Self::Parked => "parked",
            Self::Rejected => "rejected",
            Self::RetryLater => "retry_later",
        }
    }
}

impl From<&Outcome> for VerdictLabel {
    fn from(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Stored(_) => Self::Stored,
            Outcome::Unchanged(_) => Self::Unchanged,
            Outcome::Parked { .. } => Self::Parked,
            Outcome::Rejected(_) => Self::Rejected,
            Outcome::RetryLater { .. } => Self::RetryLater,
        }
    }
}

/// How many submissions got which verdict: counted per submission, recorded per batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally([u64; VerdictLabel::ALL.len()]);

impl Tally {
    /// Counts one submission.
    pub fn count(&mut self, outcome: &Outcome) {
        self.0[VerdictLabel::from(outcome) as usize] += 1;
    }

    /// Submissions counted so far.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// The verdicts that occurred, with their numbers.
    pub fn counts(&self) -> impl Iterator<Item = (VerdictLabel, u64)> {
        VerdictLabel::ALL.into_iter().zip(self.0).filter(|(_, count)| *count > 0)
    }
}

impl<'a> FromIterator<&'a Outcome> for Tally {
    fn from_iter<I: IntoIterator<Item = &'a Outcome>>(outcomes: I) -> Self {
        let mut tally = Self::default();
        outcomes.into_iter().for_each(|outcome| tally.count(outcome));
        tally
    }
}

pub(super) fn door(door: Door) -> KeyValue {
    KeyValue::new("door", door.as_str())
}

pub(super) fn verdict(verdict: VerdictLabel) -> KeyValue {
    KeyValue::new("verdict", verdict.as_str())
}

pub(super) fn held_state(state: HeldState) -> KeyValue {
    KeyValue::new("state", state.as_str())
}

/// Brokers are few: those of the configuration.
pub(super) fn broker(name: &str) -> KeyValue {
    KeyValue::new("broker", name.to_owned())
}

pub(super) fn phase(phase: &'static str) -> KeyValue {
    KeyValue::new("phase", phase)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{RetryCause, StoredReason, UnchangedReason};
    use std::time::Duration;

    #[test]
    fn a_verdict_has_the_same_name_as_label_and_on_the_command_line() {
        let retry = Outcome::RetryLater { delay: Duration::ZERO, cause: RetryCause::Overloaded };
        for outcome in [
            Outcome::Stored(StoredReason::Created),
            Outcome::Unchanged(UnchangedReason::Duplicate),
            Outcome::Rejected(vec![]),
            retry,
        ] {
            assert_eq!(VerdictLabel::from(&outcome).as_str(), outcome.as_str());
        }
    }

    #[test]
    fn a_tally_counts_each_verdict_apart() {
        let stored = Outcome::Stored(StoredReason::Created);
        let tally: Tally = [&stored, &Outcome::Rejected(vec![]), &stored].into_iter().collect();
        assert_eq!(tally.total(), 3);
        assert_eq!(
            tally.counts().collect::<Vec<_>>(),
            [(VerdictLabel::Stored, 2), (VerdictLabel::Rejected, 1)]
        );
    }
}
