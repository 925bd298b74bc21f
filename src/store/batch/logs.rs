//! What was found in a log, stored under the lease of whoever read it.

use super::sightings::ErrorOfJob;
use super::{BatchTransaction, RowSet, StoreError};
use crate::logs::{FailureLine, GroupResult, Profile};
use crate::store::follow_up::{LOGS, Lease, done};
use crate::store::time::to_micros;
use chrono::Utc;
use std::collections::BTreeSet;

/// In place of a log's number: the submitter supplied the summary.
pub(crate) const SUPPLIED: i64 = 0;

/// A log whose lease holds: its job's row is locked, then its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LeasedLog {
    pub(crate) job_id: i64,
    /// The submitter supplied a summary of the job, which stays (R31).
    pub(crate) has_supplied_summary: bool,
}

/// A summary of a job: supplied, or made from a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SummaryRow {
    pub(crate) job_id: i64,
    /// The log that it was made from, or [`SUPPLIED`].
    pub(crate) log_id: i64,
    pub(crate) errors_truncated: bool,
}

/// An error line that stands in no step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FlatErrorRow<'a> {
    pub(crate) job_id: i64,
    pub(crate) line_number: i32,
    pub(crate) line: &'a str,
}

/// A failure that an error summary reports.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FailureLineRow<'a> {
    pub(crate) job_id: i64,
    pub(crate) log_id: i64,
    pub(crate) failure: &'a FailureLine,
}

/// A group of tests of which an error summary says how it ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GroupResultRow<'a> {
    pub(crate) job_id: i64,
    pub(crate) log_id: i64,
    /// As the database can hold it.
    pub(crate) name: &'a str,
    pub(crate) group: &'a GroupResult,
}

