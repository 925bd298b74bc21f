//! The running core: takes submissions in, hands them to the writers, gives verdicts back.

use super::directory::DirectoryKeeper;
use super::exchanges::Consumers;
use super::holding::HoldingLimits;
use super::parking::{self, Parking};
use super::push_notices::PushNoticeSubmission;
use super::readiness::{Commits, Readiness};
use super::retention;
use super::submission::{Content, Item, PushSubmission, Submission};
use super::suggestions::BugFinder;
use super::writer::{self, Work, WriterContext};
use super::{notices, push_notices, pushes, replay};
use crate::access::{Credentials, Principal};
use crate::domain::{
    Door, Outcome, Push, Refused, Registration, Repository, Retention, RetryCause, Signature, Verdict,
    Violation,
};
use crate::limits;
use crate::store::follow_up::QueueTable;
use crate::store::intern::Interner;
use crate::store::{Backend, Store, StoreError};
use crate::telemetry::Metrics;
use chrono::Utc;
use futures::FutureExt;
use futures::future::BoxFuture;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{Mutex, RwLock, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout_at;
use tokio_util::sync::CancellationToken;

/// Takes submissions, decides and stores. Cheap to clone.
#[derive(Clone)]
pub struct Gateway(pub(super) Arc<GatewayShared>);

/// What a gateway may hold, and how many writers it has.
#[derive(Debug, Clone, Default)]
pub struct GatewayOptions {
    /// Bounds of held messages.
    pub holding: HoldingLimits,
    /// Writers on PostgreSQL, each with a connection of its own; 0: [`WRITERS`].
    pub writers: usize,
    /// How long jobs are kept.
    pub retention: Retention,
}

/// Concurrent transactions on PostgreSQL: beyond these, 500 rows at a time gain nothing.
pub const WRITERS: usize = 3;

pub(crate) struct GatewayShared {
    pub(crate) store: Store,
    pub(crate) context: Arc<WriterContext>,
    directory: Arc<DirectoryKeeper>,
    consumers: Consumers,
    /// Finds bugs for error lines.
    pub(super) bugs: BugFinder,
    /// Queues of the writers; empty once the gateway stops.
    queues: RwLock<Vec<mpsc::Sender<Work>>>,
    heard: watch::Sender<u64>,
    tasks: Mutex<JoinSet<()>>,
    writers: Mutex<JoinSet<()>>,
    stop: CancellationToken,
}

/// Repositories, credentials, tiers and exchanges as of the last look, at most 2 s old.
#[derive(Debug, Clone, Default)]
pub struct Directory {
    /// Moves with every change.
    pub version: i64,
    /// By name.
    pub repositories: HashMap<Box<str>, Arc<Repository>>,
    /// Those that are not revoked.
    pub credentials: Credentials,
    /// Tier overrides.
    pub tiers: HashMap<Signature, i32>,
    /// Exchanges that messages are taken from, by name.
    pub exchanges: Vec<Arc<Registration>>,
}

/// Why a whole request was not taken in.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// To be sent again.
    #[error("not taken in, send again after {delay:?}")]
    RetryLater {
        /// Not before this.
        delay: Duration,
        /// Why.
        cause: RetryCause,
    },
    /// The credential may not write the project of the request.
    #[error("the credential may not write project {0:?}")]
    Forbidden(String),
    /// The gateway is stopping.
    #[error("the gateway is shutting down")]
    Stopping,
    /// A bug of ours, or the database is away.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Verdicts to come, in the order of the submissions. RETRY_LATER is among them.
pub type PendingVerdicts = BoxFuture<'static, Vec<Verdict>>;

impl std::fmt::Debug for Gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Gateway")
    }
}

