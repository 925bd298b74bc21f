//! One broker: a connection and the consumers on it, replaced when it is lost or old.

use super::backoff::Backoff;
use super::consumer::Consumer;
use super::roster::Roster;
use super::{Door, of_broker};
use crate::core::{ConsumerPhase, Directory};
use crate::limits;
use crate::telemetry::Metrics;
use futures::StreamExt;
use lapin::{Connection, Event};
use rand::RngExt;
use std::sync::Arc;
use std::time::Duration;
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
    let mut consumers = Roster::default();
    let left = loop {
        let current = directory.borrow_and_update().clone();
        follow(&mut consumers, (door, broker, &connection), &current);
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
                // Errors of channels come here too, and are their consumers' own.
                Some(Event::Error(error)) if !connection.status().connected() => {
                    break Left::Lost(error.to_string());
                }
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

/// Makes the consumers on a connection those of the directory's registrations.
fn follow(
    consumers: &mut Roster,
    (door, broker, connection): (&Arc<Door>, &str, &Arc<Connection>),
    directory: &Directory,
) {
    let Ok(url) = door.options.brokers.url(broker) else { return };
    consumers.follow(of_broker(directory, broker), |changes, stop| {
        let (door, connection, user) = (door.clone(), connection.clone(), url.user.clone());
        Consumer { door, connection, user, changes, stop }.run()
    });
}
