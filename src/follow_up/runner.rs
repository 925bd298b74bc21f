//! Claims entries and sees each through.

use super::{Lease, Outcome, Work, retries};
use crate::limits;
use crate::store::follow_up::{FailedAt, Priority};
use crate::store::{Store, StoreError};
use crate::telemetry::Metrics;
use futures::FutureExt;
use std::future::pending;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{interval_at, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, debug, error, info_span, warn};

/// Of this many claims, one takes what is not of failed jobs first: else it could wait for ever.
const TURNS: u64 = 4;

/// How a kind of work is run.
#[derive(Debug, Clone, Copy)]
pub struct RunnerOptions {
    /// Entries that are worked on at once.
    pub workers: usize,
    /// How long an entry stays claimed without a sign of life.
    pub lease: Duration,
    /// How often to look for entries that other gateways enqueued, or that are due again.
    pub poll: Duration,
    /// Wait after the first failed attempt.
    pub first_retry: Duration,
    /// Time for work under way to end once the gateway stops; the rest is given back.
    pub drain: Duration,
}

impl Default for RunnerOptions {
    fn default() -> Self {
        Self {
            workers: limits::FOLLOW_UP_WORKERS,
            lease: limits::FOLLOW_UP_LEASE,
            poll: limits::FOLLOW_UP_POLL,
            first_retry: limits::FOLLOW_UP_FIRST_RETRY,
            drain: limits::FOLLOW_UP_DRAIN,
        }
    }
}

/// Runs one kind of work until `stop`, and then what is under way for as long as the options allow.
/// Looks at the queue at once when `enqueued` changes.
pub fn start<W: Work>(
    store: Store,
    work: W,
    options: RunnerOptions,
    enqueued: watch::Receiver<u64>,
    stop: CancellationToken,
) -> JoinHandle<()> {
    let attempts = Arc::new(Attempts {
        store,
        work,
        options,
        name: uuid::Uuid::new_v4().simple().to_string(),
        claims: AtomicU64::new(0),
    });
    tokio::spawn(run(attempts, enqueued, stop))
}

/// What every attempt works with.
struct Attempts<W> {
    store: Store,
    work: W,
    options: RunnerOptions,
    /// Unique among all runners.
    name: String,
    claims: AtomicU64,
}

