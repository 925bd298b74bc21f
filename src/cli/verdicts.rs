//! Showing verdicts and violations.

use crate::proto::{FieldViolation, HeldState, Outcome, Reason, Verdict};
use serde_json::{Value, json};

/// Name of a verdict as the documentation writes it, for instance `STORED`; `UNKNOWN`: of a newer
/// gateway, or none at all.
pub fn outcome(verdict: &Verdict) -> &'static str {
    match verdict.outcome() {
        Outcome::Unspecified => "UNKNOWN",
        outcome => outcome.as_str_name().trim_start_matches("OUTCOME_"),
    }
}

/// Name of the reason, for instance `WAITING_FOR_PUSH`; empty if there is none.
pub fn reason(verdict: &Verdict) -> &'static str {
    match verdict.reason() {
        Reason::Unspecified => "",
        reason => reason.as_str_name().trim_start_matches("REASON_"),
    }
}

/// Name of the state of a held message, for instance `parked`.
pub fn held_state(state: HeldState) -> &'static str {
    match state {
        HeldState::Unspecified => "unknown",
        HeldState::Parked => "parked",
        HeldState::Rejected => "rejected",
        HeldState::Expired => "expired",
    }
}

/// `PATH: MESSAGE (rule RULE, limit LIMIT, value VALUE)`, without what the message says already.
pub fn violation(violation: &FieldViolation) -> String {
    let FieldViolation { field_path, rule, limit, value_excerpt, message } = violation;
    let path = if field_path.is_empty() { "(whole)" } else { field_path };
    let mut aside = vec![format!("rule {rule}")];
    if !limit.is_empty() && !message.contains(limit) {
        aside.push(format!("limit {limit}"));
    }
    if !value_excerpt.is_empty() && !message.contains(value_excerpt) {
        aside.push(format!("value {value_excerpt:?}"));
    }
    let message = message.strip_prefix(field_path.as_str()).unwrap_or(message).trim_start();
    format!("{path}: {message} ({})", aside.join(", "))
}

/// A violation for scripts.
pub fn violation_json(violation: &FieldViolation) -> Value {
    json!({
        "field_path": violation.field_path,
        "rule": violation.rule,
        "limit": violation.limit,
        "value_excerpt": violation.value_excerpt,
        "message": violation.message,
    })
}

/// A verdict for scripts.
pub fn verdict_json(verdict: &Verdict) -> Value {
    json!({
        "outcome": outcome(verdict),
        "reason": reason(verdict),
        "job_guid": verdict.job_guid,
        "detail": verdict.detail,
        "violations": verdict.violations.iter().map(violation_json).collect::<Vec<_>>(),
        "warnings": verdict.warnings.iter().map(violation_json).collect::<Vec<_>>(),
    })
}

/// Whether the submitter has to do something about it; a verdict that is not known may ask for anything.
pub fn is_refused(verdict: &Verdict) -> bool {
    matches!(verdict.outcome(), Outcome::Rejected | Outcome::RetryLater | Outcome::Unspecified)
}

/// A time for people and scripts, RFC 3339 in UTC; empty if unknown.
pub fn time(timestamp: Option<&prost_types::Timestamp>) -> String {
    timestamp
        .and_then(|time| {
            chrono::DateTime::from_timestamp(time.seconds, u32::try_from(time.nanos).unwrap_or(0))
        })
        .map_or_else(String::new, |time| time.to_rfc3339_opts(chrono::SecondsFormat::Secs, true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_violation_is_shown_with_what_there_is_of_it() {
        let bare =
            FieldViolation { rule: "json".into(), message: "is not JSON".into(), ..Default::default() };
        assert_eq!(violation(&bare), "(whole): is not JSON (rule json)");
        let full = FieldViolation {
            field_path: "/display/jobSymbol".into(),
            rule: "maxLength".into(),
            limit: "25".into(),
            value_excerpt: "xx".into(),
            message: "/display/jobSymbol is too long".into(),
        };
        assert_eq!(
            violation(&full),
            "/display/jobSymbol: is too long (rule maxLength, limit 25, value \"xx\")"
        );
    }

    #[test]
    fn verdicts_are_named_as_in_the_documentation() {
        let verdict = Verdict {
            outcome: Outcome::RetryLater.into(),
            reason: Reason::DatabaseUnavailable.into(),
            ..Default::default()
        };
        assert_eq!((outcome(&verdict), reason(&verdict)), ("RETRY_LATER", "DATABASE_UNAVAILABLE"));
        assert!(is_refused(&verdict));
    }
}
