//! The state rules: whether a submission may change a stored job (ingest contract 2.4 with design
//! rules R5, R7, R8, R10 and R14). Pure: row and submission in, decision out.

use super::{ContentDigest, JobResult, JobState, UnchangedReason};
use crate::limits::REMEMBERED_DIGESTS;
use chrono::{DateTime, Utc};

/// What the rules look at in a stored row.
#[derive(Debug, Clone)]
pub struct Current<'a> {
    /// State of the job itself, superseding aside (R6).
    pub state: &'a JobState,
    /// Result of the job itself.
    pub result: &'a JobResult,
    /// Scheduled.
    pub submit_time: Option<DateTime<Utc>>,
    /// Started.
    pub start_time: Option<DateTime<Utc>>,
    /// When the last submission that won was received.
    pub received_at: DateTime<Utc>,
    /// Digest of the submission whose values the row has.
    pub digest: ContentDigest,
}

/// What the rules look at in a submission.
#[derive(Debug, Clone)]
pub struct Incoming<'a> {
    /// Submitted state.
    pub state: &'a JobState,
    /// Submitted result.
    pub result: &'a JobResult,
    /// Scheduled.
    pub submit_time: Option<DateTime<Utc>>,
    /// Started.
    pub start_time: Option<DateTime<Utc>>,
    /// Digest of the submission.
    pub digest: ContentDigest,
    /// When it was received.
    pub received_at: DateTime<Utc>,
    /// It was parked: an earlier receipt than the row's makes it late (R14).
    pub released: bool,
}

/// What a submission may do to a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transition {
    /// Its values replace the row's.
    Apply,
    /// It is late but further: it advances the state and stays on the row's push (R14).
    Advance,
    /// Its values are ignored; parts that the job lacks are added (R7).
    Keep(UnchangedReason),
}

/// Decides whether `incoming` may change `current`. Whether it was applied before is found out first,
/// in all rows that a retry may have made of the job: see [`AppliedDigests`].
pub fn decide(current: &Current<'_>, incoming: &Incoming<'_>) -> Transition {
    let late = incoming.released && incoming.received_at < current.received_at;
    match (current.state.rank(), incoming.state.rank()) {
        (Some(3), Some(3)) if current.result != incoming.result => {
            Transition::Keep(UnchangedReason::ConflictingResult {
                stored: current.result.as_str().into(),
                submitted: incoming.result.as_str().into(),
            })
        }
        // A completed job is final.
        (Some(3), _) => Transition::Keep(UnchangedReason::StaleState),
        (Some(stored), Some(submitted)) if submitted > stored => {
            if late {
                Transition::Advance
            } else {
                Transition::Apply
            }
        }
        (Some(stored), Some(submitted)) if submitted < stored => {
            Transition::Keep(UnchangedReason::StaleState)
        }
        // R10: another word never interrupts a running job.
        (Some(2), None) => Transition::Keep(UnchangedReason::StaleState),
        _ if late => Transition::Keep(UnchangedReason::StaleState),
        // A word outside the lifecycle gives way to, and replaces, what is not running or completed.
        (Some(_), None) | (None, Some(_)) => Transition::Apply,
        (Some(_), Some(_)) | (None, None) => {
            if later(incoming, current) {
                Transition::Apply
            } else {
                Transition::Keep(UnchangedReason::StaleState)
            }
        }
    }
}

/// Within one state the later of (started, scheduled) wins, the digest breaks a tie (R5).
fn later(incoming: &Incoming<'_>, current: &Current<'_>) -> bool {
    (incoming.start_time, incoming.submit_time, incoming.digest)
        > (current.start_time, current.submit_time, current.digest)
}

/// Digests of the last few submissions applied to a row, latest first (R8).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AppliedDigests(Vec<ContentDigest>);

