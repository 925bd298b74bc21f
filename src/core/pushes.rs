//! Pushes: stored some at a time, then what waits for them is released.

use super::gateway::{Directory, GatewayShared, SubmitError, Writers};
use super::submission::{Content, Item, PushSubmission, Submission};
use crate::access::Principal;
use crate::domain::{
    ClaimedIdentity, Door, Outcome, ProjectName, Push, Refused, Repository, StoredReason, UnchangedReason,
    Verdict, Violation,
};
use crate::limits;
use crate::store::{PushChange, StoreError};
use crate::telemetry::{Metrics, Tally};
use chrono::{DateTime, Utc};
use std::sync::Arc;

/// Stores pushes of one project.
pub(crate) async fn submit(
    shared: &GatewayShared,
    principal: &Principal,
    door: Door,
    project: &str,
    pushes: Vec<PushSubmission>,
) -> Result<Vec<Verdict>, SubmitError> {
    let name = ProjectName::try_new(project);
    if name.as_ref().is_ok_and(|name| !principal.may_write(name)) {
        return Err(SubmitError::Forbidden(project.to_owned()));
    }
    let directory = shared.current_directory();
    let repository = writable(&directory, project);

    let now = Utc::now();
    let mut verdicts: Vec<Option<Verdict>> = Vec::new();
    let (mut ready, mut refused) = (Vec::new(), Vec::new());
    for (index, submission) in pushes.into_iter().enumerate() {
        verdicts.push(None);
        match (&submission.push, &repository) {
            (Err(refusal), _) => {
                let mut refusal = refusal.clone();
                refusal.claimed.project = ClaimedIdentity::new(Some(project), None, None).project;
                refused.push((index, submission, refusal));
            }
            (Ok(push), Err(violation)) => {
                let refusal = refusal(project, push, violation.clone());
                refused.push((index, submission, refusal));
            }
            (Ok(_), Ok(_)) => ready.push((index, submission)),
        }
    }
    if let Ok(repository) = &repository {
        for some in ready.chunks(limits::PUSHES_PER_TRANSACTION) {
            let pushes: Vec<&Push> = some.iter().filter_map(|(_, ready)| ready.push.as_ref().ok()).collect();
            let decided = store_all(shared, repository.id, &pushes, now).await?;
            for ((index, submission), (push, outcome)) in some.iter().zip(pushes.iter().zip(decided)) {
                match outcome {
                    Ok(outcome) => {
                        Metrics::global().received(door, 1);
                        Metrics::global().decided(door, &[&outcome].into_iter().collect::<Tally>());
                        verdicts[*index] = Some(Verdict { guid: None, outcome, warnings: Vec::new() });
                    }
                    Err(violation) => {
                        refused.push((*index, submission.clone(), refusal(project, push, violation)));
                    }
                }
            }
        }
    }

    let held = |submission: PushSubmission, refusal: Refused| Item {
        submission: Submission {
            door,
            received_at: now,
            raw: submission.raw,
            format: submission.format,
            request_project: Some(project.to_owned()),
            content: Content::Invalid(refusal),
            warnings: Vec::new(),
            held: None,
            context: None,
        },
        source: principal.source.clone(),
    };
    let (positions, items): (Vec<usize>, Vec<Item>) =
        refused.into_iter().map(|(index, submission, refusal)| (index, held(submission, refusal))).unzip();
    let decided = shared.enqueue(items, Writers::ByGuid).await.await;
    for (position, verdict) in positions.into_iter().zip(decided) {
        verdicts[position] = Some(verdict);
    }
    Ok(verdicts.into_iter().flatten().collect())
}

fn refusal(project: &str, push: &Push, violation: Violation) -> Refused {
    let claimed = ClaimedIdentity::new(Some(project), Some(push.revision.as_str()), None);
    Refused { claimed, violations: vec![violation] }
}

/// Stores pushes together, or, if one of them stands in the way, each by itself; says of those that cannot
/// be stored why.
async fn store_all(
    shared: &GatewayShared,
    repository_id: i32,
    pushes: &[&Push],
    now: DateTime<Utc>,
) -> Result<Vec<Result<Outcome, Violation>>, StoreError> {
    match shared.store.store_pushes(repository_id, pushes, now).await {
        Ok(stored) => {
            let announced = pushes.iter().zip(stored).map(|(push, stored)| {
                shared.context.parking.push_stored(repository_id, push.revision.as_str());
                Ok(outcome(stored.change))
            });
            return Ok(announced.collect());
        }
        Err(error @ (StoreError::Unavailable(_) | StoreError::Unusable(_))) => return Err(error),
        Err(error) => tracing::debug!(%error, pushes = pushes.len(), "storing pushes one by one"),
    }
    let mut decided = Vec::with_capacity(pushes.len());
    for push in pushes {
        decided.push(match store(shared, repository_id, push, now).await {
            Ok(outcome) => Ok(outcome),
            Err(StoreError::Data(error)) => {
                let message =
                    format!("the database does not take this push: {error}; mend it and send it again");
                Err(Violation::new("", "database", message))
            }
            Err(error) => return Err(error),
        });
    }
    Ok(decided)
}

/// Stores one push, and has what waits for it released.
pub(super) async fn store(
    shared: &GatewayShared,
    repository_id: i32,
    push: &Push,
    received_at: DateTime<Utc>,
) -> Result<Outcome, StoreError> {
    let stored = shared.store.store_push(repository_id, push, received_at).await?;
    // Also if nothing changed: an earlier notice may have been lost.
    shared.context.parking.push_stored(repository_id, push.revision.as_str());
    Ok(outcome(stored.change))
}

fn outcome(change: PushChange) -> Outcome {
    match change {
        PushChange::Created => Outcome::Stored(StoredReason::Created),
        PushChange::Changed => Outcome::Stored(StoredReason::Updated),
        PushChange::Unchanged => Outcome::Unchanged(UnchangedReason::Duplicate),
    }
}

/// The repository, or why it takes no pushes.
fn writable(directory: &Directory, project: &str) -> Result<Arc<Repository>, Violation> {
    let refused = |rule, message: &str| Violation::new("/project", rule, message).with_value(project);
    match directory.repositories.get(project) {
        None => Err(refused(
            "unknown_repository",
            "no repository has this name; register it, then replay what is held",
        )),
        Some(repository) if !repository.active => {
            Err(refused("inactive_repository", "the repository takes no pushes any more"))
        }
        Some(repository) => Ok(repository.clone()),
    }
}
