//! Verdicts.

use super::timestamp;
use crate::domain::{Outcome, Reason, Verdict, Violation};
use crate::proto;
use prost::Message;
use prost_types::Duration;

/// A verdict on the wire.
pub fn verdict(verdict: Verdict) -> proto::Verdict {
    let reason = reason(verdict.outcome.reason());
    let detail = verdict.outcome.detail();
    let mut message = proto::Verdict {
        outcome: outcome(&verdict.outcome).into(),
        reason: reason.into(),
        job_guid: verdict.guid.map(String::from).unwrap_or_default(),
        warnings: verdict.warnings.into_iter().map(violation).collect(),
        detail,
        ..Default::default()
    };
    match verdict.outcome {
        Outcome::Stored(_) | Outcome::Unchanged(_) => {}
        Outcome::Parked { expires_at, .. } => message.expires_at = Some(timestamp(expires_at)),
        Outcome::Rejected(violations) => {
            message.violations = violations.into_iter().map(violation).collect();
        }
        Outcome::RetryLater { delay, .. } => {
            message.retry_delay = Some(Duration {
                seconds: delay.as_secs().cast_signed(),
                nanos: delay.subsec_nanos().cast_signed(),
            });
        }
    }
    message
}

fn outcome(outcome: &Outcome) -> proto::Outcome {
    match outcome {
        Outcome::Stored(_) => proto::Outcome::Stored,
        Outcome::Unchanged(_) => proto::Outcome::Unchanged,
        Outcome::Parked { .. } => proto::Outcome::Parked,
        Outcome::Rejected(_) => proto::Outcome::Rejected,
        Outcome::RetryLater { .. } => proto::Outcome::RetryLater,
    }
}

fn reason(reason: Reason) -> proto::Reason {
    match reason {
        Reason::Created => proto::Reason::Created,
        Reason::Updated => proto::Reason::Updated,
        Reason::PartsAdded => proto::Reason::PartsAdded,
        Reason::Duplicate => proto::Reason::Duplicate,
        Reason::StaleState => proto::Reason::StaleState,
        Reason::ConflictingResult => proto::Reason::ConflictingResult,
        Reason::WaitingForPush => proto::Reason::WaitingForPush,
        Reason::WaitingForJob => proto::Reason::WaitingForJob,
        Reason::Invalid => proto::Reason::Invalid,
        Reason::Forbidden => proto::Reason::Forbidden,
        Reason::ParkingFull => proto::Reason::ParkingFull,
        Reason::DatabaseUnavailable => proto::Reason::DatabaseUnavailable,
        Reason::Overloaded => proto::Reason::Overloaded,
    }
}

/// A violation on the wire.
pub fn violation(violation: Violation) -> proto::FieldViolation {
    proto::FieldViolation {
        field_path: violation.path,
        rule: violation.rule.into_owned(),
        limit: violation.limit.unwrap_or_default(),
        value_excerpt: violation.value.unwrap_or_default(),
        message: violation.message,
    }
}

/// Cuts the violation lists of a unary answer until it fits into `limit` bytes, evenly and never to
/// nothing: the reader's own limit on messages would else lose all verdicts. Lists that are cut end
/// with an entry that says so.
pub fn fit<M: Message>(
    answer: &mut M,
    limit: usize,
    mut lists: impl FnMut(&mut M, &mut dyn FnMut(&mut Vec<proto::FieldViolation>)),
) {
    for keep in [30, 10, 3, 1] {
        if answer.encoded_len() <= limit {
            return;
        }
        lists(answer, &mut |violations| cut(violations, keep));
    }
}

