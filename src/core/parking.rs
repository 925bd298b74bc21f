//! Parked submissions: released when the push or job that they wait for comes.
//!
//! No release is lost: a push is stored before its waiting jobs are looked for, a job is parked before
//! its push is looked for once more ([`Parking::look_again`]), and a slow sweep is the safety net for
//! notices that got lost with their gateway.

use super::gateway::GatewayShared;
use super::submission::{HeldOrigin, Item, Submission};
use crate::domain::{Outcome, RawFormat};
use crate::formats;
use crate::limits;
use crate::store::StoreError;
use crate::store::model::HeldMessage;
use bytes::Bytes;
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep};
use tokio_util::sync::CancellationToken;

/// A reason to look at what is parked.
#[derive(Debug)]
pub(crate) enum Notice {
    /// This push is stored: (repository, top revision).
    PushStored(i32, String),
    /// Jobs were parked for these revisions; the push may have been stored meanwhile.
    PushMayBeStored(Vec<(i32, String)>),
    /// Something waits for a job that another gateway may have stored meanwhile.
    JobMayBeStored,
}

/// Takes notices; never blocks the writers.
#[derive(Debug, Clone)]
pub(crate) struct Parking(mpsc::UnboundedSender<Notice>);

impl Parking {
    pub(crate) fn new() -> (Self, mpsc::UnboundedReceiver<Notice>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self(sender), receiver)
    }

    /// After a push was stored.
    pub(crate) fn push_stored(&self, repository_id: i32, revision: &str) {
        // The receiver ends only with the gateway; the sweep of the next one goes on.
        let _ = self.0.send(Notice::PushStored(repository_id, revision.to_owned()));
    }

    /// After something was parked.
    pub(crate) fn look_again(&self, revisions: Vec<(i32, String)>, job: bool) {
        if !revisions.is_empty() {
            let _ = self.0.send(Notice::PushMayBeStored(revisions));
        }
        if job {
            let _ = self.0.send(Notice::JobMayBeStored);
        }
    }
}

/// Releases until stopped.
pub(crate) async fn run(
    shared: Arc<GatewayShared>,
    mut notices: mpsc::UnboundedReceiver<Notice>,
    stop: CancellationToken,
) {
    let mut sweeps = interval_at(Instant::now(), limits::SWEEP_INTERVAL);
    sweeps.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let mut gathered = Vec::new();
        let result = tokio::select! {
            () = stop.cancelled() => return,
            received = notices.recv_many(&mut gathered, 1024) => {
                if received == 0 {
                    return;
                }
                shared.follow(gathered).await
            }
            _ = sweeps.tick() => shared.sweep().await,
        };
        if let Err(error) = result {
            tracing::warn!(%error, "parked submissions could not be looked at; the next sweep will");
            sleep(limits::RETRY_DELAY).await;
        }
    }
}

impl GatewayShared {
    async fn follow(&self, notices: Vec<Notice>) -> Result<(), StoreError> {
        let (mut stored, mut possible, mut jobs) = (BTreeSet::new(), BTreeSet::new(), false);
        for notice in notices {
            match notice {
                Notice::PushStored(repository, revision) => {
                    stored.insert((repository, revision));
                }
                Notice::PushMayBeStored(revisions) => possible.extend(revisions),
                Notice::JobMayBeStored => jobs = true,
            }
        }
        if !possible.is_empty() {
            let possible: Vec<_> = possible.into_iter().collect();
            stored.extend(self.store.stored_pushes_among(&possible).await?);
        }
        for (repository, revision) in stored {
            self.release_for_push(repository, &revision).await?;
        }
        if jobs {
            self.release_for_jobs().await?;
        }
        Ok(())
    }

    /// Looks at everything: what waits for pushes and jobs that are there, and what has expired.
    async fn sweep(&self) -> Result<(), StoreError> {
        for (repository, revision) in self.store.parked_pushes_now_known().await? {
            self.release_for_push(repository, &revision).await?;
        }
        self.release_for_jobs().await?;
        let expired = self.store.expire_held(chrono::Utc::now(), self.context.bounds.rejected_age).await?;
        if expired > 0 {
            tracing::info!(expired, "parked submissions expired");
        }
        Ok(())
    }

    async fn release_for_push(&self, repository_id: i32, revision: &str) -> Result<(), StoreError> {
        let mut after = 0;
        loop {
            let waiting =
                self.store.waiting_for_push(repository_id, revision, after, limits::RELEASE_CHUNK).await?;
            let Some((last, _)) = waiting.last() else { return Ok(()) };
            after = last.id;
            tracing::debug!(repository_id, revision, count = waiting.len(), "releasing parked submissions");
            self.release(waiting).await;
        }
    }

    async fn release_for_jobs(&self) -> Result<(), StoreError> {
        let superseded = self.store.apply_remembered_supersedes(chrono::Utc::now()).await?;
        if superseded > 0 {
            self.context.job_changes.send_modify(|count| *count += 1);
        }
        let mut after = 0;
        loop {
            let waiting = self.store.waiting_for_stored_jobs(after, limits::RELEASE_CHUNK).await?;
            let Some((last, _)) = waiting.last() else { return Ok(()) };
            after = last.id;
            self.release(waiting).await;
        }
    }

    /// Runs held submissions through the whole pipeline again, in order of receipt. What is to be tried
    /// later stays held.
    async fn release(&self, waiting: Vec<(HeldMessage, Vec<u8>)>) {
        let items: Vec<Item> =
            waiting.into_iter().map(|(held, raw)| again(held, raw.into(), false)).collect();
        let verdicts = self.enqueue(items).await.await;
        let undecided = verdicts.iter().filter(|v| matches!(v.outcome, Outcome::RetryLater { .. })).count();
        if undecided > 0 {
            tracing::warn!(undecided, "parked submissions stay parked until the next sweep");
        }
    }
}

/// A held message as a submission. Bytes of a format that only a request as a whole has cannot come
/// here: they are held, but never as a job or artifact.
pub(crate) fn again(held: HeldMessage, raw: Bytes, replayed: bool) -> Item {
    let request_project = match held.format {
        RawFormat::ProtobufArtifact | RawFormat::ProtobufPush => held.project.clone(),
        _ => None,
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
        },
        source: held.source.into(),
    }
}
