//! How often failures are seen, counted where error lines are stored.

use super::{BatchTransaction, Row, RowSet, StoreError};
use crate::domain::ContentDigest;
use crate::limits;
use crate::logs::Profile;
use crate::suggestions::sighted;
use std::collections::{BTreeMap, BTreeSet};

/// An error line that a job got just now.
#[derive(Debug)]
pub(super) struct AddedError {
    pub(super) id: i64,
    pub(super) job_id: i64,
    pub(super) line: String,
}

impl AddedError {
    /// From the columns `id`, `job_id`, `line`.
    pub(super) fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self { id: row.bigint(0)?, job_id: row.bigint(1)?, line: row.text(2)? })
    }
}

impl BatchTransaction<'_> {
    /// Counts new error lines of jobs: each line once for a job, whatever number of its logs have it. Those that no bug is searched for do not
    /// count: they are in most jobs that fail, and whoever stores them would wait for all others.
    pub(super) async fn note_failures(
        &mut self,
        added: &[AddedError],
        profile: Profile,
    ) -> Result<(), StoreError> {
        let mut sightings: BTreeSet<(ContentDigest, i64)> =
            added.iter().filter_map(|error| Some((sighted(&error.line, profile)?, error.job_id))).collect();
        for (job, line) in self.earlier_errors(added).await? {
            if let Some(search) = sighted(&line, profile) {
                sightings.remove(&(search, job));
            }
        }
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

    /// The error lines, with their jobs, that jobs had before: those with smaller numbers, since whoever adds
    /// any has locked the job.
    async fn earlier_errors(&mut self, added: &[AddedError]) -> Result<Vec<(i64, String)>, StoreError> {
        let mut first: BTreeMap<i64, i64> = BTreeMap::new();
        for error in added {
            let id = first.entry(error.job_id).or_insert(error.id);
            *id = error.id.min(*id);
        }
        if first.is_empty() {
            return Ok(Vec::new());
        }
        let sql = "SELECT e.job_id, e.line FROM {rows} JOIN log_errors e ON e.job_id = t.job_id \
             AND e.id < t.first_id";
        let set =
            RowSet::new().bigint("job_id", first.keys().copied()).bigint("first_id", first.values().copied());
        let rows = self.run(sql, set).await?;
        rows.iter().map(|row| Ok((row.bigint(0)?, row.text(1)?))).collect()
    }
}
