//! Logs, details, artifacts and summaries of a group commit.

use super::sightings::ErrorOfJob;
use super::{BatchTransaction, RowSet, StoreError};
use crate::logs::Profile;

/// Whose parts they are: only what an applied submission says may change parts that are there (R7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PartsRule {
    /// The submission won: it may change what is there.
    Applied,
    /// The submission was ignored: it adds what is lacking.
    OnlyLacking,
}

/// A log reference. A pending, parseable log of a completed job is its own entry in the follow-up
/// queue (R16).
#[derive(Debug)]
pub(crate) struct LogRow<'a> {
    pub(crate) job_id: i64,
    pub(crate) name: &'a str,
    pub(crate) url: &'a str,
    pub(crate) status: i16,
    pub(crate) queue_priority: Option<i16>,
    pub(crate) created_at: i64,
}

#[derive(Debug)]
pub(crate) struct DetailRow<'a> {
    pub(crate) job_id: i64,
    pub(crate) title: &'a str,
    pub(crate) value: &'a str,
    pub(crate) url: Option<&'a str>,
    pub(crate) content_type: &'static str,
}

#[derive(Debug)]
pub(crate) struct ArtifactRow<'a> {
    pub(crate) job_id: i64,
    pub(crate) name: &'a str,
    pub(crate) kind: &'a str,
    pub(crate) blob: &'a str,
}

#[derive(Debug)]
pub(crate) struct StepRow<'a> {
    pub(crate) job_id: i64,
    pub(crate) position: i32,
    pub(crate) name: &'a str,
    pub(crate) started_at: Option<i64>,
    pub(crate) finished_at: Option<i64>,
    pub(crate) started_line: i32,
    pub(crate) finished_line: i32,
    pub(crate) result: &'a str,
    /// (line number, line), without duplicate numbers.
    pub(crate) errors: Vec<(i32, &'a str)>,
}

