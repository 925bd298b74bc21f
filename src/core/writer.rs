//! Writers: each takes the submissions of its shard in order, gathers what is there and commits it as
//! one batch. What cannot be stored together is cut apart until the bad submission is alone (R20).

use super::commit::{Committed, Surroundings, commit};
use super::directory::DirectoryWatch;
use super::holding::HoldingLimits;
use super::parking::Parking;
use super::readiness::Commits;
use super::submission::{Content, Item};
use crate::domain::{ClaimedIdentity, Door, Outcome, Refused, RetryCause, Verdict, Violation};
use crate::limits;
use crate::store::intern::Interner;
use crate::store::{Store, StoreError};
use crate::telemetry::{Metrics, Tally};
use chrono::Utc;
use futures::FutureExt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout};
use tracing::{Instrument, Span, info_span};

/// A part of one call of `submit`: the submissions of one shard, with their positions in the call.
pub(crate) struct Work {
    pub(crate) positions: Vec<usize>,
    pub(crate) items: Vec<Item>,
    /// Takes the verdicts, with room for those of every writer; the caller may be gone.
    pub(crate) reply: mpsc::Sender<(Vec<usize>, Vec<Verdict>)>,
    /// The span of the call, none if it has none.
    pub(crate) span: Span,
}

/// What all writers share.
pub(crate) struct WriterContext {
    pub(crate) store: Store,
    pub(crate) interner: Interner,
    pub(crate) directory: DirectoryWatch,
    pub(crate) bounds: HoldingLimits,
    pub(crate) parking: Parking,
    pub(crate) job_changes: watch::Sender<u64>,
    /// Moves when follow-up work was enqueued here.
    pub(crate) follow_up: watch::Sender<u64>,
    /// How commits went lately.
    pub(crate) commits: Arc<Commits>,
    /// Submissions that wait for a writer.
    pub(crate) queued: AtomicU64,
}

/// Runs one writer until its queue is closed and empty.
pub(crate) async fn run(context: Arc<WriterContext>, mut queue: mpsc::Receiver<Work>) {
    while let Some(first) = queue.recv().await {
        let mut works = vec![first];
        let (mut gathered, mut bytes) = (works[0].items.len(), bytes_of(&works[0].items));
        // No waiting for more: while one batch commits, the next one gathers by itself.
        while gathered < limits::COMMIT_BATCH_ITEMS && bytes < limits::COMMIT_BATCH_BYTES {
            let Ok(work) = queue.try_recv() else { break };
            gathered += work.items.len();
            bytes += bytes_of(&work.items);
            works.push(work);
        }
        let before = context.queued.fetch_sub(gathered as u64, Ordering::Relaxed);
        Metrics::global().queue_depth(before.saturating_sub(gathered as u64));
        let mut items = Vec::with_capacity(gathered);
        for work in &mut works {
            items.append(&mut work.items);
        }
        // One call may bring more than a batch has room for.
        let mut verdicts = Vec::with_capacity(items.len());
        for batch in batches(&items, size) {
            verdicts.append(&mut context.settle(batch, commit_span(&works, batch.len())).await);
        }
        count_decided(&items, &verdicts);
        let mut verdicts = verdicts.into_iter();
        for work in works {
            let own = verdicts.by_ref().take(work.positions.len()).collect();
            // A caller that is gone does not want its verdicts; what they say is true all the same.
            let _ = work.reply.try_send((work.positions, own));
        }
    }
}

fn size(item: &Item) -> usize {
    item.submission.raw.len()
}

fn bytes_of(items: &[Item]) -> usize {
    items.iter().map(size).sum()
}

/// Items cut into what one transaction takes, of which only the last may go beyond the limit on bytes.
fn batches<T>(items: &[T], size: impl Fn(&T) -> usize) -> impl Iterator<Item = &[T]> {
    let (mut bytes, mut count) = (0, 0);
    items.chunk_by(move |item, _| {
        bytes += size(item);
        count += 1;
        let has_room = count < limits::COMMIT_BATCH_ITEMS && bytes < limits::COMMIT_BATCH_BYTES;
        if !has_room {
            (bytes, count) = (0, 0);
        }
        has_room
    })
}

/// The span of a batch, part of the trace of the call that waited longest, and linked to the others.
fn commit_span(works: &[Work], items: usize) -> Span {
    let first = works.first().map_or_else(Span::none, |work| work.span.clone());
    let span = info_span!(parent: &first, "commit", items);
    for work in works.iter().skip(1) {
        span.follows_from(&work.span);
    }
    span
}