impl BatchTransaction<'_> {
    /// Locks a log and its job for storing what was found in it; `None`: the lease was lost.
    pub(crate) async fn lock_leased_log(&mut self, lease: &Lease) -> Result<Option<LeasedLog>, StoreError> {
        let one = || {
            RowSet::new()
                .bigint("id", std::iter::once(lease.id))
                .text("owner", std::iter::once(lease.owner.as_str()))
        };
        // The job first, as a batch of submissions does; the lease is looked at once both are locked.
        let jobs = "SELECT j.id FROM jobs j WHERE j.id IN (SELECT l.job_id FROM job_logs l WHERE l.id IN \
             (SELECT t.id FROM {rows})) {lock}";
        if self.run(jobs, one()).await?.is_empty() {
            return Ok(None);
        }
        let leased = "SELECT l.job_id, (SELECT COUNT(*) FROM log_summaries s WHERE s.job_id = l.job_id \
             AND s.log_id = 0) FROM job_logs l \
             WHERE (l.id, l.lease_owner) IN (SELECT t.id, t.owner FROM {rows}) {lock}";
        let rows = self.run(leased, one()).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        Ok(Some(LeasedLog { job_id: row.bigint(0)?, has_supplied_summary: row.bigint(1)? > 0 }))
    }

    /// Remembers that jobs have summaries. Gives back the jobs that had none of this kind.
    pub(crate) async fn add_summaries(&mut self, rows: &[SummaryRow]) -> Result<Vec<i64>, StoreError> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let sql = "INSERT INTO log_summaries (job_id, log_id, errors_truncated) \
             SELECT t.job_id, t.log_id, t.errors_truncated <> 0 FROM {rows} WHERE true \
             ON CONFLICT (job_id, log_id) DO NOTHING RETURNING job_id";
        let set = RowSet::new()
            .bigint("job_id", rows.iter().map(|row| row.job_id))
            .bigint("log_id", rows.iter().map(|row| row.log_id))
            .int("errors_truncated", rows.iter().map(|row| i32::from(row.errors_truncated)));
        self.run(sql, set).await?.iter().map(|row| row.bigint(0)).collect()
    }

    /// Adds error lines that stand in no step, but for those that the job has from another log: the same log
    /// may be referred to twice.
    pub(crate) async fn add_flat_errors(&mut self, rows: &[FlatErrorRow<'_>]) -> Result<(), StoreError> {
        self.add_unless_known(rows, "AND e.line = t.line").await?;
        Ok(())
    }

    /// Adds error lines that stand in no step and came with their job, but for those whose number the job has
    /// already. Gives back the jobs that got any.
    pub(crate) async fn add_supplied_errors(
        &mut self,
        rows: &[FlatErrorRow<'_>],
    ) -> Result<Vec<i64>, StoreError> {
        let added = self.add_unless_known(rows, "").await?;
        let jobs: BTreeSet<i64> = added.into_iter().map(|error| error.job_id).collect();
        Ok(jobs.into_iter().collect())
    }

    /// Adds error lines but for those whose number the job has already, and what else makes them known.
    /// Nobody else adds any meanwhile: the job's row is locked.
    async fn add_unless_known(
        &mut self,
        rows: &[FlatErrorRow<'_>],
        and_known_by: &str,
    ) -> Result<Vec<ErrorOfJob>, StoreError> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let sql = format!(
            "INSERT INTO log_errors (job_id, step_id, line_number, line) \
             SELECT t.job_id, NULL, t.line_number, t.line FROM {{rows}} WHERE NOT EXISTS \
             (SELECT 1 FROM log_errors e WHERE e.job_id = t.job_id AND e.step_id IS NULL \
             AND e.line_number = t.line_number {and_known_by}) RETURNING id, job_id, line"
        );
        let set = RowSet::new()
            .bigint("job_id", rows.iter().map(|row| row.job_id))
            .int("line_number", rows.iter().map(|row| row.line_number))
            .error_lines("line", rows.iter().map(|row| row.line));
        let added = self.run(&sql, set).await?;
        let added = added.iter().map(ErrorOfJob::read).collect::<Result<Vec<_>, _>>()?;
        self.note_failures(&added, Profile::Of2026).await?;
        Ok(added)
    }

    /// Adds failure lines; of those with one ordinal the first stays.
    pub(crate) async fn add_failure_lines(&mut self, rows: &[FailureLineRow<'_>]) -> Result<(), StoreError> {
        if rows.is_empty() {
            return Ok(());
        }
        let columns = "job_id, log_id, action, line, test, subtest, status, expected, message, signature, \
             level, stack, stackwalk_stdout, stackwalk_stderr, group_name";
        let sql = format!(
            "INSERT INTO failure_lines ({columns}) SELECT {columns} FROM {{rows}} WHERE true \
             ON CONFLICT (log_id, line) DO NOTHING"
        );
        let text =
            |of: fn(&FailureLine) -> &Option<String>| rows.iter().map(move |row| of(row.failure).as_deref());
        let set = RowSet::new()
            .bigint("job_id", rows.iter().map(|row| row.job_id))
            .bigint("log_id", rows.iter().map(|row| row.log_id))
            .text("action", rows.iter().map(|row| &*row.failure.action))
            .bigint("line", rows.iter().map(|row| row.failure.line))
            .optional_text("test", text(|failure| &failure.test))
            .optional_text("subtest", text(|failure| &failure.subtest))
            .optional_text("status", text(|failure| &failure.status))
            .optional_text("expected", text(|failure| &failure.expected))
            .optional_text("message", text(|failure| &failure.message))
            .optional_text("signature", text(|failure| &failure.signature))
            .optional_text("level", text(|failure| &failure.level))
            .optional_text("stack", text(|failure| &failure.stack))
            .optional_text("stackwalk_stdout", text(|failure| &failure.stackwalk_stdout))
            .optional_text("stackwalk_stderr", text(|failure| &failure.stackwalk_stderr))
            .optional_text("group_name", text(|failure| &failure.group));
        self.run(&sql, set).await?;
        Ok(())
    }

    /// Adds how groups of tests ended; of those with one name the first stays.
    pub(crate) async fn add_group_results(&mut self, rows: &[GroupResultRow<'_>]) -> Result<(), StoreError> {
        if rows.is_empty() {
            return Ok(());
        }
        let sql = "INSERT INTO group_results (log_id, name, job_id, status, seconds) \
             SELECT t.log_id, t.name, t.job_id, t.status, t.seconds FROM {rows} WHERE true \
             ON CONFLICT (log_id, name) DO NOTHING";
        let set = RowSet::new()
            .bigint("log_id", rows.iter().map(|row| row.log_id))
            .text("name", rows.iter().map(|row| row.name))
            .bigint("job_id", rows.iter().map(|row| row.job_id))
            .optional_smallint("status", rows.iter().map(|row| Some(row.group.status.code())))
            .int("seconds", rows.iter().map(|row| row.group.seconds));
        self.run(sql, set).await?;
        Ok(())
    }

    /// Marks a log whose lease holds as parsed, and takes it out of the queue.
    pub(crate) async fn finish_log(&mut self, lease: &Lease) -> Result<(), StoreError> {
        let sql = format!(
            "UPDATE job_logs SET read_at = t.read_at, {} FROM {{rows}} \
             WHERE job_logs.id = t.id AND job_logs.lease_owner = t.owner",
            done(&LOGS)
        );
        let set = RowSet::new()
            .bigint("id", std::iter::once(lease.id))
            .bigint("read_at", std::iter::once(to_micros(Utc::now())))
            .text("owner", std::iter::once(lease.owner.as_str()));
        self.run(&sql, set).await?;
        Ok(())
    }
}