/// Rows come in the order of their keys. None need no statement.
impl BatchTransaction<'_> {
    /// Adds logs; those that are there may move on from pending, and back to pending from failed if an
    /// applied submission says so (R31). Gives back (job, name, url) of what was added or changed.
    pub(crate) async fn add_logs(
        &mut self,
        rule: PartsRule,
        rows: &[LogRow<'_>],
    ) -> Result<Vec<(i64, String, String)>, StoreError> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        // What was given up waits again only if an applied submission says so.
        let (unless_dead, again) = match rule {
            PartsRule::Applied => ("", "OR (job_logs.status = 2 AND excluded.status = 0)"),
            PartsRule::OnlyLacking => ("AND job_logs.dead_at IS NULL", ""),
        };
        let sql = format!(
            "INSERT INTO job_logs (job_id, name, url, status, queue_priority, attempts, created_at) \
             SELECT t.job_id, t.name, t.url, t.status, t.queue_priority, 0, t.created_at FROM {{rows}} \
             WHERE true ON CONFLICT (job_id, name, url) DO UPDATE SET status = excluded.status, \
             queue_priority = excluded.queue_priority, attempts = 0, next_attempt_at = NULL, \
             lease_owner = NULL, lease_until = NULL, last_error = NULL, dead_at = NULL \
             WHERE (job_logs.status = 0 AND (excluded.status <> 0 OR \
             (job_logs.queue_priority IS NULL AND excluded.queue_priority IS NOT NULL {unless_dead}))) {again} \
             RETURNING job_id, name, url"
        );
        let set = RowSet::new()
            .bigint("job_id", rows.iter().map(|r| r.job_id))
            .text("name", rows.iter().map(|r| r.name))
            .text("url", rows.iter().map(|r| r.url))
            .optional_smallint("status", rows.iter().map(|r| Some(r.status)))
            .optional_smallint("queue_priority", rows.iter().map(|r| r.queue_priority))
            .bigint("created_at", rows.iter().map(|r| r.created_at));
        let changed = self.run(&sql, set).await?;
        changed.iter().map(|row| Ok((row.bigint(0)?, row.text(1)?, row.text(2)?))).collect()
    }

    /// Adds details; an applied submission may change the link of one that is there (contract 7.4).
    /// Gives back (job, title, value) of what was added or changed.
    pub(crate) async fn add_details(
        &mut self,
        rule: PartsRule,
        rows: &[DetailRow<'_>],
    ) -> Result<Vec<(i64, String, String)>, StoreError> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let conflict = match rule {
            PartsRule::Applied => {
                "DO UPDATE SET url = excluded.url, content_type = excluded.content_type \
                 WHERE COALESCE(job_details.url, '') <> COALESCE(excluded.url, '')"
            }
            PartsRule::OnlyLacking => "DO NOTHING",
        };
        let sql = format!(
            "INSERT INTO job_details (job_id, title, value, url, content_type) \
             SELECT t.job_id, t.title, t.value, t.url, t.content_type FROM {{rows}} WHERE true \
             ON CONFLICT (job_id, title, value) {conflict} RETURNING job_id, title, value"
        );
        let set = RowSet::new()
            .bigint("job_id", rows.iter().map(|r| r.job_id))
            .text("title", rows.iter().map(|r| r.title))
            .text("value", rows.iter().map(|r| r.value))
            .optional_text("url", rows.iter().map(|r| r.url))
            .text("content_type", rows.iter().map(|r| r.content_type));
        let changed = self.run(&sql, set).await?;
        changed.iter().map(|row| Ok((row.bigint(0)?, row.text(1)?, row.text(2)?))).collect()
    }

    /// Adds artifacts; the first value of a name wins. Gives back (job, name) of those added.
    pub(crate) async fn add_artifacts(
        &mut self,
        rows: &[ArtifactRow<'_>],
    ) -> Result<Vec<(i64, String)>, StoreError> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let sql = "INSERT INTO job_artifacts (job_id, name, kind, blob) \
             SELECT t.job_id, t.name, t.kind, t.blob FROM {rows} WHERE true \
             ON CONFLICT (job_id, name) DO NOTHING RETURNING job_id, name";
        let set = RowSet::new()
            .bigint("job_id", rows.iter().map(|r| r.job_id))
            .text("name", rows.iter().map(|r| r.name))
            .text("kind", rows.iter().map(|r| r.kind))
            .text("blob", rows.iter().map(|r| r.blob));
        let added = self.run(sql, set).await?;
        added.iter().map(|row| Ok((row.bigint(0)?, row.text(1)?))).collect()
    }

    /// Adds steps and their errors, each unless it is there. Gives back the jobs that got any.
    pub(crate) async fn add_steps(&mut self, rows: &[StepRow<'_>]) -> Result<Vec<i64>, StoreError> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let sql = "INSERT INTO log_steps (job_id, position, name, started_at, finished_at, started_line, \
             finished_line, result) SELECT t.job_id, t.position, t.name, t.started_at, t.finished_at, \
             t.started_line, t.finished_line, t.result FROM {rows} WHERE true \
             ON CONFLICT (job_id, started_line, finished_line) DO NOTHING RETURNING job_id";
        let set = RowSet::new()
            .bigint("job_id", rows.iter().map(|r| r.job_id))
            .int("position", rows.iter().map(|r| r.position))
            .text("name", rows.iter().map(|r| r.name))
            .optional_bigint("started_at", rows.iter().map(|r| r.started_at))
            .optional_bigint("finished_at", rows.iter().map(|r| r.finished_at))
            .int("started_line", rows.iter().map(|r| r.started_line))
            .int("finished_line", rows.iter().map(|r| r.finished_line))
            .text("result", rows.iter().map(|r| r.result));
        let mut jobs =
            self.run(sql, set).await?.iter().map(|r| r.bigint(0)).collect::<Result<Vec<_>, _>>()?;

        let errors: Vec<_> =
            rows.iter().flat_map(|r| r.errors.iter().map(move |&(number, line)| (r, number, line))).collect();
        if !errors.is_empty() {
            let sql = "INSERT INTO log_errors (job_id, step_id, line_number, line) \
                 SELECT s.job_id, s.id, t.line_number, t.line FROM {rows} JOIN log_steps s ON \
                 s.job_id = t.job_id AND s.started_line = t.started_line AND \
                 s.finished_line = t.finished_line WHERE true \
                 ORDER BY s.job_id, s.started_line, t.line_number \
                 ON CONFLICT (step_id, line_number) DO NOTHING RETURNING id, job_id, line";
            let set = RowSet::new()
                .bigint("job_id", errors.iter().map(|e| e.0.job_id))
                .int("started_line", errors.iter().map(|e| e.0.started_line))
                .int("finished_line", errors.iter().map(|e| e.0.finished_line))
                .int("line_number", errors.iter().map(|e| e.1))
                .error_lines("line", errors.iter().map(|e| e.2));
            let added = self.run(sql, set).await?;
            let added = added.iter().map(ErrorOfJob::read).collect::<Result<Vec<_>, _>>()?;
            self.note_failures(&added, Profile::Of2018).await?;
            jobs.extend(added.iter().map(|error| error.job_id));
        }
        jobs.sort_unstable();
        jobs.dedup();
        Ok(jobs)
    }

    /// Queues pending, parseable logs that came before their job had completed: (job, priority).
    pub(crate) async fn queue_pending_logs(&mut self, jobs: &[(i64, i16)]) -> Result<(), StoreError> {
        let sql = "UPDATE job_logs SET queue_priority = t.priority FROM {rows} \
             WHERE job_logs.job_id = t.job_id AND job_logs.status = 0 AND job_logs.queue_priority IS NULL \
             AND job_logs.dead_at IS NULL \
             AND job_logs.name IN ('buildbot_text', 'builds-4h', 'live_backing_log', 'errorsummary_json')";
        let set = RowSet::new()
            .bigint("job_id", jobs.iter().map(|j| j.0))
            .optional_smallint("priority", jobs.iter().map(|j| Some(j.1)));
        self.run(sql, set).await?;
        Ok(())
    }
}