/// Counts decisions of deliveries; what comes again from the held messages is none (R1).
fn count_decided(items: &[Item], verdicts: &[Verdict]) {
    for door in [Door::Grpc, Door::Http, Door::Pulse, Door::CommandLine] {
        let delivered = items
            .iter()
            .zip(verdicts)
            .filter(|(item, _)| item.submission.door == door && item.submission.held.is_none());
        let tally: Tally = delivered.map(|(_, verdict)| &verdict.outcome).collect();
        if tally.total() > 0 {
            Metrics::global().decided(door, &tally);
        }
    }
}

impl WriterContext {
    /// Decides every item, whatever it takes.
    async fn settle(&self, items: &[Item], span: Span) -> Vec<Verdict> {
        let started = Instant::now();
        if self.commits.failed_just_now() {
            return self.retry_later(items, RetryCause::DatabaseUnavailable);
        }
        let mut cutting = Cutting { deadline: started + limits::WRITE_RETRY_WINDOW, internal: 0 };
        let verdicts = self.settle_part(items, &mut cutting).instrument(span).await;
        let is_committed =
            verdicts.iter().any(|verdict| !matches!(verdict.outcome, Outcome::RetryLater { .. }));
        if is_committed {
            Metrics::global().batch(items.len() as u64, started.elapsed());
            self.measure_lags(items);
        }
        verdicts
    }

    /// Lags of the batch: of the submission that waited longest, and of the job that ended last.
    fn measure_lags(&self, items: &[Item]) {
        let now = Utc::now();
        let lag = |since: chrono::DateTime<Utc>| (now - since).to_std().unwrap_or_default();
        // What was held waited for its push, not for us.
        let delivered = items.iter().filter(|item| item.submission.held.is_none());
        if let Some(received) = delivered.map(|item| item.submission.received_at).min() {
            Metrics::global().commit_lag(lag(received));
        }
        let ended = items.iter().filter_map(|item| match &item.submission.content {
            Content::Job(job) => job.end_time,
            Content::Artifact(_) | Content::Invalid(_) => None,
        });
        if let Some(ended) = ended.max() {
            Metrics::global().visible_lag(lag(ended));
        }
        Metrics::global().statements(self.store.take_statements());
    }

    /// Commits `items` as one batch; if one of them stands in the way, both halves by themselves, in
    /// order.
    async fn settle_part(&self, items: &[Item], cutting: &mut Cutting) -> Vec<Verdict> {
        match self.commit_with_retries(items, cutting.deadline).await {
            Ok(committed) => self.announce(committed),
            Err(StoreError::Unavailable(error) | StoreError::Unusable(error)) => {
                if self.commits.failed() {
                    tracing::error!(error, "the database is away; submitters are asked to send again");
                }
                self.retry_later(items, RetryCause::DatabaseUnavailable)
            }
            Err(StoreError::Conflict(error)) => {
                tracing::warn!(error, "other transactions were in the way for too long");
                self.retry_later(items, RetryCause::Overloaded)
            }
            // So many cannot be the fault of single submissions.
            Err(error) if is_bug(&error) && cutting.internal >= limits::INTERNAL_REJECTIONS => {
                self.undecided(items, &error)
            }
            // Data that the database refuses, or a bug of ours: somewhere among these is the cause.
            Err(error) if items.len() > 1 => {
                tracing::debug!(%error, items = items.len(), "cutting a batch apart");
                let (left, right) = items.split_at(items.len() / 2);
                let mut verdicts = Box::pin(self.settle_part(left, cutting)).await;
                verdicts.extend(Box::pin(self.settle_part(right, cutting)).await);
                verdicts
            }
            Err(error) => self.settle_alone(&items[0], &error, cutting).await,
        }
    }

    /// An item that cannot be stored even by itself is held as rejected: because of its data, or because
    /// it sets off a bug of ours and would again however often it is sent.
    async fn settle_alone(&self, item: &Item, error: &StoreError, cutting: &mut Cutting) -> Vec<Verdict> {
        let alone = std::slice::from_ref(item);
        let job_guid = item.guid().unwrap_or_default();
        let violation = if is_bug(error) {
            cutting.internal += 1;
            let id = uuid::Uuid::new_v4();
            tracing::error!(error_id = %id, job_guid, %error, "a submission sets off an internal error");
            Violation::internal(id)
        } else {
            tracing::warn!(job_guid, %error, "the database refuses a submission");
            let message =
                format!("the database does not take this submission: {error}; mend it and send it again");
            Violation::new("", "database", message)
        };
        let mut refused = item.clone();
        let claimed: ClaimedIdentity = item.claimed();
        refused.submission.content = Content::Invalid(Refused { claimed, violations: vec![violation] });
        match self.commit_with_retries(std::slice::from_ref(&refused), cutting.deadline).await {
            Ok(committed) => self.announce(committed),
            Err(StoreError::Unavailable(_) | StoreError::Unusable(_)) => {
                self.retry_later(alone, RetryCause::DatabaseUnavailable)
            }
            Err(StoreError::Conflict(_)) => self.retry_later(alone, RetryCause::Overloaded),
            Err(error) => self.undecided(alone, &error),
        }
    }

