//! What flows through one channel: deliveries in, submissions to the core, acknowledgements out.

use super::connection::{PulseError, answer};
use super::prefetch::Prefetch;
use super::received::Received;
use super::window::Window;
use crate::access::Principal;
use crate::core::{Gateway, SubmitError};
use crate::domain::{Outcome, Registration, RetryCause, Verdict};
use crate::limits;
use crate::telemetry::Metrics;
use chrono::Utc;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Consumer};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use tokio::time::timeout;

/// Verdicts of deliveries, by their positions in the window.
pub(super) type Decided = (Vec<u64>, Vec<Verdict>);

/// A channel that consumes.
pub(super) struct Flow {
    pub(super) registration: Registration,
    pub(super) arrivals: Arrivals,
    /// Verdicts to come.
    pub(super) pending: FuturesUnordered<BoxFuture<'static, Decided>>,
    pub(super) window: Window,
    /// Why deliveries have no verdict yet, by their positions.
    pub(super) undecided: BTreeMap<u64, RetryCause>,
    channel: Channel,
    queue: String,
    principal: Principal,
    prefetch: Prefetch,
    last_tag: u64,
}

impl std::fmt::Debug for Flow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Flow").field("queue", &self.queue).finish_non_exhaustive()
    }
}

impl Flow {
    /// Begins to consume the queue of a registration.
    pub(super) async fn open(
        channel: Channel,
        user: &str,
        registration: Registration,
        prefetch: u16,
    ) -> Result<Self, PulseError> {
        let (queue, prefetch) = (registration.queue(user), Prefetch::new(prefetch));
        let consumer = consume(&channel, &queue, prefetch.current()).await?;
        Ok(Self {
            principal: Principal::from(&registration),
            registration,
            arrivals: Arrivals { consumer, earlier: VecDeque::new() },
            pending: FuturesUnordered::new(),
            window: Window::default(),
            undecided: BTreeMap::new(),
            channel,
            queue,
            prefetch,
            last_tag: 0,
        })
    }

    /// The registration has changed.
    pub(super) fn accept(&mut self, registration: Registration) {
        self.principal = Principal::from(&registration);
        self.registration = registration;
    }

    /// What comes from now on may write what the registration says. Unlike the rest of it this needs no broker.
    pub(super) fn take_rights(&mut self, registration: &Registration) {
        self.principal = Principal::from(registration);
    }

    /// Whether everything that was delivered is acknowledged.
    pub(super) fn is_idle(&self) -> bool {
        self.window.is_empty() && self.pending.is_empty() && self.arrivals.earlier.is_empty()
    }

    /// Whether more may be taken before something of what was taken is decided (R19).
    pub(super) fn has_room(&self) -> bool {
        self.window.undecided_bytes() < limits::PULSE_UNACKED_BYTES
    }

    /// Submits a delivery together with all that are there already and fit. False: the gateway is stopping.
    pub(super) async fn take_in(&mut self, gateway: &Gateway, first: Delivery) -> Result<bool, PulseError> {
        let (mut bytes, mut redelivered, mut changed) = (0, 0, false);
        let mut taken = Vec::new();
        let now = Utc::now();
        let mut next = Some(first);
        while let Some(delivery) = next.take() {
            // An acknowledgement covers all tags below: one that never came here must not be among them.
            if delivery.delivery_tag != self.last_tag + 1 {
                return Err(PulseError::Lost("a delivery is missing".into()));
            }
            self.last_tag = delivery.delivery_tag;
            redelivered += u64::from(delivery.redelivered);
            // One at a time: what counts is the decompressed size, which is known only then.
            let received = Arc::new(Received::new(delivery, &self.registration, now));
            bytes += received.bytes();
            changed |= self.prefetch.observe(received.bytes());
            taken.push((self.window.push(received.clone()), received));
            let is_full = taken.len() >= limits::STREAM_CHUNK_ITEMS || bytes >= limits::STREAM_CHUNK_BYTES;
            if !is_full && let Some(arrived) = self.arrivals.next().now_or_never() {
                next = Some(arrived.ok_or(PulseError::Cancelled)??);
            }
        }
        Metrics::global().pulse_redelivered(redelivered);
        if changed {
            self.consume_anew().await?;
        }
        self.submit(gateway, &taken).await
    }

