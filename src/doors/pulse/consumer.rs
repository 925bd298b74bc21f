//! One registration on one connection: its queue is consumed, its bindings are kept as they are to be.

use super::backoff::Backoff;
use super::connection::{PRECONDITION_FAILED, PulseError, answer, reply};
use super::flow::Flow;
use super::pause::{self, Resolved};
use super::{Door, topology};
use crate::core::ConsumerPhase;
use crate::domain::{QueueType, Registration};
use crate::limits;
use futures::StreamExt;
use lapin::options::QueueDeleteOptions;
use lapin::{Channel, Connection};
use std::sync::Arc;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

/// Consumes for one registration until told to stop, or until the registration or the connection is
/// gone.
#[derive(Debug)]
pub(super) struct Consumer {
    pub(super) door: Arc<Door>,
    pub(super) connection: Arc<Connection>,
    /// Owner of the queues.
    pub(super) user: String,
    /// The registration as the directory has it.
    pub(super) changes: watch::Receiver<Arc<Registration>>,
    pub(super) stop: CancellationToken,
}

/// How consuming ended without a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// It was told to.
    Stopped,
    /// There is no such registration any more.
    Gone,
    /// What was not decided was given back to the queue, or comes to it again; to be set up again.
    GaveBack,
}

impl Consumer {
    pub(super) async fn run(mut self) {
        let mut backoff = Backoff::new();
        let name = self.registration().name.clone();
        let (look, eager) = limits::PULSE_MISSING;
        let eager_until = Instant::now() + eager;
        while !self.stop.is_cancelled() {
            match self.consume(&mut backoff).await {
                Ok(Ended::Stopped | Ended::Gone) => return,
                Ok(Ended::GaveBack) => {}
                // The session notices too, and says so for all.
                Err(_) if !self.connection.status().connected() => return,
                Err(error) => {
                    self.note(&name, ConsumerPhase::Failing, &error.to_string());
                    // Whoever has just registered it is about to publish.
                    if matches!(error, PulseError::NoExchange(_)) && Instant::now() < eager_until {
                        if self.stop.run_until_cancelled(sleep(look)).await.is_none() {
                            return;
                        }
                        continue;
                    }
                }
            }
            if !backoff.wait(&self.stop).await {
                return;
            }
        }
    }

    async fn consume(&mut self, backoff: &mut Backoff) -> Result<Ended, PulseError> {
        let registration = self.changes.borrow_and_update().clone();
        if !self.database_answers(&registration.name).await {
            return Ok(Ended::Stopped);
        }
        let Some(declared) = self.declare(&registration.name).await? else {
            return self.forget(&registration.name).await;
        };
        let channel = answer(self.connection.create_channel()).await??;
        let prefetch = self.door.options.prefetch;
        let mut flow = Flow::open(channel, &self.user, declared.registration, prefetch).await?;
        backoff.reset();
        self.say_running(&flow.registration);
        self.take_in(&mut flow).await
    }

    async fn take_in(&mut self, flow: &mut Flow) -> Result<Ended, PulseError> {
        let mut backoff = Backoff::new();
        let mut next_declaration = Instant::now() + limits::PULSE_REDECLARE;
        loop {
            let look_for_end = Instant::now() + limits::PULSE_DRAINED_LOOK;
            tokio::select! {
                () = self.stop.cancelled() => {
                    flow.wind_down().await?;
                    return Ok(Ended::Stopped);
                }
                Some(decided) = flow.pending.next() => {
                    if flow.settle(decided).await? == 0 {
                        continue;
                    }
                    match pause::resolve(&self.door, &self.connection, flow, &self.stop).await? {
                        Resolved::All => self.say_running(&flow.registration),
                        Resolved::GaveBack => return Ok(Ended::GaveBack),
                        Resolved::Stopped => {
                            flow.wind_down().await?;
                            return Ok(Ended::Stopped);
                        }
                    }
                }
                delivery = flow.arrivals.next(), if flow.has_room() => {
                    let first = delivery.ok_or(PulseError::Cancelled)??;
                    if !flow.take_in(&self.door.gateway, first).await? {
                        return Ok(Ended::Stopped);
                    }
                }
                Ok(()) = self.changes.changed() => {
                    flow.take_rights(&self.registration());
                    next_declaration = Instant::now();
                }
                () = sleep_until(next_declaration) => {
                    self.changes.mark_unchanged();
                    let name = flow.registration.name.clone();
                    match self.declare(&name).await {
                        Ok(Some(declared)) => {
                            flow.accept(declared.registration);
                            self.say_running(&flow.registration);
                            backoff.reset();
                            next_declaration = Instant::now() + limits::PULSE_REDECLARE;
                        }
                        Ok(None) => {
                            flow.wind_down().await?;
                            return self.forget(&name).await;
                        }
                        Err(error) if self.connection.status().connected() => {
                            // What is bound still delivers.
                            self.note(&name, ConsumerPhase::Failing, &error.to_string());
                            next_declaration = Instant::now() + backoff.pause();
                        }
                        Err(error) => return Err(error),
                    }
                }
                () = sleep_until(look_for_end), if flow.registration.draining && flow.is_idle() => {
                    if let Some(ended) = self.delete_drained(flow).await? {
                        return Ok(ended);
                    }
                }
            }
        }
    }

