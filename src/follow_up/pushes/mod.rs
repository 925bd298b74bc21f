//! Pushes that messages, the poller or a command told of: their hosts are asked for the commits, and what
//! is stored releases the jobs that waited for it (ingest contract 3.4 to 3.8).

mod github;
mod hosts;
mod mercurial;
mod poller;

#[cfg(test)]
mod tests;

pub use hosts::{Hosts, HostsOptions};
pub use poller::poll;

use super::{Lease, Outcome, QueueTable, Work};
use crate::core::Gateway;
use crate::domain::{Push, PushTarget, Repository, RepositoryKind};
use crate::fetch::FetchError;
use crate::formats::push_notices::AnswerError;
use crate::limits;
use crate::store::StoreError;
use crate::store::follow_up::PUSH_FETCHES;
use std::sync::Arc;
use std::time::Duration;

/// Asks hosts for pushes.
#[derive(Debug)]
pub struct PushWork {
    gateway: Gateway,
    hosts: Arc<Hosts>,
}

impl PushWork {
    /// Stores through this gateway.
    pub fn new(gateway: Gateway, hosts: Arc<Hosts>) -> Self {
        Self { gateway, hosts }
    }

    async fn store(&self, lease: &Lease, repository: &Repository, found: &Found) -> Result<(), StoreError> {
        for push in &found.pushes {
            self.gateway.store_fetched_push(repository.id, push).await?;
        }
        if found.etag.is_some() {
            self.gateway.store().remember_push_etag(lease.id, found.etag.as_deref()).await?;
        }
        Ok(())
    }
}

impl Work for PushWork {
    const QUEUE: &'static QueueTable = &PUSH_FETCHES;

    async fn perform(&self, lease: &Lease) -> Result<Outcome, StoreError> {
        let Some(entry) = self.gateway.store().push_fetch(lease.id).await? else {
            return Ok(Outcome::Done);
        };
        let directory = self.gateway.directory();
        let repository = directory.repositories.values().find(|known| known.id == entry.repository_id);
        let Some(repository) = repository.filter(|known| known.active) else {
            return Ok(Outcome::Dead { why: "the repository takes no pushes any more".into() });
        };
        let found = match (repository.kind, &entry.target) {
            (RepositoryKind::Git, target) => {
                github::ask(&self.hosts, repository, target, entry.etag.as_deref()).await
            }
            (RepositoryKind::Mercurial, target) => mercurial::ask(&self.hosts, repository, target).await,
        };
        match found {
            Ok(found) => {
                let project = repository.name.as_str();
                tracing::info!(project, target = %entry.target, pushes = found.pushes.len(), "asked a host");
                self.store(lease, repository, &found).await?;
                Ok(match said_of(&found.unread) {
                    None => Outcome::Done,
                    Some(why) => Outcome::Dead { why },
                })
            }
            Err(error) => Ok(error.outcome()),
        }
    }
}

/// What a host had.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Pushes, oldest first; none: nothing has changed, or all of it was obsoleted.
    pub(super) pushes: Vec<Push>,
    /// Entries of a push log that make no push, with their numbers.
    pub(super) unread: Vec<(u64, AnswerError)>,
    /// What to send with the same question the next time.
    pub(super) etag: Option<String>,
    /// Newest entry of the push log.
    pub(super) last_id: Option<u64>,
}

/// What to say of entries that make no push; none: there are none.
fn said_of(unread: &[(u64, AnswerError)]) -> Option<String> {
    let (id, first) = unread.first()?;
    Some(match unread.len() {
        1 => format!("entry {id} of the push log makes no push: {first}"),
        several => format!("{several} entries of the push log make no push, first {id}: {first}"),
    })
}

/// Why a host's answer made no push.
#[derive(Debug, thiserror::Error)]
pub(super) enum AskError {
    /// No answer, or an error for one.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// It is not what the host documents.
    #[error(transparent)]
    Answer(#[from] AnswerError),
    /// The host's rate limit is spent.
    #[error("the host's rate limit is spent; it is asked again in {} s", .0.as_secs())]
    LeftAlone(Duration),
    /// Likewise, after some of the answer.
    #[error("the host's rate limit was spent before all pages were read; asked again in {} s", .0.as_secs())]
    CutShort(Duration),
    /// The push log does not have it, perhaps not yet.
    #[error("the host knows nothing of {0}")]
    Missing(PushTarget),
    /// More commits than are read.
    #[error("the push has {} commits or more; store it by `herdgate push submit`", limits::COMMITS)]
    TooManyCommits,
    /// The repository's URL is not of the host's form.
    #[error("the repository's URL {0:?} is not of a form that its host can be asked by")]
    Url(String),
    /// The host has no such thing to ask for.
    #[error("a host of {kind} repositories cannot be asked for {target}")]
    NoSuchQuestion {
        /// `git` or `hg`.
        kind: &'static str,
        /// What was asked for.
        target: PushTarget,
    },
}

impl AskError {
    /// Every error status is tried again, 403 and 404 too: hosts tell of pushes before all of their
    /// servers have them (ingest contract 3.8). What is no JSON is not.
    fn outcome(&self) -> Outcome {
        let why = self.to_string();
        match self {
            Self::Fetch(error @ FetchError::Status { .. }) => {
                Outcome::Retry { why, after: error.retry_after() }
            }
            Self::Fetch(error) if error.worth_retrying() => Outcome::Retry { why, after: None },
            Self::LeftAlone(time) => Outcome::Later { why, after: *time },
            Self::CutShort(time) => Outcome::Retry { why, after: Some(*time) },
            Self::Missing(_) => Outcome::Retry { why, after: None },
            Self::Fetch(_)
            | Self::Answer(_)
            | Self::TooManyCommits
            | Self::Url(_)
            | Self::NoSuchQuestion { .. } => Outcome::Dead { why },
        }
    }
}
