//! Performance data as messages.

use super::timestamp;
use crate::proto::{PerformanceDatum, PerformanceSeries};
use crate::store::lists::{ListedMeasurement, ListedSeries};

/// A value with the series that it is of.
pub fn performance_datum((measured, series): (ListedMeasurement, ListedSeries)) -> PerformanceDatum {
    PerformanceDatum {
        id: measured.id,
        push_id: measured.push_id,
        push_timestamp: Some(timestamp(measured.push_time)),
        value: measured.value,
        series: Some(performance_series(series)),
    }
}

fn performance_series(series: ListedSeries) -> PerformanceSeries {
    PerformanceSeries {
        extra_options: series.options(),
        id: series.id,
        hash: series.hash,
        framework: series.framework,
        suite: series.suite,
        test: series.test,
        option_collection_hash: series.option_collection_hash,
        machine_platform: series.machine_platform,
        lower_is_better: series.lower_is_better,
        has_subtests: series.has_subtests,
        parent_hash: series.parent_hash.unwrap_or_default(),
    }
}