    /// Hands deliveries to the core. False: the gateway is stopping.
    pub(super) async fn submit(
        &mut self,
        gateway: &Gateway,
        taken: &[(u64, Arc<Received>)],
    ) -> Result<bool, PulseError> {
        let (mut positions, mut submissions) = (Vec::new(), Vec::new());
        let (mut noticed, mut notices) = (Vec::new(), Vec::new());
        for (position, received) in taken {
            if let Some(notice) = received.notice() {
                noticed.push(*position);
                notices.push(notice);
            } else {
                positions.push(*position);
                submissions.push(received.submission());
            }
        }
        if !notices.is_empty() {
            let (gateway, principal) = (gateway.clone(), self.principal.clone());
            let decided = async move { (noticed, gateway.submit_push_notices(&principal, notices).await) };
            self.pending.push(decided.boxed());
        }
        if submissions.is_empty() {
            return Ok(true);
        }
        self.submit_as(gateway, positions, submissions).await
    }

    pub(super) async fn submit_as(
        &mut self,
        gateway: &Gateway,
        positions: Vec<u64>,
        submissions: Vec<crate::core::Submission>,
    ) -> Result<bool, PulseError> {
        match gateway.submit(&self.principal, submissions).await {
            Ok(verdicts) => {
                self.pending.push(async move { (positions, verdicts.await) }.boxed());
                Ok(true)
            }
            Err(SubmitError::Stopping) => Ok(false),
            Err(error) => Err(PulseError::Lost(error.to_string())),
        }
    }

    /// Notes verdicts, and acknowledges what is decided without a gap. Gives how many of them are to be
    /// tried again.
    pub(super) async fn settle(&mut self, (positions, verdicts): Decided) -> Result<usize, PulseError> {
        let mut again = 0;
        for (position, verdict) in positions.into_iter().zip(verdicts) {
            if let Outcome::RetryLater { cause, .. } = verdict.outcome {
                self.undecided.insert(position, cause);
                again += 1;
            } else {
                self.undecided.remove(&position);
                self.window.decide(position);
            }
        }
        if let Some(tag) = self.window.take_decided() {
            let multiple = BasicAckOptions { multiple: true };
            answer(self.channel.basic_ack(tag, multiple)).await??;
        }
        Ok(again)
    }

    /// Waits for the verdicts of all that was submitted.
    pub(super) async fn settle_all(&mut self) -> Result<(), PulseError> {
        while let Some(decided) = self.pending.next().await {
            self.settle(decided).await?;
        }
        Ok(())
    }

    /// Takes nothing more, decides and acknowledges what was submitted, and gives the rest back.
    pub(super) async fn wind_down(&mut self) -> Result<(), PulseError> {
        answer(self.channel.basic_cancel(self.arrivals.consumer.tag(), BasicCancelOptions::default()))
            .await??;
        if timeout(limits::PULSE_DRAIN, self.settle_all()).await.is_err() {
            let undecided = self.window.undecided().len();
            tracing::warn!(queue = self.queue, undecided, "deliveries were given back undecided");
        }
        // Whatever is not acknowledged goes back to the queue with the channel.
        answer(self.channel.close(200, "OK".into())).await??;
        Ok(())
    }

    /// A new prefetch counts for new consumers only. What the old one was still delivered is taken in its
    /// turn: it may be more than is to be decompressed at once.
    async fn consume_anew(&mut self) -> Result<(), PulseError> {
        let prefetch = self.prefetch.current();
        tracing::debug!(queue = self.queue, prefetch, "the prefetch changes");
        let consumer = &mut self.arrivals.consumer;
        answer(self.channel.basic_cancel(consumer.tag(), BasicCancelOptions::default())).await??;
        // Ends with what was delivered before the cancellation.
        while let Some(delivery) = consumer.next().await {
            self.arrivals.earlier.push_back(delivery?);
        }
        *consumer = consume(&self.channel, &self.queue, prefetch).await?;
        Ok(())
    }
}

/// Deliveries of a channel in their order, over all its consumers.
pub(super) struct Arrivals {
    consumer: Consumer,
    /// What the consumers before this one were delivered.
    earlier: VecDeque<Delivery>,
}

impl Arrivals {
    /// Waits for the next; none: the broker ended the consumer. May be dropped at any time.
    pub(super) async fn next(&mut self) -> Option<Result<Delivery, lapin::Error>> {
        match self.earlier.pop_front() {
            Some(delivery) => Some(Ok(delivery)),
            None => self.consumer.next().await,
        }
    }
}

async fn consume(channel: &Channel, queue: &str, prefetch: u16) -> Result<Consumer, PulseError> {
    answer(channel.basic_qos(prefetch, BasicQosOptions::default())).await??;
    let (options, arguments) = (BasicConsumeOptions::default(), FieldTable::default());
    // The broker gives the consumer a name.
    Ok(answer(channel.basic_consume(queue.into(), "".into(), options, arguments)).await??)
}