    async fn declare(&self, name: &str) -> Result<Option<topology::Declared>, PulseError> {
        topology::declare(&self.connection, self.door.gateway.store(), name, &self.user).await
    }

    /// Deletes the queue of a removed registration once it has been empty and without consumers for so
    /// long that nobody holds deliveries of it any more: the broker counts neither those that are not
    /// acknowledged nor, for a quorum queue, does it refuse to delete them. `None`: messages wait in it,
    /// and it is consumed on.
    async fn delete_drained(&self, flow: &mut Flow) -> Result<Option<Ended>, PulseError> {
        let name = flow.registration.name.clone();
        let Some(declared) = self.declare(&name).await? else { return self.forget(&name).await.map(Some) };
        if !declared.registration.draining || declared.waiting > 0 {
            return Ok(None);
        }
        // Our own consumer would be one of those that are waited for.
        flow.wind_down().await?;
        let mut quiet_since = None;
        loop {
            let Some(declared) = self.declare(&name).await? else {
                return self.forget(&name).await.map(Some);
            };
            if !declared.registration.draining || declared.waiting > 0 {
                return Ok(Some(Ended::GaveBack));
            }
            if declared.consumers > 0 {
                quiet_since = None;
                let detail = "its queue is empty, and still consumed by another gateway";
                self.note(&name, ConsumerPhase::Draining, detail);
            } else if quiet_since.get_or_insert_with(Instant::now).elapsed() >= limits::PULSE_DRAINED_QUIET {
                break;
            }
            if self.stop.run_until_cancelled(sleep(limits::PULSE_DRAINED_LOOK)).await.is_none() {
                return Ok(Some(Ended::Stopped));
            }
        }
        let channel = answer(self.connection.create_channel()).await??;
        // A last look, with nothing left to wait for: the registration may have been taken up again.
        let Some(declared) = self.declare(&name).await? else { return self.forget(&name).await.map(Some) };
        if !declared.registration.draining || declared.waiting > 0 || declared.consumers > 0 {
            return Ok(Some(Ended::GaveBack));
        }
        self.delete_queue(&channel, &flow.registration).await?;
        self.forget(&name).await.map(Some)
    }

    async fn delete_queue(&self, channel: &Channel, registration: &Registration) -> Result<(), PulseError> {
        let queue = registration.queue(&self.user);
        // Quorum queues do not know these conditions.
        let conditional = registration.queue_type == QueueType::Classic;
        let options =
            QueueDeleteOptions { if_unused: conditional, if_empty: conditional, ..Default::default() };
        match answer(channel.queue_delete(queue.into(), options)).await? {
            Ok(_) => Ok(()),
            Err(error) if reply(&error).is_some_and(|(code, _)| code == PRECONDITION_FAILED) => {
                Err(PulseError::StillUsed)
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn forget(&self, name: &str) -> Result<Ended, PulseError> {
        self.door.gateway.store().forget_drained(name).await?;
        tracing::info!(registration = name, "the queue is drained and gone");
        Ok(Ended::Gone)
    }

    /// Waits for the database, so that nothing is taken from a queue that could not be stored. False:
    /// told to stop.
    async fn database_answers(&self, name: &str) -> bool {
        let mut ready = self.door.gateway.readiness();
        if !ready.borrow_and_update().is_ready() {
            self.note(name, ConsumerPhase::Paused, "the database is away");
        }
        let waited = self.stop.run_until_cancelled(ready.wait_for(|ready| ready.is_ready())).await;
        matches!(waited, Some(Ok(_)))
    }

    fn registration(&self) -> Arc<Registration> {
        self.changes.borrow().clone()
    }

    fn say_running(&self, registration: &Registration) {
        let phase = if registration.draining { ConsumerPhase::Draining } else { ConsumerPhase::Consuming };
        self.note(&registration.name, phase, "");
    }

    fn note(&self, name: &str, phase: ConsumerPhase, detail: &str) {
        self.door.gateway.consumers().note(name, phase, detail);
    }
}
