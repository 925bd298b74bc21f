//! Performance data of jobs, stored by sets (logs contract 6.3).

use super::{BatchTransaction, RowSet, StoreError};
use crate::domain::{Measurement, PerformanceContext, PerformanceDocument, PerformanceSeries};
use std::collections::{BTreeMap, BTreeSet};

/// A document with the job that it is of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PerformanceRow<'a> {
    pub(crate) job_id: i64,
    pub(crate) document: &'a PerformanceDocument,
}

/// A job as its performance data needs it.
struct PerformanceJob {
    repository_id: i32,
    push_id: i64,
    push_time: i64,
    context: PerformanceContext,
}

/// What makes a series unique; rows are locked in its order.
type SeriesKey = (i32, String, String);

/// A series with the job that has the latest push, of those that have values of it.
struct SeriesRow<'a> {
    series: PerformanceSeries,
    job: &'a PerformanceJob,
}

impl BatchTransaction<'_> {
    /// Adds the performance data of jobs that are stored. Of several values that one job has of one series
    /// the first stays.
    pub(crate) async fn add_performance(&mut self, rows: &[PerformanceRow<'_>]) -> Result<(), StoreError> {
        if rows.is_empty() {
            return Ok(());
        }
        let jobs = self.performance_jobs(rows).await?;
        let mut series: BTreeMap<SeriesKey, SeriesRow<'_>> = BTreeMap::new();
        let mut values: BTreeMap<(i64, SeriesKey), (i64, i64, f64)> = BTreeMap::new();
        for row in rows {
            let Some(job) = jobs.get(&row.job_id) else { continue };
            for Measurement { series: of, value } in row.document.measurements(&job.context) {
                let key = (job.repository_id, of.framework.clone(), of.hash.clone());
                values.entry((row.job_id, key.clone())).or_insert((job.push_id, job.push_time, value));
                let is_later = |known: &SeriesRow<'_>| known.job.push_time < job.push_time;
                if series.get(&key).is_none_or(is_later) {
                    series.insert(key, SeriesRow { series: of, job });
                }
            }
        }
        if values.is_empty() {
            return Ok(());
        }
        self.save_series(&series).await?;
        let sql = "INSERT INTO performance_data (job_id, series_id, push_id, push_time, value) \
             SELECT t.job_id, s.id, t.push_id, t.push_time, t.value FROM {rows} JOIN performance_series s \
             ON s.repository_id = t.repository_id AND s.framework = t.framework AND s.hash = t.hash \
             WHERE true ON CONFLICT (job_id, push_id, series_id) DO NOTHING";
        let set = RowSet::new()
            .bigint("job_id", values.keys().map(|(job, _)| *job))
            .int("repository_id", values.keys().map(|(_, (repository, ..))| *repository))
            .text("framework", values.keys().map(|(_, (_, framework, _))| framework.as_str()))
            .text("hash", values.keys().map(|(_, (.., hash))| hash.as_str()))
            .bigint("push_id", values.values().map(|(push, ..)| *push))
            .bigint("push_time", values.values().map(|(_, time, _)| *time))
            .double("value", values.values().map(|(.., value)| *value));
        self.run(sql, set).await?;
        Ok(())
    }

    async fn performance_jobs(
        &mut self,
        rows: &[PerformanceRow<'_>],
    ) -> Result<BTreeMap<i64, PerformanceJob>, StoreError> {
        let ids: BTreeSet<i64> = rows.iter().map(|row| row.job_id).collect();
        let sql = "SELECT j.id, j.repository_id, j.push_id, p.time, o.hash, m.platform FROM {rows} \
             JOIN jobs j ON j.id = t.id JOIN pushes p ON p.id = j.push_id \
             JOIN signatures s ON s.id = j.signature_id \
             JOIN option_collections o ON o.id = s.option_collection_id \
             JOIN machine_platforms m ON m.id = s.machine_platform_id";
        let found = self.run(sql, RowSet::new().bigint("id", ids.into_iter())).await?;
        let job = |row: &super::Row| {
            let context =
                PerformanceContext { option_collection_hash: row.text(4)?, machine_platform: row.text(5)? };
            let job = PerformanceJob {
                repository_id: row.int(1)?,
                push_id: row.bigint(2)?,
                push_time: row.bigint(3)?,
                context,
            };
            Ok((row.bigint(0)?, job))
        };
        found.iter().map(job).collect()
    }

    /// Adds series, and refreshes those that are there by what the latest job says.
    async fn save_series(&mut self, series: &BTreeMap<SeriesKey, SeriesRow<'_>>) -> Result<(), StoreError> {
        let sql = "INSERT INTO performance_series (repository_id, framework, hash, suite, test, \
             option_collection_hash, machine_platform, extra_options, lower_is_better, has_subtests, \
             parent_hash, last_push_time) SELECT t.repository_id, t.framework, t.hash, t.suite, t.test, \
             t.option_collection_hash, t.machine_platform, t.extra_options, t.lower_is_better <> 0, \
             t.has_subtests <> 0, t.parent_hash, t.last_push_time FROM {rows} WHERE true \
             ON CONFLICT (repository_id, framework, hash) DO UPDATE SET \
             lower_is_better = excluded.lower_is_better, \
             has_subtests = performance_series.has_subtests OR excluded.has_subtests, \
             last_push_time = {max}(performance_series.last_push_time, excluded.last_push_time)";
        let options: Vec<String> =
            series.values().map(|row| serde_json::json!(row.series.extra_options).to_string()).collect();
        let set = RowSet::new()
            .int("repository_id", series.keys().map(|(repository, ..)| *repository))
            .text("framework", series.keys().map(|(_, framework, _)| framework.as_str()))
            .text("hash", series.keys().map(|(.., hash)| hash.as_str()))
            .text("suite", series.values().map(|row| &*row.series.suite))
            .text("test", series.values().map(|row| &*row.series.test))
            .text(
                "option_collection_hash",
                series.values().map(|row| &*row.job.context.option_collection_hash),
            )
            .text("machine_platform", series.values().map(|row| &*row.job.context.machine_platform))
            .text("extra_options", options.iter().map(String::as_str))
            .int("lower_is_better", series.values().map(|row| i32::from(row.series.lower_is_better)))
            .int("has_subtests", series.values().map(|row| i32::from(row.series.has_subtests)))
            .optional_text("parent_hash", series.values().map(|row| row.series.parent_hash.as_deref()))
            .bigint("last_push_time", series.values().map(|row| row.job.push_time));
        self.run(sql, set).await?;
        Ok(())
    }
}
