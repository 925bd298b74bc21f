//! Messages that tell of pushes: matched with a repository, then queued for asking its host. The queue's
//! entry is committed before the verdict, so a message that was acknowledged is followed up.

use super::gateway::{Directory, GatewayShared, Writers};
use super::pushes;
use super::submission::{Content, DeliveryContext, Item, Submission};
use crate::access::Principal;
use crate::domain::{
    ClaimedIdentity, Door, Outcome, RawFormat, Refused, Repository, RepositoryKind, RetryCause, StoredReason,
    UnchangedReason, Verdict, Violation,
};
use crate::formats::push_notices::{
    BranchFit, Notice, NoticedBranch, PushDetails, PushNotice, RepositoryAddress, branch_fits,
};
use crate::limits;
use crate::store::StoreError;
use crate::telemetry::{Metrics, Tally};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use std::sync::Arc;

/// The branch that a repository names, among others, to get pull requests (ingest contract 3.5).
const PULL_REQUESTS: &str = "pull request";

/// A message that tells of pushes, as the Pulse door received it.
#[derive(Debug, Clone)]
pub struct PushNoticeSubmission {
    /// When it was received.
    pub received_at: DateTime<Utc>,
    /// Its bytes, kept when it is held.
    pub raw: Bytes,
    /// What the bytes are.
    pub format: RawFormat,
    /// What was read in it.
    pub notice: Result<Notice, Refused>,
    /// What the door knew beside the bytes.
    pub context: Arc<DeliveryContext>,
}

/// Decides messages one by one; what is refused is held as rejected.
pub(crate) async fn submit(
    shared: &GatewayShared,
    principal: &Principal,
    notices: Vec<PushNoticeSubmission>,
) -> Vec<Verdict> {
    let mut verdicts = vec![None; notices.len()];
    let (mut positions, mut items) = (Vec::new(), Vec::new());
    // Once the database is away it is so for all that follow: each would wait for a connection in vain,
    // and the door would learn minutes later that it is to pause (R22).
    let mut away: Option<Verdict> = None;
    for (position, submission) in notices.into_iter().enumerate() {
        let PushNoticeSubmission { received_at, raw, format, notice, context } = submission;
        let followed = match (notice, &away) {
            (Ok(_), Some(away)) => Ok(away.clone()),
            (Ok(notice), None) => follow(shared, principal, notice).await,
            (Err(refused), _) => Err(refused),
        };
        match followed {
            Ok(verdict) => {
                if matches!(
                    verdict.outcome,
                    Outcome::RetryLater { cause: RetryCause::DatabaseUnavailable, .. }
                ) {
                    away = Some(verdict.clone());
                }
                Metrics::global().received(Door::Pulse, 1);
                let tally: Tally = [&verdict.outcome].into_iter().collect();
                Metrics::global().decided(Door::Pulse, &tally);
                verdicts[position] = Some(verdict);
            }
            Err(refused) => {
                let submission = Submission {
                    door: Door::Pulse,
                    received_at,
                    raw,
                    format,
                    request_project: None,
                    content: Content::Invalid(refused),
                    warnings: Vec::new(),
                    held: None,
                    context: Some(context),
                };
                positions.push(position);
                items.push(Item { submission, source: principal.source.clone() });
            }
        }
    }
    let decided = shared.enqueue(items, Writers::ByGuid).await.await;
    for (position, verdict) in positions.into_iter().zip(decided) {
        verdicts[position] = Some(verdict);
    }
    verdicts.into_iter().flatten().collect()
}

/// Queues, or stores at once, what a message tells of.
pub(super) async fn follow(
    shared: &GatewayShared,
    principal: &Principal,
    notice: Notice,
) -> Result<Verdict, Refused> {
    let PushNotice { repository, branch, details } = match notice {
        Notice::Push(push) => push,
        Notice::Skipped(reason) => {
            Metrics::global().push_notice_skipped(reason.as_str());
            tracing::info!(source = %principal.source, %reason, "a message about a push is skipped");
            let outcome = Outcome::Unchanged(UnchangedReason::NothingToStore);
            return Ok(Verdict { guid: None, outcome, warnings: vec![reason.warning()] });
        }
    };
    let refused = |project: Option<&str>, violation| Refused {
        claimed: ClaimedIdentity::new(project, None, None),
        violations: vec![violation],
    };
    let directory = shared.current_directory();
    let repository = find(&directory, &repository, &branch).map_err(|violation| refused(None, violation))?;
    if !principal.may_write(&repository.name) {
        let project = repository.name.as_str();
        let message = "the exchange may not write this project; register it with `may_write` for it";
        let violation = Violation::new("", "forbidden_project", message).with_value(project);
        return Err(refused(Some(project), violation));
    }
    let outcome = match details {
        PushDetails::InMessage(push) => pushes::store(shared, repository.id, &push, Utc::now()).await,
        PushDetails::ToFetch(targets) => {
            let wanted: Vec<_> = targets.into_iter().map(|target| (repository.id, target)).collect();
            let queued = shared.store.enqueue_push_fetches(&wanted, Utc::now()).await;
            shared.context.follow_up.send_modify(|count| *count += 1);
            queued.map(|()| Outcome::Stored(StoredReason::Created))
        }
    };
    let outcome = outcome.unwrap_or_else(|error| again_later(&error));
    Ok(Verdict { guid: None, outcome, warnings: Vec::new() })
}

fn again_later(error: &StoreError) -> Outcome {
    let cause = match error {
        StoreError::Unavailable(_) | StoreError::Unusable(_) => RetryCause::DatabaseUnavailable,
        StoreError::Conflict(_) => RetryCause::Overloaded,
        other => {
            let id = uuid::Uuid::new_v4();
            tracing::error!(error_id = %id, error = %other, "a message about a push could not be decided");
            RetryCause::Internal(id)
        }
    };
    Outcome::RetryLater { delay: limits::RETRY_DELAY, cause }
}

