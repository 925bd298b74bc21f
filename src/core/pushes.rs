//! Pushes: stored one by one, then what waits for them is released.

use super::gateway::{Directory, GatewayShared, SubmitError, Writers};
use super::submission::{Content, Item, PushSubmission, Submission};
use crate::access::Principal;
use crate::domain::{
    ClaimedIdentity, Door, Outcome, ProjectName, Push, Refused, Repository, StoredReason, UnchangedReason,
    Verdict, Violation,
};
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
    let mut verdicts = Vec::with_capacity(pushes.len());
    let mut refused = Vec::new();
    for (index, submission) in pushes.into_iter().enumerate() {
        let mut refusal = None;
        let outcome = match (submission.push, &repository) {
            (Err(mut refused), _) => {
                refused.claimed.project = ClaimedIdentity::new(Some(project), None, None).project;
                refusal = Some(refused);
                None
            }
            (Ok(push), Err(violation)) => {
                let claimed = ClaimedIdentity::new(Some(project), Some(push.revision.as_str()), None);
                refusal = Some(Refused { claimed, violations: vec![violation.clone()] });
                None
            }
            (Ok(push), Ok(repository)) => {
                let outcome = store(shared, repository.id, &push, now).await?;
                Metrics::global().received(door, 1);
                Metrics::global().decided(door, &[&outcome].into_iter().collect::<Tally>());
                Some(outcome)
            }
        };
        verdicts.push(outcome.map(|outcome| Verdict { guid: None, outcome, warnings: Vec::new() }));
        if let Some(content) = refusal {
            refused.push((
                index,
                Item {
                    submission: Submission {
                        door,
                        received_at: now,
                        raw: submission.raw,
                        format: submission.format,
                        request_project: Some(project.to_owned()),
                        content: Content::Invalid(content),
                        warnings: Vec::new(),
                        held: None,
                        context: None,
                    },
                    source: principal.source.clone(),
                },
            ));
        }
    }
    let (positions, items): (Vec<usize>, Vec<Item>) = refused.into_iter().unzip();
    let decided = shared.enqueue(items, Writers::ByGuid).await.await;
    for (position, verdict) in positions.into_iter().zip(decided) {
        verdicts[position] = Some(verdict);
    }
    Ok(verdicts.into_iter().flatten().collect())
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
    Ok(match stored.change {
        PushChange::Created => Outcome::Stored(StoredReason::Created),
        PushChange::Changed => Outcome::Stored(StoredReason::Updated),
        PushChange::Unchanged => Outcome::Unchanged(UnchangedReason::Duplicate),
    })
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
