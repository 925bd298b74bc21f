//! `WatchJobs`: the changes of jobs in the order of the store, resumable (rules R2 and R3).
//!
//! Notices carry no data: a watcher reads from its position on after every notice, and every second
//! besides. It reads the next page only when the last one is taken, so that a slow reader blocks
//! nobody but itself.

use super::arguments::all_without_nul;
use super::status::Refusal;
use super::translate;
use crate::doors::watch_cursor::{self, CursorError, DatabaseTag};
use crate::limits;
use crate::proto::{WatchJobsRequest, WatchJobsResponse};
use crate::store::model::{ChangePage, ChangePosition, JobFilter, StoredJob};
use crate::store::{Store, StoreError};
use chrono::Utc;
use prost::Message;
use std::future::Future;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::Status;

/// Where changes are read: the store, or a stand-in under test.
pub trait ChangeFeed: Send + Sync + 'static {
    /// See [`Store::changes`].
    fn changes(
        &self,
        filter: &JobFilter,
        after: ChangePosition,
        limit: u64,
    ) -> impl Future<Output = Result<ChangePage, StoreError>> + Send;
    /// See [`Store::change_horizon`].
    fn change_horizon(&self) -> impl Future<Output = Result<ChangePosition, StoreError>> + Send;
    /// See [`Store::database_id`].
    fn database_id(&self) -> &str;
}

impl ChangeFeed for Store {
    async fn changes(
        &self,
        filter: &JobFilter,
        after: ChangePosition,
        limit: u64,
    ) -> Result<ChangePage, StoreError> {
        Self::changes(self, filter, after, limit).await
    }

    async fn change_horizon(&self) -> Result<ChangePosition, StoreError> {
        Self::change_horizon(self).await
    }

    fn database_id(&self) -> &str {
        Self::database_id(self)
    }
}

/// What a watch listens to besides its feed.
#[derive(Debug, Clone)]
pub struct WatchContext {
    /// Says that jobs may have changed.
    pub changes: watch::Receiver<u64>,
    /// Cancelled at shutdown.
    pub stop: CancellationToken,
}

/// A watch at its position.
#[derive(Debug)]
pub struct Watch<F> {
    feed: F,
    database: DatabaseTag,
    filter: JobFilter,
    position: ChangePosition,
}

impl<F: ChangeFeed> Watch<F> {
    /// Opens a watch where the request asks for.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for unknown projects and what is no cursor, `OUT_OF_RANGE` for a cursor that
    /// is too old, of another database or of a later state of this one.
    pub async fn open(
        feed: F,
        request: WatchJobsRequest,
        is_known: impl Fn(&str) -> bool,
    ) -> Result<Self, Refusal> {
        if let Some(unknown) = request.projects.iter().find(|project| !is_known(project)) {
            return Err(Refusal::invalid("projects", format!("no repository is named {unknown:?}")));
        }
        all_without_nul("states", &request.states)?;
        let database = DatabaseTag::of(feed.database_id());
        let position = if !request.cursor.is_empty() {
            let horizon = feed.change_horizon().await?;
            let decoded = watch_cursor::decode(&request.cursor, database, Utc::now(), horizon);
            decoded.map_err(|error| match error {
                CursorError::Malformed => Refusal::invalid("cursor", error.to_string()),
                _ => Refusal::CursorExpired(error.to_string()),
            })?
        } else if request.from_beginning {
            ChangePosition::default()
        } else {
            feed.change_horizon().await?
        };
        let filter = JobFilter {
            projects: request.projects,
            push_id: Some(request.push_id).filter(|id| *id != 0),
            revision: None,
            states: request.states,
            guid: None,
        };
        Ok(Self { feed, database, filter, position })
    }

    /// Delivers changes until the watcher leaves, the gateway stops or the database is away.
    pub async fn serve(
        mut self,
        context: WatchContext,
        responses: mpsc::Sender<Result<WatchJobsResponse, Status>>,
    ) {
        let ended = tokio::select! {
            biased;
            () = responses.closed() => return,
            () = context.stop.cancelled() => Refusal::Stopping,
            refusal = self.deliver(context.changes.clone(), &responses) => refusal,
        };
        tokio::select! {
            // Nobody to tell if the receiver is gone.
            _ = responses.send(Err(ended.into())) => {}
            () = drained(&context.stop) => {}
        }
    }

    async fn deliver(
        &mut self,
        mut changes: watch::Receiver<u64>,
        responses: &mpsc::Sender<Result<WatchJobsResponse, Status>>,
    ) -> Refusal {
        let mut told = self.position;
        let mut told_at = Instant::now();
        let mut first = true;
        loop {
            // Marked as seen before the read: what changes during it wakes us again.
            changes.borrow_and_update();
            // The first response says where the watch begins, whether anything follows or not.
            let page = if first {
                ChangePage { jobs: Vec::new(), reached: self.position, more: true }
            } else {
                match self.feed.changes(&self.filter, self.position, limits::WATCH_PAGE).await {
                    Ok(page) if page.reached < self.position => {
                        return Refusal::CursorExpired(CursorError::Ahead.to_string());
                    }
                    Ok(page) => page,
                    Err(error) => return error.into(),
                }
            };
            let silent = told_at.elapsed();
            let moved = page.reached != told && silent >= limits::WATCH_CURSOR_INTERVAL;
            let ageing = silent >= limits::WATCH_CURSOR_AGE / 168;
            if first || !page.jobs.is_empty() || moved || ageing {
                for response in self.responses(page.jobs, page.reached) {
                    if responses.send(Ok(response)).await.is_err() {
                        // The receiver is gone: `serve` notices.
                        return Refusal::Stopping;
                    }
                }
                (told, told_at, first) = (page.reached, Instant::now(), false);
            }
            self.position = page.reached;
            if !page.more {
                tokio::select! {
                    changed = changes.changed() => if changed.is_err() { return Refusal::Stopping },
                    () = tokio::time::sleep(limits::WATCH_POLL) => {}
                }
            }
        }
    }

    /// The page over as many responses as its reader needs, each with the cursor of its own last job.
    fn responses(&self, jobs: Vec<StoredJob>, reached: ChangePosition) -> Vec<WatchJobsResponse> {
        let now = Utc::now();
        let mut responses = Vec::new();
        let mut response = WatchJobsResponse::default();
        let (mut bytes, mut last) = (0, self.position);
        for job in jobs {
            let change = job.change;
            let job = translate::stored_job(job);
            let length = job.encoded_len();
            if bytes + length > limits::RESPONSE_BYTES && !response.jobs.is_empty() {
                response.cursor = watch_cursor::encode(self.database, last, now);
                responses.push(std::mem::take(&mut response));
                bytes = 0;
            }
            bytes += length;
            last = change;
            response.jobs.push(job);
        }
        response.cursor = watch_cursor::encode(self.database, reached, now);
        responses.push(response);
        responses
    }
}

async fn drained(stop: &CancellationToken) {
    stop.cancelled().await;
    tokio::time::sleep(limits::STREAM_DRAIN).await;
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;
