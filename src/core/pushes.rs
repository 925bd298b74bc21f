//! Pushes: stored one by one, then what waits for them is released.

use super::gateway::{GatewayShared, SubmitError};
use super::submission::{Content, Item, PushSubmission, Submission};
use crate::access::Principal;
use crate::domain::{
    ClaimedIdentity, Door, Outcome, ProjectName, Refused, StoredReason, UnchangedReason, Verdict, Violation,
};
use crate::store::PushChange;
use crate::telemetry::{Metrics, Tally};
use chrono::Utc;

/// Stores pushes of one project.
pub(crate) async fn submit(
    shared: &GatewayShared,
    principal: &Principal,
    door: Door,
    project: &str,
    pushes: Vec<PushSubmission>,
) -> Result<Vec<Verdict>, SubmitError> {
    let unknown = || SubmitError::UnknownProject(project.to_owned());
    let name = ProjectName::try_new(project).map_err(|_| unknown())?;
    if !principal.may_write(&name) {
        return Err(SubmitError::Forbidden(project.to_owned()));
    }
    let directory = shared.current_directory();
    let repository = directory.repositories.get(project).ok_or_else(unknown)?;

    let now = Utc::now();
    let mut verdicts = Vec::with_capacity(pushes.len());
    let mut refused = Vec::new();
    for (index, submission) in pushes.into_iter().enumerate() {
        let mut refusal = None;
        let outcome = match submission.push {
            Err(mut refused) => {
                refused.claimed.project = Some(project.to_owned());
                refusal = Some(refused);
                None
            }
            Ok(ref push) if !repository.active => {
                let message = "the repository takes no pushes any more";
                let violation = Violation::new("/project", "inactive_repository", message);
                refusal = Some(Refused {
                    claimed: ClaimedIdentity::new(Some(project), Some(push.revision.as_str()), None),
                    violations: vec![violation.with_value(project)],
                });
                None
            }
            Ok(push) => {
                let stored = shared.store.store_push(repository.id, &push, now).await?;
                // Also if nothing changed: an earlier notice may have been lost.
                shared.context.parking.push_stored(repository.id, push.revision.as_str());
                let outcome = match stored.change {
                    PushChange::Created => Outcome::Stored(StoredReason::Created),
                    PushChange::Changed => Outcome::Stored(StoredReason::Updated),
                    PushChange::Unchanged => Outcome::Unchanged(UnchangedReason::Duplicate),
                };
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
    let decided = shared.enqueue(items).await.await;
    for (position, verdict) in positions.into_iter().zip(decided) {
        verdicts[position] = Some(verdict);
    }
    Ok(verdicts.into_iter().flatten().collect())
}
