//! Verdicts.

use super::timestamp;
use crate::domain::{Outcome, Reason, Verdict, Violation};
use crate::limits;
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
        warnings: warnings(verdict.warnings),
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

/// No more than of violations, so that no verdict outgrows what clients read.
fn warnings(warnings: Vec<Violation>) -> Vec<proto::FieldViolation> {
    let mut warnings = warnings.into_iter().map(violation).collect();
    cut(&mut warnings, limits::VIOLATIONS - 1);
    warnings
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
        Reason::NothingToStore => proto::Reason::NothingToStore,
        Reason::ConflictingResult => proto::Reason::ConflictingResult,
        Reason::WaitingForPush => proto::Reason::WaitingForPush,
        Reason::WaitingForJob => proto::Reason::WaitingForJob,
        Reason::Invalid => proto::Reason::Invalid,
        Reason::Forbidden => proto::Reason::Forbidden,
        Reason::ParkingFull => proto::Reason::ParkingFull,
        Reason::DatabaseUnavailable => proto::Reason::DatabaseUnavailable,
        Reason::Overloaded => proto::Reason::Overloaded,
        Reason::Internal => proto::Reason::Internal,
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

/// An answer with lists of violations, by item.
pub trait Lists: Message {
    /// Cuts every list of every item.
    fn cut(&mut self, cut: &mut dyn FnMut(&mut Vec<proto::FieldViolation>));
    /// Cuts every other text of unlimited length.
    fn shorten(&mut self, _: &dyn Fn(&mut String)) {}
}

impl Lists for proto::ValidateJobsResponse {
    fn cut(&mut self, cut: &mut dyn FnMut(&mut Vec<proto::FieldViolation>)) {
        self.validations.iter_mut().for_each(|validation| cut(&mut validation.violations));
    }
}

macro_rules! answer_of_verdicts {
    ($($answer:ident),+) => {$(
        impl Lists for proto::$answer {
            fn cut(&mut self, cut: &mut dyn FnMut(&mut Vec<proto::FieldViolation>)) {
                for verdict in &mut self.verdicts {
                    cut(&mut verdict.violations);
                    cut(&mut verdict.warnings);
                }
            }

            fn shorten(&mut self, shorten: &dyn Fn(&mut String)) {
                self.verdicts.iter_mut().for_each(|verdict| shorten(&mut verdict.detail));
            }
        }
    )+};
}

answer_of_verdicts!(
    SubmitJobBatchResponse,
    SubmitPushesResponse,
    SubmitArtifactsResponse,
    ReplayHeldMessagesResponse
);

/// Cuts the lists of a unary answer until it fits into [`limits::ANSWER_BYTES`], evenly and never to
/// nothing, and if that is not enough its texts: the reader's own limit on messages would else lose all
/// verdicts. Lists that are cut end with an entry that says so.
pub fn fitted<M: Lists>(mut answer: M) -> M {
    for keep in [30, 10, 3, 1] {
        if answer.encoded_len() <= limits::ANSWER_BYTES {
            return answer;
        }
        answer.cut(&mut |violations| cut(violations, keep));
    }
    if answer.encoded_len() > limits::ANSWER_BYTES {
        // A thousand verdicts of one violation and one warning fit in any case.
        answer.cut(&mut |violations| {
            if violations.len() > 1 {
                violations.truncate(1);
                violations.push(left_out());
            }
            for violation in violations {
                shorten(&mut violation.field_path);
                shorten(&mut violation.limit);
                shorten(&mut violation.value_excerpt);
                shorten(&mut violation.message);
            }
        });
        answer.shorten(&shorten);
    }
    answer
}

fn cut(violations: &mut Vec<proto::FieldViolation>, keep: usize) {
    if violations.len() <= keep + 1 {
        return;
    }
    violations.truncate(keep);
    violations.push(left_out());
}

fn left_out() -> proto::FieldViolation {
    proto::FieldViolation {
        rule: "more_violations".into(),
        message: "further entries are left out, the answer would be too large".into(),
        ..Default::default()
    }
}

fn shorten(text: &mut String) {
    if let Some((end, _)) = text.char_indices().nth(limits::SHORTENED_TEXT) {
        text.truncate(end);
        text.push('…');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{INTERNAL, ParkedFor, RetryCause, StoredReason, UnchangedReason};
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
            (rejected(INTERNAL), Word::Rejected, Reason::Internal),
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

    fn violations(count: usize, text: &str) -> Vec<proto::FieldViolation> {
        let text = || text.to_owned();
        let violation = proto::FieldViolation {
            field_path: text(),
            rule: "maxLength".into(),
            limit: "500".into(),
            value_excerpt: text(),
            message: text(),
        };
        vec![violation; count]
    }

    /// A batch that is as large as the limits let it be, and so many code points of four bytes a text.
    fn answer(items: usize, count: usize, length: usize) -> proto::SubmitJobBatchResponse {
        let text = "\u{1F600}".repeat(length);
        let verdict = proto::Verdict {
            job_guid: "\u{1F600}".repeat(limits::JOB_GUID),
            violations: violations(count, &text),
            warnings: violations(count, &text),
            detail: text.repeat(2),
            ..Default::default()
        };
        proto::SubmitJobBatchResponse { verdicts: vec![verdict; items] }
    }

    #[test]
    fn an_answer_that_is_too_large_keeps_some_violations_and_warnings_of_every_item() {
        let fitted = fitted(answer(100, 100, 100));
        assert!(fitted.encoded_len() <= limits::ANSWER_BYTES);
        for verdict in &fitted.verdicts {
            for list in [&verdict.violations, &verdict.warnings] {
                assert_eq!(list.len(), 11);
                assert_eq!(list[10].rule, "more_violations");
            }
        }
    }

    #[test]
    fn the_largest_answer_there_can_be_fits() {
        let fitted = fitted(answer(limits::BATCH_ITEMS, limits::VIOLATIONS, limits::VIOLATION_TEXT + 1));
        assert!(fitted.encoded_len() <= limits::ANSWER_BYTES, "{}", fitted.encoded_len());
        for verdict in &fitted.verdicts {
            assert_eq!((&*verdict.violations[0].rule, &*verdict.violations[0].limit), ("maxLength", "500"));
            assert_eq!(verdict.violations[1].rule, "more_violations");
            assert!(!verdict.detail.is_empty());
        }
        let validation =
            proto::Validation { valid: false, violations: fitted.verdicts[0].violations.clone() };
        let validations = vec![validation; limits::BATCH_ITEMS];
        let validations = super::fitted(proto::ValidateJobsResponse { validations });
        assert!(validations.encoded_len() <= limits::ANSWER_BYTES);
    }

    #[test]
    fn an_answer_that_fits_is_left_alone() {
        let before = answer(2, 100, 100);
        assert_eq!(fitted(before.clone()), before);
    }

    #[test]
    fn a_verdict_has_no_more_warnings_than_violations() {
        let warnings = vec![Violation::new("/logs/0", "x", "x"); 1000];
        let stored = Verdict { guid: None, outcome: Outcome::Stored(StoredReason::Created), warnings };
        let message = verdict(stored);
        assert_eq!(message.warnings.len(), limits::VIOLATIONS);
        assert_eq!(message.warnings[limits::VIOLATIONS - 1].rule, "more_violations");
    }
}