fn cut(violations: &mut Vec<proto::FieldViolation>, keep: usize) {
    if violations.len() <= keep + 1 {
        return;
    }
    violations.truncate(keep);
    violations.push(proto::FieldViolation {
        rule: "more_violations".into(),
        message: "further violations are left out, the answer would be too large".into(),
        ..Default::default()
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ParkedFor, RetryCause, StoredReason, UnchangedReason};
    use crate::proto::Reason;
    use std::time::Duration as Delay;

    fn on_the_wire(outcome: Outcome) -> proto::Verdict {
        verdict(Verdict { guid: Some("abc/0".into()), outcome, warnings: vec![] })
    }

    #[test]
    fn every_outcome_has_its_word_and_reason() {
        let expires_at = "2026-01-02T03:04:05Z".parse().unwrap();
        let rejected = |rule| Outcome::Rejected(vec![Violation::new("/tier", rule, "too high")]);
        let retry = |cause| Outcome::RetryLater { delay: Delay::from_millis(1500), cause };
        let conflict =
            UnchangedReason::ConflictingResult { stored: "success".into(), submitted: "busted".into() };
        use proto::Outcome as Word;
        for (outcome, word, reason) in [
            (Outcome::Stored(StoredReason::Created), Word::Stored, Reason::Created),
            (Outcome::Stored(StoredReason::Updated), Word::Stored, Reason::Updated),
            (Outcome::Stored(StoredReason::PartsAdded), Word::Stored, Reason::PartsAdded),
            (Outcome::Unchanged(UnchangedReason::Duplicate), Word::Unchanged, Reason::Duplicate),
            (Outcome::Unchanged(UnchangedReason::StaleState), Word::Unchanged, Reason::StaleState),
            (Outcome::Unchanged(conflict), Word::Unchanged, Reason::ConflictingResult),
            (
                Outcome::Parked { waiting_for: ParkedFor::Push, expires_at },
                Word::Parked,
                Reason::WaitingForPush,
            ),
            (
                Outcome::Parked { waiting_for: ParkedFor::Job, expires_at },
                Word::Parked,
                Reason::WaitingForJob,
            ),
            (rejected("maximum"), Word::Rejected, Reason::Invalid),
            (rejected("unknown_repository"), Word::Rejected, Reason::Invalid),
            (rejected("forbidden_project"), Word::Rejected, Reason::Forbidden),
            (rejected("parking_full"), Word::Rejected, Reason::ParkingFull),
            (retry(RetryCause::DatabaseUnavailable), Word::RetryLater, Reason::DatabaseUnavailable),
            (retry(RetryCause::Overloaded), Word::RetryLater, Reason::Overloaded),
        ] {
            let message = on_the_wire(outcome.clone());
            assert_eq!((message.outcome(), message.reason()), (word, reason), "{outcome:?}");
            assert_eq!(message.job_guid, "abc/0");
        }
    }

    #[test]
    fn what_belongs_to_an_outcome_comes_with_it() {
        let expires_at = "2026-01-02T03:04:05Z".parse().unwrap();
        let parked = on_the_wire(Outcome::Parked { waiting_for: ParkedFor::Push, expires_at });
        assert_eq!(parked.expires_at, Some(timestamp(expires_at)));
        let retry = on_the_wire(Outcome::RetryLater {
            delay: Delay::from_millis(1500),
            cause: RetryCause::Overloaded,
        });
        assert_eq!(retry.retry_delay, Some(Duration { seconds: 1, nanos: 500_000_000 }));
        let violation = Violation::new("/tier", "maximum", "must be at most 3").with_limit(3).with_value("9");
        let rejected = on_the_wire(Outcome::Rejected(vec![violation]));
        assert_eq!(rejected.detail, "/tier: must be at most 3");
        assert_eq!(
            rejected.violations,
            [proto::FieldViolation {
                field_path: "/tier".into(),
                rule: "maximum".into(),
                limit: "3".into(),
                value_excerpt: "9".into(),
                message: "must be at most 3".into(),
            }]
        );
    }

    #[test]
    fn a_conflicting_result_names_both() {
        let conflict =
            UnchangedReason::ConflictingResult { stored: "success".into(), submitted: "busted".into() };
        let detail = on_the_wire(Outcome::Unchanged(conflict)).detail;
        assert!(detail.contains("success") && detail.contains("busted"), "{detail}");
    }

    #[test]
    fn an_answer_that_is_too_large_keeps_some_violations_of_every_item() {
        let violations =
            || vec![proto::FieldViolation { message: "x".repeat(500), ..Default::default() }; 100];
        let verdicts = vec![proto::Verdict { violations: violations(), ..Default::default() }; 50];
        let mut answer = proto::SubmitJobBatchResponse { verdicts };
        fit(&mut answer, 300_000, |answer, cut| {
            answer.verdicts.iter_mut().for_each(|v| cut(&mut v.violations));
        });
        assert!(answer.encoded_len() <= 300_000);
        for verdict in &answer.verdicts {
            assert_eq!(verdict.violations.len(), 11);
            assert_eq!(verdict.violations[10].rule, "more_violations");
        }
    }

    #[test]
    fn an_answer_that_fits_is_left_alone() {
        let verdict = proto::Verdict { violations: vec![Default::default(); 100], ..Default::default() };
        let mut answer = proto::SubmitJobBatchResponse { verdicts: vec![verdict] };
        let before = answer.clone();
        fit(&mut answer, 300_000, |answer, cut| {
            answer.verdicts.iter_mut().for_each(|v| cut(&mut v.violations));
        });
        assert_eq!(answer, before);
    }
}
