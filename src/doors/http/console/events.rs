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
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

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
        Ok(self.now().await?.events(wanted))
    }

    /// The same for a page that only says what it wants to hear of once it has been read.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn now(&self) -> Result<Since, StoreError> {
        let position = self.gateway.store().change_horizon().await?;
        Ok(Since(watch_cursor::encode(self.database(), position, Utc::now())))
    }

    fn database(&self) -> DatabaseTag {
        DatabaseTag::of(self.gateway.store().database_id())
    }
}

/// A moment; events are of what changes from then on.
#[derive(Debug)]
pub struct Since(String);

impl Since {
    /// The address of the events that are wanted.
    pub fn events(&self, wanted: &[(&str, &str)]) -> String {
        let mut pairs = wanted.to_vec();
        pairs.push(("cursor", &self.0));
        format!("/console/events?{}", query(&pairs))
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
    let horizon = console.gateway.store().change_horizon().await?;
    let (position, is_stale) =
        match cursor.map(|cursor| watch_cursor::decode(cursor, console.database(), Utc::now(), horizon)) {
            Some(Ok(position)) => (position, false),
            Some(Err(CursorError::Malformed)) => {
                return Err(Refusal::invalid("cursor", CursorError::Malformed.to_string()).into());
            }
            // What happened since is not known any more: the page is to be read anew.
            Some(Err(_)) => (horizon, true),
            None => (horizon, false),
        };
    let wakes = Wakes {
        changes: is_about_jobs.then(|| console.gateway.job_changes()),
        samples: wanted.ticks.is_some().then(|| console.history.changes()),
        stop: console.stop.clone(),
        last: None,
        looked_at: Instant::now(),
        looks_again: false,
    };
    let listener = Listener {
        wakes,
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
    wakes: Wakes,
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
            match self.wakes.next().await? {
                Wake::Sample => return Some(self.event("tick", 0)),
                Wake::Look => {}
            }
            let jobs = self.changed().await?;
            if jobs > 0 {
                return Some(self.event("jobs", jobs));
            }
            let is_silent = self.told_at.elapsed() >= limits::WATCH_CURSOR_INTERVAL;
            if is_silent && self.position != self.told {
                return Some(self.event("moved", 0));
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

/// What a listener does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wake {
    /// It looks for changed jobs.
    Look,
    /// It tells of a new sample.
    Sample,
}

/// When a listener looks for changes: at first at once, then after each commit and every
/// [`limits::WATCH_POLL`], but [`limits::CONSOLE_EVENT_INTERVAL`] after its last look at the earliest. Most
/// commits concern nothing that its page shows, and many pages listen. After a commit it looks a second time
/// as soon as it may: a short transaction that began earlier may have hidden the commit from the first look.
struct Wakes {
    /// None: it does not ask for jobs.
    changes: Option<watch::Receiver<u64>>,
    samples: Option<watch::Receiver<u64>>,
    stop: CancellationToken,
    last: Option<Wake>,
    looked_at: Instant,
    looks_again: bool,
}

impl Wakes {
    /// None once the gateway stops.
    async fn next(&mut self) -> Option<Wake> {
        if self.last == Some(Wake::Look) {
            // The look is over now, however long it took.
            self.looked_at = Instant::now();
        }
        if self.last.is_some() {
            let idle = if self.looks_again { limits::CONSOLE_EVENT_INTERVAL } else { limits::WATCH_POLL };
            tokio::select! {
                () = self.stop.cancelled() => return None,
                () = changed(&mut self.changes) => self.looks_again = true,
                () = sleep_until(self.looked_at + idle) => self.looks_again = false,
                () = changed(&mut self.samples) => return self.wake(Wake::Sample),
            }
            tokio::select! {
                () = self.stop.cancelled() => return None,
                () = sleep_until(self.looked_at + limits::CONSOLE_EVENT_INTERVAL) => {}
            }
        }
        // Marked as seen before the look: what changes during it wakes us again.
        if let Some(changes) = &mut self.changes {
            changes.borrow_and_update();
        }
        self.wake(Wake::Look)
    }

    fn wake(&mut self, wake: Wake) -> Option<Wake> {
        self.last = Some(wake);
        self.last
    }
}

/// A change; never for who does not ask for any, or once there will be none.
async fn changed(changes: &mut Option<watch::Receiver<u64>>) {
    let has_changed = match changes {
        Some(changes) => changes.changed().await.is_ok(),
        None => false,
    };
    if !has_changed {
        std::future::pending::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const SOME_TIME: Duration = Duration::from_millis(4500);

    fn wakes(changes: &watch::Sender<u64>, samples: Option<watch::Receiver<u64>>) -> Wakes {
        let stop = CancellationToken::new();
        Wakes {
            changes: Some(changes.subscribe()),
            samples,
            stop,
            last: None,
            looked_at: Instant::now(),
            looks_again: false,
        }
    }

    /// What it does within some time.
    async fn done(wakes: &mut Wakes) -> Vec<Wake> {
        let until = Instant::now() + SOME_TIME;
        let mut done = Vec::new();
        while let Ok(Some(wake)) = tokio::time::timeout_at(until, wakes.next()).await {
            done.push(wake);
        }
        done
    }

    #[tokio::test(start_paused = true)]
    async fn a_page_looks_four_times_a_second_however_many_commits_there_are() {
        let changes = watch::Sender::new(0);
        let mut wakes = wakes(&changes, None);
        let committing = async {
            loop {
                tokio::time::sleep(Duration::from_millis(1)).await;
                changes.send_modify(|count| *count += 1);
            }
        };
        let looks = tokio::select! {
            done = done(&mut wakes) => done.len(),
            () = committing => 0,
        };
        let most = SOME_TIME.as_millis() / limits::CONSOLE_EVENT_INTERVAL.as_millis() + 1;
        assert!(looks as u128 <= most && looks as u128 >= most - 2, "{looks} looks in {SOME_TIME:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_page_looks_at_once_and_then_every_second_though_nothing_is_heard() {
        let changes = watch::Sender::new(0);
        assert_eq!(done(&mut wakes(&changes, None)).await, [Wake::Look; 5]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_commit_after_a_quiet_while_is_looked_at_without_delay() {
        let changes = watch::Sender::new(0);
        let mut wakes = wakes(&changes, None);
        wakes.next().await;
        let while_quiet = limits::CONSOLE_EVENT_INTERVAL * 2;
        let committing = async {
            tokio::time::sleep(while_quiet).await;
            changes.send_replace(1);
        };
        let since = Instant::now();
        let (wake, ()) = tokio::join!(wakes.next(), committing);
        assert_eq!(wake, Some(Wake::Look));
        assert!(since.elapsed() < while_quiet + Duration::from_millis(5), "{:?}", since.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn what_an_earlier_transaction_hid_is_looked_for_again_soon_and_but_once() {
        let changes = watch::Sender::new(0);
        let mut wakes = wakes(&changes, None);
        wakes.next().await;
        changes.send_replace(1);
        let since = Instant::now();
        let mut looked = Vec::new();
        for _ in 0..3 {
            assert_eq!(wakes.next().await, Some(Wake::Look));
            looked.push(since.elapsed().as_millis());
        }
        let (soon, poll) = (limits::CONSOLE_EVENT_INTERVAL.as_millis(), limits::WATCH_POLL.as_millis());
        let rounded: Vec<u128> = looked.iter().map(|at| at / 50 * 50).collect();
        assert_eq!(rounded, [soon, 2 * soon, 2 * soon + poll], "{looked:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn new_samples_are_told_without_a_look() {
        let (changes, samples) = (watch::Sender::new(0), watch::Sender::new(0));
        let mut wakes = wakes(&changes, Some(samples.subscribe()));
        wakes.next().await;
        samples.send_replace(1);
        assert_eq!(wakes.next().await, Some(Wake::Sample));
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_a_look_when_the_gateway_stops() {
        let changes = watch::Sender::new(0);
        let mut wakes = wakes(&changes, None);
        wakes.next().await;
        changes.send_replace(1);
        wakes.stop.cancel();
        assert_eq!(wakes.next().await, None);
    }
}