impl AppliedDigests {
    /// Reads the column: 16 bytes each.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self(bytes.chunks_exact(16).filter_map(ContentDigest::from_slice).collect())
    }

    /// The column.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|d| *d.as_bytes()).collect()
    }

    /// Whether the submission was applied before.
    pub fn contains(&self, digest: ContentDigest) -> bool {
        self.0.contains(&digest)
    }

    /// Remembers one more and forgets the oldest.
    pub fn remember(&mut self, digest: ContentDigest) {
        self.0.insert(0, digest);
        self.0.truncate(REMEMBERED_DIGESTS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::str::FromStr;

    fn at(time: &str) -> DateTime<Utc> {
        DateTime::from_str(&format!("2026-01-01T{time}Z")).unwrap()
    }

    struct Case {
        state: &'static str,
        result: &'static str,
        start: Option<&'static str>,
        digest: u8,
        received: &'static str,
        released: bool,
    }

    impl Default for Case {
        fn default() -> Self {
            Self {
                state: "pending",
                result: "unknown",
                start: None,
                digest: 9,
                received: "02:00:00",
                released: false,
            }
        }
    }

    fn decided(stored: &Case, submitted: &Case) -> Transition {
        let (state, result) = (JobState::from_word(stored.state), JobResult::from_word(stored.result));
        let current = Current {
            state: &state,
            result: &result,
            submit_time: None,
            start_time: stored.start.map(at),
            received_at: at(stored.received),
            digest: ContentDigest([stored.digest; 16]),
        };
        let (state, result) = (JobState::from_word(submitted.state), JobResult::from_word(submitted.result));
        decide(
            &current,
            &Incoming {
                state: &state,
                result: &result,
                submit_time: None,
                start_time: submitted.start.map(at),
                digest: ContentDigest([submitted.digest; 16]),
                received_at: at(submitted.received),
                released: submitted.released,
            },
        )
    }

    #[test]
    fn every_cell_of_the_transition_table() {
        use Transition::{Apply, Keep};
        let stale = || Keep(UnchangedReason::StaleState);
        let columns = ["unscheduled", "pending", "running", "completed", "odd"];
        for (stored, cells) in [
            ("unscheduled", [Apply, Apply, Apply, Apply, Apply]),
            ("pending", [stale(), Apply, Apply, Apply, Apply]),
            ("running", [stale(), stale(), Apply, Apply, stale()]),
            ("completed", [stale(), stale(), stale(), stale(), stale()]),
            ("odd", [Apply, Apply, Apply, Apply, Apply]),
        ] {
            for (submitted, expected) in columns.into_iter().zip(cells) {
                let row = Case { state: stored, digest: 1, ..Case::default() };
                let submission = Case { state: submitted, digest: 2, ..Case::default() };
                assert_eq!(decided(&row, &submission), expected, "{stored} <- {submitted}");
            }
        }
    }

    #[test]
    fn within_one_state_the_later_start_wins_and_the_digest_breaks_a_tie() {
        let row = |start, digest| Case { state: "running", start, digest, ..Case::default() };
        let stale = Transition::Keep(UnchangedReason::StaleState);
        assert_eq!(decided(&row(Some("01:00:00"), 5), &row(Some("01:00:01"), 1)), Transition::Apply);
        assert_eq!(decided(&row(Some("01:00:01"), 1), &row(Some("01:00:00"), 5)), stale);
        assert_eq!(decided(&row(Some("01:00:00"), 1), &row(Some("01:00:00"), 5)), Transition::Apply);
        assert_eq!(decided(&row(Some("01:00:00"), 5), &row(Some("01:00:00"), 1)), stale);
        assert_eq!(decided(&row(None, 1), &row(Some("01:00:00"), 5)), Transition::Apply);
    }

    #[test]
    fn another_result_of_a_completed_job_names_both() {
        let row = Case { state: "completed", result: "success", digest: 1, ..Case::default() };
        let submission = Case { state: "completed", result: "busted", digest: 2, ..Case::default() };
        assert_eq!(
            decided(&row, &submission),
            Transition::Keep(UnchangedReason::ConflictingResult {
                stored: "success".into(),
                submitted: "busted".into()
            })
        );
    }

    #[test]
    fn a_late_released_submission_only_advances() {
        let row = Case { state: "pending", digest: 1, received: "02:00:00", ..Case::default() };
        let late = |state| Case {
            state,
            digest: 2,
            received: "01:00:00",
            released: true,
            start: Some("03:00:00"),
            ..Case::default()
        };
        assert_eq!(decided(&row, &late("running")), Transition::Advance);
        assert_eq!(decided(&row, &late("pending")), Transition::Keep(UnchangedReason::StaleState));
        let in_time = Case { received: "02:00:01", ..late("running") };
        assert_eq!(decided(&row, &in_time), Transition::Apply);
    }

    #[test]
    fn digests_are_forgotten_oldest_first() {
        let mut applied = AppliedDigests::default();
        let last = u8::try_from(REMEMBERED_DIGESTS).unwrap();
        for n in 0..=last {
            applied.remember(ContentDigest([n; 16]));
        }
        let read = AppliedDigests::from_bytes(&applied.to_bytes());
        assert!(!read.contains(ContentDigest([0; 16])));
        assert!(read.contains(ContentDigest([1; 16])));
        assert!(read.contains(ContentDigest([last; 16])));
    }
}