impl Gateway {
    /// Starts writers and the tasks around them.
    ///
    /// # Errors
    /// If the directory cannot be read.
    pub async fn start(store: Store, options: GatewayOptions) -> Result<Self, StoreError> {
        let commits = Arc::new(Commits::new());
        let directory = Arc::new(DirectoryKeeper::start(store.clone(), commits.clone()).await?);
        let (parking, parking_notices) = Parking::new();
        let (job_changes, heard) = (watch::Sender::new(0), watch::Sender::new(0));
        let context = Arc::new(WriterContext {
            store: store.clone(),
            interner: Interner::new(),
            directory: directory.watch(),
            bounds: options.holding,
            parking,
            job_changes: job_changes.clone(),
            follow_up: watch::Sender::new(0),
            commits,
            queued: AtomicU64::new(0),
        });
        let count = match (store.backend(), options.writers) {
            (Backend::Sqlite { .. }, _) => 1,
            (Backend::Postgres { .. }, 0) => WRITERS,
            (Backend::Postgres { .. }, writers) => writers,
        };
        let mut writers = JoinSet::new();
        let mut queues = Vec::with_capacity(count);
        for _ in 0..count {
            let (sender, receiver) = mpsc::channel(limits::WRITER_QUEUE_CHUNKS);
            writers.spawn(writer::run(context.clone(), receiver));
            queues.push(sender);
        }
        let stop = CancellationToken::new();
        let shared = Arc::new(GatewayShared {
            store: store.clone(),
            context,
            directory: directory.clone(),
            consumers: Consumers::default(),
            bugs: BugFinder::new(store.clone()),
            queues: RwLock::new(queues),
            heard: heard.clone(),
            tasks: Mutex::default(),
            writers: Mutex::new(writers),
            stop: stop.clone(),
        });
        {
            let mut tasks = shared.tasks.lock().await;
            tasks.spawn(directory.run(stop.clone()));
            tasks.spawn(parking::run(shared.clone(), parking_notices, stop.clone()));
            tasks.spawn(retention::run(shared.clone(), options.retention, stop.clone()));
            tasks.spawn(notices::run(store, job_changes.subscribe(), heard, stop));
        }
        Ok(Self(shared))
    }

    /// Takes in a part of a stream or channel: waits for room in the queues, then returns. The order of
    /// calls is the order of application for submissions of one guid.
    ///
    /// # Errors
    /// If the gateway is stopping.
    pub async fn submit(
        &self,
        principal: &Principal,
        submissions: Vec<Submission>,
    ) -> Result<PendingVerdicts, SubmitError> {
        self.take_in(principal, submissions, Writers::ByGuid).await
    }

    /// Takes in a request that stands by itself, such as a collection: its submissions are applied in
    /// their order, across guids too while they fit into one batch. Nothing is said about the order of
    /// calls. Waits for room in the queues, then returns.
    ///
    /// # Errors
    /// If the gateway is stopping.
    pub async fn submit_request(
        &self,
        principal: &Principal,
        submissions: Vec<Submission>,
    ) -> Result<PendingVerdicts, SubmitError> {
        let fits = submissions.len() <= limits::COMMIT_BATCH_ITEMS;
        let writers = if fits { Writers::OneForAll } else { Writers::ByGuid };
        self.take_in(principal, submissions, writers).await
    }

    async fn take_in(
        &self,
        principal: &Principal,
        submissions: Vec<Submission>,
        writers: Writers,
    ) -> Result<PendingVerdicts, SubmitError> {
        if self.0.stop.is_cancelled() {
            return Err(SubmitError::Stopping);
        }
        let items = submissions.into_iter().map(|submission| authorised(principal, submission)).collect();
        Ok(self.0.enqueue(items, writers).await)
    }

    /// Stores pushes of one project, and releases what waits for them.
    ///
    /// # Errors
    /// If the request as a whole cannot be taken: see [`SubmitError`].
    pub async fn submit_pushes(
        &self,
        principal: &Principal,
        door: Door,
        project: &str,
        pushes: Vec<PushSubmission>,
    ) -> Result<Vec<Verdict>, SubmitError> {
        pushes::submit(&self.0, principal, door, project, pushes).await
    }

    /// Decides messages that tell of pushes; verdicts come in their order, after the commit.
    pub async fn submit_push_notices(
        &self,
        principal: &Principal,
        notices: Vec<PushNoticeSubmission>,
    ) -> Vec<Verdict> {
        push_notices::submit(&self.0, principal, notices).await
    }

