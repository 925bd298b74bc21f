//! Retention: jobs, and pushes without jobs, go once they are older than they are to be kept (R33). Off by
//! default.

use super::gateway::{Directory, GatewayShared};
use crate::domain::{ProjectName, Retention};
use crate::limits;
use crate::store::StoreError;
use chrono::{DateTime, Utc};
use std::sync::Arc;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep};
use tokio_util::sync::CancellationToken;

/// What a round deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Deleted {
    pub(crate) jobs: u64,
    pub(crate) pushes: u64,
}

/// Why a round ended early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RetentionError {
    /// Whoever mistypes the name of a repository that is to be kept would lose its jobs.
    #[error(
        "retention.repositories names {names}, which is no repository here; nothing is deleted until every \
         name there is one that `herdgate repository list` shows"
    )]
    UnknownRepository {
        /// One or more, separated by commas.
        names: String,
    },
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Deletes what is due, every [`limits::RETENTION_INTERVAL`], until stopped.
pub(crate) async fn run(shared: Arc<GatewayShared>, retention: Retention, stop: CancellationToken) {
    if retention.is_off() {
        return;
    }
    let rounds = async {
        let mut rounds = interval_at(Instant::now(), limits::RETENTION_INTERVAL);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            rounds.tick().await;
            match shared.retire(&retention, Utc::now()).await {
                Ok(Deleted { jobs: 0, pushes: 0 }) => {}
                Ok(Deleted { jobs, pushes }) => {
                    tracing::info!(jobs, pushes, "deleted what was kept long enough");
                }
                Err(error @ RetentionError::UnknownRepository { .. }) => {
                    tracing::error!(%error, "retention deletes nothing");
                }
                Err(error) => tracing::warn!(%error, "retention could not go on; the next round will"),
            }
        }
    };
    stop.run_until_cancelled(Box::pin(rounds)).await;
}

impl GatewayShared {
    /// One round over all repositories.
    ///
    /// # Errors
    /// If a repository that is named is not known, and then nothing was deleted; or if the database fails.
    pub(crate) async fn retire(
        &self,
        retention: &Retention,
        now: DateTime<Utc>,
    ) -> Result<Deleted, RetentionError> {
        let mut deleted = Deleted::default();
        let directory = self.context.directory.current();
        all_known(retention, &directory)?;
        for repository in directory.repositories.values() {
            let Some(age) = retention.age(&repository.name) else { continue };
            let before = now - age;
            deleted.jobs += self.retire_rows(Rows::Jobs, repository.id, before).await?;
            deleted.pushes += self.retire_rows(Rows::Pushes, repository.id, before).await?;
        }
        Ok(deleted)
    }

    /// Page after page and batch after batch, most of the time waiting: who ingests goes first.
    async fn retire_rows(
        &self,
        rows: Rows,
        repository_id: i32,
        before: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        let (mut deleted, mut after) = (0, 0);
        loop {
            let started = Instant::now();
            let due = match rows {
                Rows::Jobs => self.store.jobs_due(repository_id, before, after).await?,
                Rows::Pushes => self.store.pushes_due(repository_id, before, after).await?,
            };
            sleep(started.elapsed() * limits::RETENTION_PAUSE).await;
            for batch in due.ids.chunks(limits::RETENTION_BATCH) {
                let started = Instant::now();
                deleted += match rows {
                    Rows::Jobs => self.store.retire_jobs(batch, before).await?,
                    Rows::Pushes => self.store.retire_pushes(repository_id, batch).await?,
                };
                sleep(started.elapsed() * limits::RETENTION_PAUSE).await;
            }
            let Some(next) = due.next else { return Ok(deleted) };
            after = next;
        }
    }
}

fn all_known(retention: &Retention, directory: &Directory) -> Result<(), RetentionError> {
    let unknown: Vec<&str> = retention
        .repositories
        .keys()
        .map(ProjectName::as_str)
        .filter(|name| !directory.repositories.contains_key(*name))
        .collect();
    if unknown.is_empty() {
        return Ok(());
    }
    Err(RetentionError::UnknownRepository { names: unknown.join(", ") })
}

#[derive(Debug, Clone, Copy)]
enum Rows {
    Jobs,
    Pushes,
}
