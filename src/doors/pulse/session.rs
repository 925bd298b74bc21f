//! One broker: a connection and the consumers on it, replaced when it is lost or old.

use super::backoff::Backoff;
use super::consumer::Consumer;
use super::{Door, of_broker};
use crate::core::{ConsumerPhase, Directory};
use crate::domain::Registration;
use crate::limits;
use crate::telemetry::Metrics;
use futures::StreamExt;
use lapin::{Connection, Event};
use rand::RngExt;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep_until};
use tokio_util::sync::CancellationToken;

/// How often a connection is asked whether it is still one.
const LOOK: Duration = Duration::from_secs(1);

/// Why a connection is left.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Left {
    /// Told to stop, or nothing is registered any more.
    Stopped,
    /// It is old.
    Recycled,
    /// It broke.
    Lost(String),
}

/// Serves one broker until told to stop.
pub(super) async fn run(door: Arc<Door>, broker: String, stop: CancellationToken) {
    let mut backoff = Backoff::new();
    let mut directory = door.gateway.directory_changes();
    loop {
        let is_wanted = |directory: &Arc<Directory>| of_broker(directory, &broker).next().is_some();
        let wanted = stop.run_until_cancelled(directory.wait_for(is_wanted)).await;
        // Not kept: it would keep the directory from changing.
        let wanted = wanted.is_some_and(|wanted| wanted.is_ok());
        if !wanted {
            return;
        }
        door.note_all(&broker, ConsumerPhase::Connecting, "");
        let reason = match door.options.brokers.connect(&broker).await {
            Err(error) => error.to_string(),
            Ok(connection) => {
                tracing::info!(broker, "connected");
                Metrics::global().pulse_connected(&broker, true);
                let since = Instant::now();
                let left = converse(&door, &broker, Arc::new(connection), &stop).await;
                Metrics::global().pulse_connected(&broker, false);
                // One that breaks at once is no success.
                if since.elapsed() > limits::PULSE_RETRY.1 {
                    backoff.reset();
                }
                match left {
                    Left::Stopped | Left::Recycled => continue,
                    Left::Lost(reason) => format!("the connection to the broker is lost: {reason}"),
                }
            }
        };
        Metrics::global().pulse_connection_lost(&broker);
        tracing::warn!(broker, reason, "not connected; it is tried again");
        door.note_all(&broker, ConsumerPhase::Connecting, &reason);
        if !backoff.wait(&stop).await {
            return;
        }
    }
}

impl Door {
    fn note_all(&self, broker: &str, phase: ConsumerPhase, detail: &str) {
        for registration in of_broker(&self.gateway.directory(), broker) {
            self.gateway.consumers().note(&registration.name, phase, detail);
        }
    }
}

async fn converse(
    door: &Arc<Door>,
    broker: &str,
    connection: Arc<Connection>,
    stop: &CancellationToken,
) -> Left {
    let mut events = connection.events_listener();
    let mut directory = door.gateway.directory_changes();
    let mut look = interval(LOOK);
    let old = Instant::now() + door.options.connection_age.mul_f64(rand::rng().random_range(0.9..=1.0));
    let mut consumers = Consumers::new(door.clone(), broker.to_owned(), connection.clone());
    let left = loop {
        consumers.follow(&directory.borrow_and_update().clone());
        if consumers.is_empty() {
            break Left::Stopped;
        }
        tokio::select! {
            () = stop.cancelled() => break Left::Stopped,
            () = sleep_until(old) => {
                tracing::info!(broker, "the connection is old and is replaced");
                break Left::Recycled;
            }
            event = events.next() => match event {
                Some(Event::Error(error)) => break Left::Lost(error.to_string()),
                Some(Event::ConnectionBlocked(reason)) => {
                    tracing::warn!(broker, reason, "the broker blocks the connection");
                }
                Some(Event::ConnectionUnblocked) => {
                    tracing::info!(broker, "the broker unblocked the connection");
                }
                Some(_) => {}
                None => break Left::Lost("it was closed".into()),
            },
            _ = look.tick() => {
                consumers.reap();
                if !connection.status().connected() {
                    break Left::Lost("it was closed".into());
                }
            }
            changed = directory.changed() => if changed.is_err() { break Left::Stopped },
        }
    };
    match left {
        Left::Lost(_) => consumers.abort().await,
        Left::Stopped | Left::Recycled => {
            consumers.stop().await;
            // A broker that does not answer is left all the same.
            let closing = connection.close(200, "OK".into());
            if !matches!(tokio::time::timeout(LOOK, closing).await, Ok(Ok(()))) {
                tracing::debug!(broker, "the connection was not closed in order");
            }
        }
    }
    left
}

/// The consumers on one connection.
struct Consumers {
    door: Arc<Door>,
    broker: String,
    connection: Arc<Connection>,
    running: HashMap<String, Running>,
    tasks: JoinSet<String>,
}

struct Running {
    changes: watch::Sender<Arc<Registration>>,
    stop: CancellationToken,
}

impl Consumers {
    fn new(door: Arc<Door>, broker: String, connection: Arc<Connection>) -> Self {
        Self { door, broker, connection, running: HashMap::new(), tasks: JoinSet::new() }
    }

    fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// Starts consumers of new registrations, tells the others what has changed, and lets those end
    /// whose registration is gone.
    fn follow(&mut self, directory: &Directory) {
        self.reap();
        let user = match self.door.options.brokers.url(&self.broker) {
            Ok(url) => url.user.clone(),
            Err(_) => return,
        };
        for registration in of_broker(directory, &self.broker) {
            if let Some(running) = self.running.get(&registration.name) {
                running.changes.send_if_modified(|current| {
                    let changed = current != registration;
                    current.clone_from(registration);
                    changed
                });
                continue;
            }
            let (changes, stop) = (watch::Sender::new(registration.clone()), CancellationToken::new());
            let consumer = Consumer {
                door: self.door.clone(),
                connection: self.connection.clone(),
                user: user.clone(),
                changes: changes.subscribe(),
                stop: stop.clone(),
            };
            let name = registration.name.clone();
            self.running.insert(name.clone(), Running { changes, stop });
            self.tasks.spawn(async move {
                consumer.run().await;
                name
            });
        }
        self.running.retain(|name, running| {
            let known = of_broker(directory, &self.broker).any(|registration| registration.name == *name);
            if !known {
                running.stop.cancel();
            }
            known
        });
    }

    /// Forgets consumers that ended by themselves, so that they can be started again.
    fn reap(&mut self) {
        while let Some(ended) = self.tasks.try_join_next() {
            if let Ok(name) = ended {
                self.running.remove(&name);
            }
        }
    }

    /// Lets all wind down.
    async fn stop(&mut self) {
        for running in self.running.values() {
            running.stop.cancel();
        }
        while self.tasks.join_next().await.is_some() {}
    }

    /// Ends all at once: their channels are gone.
    async fn abort(&mut self) {
        self.tasks.shutdown().await;
    }
}
