//! What the instruments show at one moment, read from the families that `/metrics` renders.

use prometheus::proto::{Metric, MetricFamily};
use std::collections::BTreeMap;

/// Totals since the process began.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Totals {
    /// By (door, verdict).
    pub decided: BTreeMap<(String, String), f64>,
    pub commit: Buckets,
    pub commit_lag: Buckets,
    pub visible_lag: Buckets,
    /// By broker.
    pub connected: BTreeMap<String, bool>,
    /// By state.
    pub held: BTreeMap<String, f64>,
    pub follow_up: Option<f64>,
}

/// How many values lie at or below each bound, by bound.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Buckets(Vec<(f64, u64)>);

impl Totals {
    pub fn read(families: &[MetricFamily]) -> Self {
        let mut totals = Self::default();
        for family in families {
            let metrics = family.get_metric();
            match family.name() {
                "herdgate_submissions_decided_total" => {
                    for metric in metrics {
                        let labels = (label(metric, "door"), label(metric, "verdict"));
                        totals.decided.insert(labels, metric.get_counter().get_value());
                    }
                }
                "herdgate_commit_duration_seconds" => totals.commit = Buckets::of(metrics),
                "herdgate_lag_commit_seconds" => totals.commit_lag = Buckets::of(metrics),
                "herdgate_lag_visible_seconds" => totals.visible_lag = Buckets::of(metrics),
                "herdgate_held" => {
                    for metric in metrics {
                        totals.held.insert(label(metric, "state"), metric.get_gauge().get_value());
                    }
                }
                "herdgate_follow_up_depth" => {
                    totals.follow_up = metrics.first().map(|metric| metric.get_gauge().get_value());
                }
                "herdgate_pulse_connected" => {
                    for metric in metrics {
                        totals
                            .connected
                            .insert(label(metric, "broker"), metric.get_gauge().get_value() > 0.0);
                    }
                }
                _ => {}
            }
        }
        totals
    }
}

fn label(metric: &Metric, name: &str) -> String {
    let found = metric.get_label().iter().find(|label| label.name() == name);
    found.map(|label| label.value().to_owned()).unwrap_or_default()
}

impl Buckets {
    fn of(metrics: &[Metric]) -> Self {
        let Some(metric) = metrics.first() else { return Self::default() };
        let buckets = metric.get_histogram().get_bucket();
        Self(buckets.iter().map(|bucket| (bucket.upper_bound(), bucket.cumulative_count())).collect())
    }

    /// What was added since an earlier reading.
    pub fn since(&self, earlier: &Self) -> Self {
        let before = |bound: f64| {
            earlier.0.iter().find(|(other, _)| (other - bound).abs() < f64::EPSILON).map_or(0, |(_, n)| *n)
        };
        let change = |&(bound, count): &(f64, u64)| {
            let before = if bound.is_finite() { before(bound) } else { earlier.total() };
            (bound, count.saturating_sub(before))
        };
        Self(self.0.iter().map(change).collect())
    }

    fn total(&self) -> u64 {
        self.0.last().map_or(0, |(_, count)| *count)
    }

    /// The value that this share of all values does not exceed, interpolated inside its bucket; none if
    /// there are no values. Beyond the last bound it is that bound.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let total = self.total();
        if total == 0 {
            return None;
        }
        #[allow(clippy::cast_precision_loss, reason = "far fewer values than 2^52")]
        let (as_float, rank) = (|count: u64| count as f64, share * total as f64);
        let (mut below, mut counted) = (0.0, 0);
        for &(bound, count) in &self.0 {
            if as_float(count) >= rank {
                let inside = as_float(count - counted).max(1.0);
                let reached = below + (bound - below) * (rank - as_float(counted)) / inside;
                return Some(if bound.is_finite() { reached } else { below });
            }
            (below, counted) = (bound, count);
        }
        Some(below)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_lie_in_their_bucket() {
        let buckets = Buckets(vec![(1.0, 50), (2.0, 90), (4.0, 100), (f64::INFINITY, 100)]);
        for (share, expected) in [(0.5, 1.0), (0.7, 1.5), (0.95, 3.0), (1.0, 4.0)] {
            let quantile = buckets.quantile(share).unwrap();
            assert!((quantile - expected).abs() < 1e-9, "{share}: {quantile}");
        }
        assert_eq!(Buckets::default().quantile(0.5), None);
        let beyond = Buckets(vec![(1.0, 0), (f64::INFINITY, 3)]);
        assert_eq!(beyond.quantile(0.5), Some(1.0), "the last bound is all that is known");
    }

    #[test]
    fn what_was_there_before_does_not_count() {
        let earlier = Buckets(vec![(1.0, 5), (f64::INFINITY, 7)]);
        let later = Buckets(vec![(1.0, 5), (f64::INFINITY, 9)]);
        assert_eq!(later.since(&earlier).0[0], (1.0, 0));
        assert_eq!(later.since(&earlier).total(), 2);
        assert_eq!(later.since(&Buckets::default()), later);
    }
}
