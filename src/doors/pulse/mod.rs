//! The Pulse door: takes messages from registered exchanges of RabbitMQ brokers (design section 9).
//!
//! ```text
//! Door ── one Session per broker: a connection, replaced when it is lost or old
//!            └── one Consumer per registration: a channel, a queue, its bindings
//!                   deliveries ─► Received ─► core ─► verdicts ─► Window ─► ack of the decided prefix
//! ```
//!
//! A message is acknowledged after the commit that decides it. What is to be tried again is not: the
//! consumer pauses, then submits it again, and gives it back to the queue if the pause grows long.

mod backoff;
mod compression;
mod connection;
mod consumer;
mod flow;
mod pause;
mod prefetch;
mod properties;
mod publisher;
mod received;
mod roster;
mod session;
mod tail;
mod topology;
mod window;

pub use connection::{Brokers, PulseError};
pub use publisher::{Published, Publisher};
pub use tail::{Tail, Tailed};

use crate::core::{ConsumerPhase, Directory, Gateway};
use crate::domain::Registration;
use crate::limits;
use crate::telemetry::Metrics;
use backoff::Backoff;
use futures::FutureExt;
use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// What the door is told from outside.
#[derive(Debug, Clone)]
pub struct PulseOptions {
    /// Where the brokers are.
    pub brokers: Brokers,
    /// Deliveries of one queue that are not acknowledged, at most.
    pub prefetch: u16,
    /// Connections are replaced at this age.
    pub connection_age: Duration,
}

impl Default for PulseOptions {
    /// No broker: the door stays closed.
    fn default() -> Self {
        Self {
            brokers: Brokers::default(),
            prefetch: limits::PULSE_PREFETCH,
            connection_age: limits::PULSE_CONNECTION_AGE,
        }
    }
}

/// What everything in the door shares.
#[derive(Debug)]
struct Door {
    gateway: Gateway,
    options: PulseOptions,
}

/// Takes messages in until `stop` is cancelled; then what was delivered is decided and acknowledged,
/// within [`crate::limits::PULSE_DRAIN`].
pub async fn serve(gateway: Gateway, options: PulseOptions, stop: CancellationToken) {
    let door = Arc::new(Door { gateway, options });
    let mut sessions = JoinSet::new();
    for broker in door.options.brokers.names() {
        Metrics::global().pulse_connected(broker, false);
        sessions.spawn(session(door.clone(), broker.to_owned(), stop.clone()));
    }
    door.follow_strays(&stop).await;
    while sessions.join_next().await.is_some() {}
}

/// Serves one broker until told to stop, whatever bug there is.
async fn session(door: Arc<Door>, broker: String, stop: CancellationToken) {
    let mut backoff = Backoff::new();
    loop {
        let run = session::run(door.clone(), broker.clone(), stop.clone());
        if AssertUnwindSafe(run).catch_unwind().await.is_ok() {
            return;
        }
        tracing::error!(broker, "taking in messages ended by a bug of ours; it begins again");
        if !backoff.wait(&stop).await {
            return;
        }
    }
}

impl Door {
    /// Says of registrations whose broker is not configured that they are not served, and forgets those
    /// that are gone.
    async fn follow_strays(&self, stop: &CancellationToken) {
        let mut directory = self.gateway.directory_changes();
        let mut known = BTreeSet::new();
        loop {
            let current = directory.borrow_and_update().clone();
            let names: BTreeSet<String> =
                current.exchanges.iter().map(|registration| registration.name.clone()).collect();
            for gone in known.difference(&names) {
                self.gateway.consumers().forget(gone);
            }
            known = names;
            for stray in current.exchanges.iter().filter(|one| !self.options.brokers.has(&one.broker)) {
                let problem = PulseError::UnknownBroker(stray.broker.clone()).to_string();
                self.gateway.consumers().note(&stray.name, ConsumerPhase::Ignored, &problem);
            }
            tokio::select! {
                () = stop.cancelled() => return,
                changed = directory.changed() => if changed.is_err() { return },
            }
        }
    }
}

/// The registrations of one broker.
fn of_broker<'a>(directory: &'a Directory, broker: &'a str) -> impl Iterator<Item = &'a Arc<Registration>> {
    directory.exchanges.iter().filter(move |registration| registration.broker == broker)
}