    /// Stores a push that its host was asked for, and has what waits for it released.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn store_fetched_push(&self, repository_id: i32, push: &Push) -> Result<Outcome, StoreError> {
        pushes::store(&self.0, repository_id, push, Utc::now()).await
    }

    /// Runs held messages through the pipeline again; verdicts come in the order of the ids.
    ///
    /// # Errors
    /// If the principal may not write the project of one of them.
    pub async fn replay(&self, principal: &Principal, ids: &[i64]) -> Result<Vec<Verdict>, SubmitError> {
        replay::replay(&self.0, principal, ids).await
    }

    /// Discards held messages; gives back how many there were.
    ///
    /// # Errors
    /// If the principal may not write the project of one of them.
    pub async fn discard(&self, principal: &Principal, ids: &[i64]) -> Result<u64, SubmitError> {
        replay::discard(&self.0, principal, ids).await
    }

    /// The directory as of the last look.
    pub fn directory(&self) -> Arc<Directory> {
        self.0.context.directory.current()
    }

    /// Changes with the directory.
    pub fn directory_changes(&self) -> watch::Receiver<Arc<Directory>> {
        self.0.context.directory.subscribe()
    }

    /// How the consumers of exchanges do.
    pub fn consumers(&self) -> &Consumers {
        &self.0.consumers
    }

    /// Looks again now, after an administrative call.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn refresh_directory(&self) -> Result<(), StoreError> {
        self.0.directory.refresh().await
    }

    /// Changes whenever jobs may have changed, here or at another gateway.
    pub fn job_changes(&self) -> watch::Receiver<u64> {
        self.0.heard.subscribe()
    }

    /// Changes whenever follow-up work was enqueued here.
    pub fn follow_up_enqueued(&self) -> watch::Receiver<u64> {
        self.0.context.follow_up.subscribe()
    }

    /// Says that follow-up work was enqueued here: it is begun at once.
    fn announce_follow_up(&self) {
        self.0.context.follow_up.send_modify(|count| *count += 1);
    }

    /// Queues work for now that was given up, or waits for a later attempt: that with these numbers, or all
    /// of a queue. Gives how much.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn retry_work(&self, queue: &QueueTable, ids: Option<&[i64]>) -> Result<u64, StoreError> {
        let retried = self.0.store.retry_work(queue, ids).await?;
        self.announce_follow_up();
        Ok(retried)
    }

    /// Whether it can commit.
    pub fn readiness(&self) -> watch::Receiver<Readiness> {
        self.0.directory.readiness()
    }

    /// Shows from now on that the gateway stops, while what is under way still goes on.
    pub fn announce_stop(&self) {
        self.0.directory.announce_stop();
    }

    /// What is stored.
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// Takes nothing in any more, decides what was taken in, and stops.
    pub async fn drain(&self) {
        self.announce_stop();
        self.0.stop.cancel();
        self.0.queues.write().await.clear();
        let mut writers = self.0.writers.lock().await;
        while writers.join_next().await.is_some() {}
        self.0.tasks.lock().await.shutdown().await;
    }
}

impl GatewayShared {
    /// The directory as of the last look.
    pub(crate) fn current_directory(&self) -> Arc<Directory> {
        self.context.directory.current()
    }