    /// Items that cannot even be held: they stay with their submitters.
    fn undecided(&self, items: &[Item], error: &StoreError) -> Vec<Verdict> {
        let id = uuid::Uuid::new_v4();
        let guid = items.first().and_then(Item::guid).unwrap_or_default();
        let count = items.len();
        tracing::error!(error_id = %id, job_guid = guid, count, %error, "submissions could not be decided");
        self.retry_later(items, RetryCause::Internal(id))
    }

    async fn commit_with_retries(&self, items: &[Item], deadline: Instant) -> Result<Committed, StoreError> {
        let (mut foreign_keys, mut conflicts, mut pause) = (0, 0, Duration::from_millis(20));
        loop {
            let directory = self.directory.current();
            let around = Surroundings {
                store: &self.store,
                interner: &self.interner,
                directory: &directory,
                bounds: &self.bounds,
            };
            // A panic is a bug of ours, and no reason to stop taking jobs. A commit that does not answer
            // may have happened or not: sent again, it is STORED or UNCHANGED, both are right (R34).
            let attempt = AssertUnwindSafe(commit(around, items)).catch_unwind();
            let result = match timeout(limits::COMMIT_ATTEMPT, attempt).await {
                Ok(Ok(result)) => result,
                Ok(Err(_)) => Err(StoreError::Panicked),
                Err(_) => Err(StoreError::Unavailable("no answer in time".into())),
            };
            match result {
                Ok(committed) => {
                    self.commits.succeeded();
                    return Ok(committed);
                }
                Err(StoreError::ForeignKey(error)) if foreign_keys == 0 => {
                    tracing::debug!(error, "dropping cached ids");
                    foreign_keys += 1;
                    self.interner.clear();
                }
                Err(StoreError::Conflict(error))
                    if conflicts < MOST_CONFLICTS && Instant::now() < deadline =>
                {
                    tracing::debug!(error, "running a batch again");
                    conflicts += 1;
                    sleep(Duration::from_millis(conflicts * rand::random_range(1..4))).await;
                }
                // Once the database is known to be away, nobody waits for the whole window again.
                Err(StoreError::Unavailable(error))
                    if Instant::now() + pause < deadline && self.commits.are_possible() =>
                {
                    tracing::debug!(error, "trying a batch again");
                    sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_secs(1));
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn announce(&self, committed: Committed) -> Vec<Verdict> {
        if committed.jobs_changed {
            self.job_changes.send_modify(|count| *count += 1);
        }
        if committed.queued_work {
            self.follow_up.send_modify(|count| *count += 1);
        }
        self.parking.look_again(committed.parked_for_push, committed.waits_for_job);
        committed.verdicts
    }

    fn retry_later(&self, items: &[Item], cause: RetryCause) -> Vec<Verdict> {
        let outcome = Outcome::RetryLater { delay: limits::RETRY_DELAY, cause };
        items
            .iter()
            .map(|item| Verdict {
                guid: item.guid().map(Into::into),
                outcome: outcome.clone(),
                warnings: Vec::new(),
            })
            .collect()
    }
}

/// A batch that is cut apart.
struct Cutting {
    /// For all its parts together.
    deadline: Instant,
    /// Submissions found so far that set off a bug of ours.
    internal: usize,
}

/// Whether the failure is neither the database's nor that of the data.
fn is_bug(error: &StoreError) -> bool {
    matches!(error, StoreError::Internal(_) | StoreError::Panicked)
}

/// Serialization failures and deadlocks in a row before submitters are asked to send again.
const MOST_CONFLICTS: u64 = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_is_full_by_number_or_by_bytes() {
        const MOST: usize = limits::COMMIT_BATCH_BYTES;
        let lengths = |sizes: &[usize]| batches(sizes, |size| *size).map(<[_]>::len).collect::<Vec<_>>();
        assert_eq!(lengths(&[]), [0; 0]);
        assert_eq!(lengths(&[1; 2 * limits::COMMIT_BATCH_ITEMS + 1]), [500, 500, 1]);
        assert_eq!(lengths(&[MOST / 2, MOST / 2, 1, MOST * 2, 1, 1]), [2, 2, 2]);
        assert_eq!(lengths(&[MOST, MOST]), [1, 1]);
    }
}
