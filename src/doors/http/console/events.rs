//! Server-sent events: "jobs changed, look again". They come from the same order of changes as
//! `WatchJobs` (rules R2, R3), so that they cross gateways and miss nothing after a reconnect: the id of
//! each event is a resume cursor, which browsers send back as `Last-Event-ID`.

use super::Console;
use super::elements::query;
use super::failure::Failure;
use crate::doors::refusal::Refusal;
use crate::doors::watch_cursor::{self, CursorError, DatabaseTag};
use crate::limits;
use crate::store::StoreError;
use crate::store::model::{ChangePosition, JobFilter};
use axum::extract::{Query, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use chrono::Utc;
use futures::stream::unfold;
use http::HeaderMap;
use serde::Deserialize;
use std::convert::Infallible;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{Instant, sleep, sleep_until};

/// What a page wants to hear of.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Wanted {
    project: Option<String>,
    push: Option<i64>,
    guid: Option<String>,
    /// From where on.
    cursor: Option<String>,
    /// Whether it wants to know of new samples of the instruments, too.
    ticks: Option<String>,
}

impl Console {
    /// The address of events for a page about to be read: whatever changes from now on.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn events(&self, wanted: &[(&str, &str)]) -> Result<String, StoreError> {
        let position = self.gateway.store().change_horizon().await?;
        let cursor = watch_cursor::encode(self.database(), position, Utc::now());
        let mut pairs = wanted.to_vec();
        pairs.push(("cursor", &cursor));
        Ok(format!("/console/events?{}", query(&pairs)))
    }

    fn database(&self) -> DatabaseTag {
        DatabaseTag::of(self.gateway.store().database_id())
    }
}

/// The stream of events of one page.
pub async fn stream(
    State(console): State<Console>,
    headers: HeaderMap,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Failure> {
    let place = console.streams.clone().try_acquire_owned().map_err(|_| Refusal::overloaded())?;
    let resumed = headers.get("last-event-id").and_then(|id| id.to_str().ok()).filter(|id| !id.is_empty());
    let cursor = resumed.or(wanted.cursor.as_deref());
    let filter = JobFilter {
        projects: wanted.project.into_iter().collect(),
        push_id: wanted.push,
        guid: wanted.guid,
        ..JobFilter::default()
    };
    let is_about_jobs = filter != JobFilter::default();
    let (position, is_stale) =
        match cursor.map(|cursor| watch_cursor::decode(cursor, console.database(), Utc::now())) {
            Some(Ok(position)) => (position, false),
            // What happened since is not known any more: the page is to be read anew.
            Some(Err(CursorError::TooOld | CursorError::OtherDatabase)) => {
                (console.gateway.store().change_horizon().await?, true)
            }
            Some(Err(CursorError::Malformed)) => {
                return Err(Refusal::invalid("cursor", CursorError::Malformed.to_string()).into());
            }
            None => (console.gateway.store().change_horizon().await?, false),
        };
    let listener = Listener {
        changes: console.gateway.job_changes(),
        samples: wanted.ticks.is_some().then(|| console.history.changes()),
        filter: is_about_jobs.then_some(filter),
        position,
        told: position,
        told_at: Instant::now(),
        next: Some(if is_stale { "stale" } else { "ready" }),
        console,
        _place: place,
    };
    let events = unfold(listener, async |mut listener| {
        let event = listener.next().await?;
        Some((Ok::<_, Infallible>(event), listener))
    });
    Ok(Sse::new(Box::pin(events)).keep_alive(KeepAlive::default()).into_response())
}

/// A page that listens.
struct Listener {
    console: Console,
    changes: watch::Receiver<u64>,
    samples: Option<watch::Receiver<u64>>,
    /// None: it does not ask for jobs.
    filter: Option<JobFilter>,
    position: ChangePosition,
    told: ChangePosition,
    told_at: Instant,
    /// To be said first.
    next: Option<&'static str>,
    _place: OwnedSemaphorePermit,
}

impl Listener {
    /// Waits for something to say; none ends the stream, and the browser comes again.
    async fn next(&mut self) -> Option<Event> {
        if let Some(word) = self.next.take() {
            return Some(self.event(word, 0));
        }
        loop {
            // Marked as seen before the read: what changes during it wakes us again.
            self.changes.borrow_and_update();
            let jobs = self.changed().await?;
            if jobs > 0 {
                sleep_until(self.told_at + limits::CONSOLE_EVENT_INTERVAL).await;
                return Some(self.event("jobs", jobs));
            }
            let is_silent = self.told_at.elapsed() >= limits::WATCH_CURSOR_INTERVAL;
            if is_silent && self.position != self.told {
                return Some(self.event("moved", 0));
            }
            let stop = self.console.stop.clone();
            tokio::select! {
                () = stop.cancelled() => return None,
                changed = self.changes.changed(), if self.filter.is_some() => changed.ok()?,
                () = sleep(limits::WATCH_POLL) => {}
                () = sampled(&mut self.samples) => return Some(self.event("tick", 0)),
            }
        }
    }

    /// How many jobs changed since the last look.
    async fn changed(&mut self) -> Option<usize> {
        let Some(filter) = &self.filter else { return Some(0) };
        let mut jobs = 0;
        loop {
            let page = self.console.gateway.store().changes(filter, self.position, limits::WATCH_PAGE).await;
            // A database that is away: the browser comes again with the last id.
            let page = page.ok()?;
            self.position = page.reached;
            jobs += page.jobs.len();
            if !page.more || self.console.stop.is_cancelled() {
                return Some(jobs);
            }
        }
    }

    fn event(&mut self, word: &'static str, jobs: usize) -> Event {
        (self.told, self.told_at) = (self.position, Instant::now());
        let id = watch_cursor::encode(self.console.database(), self.position, Utc::now());
        Event::default().event(word).id(id).data(jobs.to_string())
    }
}

/// A new sample; never for who does not ask for any.
async fn sampled(samples: &mut Option<watch::Receiver<u64>>) {
    let changed = match samples {
        Some(samples) => samples.changed().await.is_ok(),
        None => false,
    };
    if !changed {
        std::future::pending::<()>().await;
    }
}
