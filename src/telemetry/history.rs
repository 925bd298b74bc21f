//! The last hour of this process: a ring of samples of the same instruments that `/metrics` renders, so
//! that charts and alerts cannot disagree.

use super::totals::{Buckets, Totals};
use crate::domain::HeldState;
use crate::limits;
use chrono::{DateTime, Utc};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// What happened between two looks at the instruments.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// When it was taken; it is about the time since the one before.
    pub at: DateTime<Utc>,
    /// Seconds that it is about.
    pub seconds: f64,
    /// Submissions decided, by (door, verdict), in the words of the metrics' labels.
    pub decided: BTreeMap<(String, String), f64>,
    /// Time of transactions.
    pub commit: Spread,
    /// Time from receipt to commit.
    pub commit_lag: Spread,
    /// Time from the end of jobs to the commit that shows them.
    pub visible_lag: Spread,
    /// Parked submissions then; none: not measured yet.
    pub parked: Option<f64>,
    /// Rejected submissions that were held then.
    pub rejected: Option<f64>,
    /// Follow-up work that waited then.
    pub follow_up: Option<f64>,
}

/// Where the middle and the far end of some durations lie, in seconds; none: there were none.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Spread {
    /// Half of them took at most so long.
    pub median: Option<f64>,
    /// 99 of 100 took at most so long.
    pub p99: Option<f64>,
}

/// The samples of the last hour, and what the instruments show now. Cheap to clone.
#[derive(Debug, Clone)]
pub struct History(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    samples: Mutex<VecDeque<Sample>>,
    connections: Mutex<BTreeMap<String, bool>>,
    taken: watch::Sender<u64>,
    stop: CancellationToken,
}

impl History {
    /// One that nothing is written into.
    pub fn empty() -> Self {
        Self(Arc::new(Shared {
            samples: Mutex::default(),
            connections: Mutex::default(),
            taken: watch::Sender::new(0),
            stop: CancellationToken::new(),
        }))
    }

    /// Looks at the instruments of a registry every [`limits::SAMPLE_INTERVAL`], until nobody holds the
    /// history any more. Needs a Tokio runtime.
    pub(super) fn of(registry: prometheus::Registry) -> Self {
        let history = Self::empty();
        let (weak, stop) = (Arc::downgrade(&history.0), history.0.stop.clone());
        tokio::spawn(async move {
            let mut ticks = interval(limits::SAMPLE_INTERVAL);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let mut before = (Totals::read(&registry.gather()), Utc::now());
            ticks.tick().await;
            while stop.run_until_cancelled(ticks.tick()).await.is_some() {
                let Some(shared) = weak.upgrade() else { return };
                let now = (Totals::read(&registry.gather()), Utc::now());
                shared.note(&before, &now);
                before = now;
            }
        });
        history
    }

    /// The samples, oldest first.
    pub fn samples(&self) -> Vec<Sample> {
        locked(&self.0.samples).iter().cloned().collect()
    }

    /// Whether each broker is connected, by its name in the configuration.
    pub fn connections(&self) -> BTreeMap<String, bool> {
        locked(&self.0.connections).clone()
    }

    /// Changes with every sample.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.taken.subscribe()
    }
}

impl Shared {
    fn note(&self, before: &(Totals, DateTime<Utc>), now: &(Totals, DateTime<Utc>)) {
        let sample = sample(before, now);
        locked(&self.connections).clone_from(&now.0.connected);
        let mut samples = locked(&self.samples);
        samples.push_back(sample);
        while samples.len() > limits::SAMPLES {
            samples.pop_front();
        }
        drop(samples);
        self.taken.send_modify(|count| *count += 1);
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// What a panicking holder left is whole: samples are added at once.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn sample(before: &(Totals, DateTime<Utc>), now: &(Totals, DateTime<Utc>)) -> Sample {
    let (old, new) = (&before.0, &now.0);
    let decided = new.decided.iter().map(|(labels, total)| {
        let earlier = old.decided.get(labels).copied().unwrap_or_default();
        (labels.clone(), (total - earlier).max(0.0))
    });
    Sample {
        at: now.1,
        seconds: (now.1 - before.1).as_seconds_f64().max(0.001),
        decided: decided.collect(),
        commit: spread(&old.commit, &new.commit),
        commit_lag: spread(&old.commit_lag, &new.commit_lag),
        visible_lag: spread(&old.visible_lag, &new.visible_lag),
        parked: new.held.get(HeldState::Parked.as_str()).copied(),
        rejected: new.held.get(HeldState::Rejected.as_str()).copied(),
        follow_up: new.follow_up,
    }
}

fn spread(old: &Buckets, new: &Buckets) -> Spread {
    let since = new.since(old);
    Spread { median: since.quantile(0.5), p99: since.quantile(0.99) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Door, Outcome, StoredReason};
    use crate::telemetry::{Metrics, SERVICE, Telemetry};
    use opentelemetry::metrics::MeterProvider;
    use std::time::Duration;

    #[tokio::test]
    async fn a_sample_is_about_what_happened_since_the_last_one() {
        let telemetry = Telemetry::build(false).unwrap();
        let metrics = Metrics::new(&telemetry.meters.meter(SERVICE));
        let look = || (Totals::read(&telemetry.registry.gather()), Utc::now());
        let stored = Outcome::Stored(StoredReason::Created);
        let history = History::empty();

        metrics.decided(Door::Grpc, &[&stored].into_iter().collect());
        metrics.batch(1, Duration::from_secs(2));
        let first = look();
        metrics.decided(Door::Grpc, &[&stored, &stored].into_iter().collect());
        metrics.batch(2, Duration::from_millis(3));
        metrics.pulse_connected("default", true);
        history.0.note(&first, &look());

        let [sample] = &history.samples()[..] else { panic!("one sample") };
        assert_eq!(sample.decided[&("grpc".into(), "stored".into())], 2.0);
        let median = sample.commit.median.unwrap();
        assert!((0.0025..=0.005).contains(&median), "{median}");
        assert_eq!(sample.visible_lag, Spread::default(), "nothing was measured");
        assert_eq!(history.connections(), BTreeMap::from([("default".into(), true)]));
        assert!(history.changes().has_changed().is_ok());
    }

    #[tokio::test]
    async fn the_ring_keeps_an_hour() {
        let history = History::empty();
        let look = || (Totals::default(), Utc::now());
        for _ in 0..=limits::SAMPLES {
            history.0.note(&look(), &look());
        }
        assert_eq!(history.samples().len(), limits::SAMPLES);
    }
}