/// The one active repository of this address whose branches fit best (ingest contract 3.3 to 3.6).
fn find(
    directory: &Directory,
    address: &RepositoryAddress,
    branch: &NoticedBranch,
) -> Result<Arc<Repository>, Violation> {
    let mut fitting: Vec<(BranchFit, &Arc<Repository>)> = directory
        .repositories
        .values()
        .filter(|known| known.active && RepositoryAddress::new(&known.url) == *address)
        .filter_map(|known| Some((fit(known, branch)?, known)))
        .collect();
    let best = fitting.iter().map(|(fit, _)| *fit).max();
    fitting.retain(|(fit, _)| Some(*fit) == best);
    let (url, place) = (address.as_str(), place(branch));
    match fitting.as_slice() {
        [(_, one)] => Ok(Arc::clone(one)),
        [] => {
            let message = format!(
                "no active repository has this URL{place}; add one by `herdgate repository add`, then replay"
            );
            Err(Violation::new("", "unknown_repository", message).with_value(url))
        }
        several => {
            let mut names: Vec<_> = several.iter().map(|(_, known)| known.name.as_str()).collect();
            names.sort_unstable();
            let names = names.join(", ");
            let message =
                format!("the repositories {names} all have this URL{place}; let one of them have it");
            Err(Violation::new("", "ambiguous_repository", message).with_value(url))
        }
    }
}

fn fit(repository: &Repository, branch: &NoticedBranch) -> Option<BranchFit> {
    let listed = repository.branch.as_deref();
    match (repository.kind, branch) {
        (RepositoryKind::Git, NoticedBranch::Named(name)) => branch_fits(name, listed?),
        (RepositoryKind::Git, NoticedBranch::PullRequest) => {
            if repository.accepts_pull_requests {
                return Some(BranchFit::Exact);
            }
            branch_fits(PULL_REQUESTS, listed?).filter(|fit| *fit == BranchFit::Exact)
        }
        (RepositoryKind::Mercurial, NoticedBranch::Whole) => listed.is_none().then_some(BranchFit::Exact),
        (RepositoryKind::Git, NoticedBranch::Whole)
        | (RepositoryKind::Mercurial, NoticedBranch::Named(_) | NoticedBranch::PullRequest) => None,
    }
}

fn place(branch: &NoticedBranch) -> String {
    match branch {
        NoticedBranch::Named(name) => format!(" and the branch {name:?}"),
        NoticedBranch::PullRequest => format!(" and the branch {PULL_REQUESTS:?}"),
        NoticedBranch::Whole => " and no branch".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ProjectName;

    const URL: &str = "https://github.com/acme/quince";

    fn repository(name: &str, kind: RepositoryKind, branch: Option<&str>, active: bool) -> Repository {
        Repository {
            id: 1,
            name: ProjectName::try_new(name).unwrap(),
            url: format!("{URL}.git/"),
            kind,
            branch: branch.map(Into::into),
            group: None,
            active,
            description: String::new(),
            codebase: String::new(),
            accepts_pull_requests: false,
        }
    }

    #[test]
    fn a_message_is_for_the_repository_whose_branches_fit_best() {
        use RepositoryKind::{Git, Mercurial};
        let known = [
            repository("main", Git, Some("main,pull request"), true),
            repository("releases", Git, Some("releases/*"), true),
            repository("release-1", Git, Some("releases/1"), true),
            repository("old", Git, Some("old"), false),
            repository("no-branch", Git, None, true),
            repository("twin-a", Git, Some("twin"), true),
            repository("twin-b", Git, Some("twin"), true),
            repository("hg", Mercurial, None, true),
            repository("hg-branch", Mercurial, Some("main"), true),
        ];
        let directory = Directory {
            repositories: known.into_iter().map(|r| (r.name.as_str().into(), Arc::new(r))).collect(),
            ..Default::default()
        };
        let named = |name: &str| NoticedBranch::Named(name.into());
        for (branch, expected) in [
            (named("main"), Ok("main")),
            (named("releases/1"), Ok("release-1")),
            (named("releases/2"), Ok("releases")),
            (named("old"), Err("unknown_repository")),
            (named("pull request"), Ok("main")),
            (named("twin"), Err("ambiguous_repository")),
            (NoticedBranch::PullRequest, Ok("main")),
            (NoticedBranch::Whole, Ok("hg")),
        ] {
            let found = find(&directory, &RepositoryAddress::new(URL), &branch);
            let found = found.as_ref().map(|known| known.name.as_str()).map_err(|violation| &*violation.rule);
            assert_eq!(found, expected, "{branch:?}");
        }
        let elsewhere = RepositoryAddress::new("https://github.com/acme/other");
        assert!(find(&directory, &elsewhere, &named("main")).is_err());
    }

    #[test]
    fn pull_requests_are_for_repositories_that_accept_them_whatever_their_branches() {
        let flagged = |branch| Repository {
            accepts_pull_requests: true,
            ..repository("flagged", RepositoryKind::Git, branch, true)
        };
        for (known, expected) in [
            (flagged(Some("main")), Some(BranchFit::Exact)),
            (flagged(None), Some(BranchFit::Exact)),
            (repository("usual", RepositoryKind::Git, Some("main"), true), None),
            (repository("usual", RepositoryKind::Git, Some("*"), true), None),
            (Repository { kind: RepositoryKind::Mercurial, ..flagged(None) }, None),
        ] {
            assert_eq!(fit(&known, &NoticedBranch::PullRequest), expected, "{known:?}");
        }
    }
}
