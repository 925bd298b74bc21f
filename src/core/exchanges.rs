//! What is known of the consumers of this gateway: told by the Pulse door, asked by whoever lists
//! exchanges.

use crate::telemetry::Metrics;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How the consumer of an exchange does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConsumerPhase {
    /// Messages are taken in.
    Consuming,
    /// The broker cannot be reached, or the consumer is being set up.
    Connecting,
    /// It does not take messages in just now: the database is away, or there is too much to do.
    Paused,
    /// The exchange or its queue is not as it must be; it is tried again.
    Failing,
    /// It is removed; its queue is being emptied.
    Draining,
    /// This gateway does not consume it.
    Ignored,
}

impl ConsumerPhase {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Consuming, Self::Connecting, Self::Paused, Self::Failing, Self::Draining, Self::Ignored];

    /// The word that is shown and used as a metric label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Consuming => "consuming",
            Self::Connecting => "connecting",
            Self::Paused => "paused",
            Self::Failing => "failing",
            Self::Draining => "draining",
            Self::Ignored => "ignored",
        }
    }
}

/// How a consumer does, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerStatus {
    /// How.
    pub phase: ConsumerPhase,
    /// Why, with what to do about it; empty: all is well.
    pub detail: String,
}

/// The consumers of this gateway, by the name of their registration.
#[derive(Debug, Clone, Default)]
pub struct Consumers(Arc<Mutex<BTreeMap<String, ConsumerStatus>>>);

impl Consumers {
    /// Notes how a consumer does; a failure is logged when it begins, not each time it is met.
    pub fn note(&self, registration: &str, phase: ConsumerPhase, detail: &str) {
        let status = ConsumerStatus { phase, detail: detail.to_owned() };
        let before = self.entries().insert(registration.to_owned(), status.clone());
        if before.as_ref() == Some(&status) {
            return;
        }
        match phase {
            ConsumerPhase::Consuming => tracing::info!(registration, "taking messages in"),
            ConsumerPhase::Connecting | ConsumerPhase::Draining => {
                tracing::info!(registration, phase = phase.as_str(), detail);
            }
            ConsumerPhase::Paused | ConsumerPhase::Failing | ConsumerPhase::Ignored => {
                tracing::warn!(registration, phase = phase.as_str(), detail, "takes no messages in");
            }
        }
        self.measure();
    }

    /// A registration is gone.
    pub fn forget(&self, registration: &str) {
        self.entries().remove(registration);
        self.measure();
    }

    /// How a consumer does; none: this gateway knows no such registration.
    pub fn status(&self, registration: &str) -> Option<ConsumerStatus> {
        self.entries().get(registration).cloned()
    }

    fn measure(&self) {
        let entries = self.entries();
        for phase in ConsumerPhase::ALL {
            let count = entries.values().filter(|status| status.phase == phase).count();
            Metrics::global().pulse_consumers(phase.as_str(), count as u64);
        }
    }

    /// What a panicking holder left is whole: entries are replaced at once.
    fn entries(&self) -> MutexGuard<'_, BTreeMap<String, ConsumerStatus>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