    /// Hands items to writers, and gives what will be their verdicts.
    pub(crate) async fn enqueue(&self, items: Vec<Item>, writers: Writers) -> PendingVerdicts {
        let count = items.len();
        let guids: Vec<Option<Box<str>>> = items.iter().map(|item| item.guid().map(Into::into)).collect();
        let queues = self.queues.read().await;
        let (reply, mut replies) = mpsc::channel(queues.len().max(1));
        {
            let mut shards: Vec<(Vec<usize>, Vec<Item>)> =
                queues.iter().map(|_| Default::default()).collect();
            let one = match writers {
                Writers::ByGuid => None,
                Writers::OneForAll => items.first().map(|first| shard_of(first, queues.len())),
            };
            for (position, item) in items.into_iter().enumerate() {
                if shards.is_empty() {
                    break;
                }
                let shard = one.unwrap_or_else(|| shard_of(&item, shards.len()));
                shards[shard].0.push(position);
                shards[shard].1.push(item);
            }
            // First a place in every queue, then all of it: a call is taken in as a whole or not at all
            // (R34). Places are taken in the order of the queues, so that no two calls wait for each other.
            let mut places = Vec::with_capacity(queues.len());
            for (queue, (positions, items)) in queues.iter().zip(shards) {
                if !items.is_empty() {
                    // A writer that is gone drops the work, and with it its end of the replies.
                    let Ok(place) = queue.reserve().await else { continue };
                    places.push((place, positions, items));
                }
            }
            for (place, positions, items) in places {
                self.context.queued.fetch_add(items.len() as u64, Ordering::Relaxed);
                count_received(&items);
                let (reply, span) = (reply.clone(), tracing::Span::current());
                place.send(Work { positions, items, reply, span });
            }
        }
        drop((reply, queues));
        async move {
            let mut verdicts: Vec<Option<Verdict>> = vec![None; count];
            // What is not decided by then is to be sent again, whatever becomes of it (R34).
            let deadline = tokio::time::Instant::now() + limits::VERDICT_DEADLINE;
            while let Ok(Some((positions, decided))) = timeout_at(deadline, replies.recv()).await {
                for (position, verdict) in positions.into_iter().zip(decided) {
                    verdicts[position] = Some(verdict);
                }
            }
            let verdicts: Vec<Verdict> = verdicts
                .into_iter()
                .zip(guids)
                .map(|(verdict, guid)| verdict.unwrap_or_else(|| not_taken(guid)))
                .collect();
            verdicts
        }
        .boxed()
    }
}

/// Counts deliveries; what comes again from the held messages is none (R1).
fn count_received(items: &[Item]) {
    for door in [Door::Grpc, Door::Http, Door::Pulse, Door::CommandLine] {
        let delivered = |item: &&Item| item.submission.door == door && item.submission.held.is_none();
        let count = items.iter().filter(delivered).count();
        if count > 0 {
            Metrics::global().received(door, count as u64);
        }
    }
}

fn not_taken(guid: Option<Box<str>>) -> Verdict {
    let outcome = Outcome::RetryLater { delay: limits::RETRY_DELAY, cause: RetryCause::Overloaded };
    Verdict { guid, outcome, warnings: Vec::new() }
}

/// Which writers decide the items of a call.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Writers {
    /// Items of one root guid go to one writer whatever call they come with, and so keep their order (R8).
    ByGuid,
    /// All of a call go to one writer: fewer statements, and their order among each other.
    OneForAll,
}

fn shard_of(item: &Item, shards: usize) -> usize {
    let root = match &item.submission.content {
        Content::Job(job) => Some(job.guid.root()),
        Content::Artifact(artifact) => Some(artifact.guid.root()),
        Content::Invalid(_) => None,
    };
    let Some(root) = root else { return 0 };
    let mut hasher = DefaultHasher::new();
    root.hash(&mut hasher);
    // None once the gateway stops.
    usize::try_from(hasher.finish() % shards.max(1) as u64).unwrap_or_default()
}

/// The one check of who may write what: a submission for a project that the principal may not write
/// is refused, and held like any other refusal.
pub(crate) fn authorised(principal: &Principal, mut submission: Submission) -> Item {
    let source = principal.source.clone();
    let project = match &submission.content {
        Content::Job(job) => Some(&job.project),
        Content::Artifact(artifact) => Some(&artifact.project),
        Content::Invalid(_) => None,
    };
    if let Some(project) = project.filter(|project| !principal.may_write(project)).cloned() {
        let path = submission.format.project_path();
        let message = "the credential may not write this project; ask an administrator for one that may";
        let violation = Violation::new(path, "forbidden_project", message).with_value(project.as_str());
        let claimed = Item { submission: submission.clone(), source: source.clone() }.claimed();
        submission.content = Content::Invalid(Refused { claimed, violations: vec![violation] });
    }
    Item { submission, source }
}
