//! Repositories, credentials, tiers and exchanges in memory, looked after so that changes made anywhere are
//! noticed within 2 s.

use super::gateway::Directory;
use super::readiness::{Commits, Readiness};
use crate::limits;
use crate::store::{Store, StoreError};
use std::sync::Arc;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// The directory as of the last look.
#[derive(Debug, Clone)]
pub(crate) struct DirectoryWatch(watch::Receiver<Arc<Directory>>);

impl DirectoryWatch {
    pub(crate) fn current(&self) -> Arc<Directory> {
        self.0.borrow().clone()
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<Arc<Directory>> {
        self.0.clone()
    }
}

/// Reads the directory anew when its version has moved; also tells whether the gateway can commit.
#[derive(Debug)]
pub(crate) struct DirectoryKeeper {
    store: Store,
    current: watch::Sender<Arc<Directory>>,
    commits: Arc<Commits>,
    readiness: watch::Sender<Readiness>,
}

impl DirectoryKeeper {
    pub(crate) async fn start(store: Store, commits: Arc<Commits>) -> Result<Self, StoreError> {
        let current = watch::Sender::new(Arc::new(load(&store).await?));
        let readiness = watch::Sender::new(Readiness::Ready(store.durability()));
        Ok(Self { store, current, commits, readiness })
    }

    pub(crate) fn watch(&self) -> DirectoryWatch {
        DirectoryWatch(self.current.subscribe())
    }

    pub(crate) fn readiness(&self) -> watch::Receiver<Readiness> {
        self.readiness.subscribe()
    }

    /// From now on and for good.
    pub(crate) fn announce_stop(&self) {
        self.readiness.send_replace(Readiness::Stopping);
    }

    pub(crate) async fn refresh(&self) -> Result<(), StoreError> {
        self.current.send_replace(Arc::new(load(&self.store).await?));
        Ok(())
    }

    /// Looks until stopped.
    pub(crate) async fn run(self: Arc<Self>, stop: CancellationToken) {
        let mut ticks = interval(limits::DIRECTORY_POLL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            self.look_and_probe().await;
            let found = if self.commits.are_possible() {
                Readiness::Ready(self.store.durability())
            } else {
                Readiness::DatabaseAway
            };
            self.readiness.send_if_modified(|readiness| {
                let changes = *readiness != found && *readiness != Readiness::Stopping;
                if changes {
                    tracing::info!(is_ready = found.is_ready(), "readiness has changed");
                    *readiness = found;
                }
                changes
            });
        }
    }

    /// Only commits tell whether the database is away: a look may fail for want of a connection, where
    /// reads have taken all of theirs.
    async fn look_and_probe(&self) {
        match self.look().await {
            Ok(()) if !self.commits.want_a_probe() => return,
            Ok(()) => {}
            // A commit failed already: one that goes through is not to be expected yet.
            Err(_) if !self.commits.are_possible() => return,
            Err(error) => {
                tracing::warn!(%error, "repositories and credentials could not be looked at; trying again");
            }
        }
        match self.store.probe_commit().await {
            Ok(()) => self.commits.succeeded(),
            Err(error) => {
                if self.commits.failed() {
                    tracing::error!(%error, "the database does not commit; not ready");
                }
            }
        }
    }

    async fn look(&self) -> Result<(), StoreError> {
        let version = self.store.directory_version().await?;
        if version != self.current.borrow().version {
            self.refresh().await?;
        }
        Ok(())
    }
}

async fn load(store: &Store) -> Result<Directory, StoreError> {
    // The version first: a change between the two reads is then noticed at the next look.
    let version = store.directory_version().await?;
    let repositories =
        store.repositories().await?.into_iter().map(|r| (r.name.as_str().into(), Arc::new(r))).collect();
    let credentials =
        store.credentials().await?.into_iter().filter(|credential| credential.revoked_at.is_none()).collect();
    let tiers = store.tiers().await?.into_iter().collect();
    let exchanges = store.registrations().await?.into_iter().map(Arc::new).collect();
    Ok(Directory { version, repositories, credentials, tiers, exchanges })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Backend;
    use crate::store::testing::TestDatabase;

    async fn on_each_database<F: AsyncFn(Store, DirectoryKeeper)>(test: F) {
        for database in TestDatabase::each().await {
            let store = database.store().await;
            let keeper = DirectoryKeeper::start(store.clone(), Arc::new(Commits::new())).await.unwrap();
            test(store.clone(), keeper).await;
            store.close().await;
            database.remove().await;
        }
    }

    #[tokio::test]
    async fn r35_reads_that_take_all_their_connections_do_not_pass_for_a_database_that_is_away() {
        on_each_database(async |store, keeper| {
            let (mut on_postgres, mut on_sqlite) = (Vec::new(), Vec::new());
            match store.backend() {
                Backend::Postgres { readers, .. } => {
                    for _ in 0..readers.options().get_max_connections() {
                        on_postgres.push(readers.acquire().await.unwrap());
                    }
                }
                Backend::Sqlite { readers, .. } => {
                    for _ in 0..readers.options().get_max_connections() {
                        on_sqlite.push(readers.acquire().await.unwrap());
                    }
                }
            }
            assert!(keeper.look().await.is_err());
            keeper.look_and_probe().await;
            assert!(keeper.commits.are_possible());
        })
        .await;
    }

    #[tokio::test]
    async fn r35_a_database_that_can_be_read_and_not_written_is_away_until_a_commit_goes_through() {
        on_each_database(async |store, keeper| {
            keeper.commits.failed();
            keeper.look_and_probe().await;
            assert!(keeper.commits.are_possible(), "the probe went through");
            keeper.commits.failed();
            match store.backend() {
                Backend::Postgres { writers, .. } => writers.close().await,
                Backend::Sqlite { writer, .. } => writer.close().await,
            }
            keeper.look_and_probe().await;
            assert!(keeper.look().await.is_ok() && !keeper.commits.are_possible());
        })
        .await;
    }
}
