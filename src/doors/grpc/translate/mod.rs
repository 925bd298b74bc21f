//! Stand-in.
#![allow(missing_docs)]

use crate::domain::{
    HeldState, Outcome, ParkedFor, ProjectName, Repository, RepositoryKind, RetryCause, StoredReason,
    Violation,
};
use crate::domain::{UnchangedReason, Verdict};
use crate::proto;
use crate::store::model::{HeldMessage, StoredCredential};
use chrono::{DateTime, Utc};
use prost_types::Timestamp;

pub fn timestamp(time: DateTime<Utc>) -> Timestamp {
    // The nanoseconds of a second fit, a leap second's too.
    let nanos = i32::try_from(time.timestamp_subsec_nanos()).unwrap_or(0);
    Timestamp { seconds: time.timestamp(), nanos }
}

pub fn repository(stored: &Repository) -> proto::Repository {
    proto::Repository {
        name: stored.name.to_string(),
        url: stored.url.clone(),
        dvcs_type: stored.kind.as_str().into(),
        branch: stored.branch.clone().unwrap_or_default(),
        group: stored.group.clone().unwrap_or_default(),
        active: stored.active,
        id: stored.id.into(),
        description: stored.description.clone(),
        codebase: stored.codebase.clone(),
    }
}

pub fn credential(stored: StoredCredential) -> proto::Credential {
    proto::Credential {
        client_id: stored.client_id.clone(),
        projects: stored.projects.clone(),
        admin: stored.admin,
        created_at: Some(timestamp(stored.created_at)),
        expires_at: stored.expires_at.map(timestamp),
        revoked_at: stored.revoked_at.map(timestamp),
    }
}

pub fn held_message(held: HeldMessage) -> proto::HeldMessage {
    let state = match held.state {
        HeldState::Parked => proto::HeldState::Parked,
        HeldState::Rejected => proto::HeldState::Rejected,
        HeldState::Expired => proto::HeldState::Expired,
    };
    proto::HeldMessage {
        id: held.id,
        state: state.into(),
        door: held.door.as_str().into(),
        source: held.source.clone(),
        format: held.format.as_str().into(),
        project: held.project.clone().unwrap_or_default(),
        revision: held.revision.clone().unwrap_or_default(),
        job_guid: held.guid.clone().unwrap_or_default(),
        violations: held.violations.iter().cloned().map(violation).collect(),
        received_at: Some(timestamp(held.received_at)),
        expires_at: Some(timestamp(held.expires_at)),
        repeats: held.repeats,
        raw_size: held.raw_size,
        raw: Vec::new(),
        raw_truncated: held.raw_truncated,
    }
}

pub fn held_state(state: i32) -> Result<Option<HeldState>, String> {
    Ok(match proto::HeldState::try_from(state).map_err(|error| error.to_string())? {
        proto::HeldState::Unspecified => None,
        proto::HeldState::Parked => Some(HeldState::Parked),
        proto::HeldState::Rejected => Some(HeldState::Rejected),
        proto::HeldState::Expired => Some(HeldState::Expired),
    })
}

pub fn verdict(verdict: Verdict) -> proto::Verdict {
    use proto::{Outcome as Word, Reason};
    let (outcome, reason) = match &verdict.outcome {
        Outcome::Stored(StoredReason::Created) => (Word::Stored, Reason::Created),
        Outcome::Stored(StoredReason::Updated) => (Word::Stored, Reason::Updated),
        Outcome::Stored(StoredReason::PartsAdded) => (Word::Stored, Reason::PartsAdded),
        Outcome::Unchanged(UnchangedReason::Duplicate) => (Word::Unchanged, Reason::Duplicate),
        Outcome::Unchanged(UnchangedReason::StaleState) => (Word::Unchanged, Reason::StaleState),
        Outcome::Unchanged(UnchangedReason::ConflictingResult { .. }) => {
            (Word::Unchanged, Reason::ConflictingResult)
        }
        Outcome::Parked { waiting_for: ParkedFor::Push, .. } => (Word::Parked, Reason::WaitingForPush),
        Outcome::Parked { waiting_for: ParkedFor::Job, .. } => (Word::Parked, Reason::WaitingForJob),
        Outcome::Rejected(_) => (Word::Rejected, Reason::Invalid),
        Outcome::RetryLater { cause: RetryCause::Overloaded, .. } => (Word::RetryLater, Reason::Overloaded),
        Outcome::RetryLater { cause: RetryCause::DatabaseUnavailable, .. } => {
            (Word::RetryLater, Reason::DatabaseUnavailable)
        }
    };
    let mut wire = proto::Verdict {
        outcome: outcome.into(),
        reason: reason.into(),
        job_guid: verdict.guid.as_deref().unwrap_or_default().into(),
        warnings: verdict.warnings.iter().cloned().map(violation).collect(),
        ..Default::default()
    };
    match &verdict.outcome {
        Outcome::Rejected(violations) => {
            wire.violations = violations.iter().cloned().map(violation).collect()
        }
        Outcome::Parked { expires_at, .. } => wire.expires_at = Some(timestamp(*expires_at)),
        Outcome::Unchanged(UnchangedReason::ConflictingResult { stored, submitted }) => {
            wire.detail = format!("the job completed as {stored}; the submitted {submitted} was not applied");
        }
        _ => {}
    }
    wire
}

pub fn violation(violation: Violation) -> proto::FieldViolation {
    proto::FieldViolation {
        field_path: violation.path,
        rule: violation.rule.into_owned(),
        limit: violation.limit.unwrap_or_default(),
        value_excerpt: violation.value.unwrap_or_default(),
        message: violation.message,
    }
}

pub fn repository_of(message: proto::Repository) -> Result<Repository, String> {
    let optional = |text: String| Some(text).filter(|t| !t.is_empty());
    Ok(Repository {
        id: 0,
        name: ProjectName::try_new(&message.name).map_err(|error| error.to_string())?,
        kind: RepositoryKind::from_word(&message.dvcs_type).ok_or("must be `hg` or `git`")?,
        url: message.url,
        branch: optional(message.branch),
        group: optional(message.group),
        active: message.active,
        description: message.description,
        codebase: message.codebase,
    })
}