async fn run<W: Work>(
    attempts: Arc<Attempts<W>>,
    mut enqueued: watch::Receiver<u64>,
    stop: CancellationToken,
) {
    if let Err(error) = attempts.store.end_orphaned_leases(W::QUEUE).await {
        warn!(%error, "follow-up work of an earlier process waits for its leases to end");
    }
    let mut under_way = JoinSet::new();
    // Work under way is dropped only after the time for it is over.
    let abandon = CancellationToken::new();
    while !stop.is_cancelled() {
        let free = attempts.options.workers.saturating_sub(under_way.len());
        let claimed = if free > 0 { attempts.claim(free).await } else { Vec::new() };
        let is_idle = claimed.len() < free;
        for lease in claimed {
            let (attempts, abandon) = (attempts.clone(), abandon.clone());
            let span = info_span!("follow_up", kind = W::QUEUE.kind, id = lease.id);
            under_way.spawn(async move { attempts.attempt(&lease, &abandon).await }.instrument(span));
        }
        let any_ended = async {
            // Never ready if nothing is under way.
            if under_way.join_next().await.is_none() {
                pending::<()>().await;
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = any_ended => {}
            _ = enqueued.changed(), if is_idle => {}
            () = sleep(attempts.options.poll), if is_idle => {}
        }
        while under_way.try_join_next().is_some() {}
    }
    let ended = async { while under_way.join_next().await.is_some() {} };
    if timeout(attempts.options.drain, ended).await.is_err() {
        abandon.cancel();
        while under_way.join_next().await.is_some() {}
    }
}

impl<W: Work> Attempts<W> {
    /// Entries to work on now; none if the database is away.
    async fn claim(&self, limit: usize) -> Vec<Lease> {
        let turn = self.claims.fetch_add(1, Ordering::Relaxed);
        let first = if turn % TURNS == TURNS - 1 { Priority::Others } else { Priority::Failures };
        let owner = format!("{}-{turn}", self.name);
        let now = now();
        let until = now + micros(self.options.lease);
        match self.store.claim_work(W::QUEUE, first, &owner, now, until, limit).await {
            Ok(leases) => leases,
            Err(error) => {
                warn!(kind = W::QUEUE.kind, %error, "follow-up work could not be claimed; it stays queued");
                Vec::new()
            }
        }
    }

    /// Performs one entry and writes down what became of it.
    async fn attempt(&self, lease: &Lease, abandon: &CancellationToken) {
        if lease.attempts > W::ATTEMPTS {
            // Every attempt is counted when it begins: these ended with their gateways.
            let why = format!("given up: {} attempts began and none ended", W::ATTEMPTS);
            return self.note(lease, Outcome::Dead { why }).await;
        }
        let performed = AssertUnwindSafe(self.work.perform(lease)).catch_unwind();
        let outcome = tokio::select! {
            biased;
            performed = performed => match performed {
                Ok(Ok(outcome)) => outcome,
                Ok(Err(error)) => return self.note_unstored(lease, &error).await,
                Err(_) => Outcome::Retry { why: "a bug of ours; see the gateway's log".into(), after: None },
            },
            () = abandon.cancelled() => {
                if let Err(error) = self.store.give_back_work(W::QUEUE, lease).await {
                    warn!(%error, "follow-up work could not be given back; it waits for its lease to end");
                }
                return;
            }
            () = self.keep(lease) => {
                warn!("the lease of follow-up work was lost; whoever has it now does the work");
                return;
            }
        };
        self.note(lease, outcome).await;
    }

    /// Extends the lease for as long as it is ours.
    async fn keep(&self, lease: &Lease) {
        let period = self.options.lease / 3;
        let mut ticks = interval_at(tokio::time::Instant::now() + period, period);
        loop {
            ticks.tick().await;
            let until = now() + micros(self.options.lease);
            match self.store.extend_lease(W::QUEUE, lease, until).await {
                Ok(true) => {}
                Ok(false) => return,
                // The database is away. If it stays so, storing the outcome will tell.
                Err(error) => debug!(%error, "a lease could not be extended"),
            }
        }
    }

    async fn note(&self, lease: &Lease, outcome: Outcome) {
        let kind = W::QUEUE.kind;
        Metrics::global().follow_up_attempt(kind, outcome.as_str());
        let noted = match outcome {
            Outcome::Stored => Ok(true),
            Outcome::Done => self.store.finish_work(W::QUEUE, lease).await,
            Outcome::Dead { why } => self.bury(lease, FailedAt::Work, &why).await,
            Outcome::Later { why, after } => {
                let pause = after.clamp(self.options.first_retry, limits::FETCH_LONGEST_PATIENCE);
                debug!(kind, why, ?pause, "follow-up work waits before it can begin");
                self.store.defer_work(W::QUEUE, lease, &why, now() + micros(pause)).await
            }
            Outcome::Retry { why, after } => self.postpone(lease, FailedAt::Work, &why, after).await,
        };
        Self::tell_unnoted(noted);
    }

    /// Writes down that the database failed. What it refuses as it is, it would refuse again.
    async fn note_unstored(&self, lease: &Lease, error: &StoreError) {
        let again = !matches!(error, StoreError::Data(_));
        let label = if again { "retry" } else { "dead" };
        Metrics::global().follow_up_attempt(W::QUEUE.kind, label);
        let why = format!("storing failed: {error}");
        Self::tell_unnoted(if again {
            self.postpone(lease, FailedAt::Storing, &why, None).await
        } else {
            self.bury(lease, FailedAt::Storing, &why).await
        });
    }

    fn tell_unnoted(noted: Result<bool, StoreError>) {
        match noted {
            Ok(true) => {}
            Ok(false) => debug!("the lease of follow-up work was lost before its outcome was noted"),
            Err(error) => {
                warn!(%error, "the outcome of follow-up work was not noted; its lease will end");
            }
        }
    }

    /// Lets an entry wait for its next attempt, if there is to be one.
    async fn postpone(
        &self,
        lease: &Lease,
        failed: FailedAt,
        why: &str,
        after: Option<Duration>,
    ) -> Result<bool, StoreError> {
        let (kind, attempts) = (W::QUEUE.kind, lease.attempts);
        if attempts >= W::ATTEMPTS {
            return self.bury(lease, failed, &format!("{why}; given up after {attempts} attempts")).await;
        }
        let pause = retries::pause(self.options.first_retry, attempts);
        let pause = pause.max(after.unwrap_or_default().min(limits::FETCH_LONGEST_PATIENCE));
        warn!(kind, why, attempts, ?pause, "follow-up work failed; tried again");
        self.store.postpone_work(W::QUEUE, lease, failed, why, now() + micros(pause)).await
    }

    async fn bury(&self, lease: &Lease, failed: FailedAt, why: &str) -> Result<bool, StoreError> {
        error!(kind = W::QUEUE.kind, why, attempts = lease.attempts, "follow-up work is given up");
        self.store.bury_work(W::QUEUE, lease, failed, why, now()).await
    }
}

fn now() -> i64 {
    chrono::Utc::now().timestamp_micros()
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX / 2)
}
