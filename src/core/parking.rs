//! Parked submissions: released when the push or job that they wait for comes.
//!
//! No release is lost: a push is stored before its waiting jobs are looked for, a job is parked before
//! its push is looked for once more ([`Parking::look_again`]), and a slow sweep is the safety net for
//! notices that got lost with their gateway.

use super::family::Families;
use super::gateway::{GatewayShared, Writers};
use super::job_writes::touch_rows;
use super::releases::Releases;
use super::submission::{HeldOrigin, Item, Submission};
use crate::domain::{HeldState, Outcome, RawFormat};
use crate::formats;
use crate::limits;
use crate::store::HeldSubmission;
use crate::store::StoreError;
use crate::telemetry::Metrics;
use bytes::Bytes;
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep};
use tokio_util::sync::CancellationToken;

/// A reason to look at what is parked.
#[derive(Debug)]
pub(crate) enum Notice {
    /// This push is stored: (repository, top revision).
    Push(i32, String),
    /// Jobs were parked for these revisions; the push may have been stored meanwhile.
    Revisions(Vec<(i32, String)>),
}

/// Takes notices; never blocks the writers. More than fit are one reason to look at everything.
#[derive(Debug, Clone)]
pub(crate) struct Parking {
    notices: mpsc::Sender<Notice>,
    overflow: Arc<Notify>,
    /// Something waits for a job that may be stored by now.
    jobs: Arc<Notify>,
}

/// The other end of [`Parking`].
#[derive(Debug)]
pub(crate) struct Notices {
    notices: mpsc::Receiver<Notice>,
    overflow: Arc<Notify>,
    jobs: Arc<Notify>,
}

impl Parking {
    pub(crate) fn new() -> (Self, Notices) {
        let (sender, receiver) = mpsc::channel(limits::PARKING_NOTICES);
        let (overflow, jobs) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        (
            Self { notices: sender, overflow: overflow.clone(), jobs: jobs.clone() },
            Notices { notices: receiver, overflow, jobs },
        )
    }

    fn notice(&self, notice: Notice) {
        if self.notices.try_send(notice).is_err() {
            self.overflow.notify_one();
        }
    }

    /// After a push was stored.
    pub(crate) fn push_stored(&self, repository_id: i32, revision: &str) {
        self.notice(Notice::Push(repository_id, revision.to_owned()));
    }

    /// After something was parked.
    pub(crate) fn look_again(&self, revisions: Vec<(i32, String)>, job: bool) {
        if !revisions.is_empty() {
            self.notice(Notice::Revisions(revisions));
        }
        if job {
            self.jobs.notify_one();
        }
    }
}

/// Releases until stopped: pushes as their notices come; in turn with them, and not one waiting for the
/// other, jobs that artifacts wait for, and the sweep.
pub(crate) async fn run(shared: Arc<GatewayShared>, reasons: Notices, stop: CancellationToken) {
    let Notices { notices, overflow, jobs } = reasons;
    let all = async {
        tokio::join!(
            follow_pushes(&shared, notices, &overflow),
            follow_jobs(&shared, &jobs),
            sweep(&shared, &overflow)
        )
    };
    stop.run_until_cancelled(Box::pin(all)).await;
}

async fn follow_pushes(shared: &GatewayShared, mut notices: mpsc::Receiver<Notice>, overflow: &Notify) {
    let (mut gathered, mut releases) = (Vec::new(), Releases::default());
    loop {
        // Between two chunks only what is there; with nothing to release, whatever comes.
        while let Ok(notice) = notices.try_recv() {
            gathered.push(notice);
        }
        if gathered.is_empty()
            && releases.is_empty()
            && notices.recv_many(&mut gathered, limits::PARKING_NOTICES).await == 0
        {
            return;
        }
        if let Err(error) = shared.follow(std::mem::take(&mut gathered), &mut releases).await {
            tracing::warn!(%error, "pushes could not be followed; a sweep will");
            releases = Releases::default();
            sleep(limits::RETRY_DELAY).await;
            overflow.notify_one();
        }
    }
}

