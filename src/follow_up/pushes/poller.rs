//! Looks at the push logs of Mercurial repositories for what no message told of (ingest contract 3.7).

use super::hosts::Hosts;
use super::{AskError, mercurial};
use crate::core::Gateway;
use crate::domain::{Repository, RepositoryKind};
use crate::limits;
use crate::store::{Poll, StoreError};
use chrono::Utc;
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
    // One that fails does not keep the others from being looked at.
    for repository in followed {
        if let Err(error) = look_at(gateway, hosts, repository, every).await {
            let project = repository.name.as_str();
            tracing::warn!(project, %error, "a push log could not be followed; it is looked at again");
        }
    }
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
    let mut found = mercurial::entries_behind(hosts, repository, after).await?;
    if after.is_some_and(|after| found.last_id.is_some_and(|last| last < after)) {
        // The log was begun anew: what is remembered of it is worth nothing.
        found = mercurial::entries_behind(hosts, repository, None).await?;
    }
    for push in &found.pushes {
        gateway.store_fetched_push(repository.id, push).await?;
    }
    Ok(gateway.store().remember_push_log(repository.id, found.last_id).await?)
}
