//! How often failures are seen, counted where error lines are stored.

use super::{BatchTransaction, Row, RowSet, StoreError};
use crate::domain::ContentDigest;
use crate::limits;
use crate::logs::Profile;
use crate::suggestions::sighted;
use std::collections::{BTreeMap, BTreeSet};

/// An error line of a job.
#[derive(Debug)]
pub(super) struct ErrorOfJob {
    pub(super) id: i64,
    pub(super) job_id: i64,
    pub(super) line: String,
}

impl ErrorOfJob {
    /// From the columns `id`, `job_id`, `line`.
    pub(super) fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self { id: row.bigint(0)?, job_id: row.bigint(1)?, line: row.text(2)? })
    }
}

impl BatchTransaction<'_> {
    /// Counts new error lines of jobs: each line once for a job, whatever number of its logs have it. Those
    /// that no bug is searched for do not count: they are in most jobs that fail, and whoever stores them
    /// would wait for all others.
    pub(super) async fn note_failures(
        &mut self,
        added: &[ErrorOfJob],
        profile: Profile,
    ) -> Result<(), StoreError> {
        let mut sightings: BTreeSet<(ContentDigest, i64)> =
            added.iter().filter_map(|error| Some((sighted(&error.line, profile)?, error.job_id))).collect();
        self.drop_seen_before(&mut sightings, added, profile).await?;
        if sightings.is_empty() {
            return Ok(());
        }
        // In the order of the key, which is that in which rows are locked.
        let sql = format!(
            "INSERT INTO failure_sightings (search, day, jobs, first_push_id) \
             SELECT t.search, CAST(p.time / {} AS INTEGER), COUNT(*), MIN(p.id) FROM {{rows}} \
             JOIN jobs j ON j.id = t.job_id JOIN pushes p ON p.id = j.push_id WHERE true \
             GROUP BY 1, 2 ORDER BY 1, 2 ON CONFLICT (search, day) DO UPDATE SET \
             jobs = failure_sightings.jobs + excluded.jobs",
            limits::DAY_MICROS
        );
        let set = RowSet::new()
            .bytes("search", sightings.iter().map(|(search, _)| &search.as_bytes()[..]))
            .bigint("job_id", sightings.iter().map(|(_, job)| *job));
        self.run(&sql, set).await?;
        Ok(())
    }

    /// Takes away what jobs had in error lines before: those with smaller numbers, since whoever adds any has
    /// locked the job. They are read in parts: a job may have many.
    async fn drop_seen_before(
        &mut self,
        sightings: &mut BTreeSet<(ContentDigest, i64)>,
        added: &[ErrorOfJob],
        profile: Profile,
    ) -> Result<(), StoreError> {
        let mut first: BTreeMap<i64, i64> = BTreeMap::new();
        for error in added {
            let id = first.entry(error.job_id).or_insert(error.id);
            *id = error.id.min(*id);
        }
        let mut read = 0;
        while !sightings.is_empty() {
            let sql = format!(
                "SELECT e.id, e.job_id, e.line FROM {{rows}} JOIN log_errors e ON e.job_id = t.job_id \
                 AND e.id < t.first_id AND e.id > t.read_id ORDER BY e.id LIMIT {}",
                limits::EARLIER_ERRORS
            );
            let set = RowSet::new()
                .bigint("job_id", first.keys().copied())
                .bigint("first_id", first.values().copied())
                .bigint("read_id", first.keys().map(|_| read));
            let rows = self.run(&sql, set).await?;
            for row in &rows {
                let earlier = ErrorOfJob::read(row)?;
                read = earlier.id;
                if let Some(search) = sighted(&earlier.line, profile) {
                    sightings.remove(&(search, earlier.job_id));
                }
            }
            if rows.len() < limits::EARLIER_ERRORS {
                break;
            }
        }
        Ok(())
    }
}