async fn follow_jobs(shared: &GatewayShared, jobs: &Notify) {
    loop {
        jobs.notified().await;
        if let Err(error) = shared.release_for_jobs().await {
            tracing::warn!(%error, "what waits for jobs could not be looked at; a sweep will");
        }
        // It looks at everything that waits for jobs, so not for every batch.
        sleep(limits::WAITING_JOBS_INTERVAL).await;
    }
}

async fn sweep(shared: &GatewayShared, overflow: &Notify) {
    let mut sweeps = interval_at(Instant::now(), limits::SWEEP_INTERVAL);
    sweeps.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = sweeps.tick() => {}
            () = overflow.notified() => {}
        }
        // Each by itself: what fails in one does not keep the others from being done.
        let swept = [shared.sweep().await, shared.expire().await, shared.measure().await];
        for error in swept.into_iter().filter_map(Result::err) {
            tracing::warn!(%error, "held submissions could not be swept; the next sweep will");
        }
    }
}

impl GatewayShared {
    /// Adds the pushes that notices are about, and releases one chunk of the one whose turn it is.
    async fn follow(&self, notices: Vec<Notice>, releases: &mut Releases) -> Result<(), StoreError> {
        let mut possible = BTreeSet::new();
        for notice in notices {
            match notice {
                Notice::Push(repository, revision) => releases.add(repository, revision),
                Notice::Revisions(revisions) => possible.extend(revisions),
            }
        }
        if !possible.is_empty() {
            let possible: Vec<_> = possible.into_iter().collect();
            for (repository, revision) in self.store.stored_pushes_among(&possible).await? {
                releases.add(repository, revision);
            }
        }
        if let Some(release) = releases.next() {
            let last = self.release_chunk(release.repository_id, &release.revision, release.after).await?;
            releases.give_back(release, last);
        }
        Ok(())
    }

    /// Looks at everything that waits for pushes and jobs that are there.
    async fn sweep(&self) -> Result<(), StoreError> {
        for (repository, revision) in self.store.parked_pushes_now_known().await? {
            self.release_for_push(repository, &revision).await?;
        }
        self.release_for_jobs().await
    }

    pub(super) async fn expire(&self) -> Result<(), StoreError> {
        let expired = self.store.expire(chrono::Utc::now(), self.context.bounds.rejected_age).await?;
        self.store.expire_attempts(chrono::Utc::now() - limits::PULSE_ATTEMPT_AGE).await?;
        if expired.parked > 0 {
            tracing::warn!(count = expired.parked, "parked submissions expired and are held as such");
        }
        Ok(())
    }

    async fn measure(&self) -> Result<(), StoreError> {
        let summary = self.store.held_summary().await?;
        for state in [HeldState::Parked, HeldState::Rejected, HeldState::Expired] {
            let of_state = summary.iter().find(|held| held.state == state);
            Metrics::global().held(state, of_state.map_or(0, |held| held.items.unsigned_abs()));
            if state == HeldState::Parked {
                let age =
                    of_state.and_then(|held| (chrono::Utc::now() - held.oldest_received_at).to_std().ok());
                Metrics::global().oldest_parked(age.unwrap_or_default());
            }
        }
        Metrics::global().follow_up_depth(self.store.follow_up_depth().await?);
        Ok(())
    }

    async fn release_for_push(&self, repository_id: i32, revision: &str) -> Result<(), StoreError> {
        let mut after = 0;
        while let Some(last) = self.release_chunk(repository_id, revision, after).await? {
            after = last;
        }
        Ok(())
    }

