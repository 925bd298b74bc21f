//! Documents of performance data that jobs link to, fetched as follow-up work (R31).

use super::{ArtifactRow, BatchTransaction, RowSet, StoreError};
use crate::store::follow_up::{Lease, PERFORMANCE, done};

/// A document to fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PerformanceFetchRow<'a> {
    pub(crate) job_id: i64,
    pub(crate) url: &'a str,
    pub(crate) queue_priority: i16,
}

impl BatchTransaction<'_> {
    /// Queues documents, each once for its job.
    pub(crate) async fn queue_performance(
        &mut self,
        rows: &[PerformanceFetchRow<'_>],
    ) -> Result<(), StoreError> {
        if rows.is_empty() {
            return Ok(());
        }
        let sql = "INSERT INTO performance_fetches (job_id, url, queue_priority) \
             SELECT t.job_id, t.url, t.queue_priority FROM {rows} WHERE true \
             ON CONFLICT (job_id, url) DO NOTHING";
        let set = RowSet::new()
            .bigint("job_id", rows.iter().map(|row| row.job_id))
            .text("url", rows.iter().map(|row| row.url))
            .optional_smallint("queue_priority", rows.iter().map(|row| Some(row.queue_priority)));
        self.run(sql, set).await?;
        Ok(())
    }

    /// Stores a document as an artifact and takes its fetch out of the queue, if the lease holds, and gives the
    /// job; none if it was lost, and then nothing may be committed.
    pub(crate) async fn finish_performance(
        &mut self,
        lease: &Lease,
        name: &str,
        blob: &str,
    ) -> Result<Option<i64>, StoreError> {
        let sql = format!(
            "UPDATE performance_fetches SET {} FROM {{rows}} WHERE performance_fetches.id = t.id \
             AND performance_fetches.lease_owner = t.owner RETURNING performance_fetches.job_id",
            done(&PERFORMANCE)
        );
        let set = RowSet::new()
            .bigint("id", std::iter::once(lease.id))
            .text("owner", std::iter::once(lease.owner.as_str()));
        let rows = self.run(&sql, set).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let job_id = row.bigint(0)?;
        self.add_artifacts(&[ArtifactRow { job_id, name, kind: "json", blob }]).await?;
        Ok(Some(job_id))
    }
}
