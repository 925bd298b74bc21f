//! Looks at the push logs of Mercurial repositories for what no message told of (ingest contract 3.7).

use super::hosts::Hosts;
use super::{AskError, Found, mercurial, said_of};
use crate::core::Gateway;
use crate::domain::{Repository, RepositoryKind};
use crate::fetch::FetchError;
use crate::formats::push_notices::AnswerError;
use crate::limits;
use crate::store::{Poll, StoreError};
use chrono::Utc;
use futures::{StreamExt, stream};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// Why a push log was not followed.
#[derive(Debug, thiserror::Error)]
enum PollError {
    #[error(transparent)]
    Ask(#[from] AskError),
    #[error(transparent)]
    Store(#[from] StoreError),
    /// They are passed over, and all others are stored.
    #[error("{0}; `herdgate push fetch` asks again")]
    Unread(String),
}

/// Looks at every active Mercurial repository once in `every`, whichever gateway it is that looks.
pub async fn poll(gateway: Gateway, hosts: Arc<Hosts>, every: Duration, stop: CancellationToken) {
    // More often than each is due, so that gateways that start and stop do not leave gaps.
    let mut ticks = interval(every / 4);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        let round = look_at_all(&gateway, &hosts, every);
        stop.run_until_cancelled(round).await;
    }
}

pub(super) async fn look_at_all(gateway: &Gateway, hosts: &Hosts, every: Duration) {
    let age = limits::PUSH_FETCH_AGE;
    if let Err(error) = gateway.store().forget_push_fetches(age, Utc::now()).await {
        tracing::debug!(%error, "what was fetched long ago is forgotten later");
    }
    let directory = gateway.directory();
    let followed = directory
        .repositories
        .values()
        .filter(|known| known.active && known.kind == RepositoryKind::Mercurial && known.branch.is_none());
    let followed = stream::iter(followed);
    followed
        .for_each_concurrent(limits::PUSH_LOGS_AT_ONCE, async |repository| {
            // One that fails does not keep the others from being looked at.
            if let Err(error) = look_at(gateway, hosts, repository, every).await {
                let project = repository.name.as_str();
                tracing::warn!(project, %error, "a push log could not be followed; it is looked at again");
            }
        })
        .await;
}

async fn look_at(
    gateway: &Gateway,
    hosts: &Hosts,
    repository: &Repository,
    every: Duration,
) -> Result<(), PollError> {
    let memory = limits::PUSH_LOG_MEMORY;
    let due = gateway.store().undertake_poll(repository.id, every, memory, Utc::now()).await?;
    let Poll::Due { after } = due else { return Ok(()) };
    let mut log = Log { gateway, hosts, repository, unread: Vec::new() };
    match after {
        Some(after) => log.follow(after).await?,
        None => log.begin().await?,
    }
    said_of(&log.unread).map_or(Ok(()), |said| Err(PollError::Unread(said)))
}

/// A push log while it is read.
struct Log<'a> {
    gateway: &'a Gateway,
    hosts: &'a Hosts,
    repository: &'a Repository,
    /// Entries that make no push.
    unread: Vec<(u64, AnswerError)>,
}

impl Log<'_> {
    /// Takes the newest entries.
    async fn begin(&mut self) -> Result<(), PollError> {
        let found = mercurial::newest_entries(self.hosts, self.repository).await?;
        let last = found.last_id;
        self.store(found, last).await
    }

    /// Takes all entries behind a number, slice by slice, and remembers after each how far it came.
    async fn follow(&mut self, mut after: u64) -> Result<(), PollError> {
        let mut count = limits::PUSH_LOG_SLICE;
        loop {
            let end = after.saturating_add(count);
            let found = match mercurial::entries_behind(self.hosts, self.repository, after, count).await {
                Ok(found) => found,
                Err(AskError::Fetch(FetchError::TooLarge { .. })) if count > 1 => {
                    count /= 2;
                    continue;
                }
                Err(AskError::Fetch(error @ FetchError::TooLarge { .. })) => {
                    self.unread.push((end, AnswerError::Unreadable(error.to_string())));
                    Found { last_id: Some(u64::MAX), ..Found::default() }
                }
                Err(error) => return Err(error.into()),
            };
            let Some(last) = found.last_id else { return Ok(()) };
            if last < after {
                // The log was begun anew: what is remembered of it is worth nothing.
                return self.begin().await;
            }
            after = end.min(last);
            self.store(found, Some(after)).await?;
            if after == last {
                return Ok(());
            }
            count = (count * 2).min(limits::PUSH_LOG_SLICE);
        }
    }

    async fn store(&mut self, found: Found, last: Option<u64>) -> Result<(), PollError> {
        for push in &found.pushes {
            self.gateway.store_fetched_push(self.repository.id, push).await?;
        }
        self.unread.extend(found.unread);
        Ok(self.gateway.store().remember_push_log(self.repository.id, last).await?)
    }
}