    /// Releases the next that wait for a push; gives the number of the last, none if nothing waited.
    async fn release_chunk(
        &self,
        repository_id: i32,
        revision: &str,
        after: i64,
    ) -> Result<Option<i64>, StoreError> {
        let waiting =
            self.store.waiting_for_push(repository_id, revision, after, limits::RELEASE_CHUNK).await?;
        let last = waiting.last().map(|held| held.id);
        if last.is_some() {
            tracing::debug!(repository_id, revision, count = waiting.len(), "releasing parked submissions");
            self.release(waiting).await;
        }
        Ok(last)
    }

    async fn release_for_jobs(&self) -> Result<(), StoreError> {
        self.apply_remembered().await?;
        for (repository, guid) in self.store.parked_jobs_now_known().await? {
            let mut after = 0;
            loop {
                let waiting =
                    self.store.waiting_for_job(repository, &guid, after, limits::RELEASE_CHUNK).await?;
                let Some(last) = waiting.last().map(|held| held.id) else { break };
                self.release(waiting).await;
                after = last;
            }
        }
        Ok(())
    }

    /// Supersedes jobs that came although a superseding job was remembered for them: the two crossed in
    /// different gateways (R6).
    async fn apply_remembered(&self) -> Result<(), StoreError> {
        let jobs = self.store.superseded_jobs_now_known().await?;
        if jobs.is_empty() {
            return Ok(());
        }
        let mut transaction = self.store.begin_batch().await?;
        let mut guids: Vec<&str> = jobs.iter().map(|(_, guid)| guid.as_str()).collect();
        guids.sort_unstable();
        let mut families = Families::new(transaction.lock_families(&guids, &[]).await?);
        let keys: Vec<(i32, &str)> = jobs.iter().map(|(id, guid)| (*id, guid.as_str())).collect();
        for (guid, by) in transaction.take_supersedes(&keys).await? {
            if let Some(row) = families.row_of(&guid) {
                families.rows[row].touched |= families.rows[row].supersede(&by);
            }
        }
        let now = chrono::Utc::now().timestamp_micros();
        let changed = touch_rows(&mut transaction, &families, now).await?;
        transaction.commit().await?;
        if changed {
            self.context.job_changes.send_modify(|count| *count += 1);
        }
        Ok(())
    }

    /// Runs held submissions through the whole pipeline again, in order of receipt. What is to be tried
    /// later stays held.
    async fn release(&self, waiting: Vec<HeldSubmission>) {
        let items: Vec<Item> = waiting
            .into_iter()
            .map(|mut held| {
                let raw = std::mem::take(&mut held.raw).into();
                again(held, raw, false)
            })
            .collect();
        let verdicts = self.enqueue(items, Writers::ByGuid).await.await;
        let undecided = verdicts.iter().filter(|v| matches!(v.outcome, Outcome::RetryLater { .. })).count();
        if undecided > 0 {
            tracing::warn!(undecided, "parked submissions stay parked until the next sweep");
        }
    }
}

/// A held message as a submission. Bytes of a format that only a request as a whole has cannot come
/// here: they are held, but never as a job or artifact.
pub(crate) fn again(held: HeldSubmission, raw: Bytes, replayed: bool) -> Item {
    let request_project = match held.format {
        RawFormat::ProtobufArtifact
        | RawFormat::ProtobufPush
        | RawFormat::LegacyPushJson
        | RawFormat::LegacyJobJson
        | RawFormat::LegacyArtifactJson => held.project.clone(),
        RawFormat::ProtobufJob
        | RawFormat::PulseJson
        | RawFormat::GithubPushJson
        | RawFormat::GithubPullRequestJson
        | RawFormat::MercurialPushJson
        | RawFormat::UndecodableFrame
        | RawFormat::CompressedBody => None,
    };
    let decoded = formats::decode(held.format, &raw, request_project.as_deref());
    Item {
        submission: Submission {
            door: held.door,
            received_at: held.received_at,
            raw,
            format: held.format,
            request_project,
            content: decoded.content,
            warnings: decoded.warnings,
            held: Some(HeldOrigin { id: held.id, replayed }),
            // Kept with the held message already.
            context: None,
        },
        source: held.source.into(),
    }
}
