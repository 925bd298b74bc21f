//! How often failures are seen, counted where error lines are stored.

use super::{BatchTransaction, RowSet, StoreError};
use crate::domain::{ContentDigest, stored_error_line};
use crate::limits;
use crate::logs::Profile;
use crate::suggestions::sighted;
use std::collections::BTreeSet;

impl BatchTransaction<'_> {
    /// Counts new error lines of jobs: each line once for a job. Those that no bug is searched for do not
    /// count: they are in most jobs that fail, and whoever stores them would wait for all others.
    pub(super) async fn note_failures(
        &mut self,
        lines: impl Iterator<Item = (i64, &str)>,
        profile: Profile,
    ) -> Result<(), StoreError> {
        let sightings: BTreeSet<(ContentDigest, i64)> = lines
            .filter_map(|(job, line)| Some((sighted(&stored_error_line(line), profile)?, job)))
            .collect();
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
}
