//! Job rows of a group commit.

use super::{BatchTransaction, Inner, Row, RowSet, StoreError};
use crate::domain::{AppliedDigests, ContentDigest, JobResult, JobState};
use crate::store::time::from_micros;
use chrono::{DateTime, Utc};
use sea_orm::sqlx::{self, Row as _};
use std::borrow::Cow;
use std::sync::atomic::Ordering;

/// What decisions look at in a row: as it was read under its lock, then as the batch changes it.
#[derive(Debug, Clone)]
pub(crate) struct DecisionRow {
    /// 0: not stored yet.
    pub(crate) id: i64,
    pub(crate) guid: String,
    pub(crate) root_guid: String,
    pub(crate) repository_id: i32,
    pub(crate) push_id: i64,
    pub(crate) state: JobState,
    pub(crate) result: JobResult,
    pub(crate) submit_time: Option<DateTime<Utc>>,
    pub(crate) start_time: Option<DateTime<Utc>>,
    pub(crate) digest: ContentDigest,
    pub(crate) applied: AppliedDigests,
    pub(crate) received_at: DateTime<Utc>,
    pub(crate) superseded_by: Option<String>,
    pub(crate) has_task: bool,
}

/// Everything an insert or an applied submission writes. Times are microseconds.
#[derive(Debug, Clone)]
pub(crate) struct WrittenRow<'a> {
    /// 0: not stored yet.
    pub(crate) id: i64,
    /// It has another guid or push than before.
    pub(crate) moved: bool,
    pub(crate) guid: &'a str,
    pub(crate) root_guid: &'a str,
    pub(crate) repository_id: i32,
    pub(crate) push_id: i64,
    pub(crate) signature_id: i32,
    pub(crate) machine_id: i32,
    pub(crate) product_id: i32,
    pub(crate) state: &'a str,
    pub(crate) result: &'a str,
    pub(crate) tier: i32,
    pub(crate) who: &'a str,
    pub(crate) reason: &'a str,
    pub(crate) submit_time: Option<i64>,
    pub(crate) start_time: Option<i64>,
    pub(crate) end_time: Option<i64>,
    pub(crate) superseded_by: Option<&'a str>,
    pub(crate) description: Option<&'a str>,
    /// With a run the task's id, without one its stand-in.
    pub(crate) task_id: Option<Cow<'a, str>>,
    pub(crate) retry_id: Option<i32>,
    pub(crate) digest: ContentDigest,
    pub(crate) applied: &'a AppliedDigests,
    pub(crate) first_door: &'static str,
    pub(crate) last_door: &'static str,
    pub(crate) source: &'a str,
    pub(crate) received_at: i64,
    pub(crate) written_at: i64,
    pub(crate) held_at: Option<i64>,
    pub(crate) released_at: Option<i64>,
    /// Repeats within the batch itself.
    pub(crate) repeats: i64,
}

/// A row to which something was added while its state, result and times stay.
#[derive(Debug)]
pub(crate) struct TouchedRow<'a> {
    pub(crate) id: i64,
    pub(crate) superseded_by: Option<&'a str>,
    pub(crate) task_id: Option<&'a str>,
    pub(crate) retry_id: Option<i32>,
    pub(crate) applied: &'a AppliedDigests,
    pub(crate) written_at: i64,
}

/// A row that the insert made.
#[derive(Debug)]
pub(crate) struct InsertedJob {
    pub(crate) id: i64,
    pub(crate) guid: String,
}

/// The first task that is known of stays; until then its place is taken by a stand-in, without a run.
const TASK: &str = "task_id = CASE WHEN jobs.retry_id IS NULL THEN COALESCE(t.task_id, jobs.task_id) \
     ELSE jobs.task_id END, retry_id = COALESCE(jobs.retry_id, t.retry_id)";

const DECISION_COLUMNS: &str = "j.id, j.guid, j.root_guid, j.repository_id, j.push_id, j.state, j.result, \
     j.submit_time, j.start_time, j.digest, j.applied_digests, j.received_at, j.superseded_by, \
     CASE WHEN j.retry_id IS NOT NULL THEN j.task_id END";

impl DecisionRow {
    fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.bigint(0)?,
            guid: row.text(1)?,
            root_guid: row.text(2)?,
            repository_id: row.int(3)?,
            push_id: row.bigint(4)?,
            state: JobState::from_word(&row.text(5)?),
            result: JobResult::from_word(&row.text(6)?),
            submit_time: row.optional_bigint(7)?.map(from_micros),
            start_time: row.optional_bigint(8)?.map(from_micros),
            digest: ContentDigest::from_slice(&row.bytes(9)?).unwrap_or(ContentDigest([0; 16])),
            applied: AppliedDigests::from_bytes(&row.bytes(10)?),
            received_at: from_micros(row.bigint(11)?),
            superseded_by: row.optional_text(12)?,
            has_task: row.optional_text(13)?.is_some(),
        })
    }
}

impl BatchTransaction<'_> {
    /// Locks and reads every stored row of these guids' families (R8): rows with one of the guids, and
    /// retries of one of the roots. `guids` holds the roots too; both are sorted.
    pub(crate) async fn lock_families(
        &mut self,
        guids: &[&str],
        roots: &[&str],
    ) -> Result<Vec<DecisionRow>, StoreError> {
        // Two statements, for one with OR would not use the two indexes; the second almost never
        // finds anything. Rows are locked in guid order in both.
        let sql = format!(
            "SELECT {DECISION_COLUMNS} FROM jobs j WHERE j.guid IN (SELECT t.guid FROM {{rows}}) \
             ORDER BY j.guid {{lock}}"
        );
        let mut found = self.run(&sql, RowSet::new().text("guid", guids.iter().copied())).await?;
        let sql = format!(
            "SELECT {DECISION_COLUMNS} FROM jobs j WHERE j.root_guid <> j.guid AND j.root_guid IN \
             (SELECT t.root FROM {{rows}}) ORDER BY j.guid {{lock}}"
        );
        found.extend(self.run(&sql, RowSet::new().text("root", roots.iter().copied())).await?);
        let mut rows = found.iter().map(DecisionRow::read).collect::<Result<Vec<_>, _>>()?;
        rows.sort_unstable_by_key(|row| row.id);
        rows.dedup_by_key(|row| row.id);
        Ok(rows)
    }

    /// The number of this transaction in the order of changes (R2). On SQLite the single writer counts.
    pub(crate) async fn change_number(&mut self) -> Result<i64, StoreError> {
        self.statements.fetch_add(1, Ordering::Relaxed);
        Ok(match &mut self.inner {
            Inner::Postgres(transaction) => sqlx::query("SELECT pg_current_xact_id()::text::bigint")
                .fetch_one(&mut **transaction)
                .await?
                .try_get(0)?,
            Inner::Sqlite(transaction) => {
                sqlx::query("UPDATE change_sequence SET value = value + 1 WHERE id = 1 RETURNING value")
                    .fetch_one(&mut **transaction)
                    .await?
                    .try_get(0)?
            }
        })
    }

    /// Inserts rows, sorted by guid. A row whose guid somebody else inserted meanwhile is missing from
    /// the answer: the batch must then be decided anew.
    pub(crate) async fn insert_jobs(
        &mut self,
        change: i64,
        rows: &[WrittenRow<'_>],
    ) -> Result<Vec<InsertedJob>, StoreError> {
        let sql = "INSERT INTO jobs (guid, root_guid, repository_id, push_id, signature_id, machine_id, \
             product_id, state, result, tier, who, reason, submit_time, start_time, end_time, \
             last_modified, superseded_by, description, task_id, retry_id, failure_classification_id, \
             digest, applied_digests, first_door, last_door, source, received_at, committed_at, held_at, \
             released_at, repeat_count, change_transaction) \
             SELECT t.guid, t.root_guid, t.repository_id, t.push_id, t.signature_id, t.machine_id, \
             t.product_id, t.state, t.result, t.tier, t.who, t.reason, t.submit_time, t.start_time, \
             t.end_time, t.written_at, t.superseded_by, t.description, t.task_id, t.retry_id, 1, \
             t.digest, t.applied, t.first_door, t.last_door, t.source, t.received_at, t.written_at, \
             t.held_at, t.released_at, t.repeats, t.change FROM {rows} WHERE true \
             ON CONFLICT (guid) DO NOTHING RETURNING id, guid";
        let set = written(change, rows);
        let inserted = self.run(sql, set).await?;
        inserted.iter().map(|row| Ok(InsertedJob { id: row.bigint(0)?, guid: row.text(1)? })).collect()
    }

    /// Overwrites rows with the submissions that won, sorted by id. Only those that `moved` get another
    /// guid or push: the others keep their places in the indexes of these columns.
    pub(crate) async fn update_jobs(
        &mut self,
        change: i64,
        rows: &[WrittenRow<'_>],
        moved: bool,
    ) -> Result<(), StoreError> {
        let place = if moved { "guid = t.guid, push_id = t.push_id, " } else { "" };
        let sql = format!(
            "UPDATE jobs SET {place}signature_id = t.signature_id, \
             machine_id = t.machine_id, product_id = t.product_id, state = t.state, result = t.result, \
             tier = t.tier, who = t.who, reason = t.reason, submit_time = t.submit_time, \
             start_time = t.start_time, end_time = t.end_time, last_modified = t.written_at, \
             superseded_by = t.superseded_by, description = t.description, \
             {TASK}, digest = t.digest, \
             applied_digests = t.applied, last_door = t.last_door, source = t.source, \
             received_at = t.received_at, committed_at = t.written_at, \
             held_at = COALESCE(t.held_at, jobs.held_at), \
             released_at = COALESCE(t.released_at, jobs.released_at), \
             repeat_count = jobs.repeat_count + t.repeats, change_transaction = t.change \
             FROM {{rows}} WHERE jobs.id = t.id"
        );
        self.run(&sql, written(change, rows)).await?;
        Ok(())
    }

    /// Marks rows as changed to which parts or a superseding job were added.
    pub(crate) async fn touch_jobs(
        &mut self,
        change: i64,
        rows: &[TouchedRow<'_>],
    ) -> Result<(), StoreError> {
        let sql = format!(
            "UPDATE jobs SET superseded_by = t.superseded_by, \
             {TASK}, \
             applied_digests = t.applied, last_modified = t.written_at, change_transaction = t.change \
             FROM {{rows}} WHERE jobs.id = t.id"
        );
        let set = RowSet::new()
            .bigint("id", rows.iter().map(|r| r.id))
            .optional_text("superseded_by", rows.iter().map(|r| r.superseded_by))
            .optional_text("task_id", rows.iter().map(|r| r.task_id))
            .optional_int("retry_id", rows.iter().map(|r| r.retry_id))
            .owned_bytes("applied", rows.iter().map(|r| r.applied.to_bytes()))
            .bigint("written_at", rows.iter().map(|r| r.written_at))
            .bigint("change", rows.iter().map(|_| change));
        self.run(&sql, set).await?;
        Ok(())
    }

    /// Counts submissions that changed nothing: (job id, how many).
    pub(crate) async fn count_repeats(&mut self, repeats: &[(i64, i64)]) -> Result<(), StoreError> {
        let sql = "UPDATE jobs SET repeat_count = jobs.repeat_count + t.repeats FROM {rows} \
             WHERE jobs.id = t.id";
        let set = RowSet::new()
            .bigint("id", repeats.iter().map(|r| r.0))
            .bigint("repeats", repeats.iter().map(|r| r.1));
        self.run(sql, set).await?;
        Ok(())
    }

    /// Remembers superseding jobs for guids that are not known yet (R6): (repository, guid,
    /// superseding guid, expiry), sorted and without duplicate keys.
    pub(crate) async fn remember_supersedes(
        &mut self,
        entries: &[(i32, &str, &str, i64)],
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO pending_supersedes (repository_id, guid, superseded_by, expires_at) \
             SELECT t.repository_id, t.guid, t.superseded_by, t.expires_at FROM {rows} WHERE true \
             ON CONFLICT (repository_id, guid) DO UPDATE SET \
             superseded_by = {max}(pending_supersedes.superseded_by, excluded.superseded_by), \
             expires_at = excluded.expires_at";
        let set = RowSet::new()
            .int("repository_id", entries.iter().map(|e| e.0))
            .text("guid", entries.iter().map(|e| e.1))
            .text("superseded_by", entries.iter().map(|e| e.2))
            .bigint("expires_at", entries.iter().map(|e| e.3));
        self.run(sql, set).await?;
        Ok(())
    }

    /// Takes what was remembered for new jobs: (guid, superseding guid).
    pub(crate) async fn take_supersedes(
        &mut self,
        jobs: &[(i32, &str)],
    ) -> Result<Vec<(String, String)>, StoreError> {
        let sql = "DELETE FROM pending_supersedes WHERE (repository_id, guid) IN \
             (SELECT t.repository_id, t.guid FROM {rows}) RETURNING guid, superseded_by";
        let set = RowSet::new()
            .int("repository_id", jobs.iter().map(|j| j.0))
            .text("guid", jobs.iter().map(|j| j.1));
        let taken = self.run(sql, set).await?;
        taken.iter().map(|row| Ok((row.text(0)?, row.text(1)?))).collect()
    }
}

fn written<'a>(change: i64, rows: &'a [WrittenRow<'a>]) -> RowSet<'a> {
    RowSet::new()
        .bigint("id", rows.iter().map(|r| r.id))
        .text("guid", rows.iter().map(|r| r.guid))
        .text("root_guid", rows.iter().map(|r| r.root_guid))
        .int("repository_id", rows.iter().map(|r| r.repository_id))
        .bigint("push_id", rows.iter().map(|r| r.push_id))
        .int("signature_id", rows.iter().map(|r| r.signature_id))
        .int("machine_id", rows.iter().map(|r| r.machine_id))
        .int("product_id", rows.iter().map(|r| r.product_id))
        .text("state", rows.iter().map(|r| r.state))
        .text("result", rows.iter().map(|r| r.result))
        .int("tier", rows.iter().map(|r| r.tier))
        .text("who", rows.iter().map(|r| r.who))
        .text("reason", rows.iter().map(|r| r.reason))
        .optional_bigint("submit_time", rows.iter().map(|r| r.submit_time))
        .optional_bigint("start_time", rows.iter().map(|r| r.start_time))
        .optional_bigint("end_time", rows.iter().map(|r| r.end_time))
        .optional_text("superseded_by", rows.iter().map(|r| r.superseded_by))
        .optional_text("description", rows.iter().map(|r| r.description))
        .optional_text("task_id", rows.iter().map(|r| r.task_id.as_deref()))
        .optional_int("retry_id", rows.iter().map(|r| r.retry_id))
        .bytes("digest", rows.iter().map(|r| &r.digest.as_bytes()[..]))
        .owned_bytes("applied", rows.iter().map(|r| r.applied.to_bytes()))
        .text("first_door", rows.iter().map(|r| r.first_door))
        .text("last_door", rows.iter().map(|r| r.last_door))
        .text("source", rows.iter().map(|r| r.source))
        .bigint("received_at", rows.iter().map(|r| r.received_at))
        .bigint("written_at", rows.iter().map(|r| r.written_at))
        .optional_bigint("held_at", rows.iter().map(|r| r.held_at))
        .optional_bigint("released_at", rows.iter().map(|r| r.released_at))
        .bigint("repeats", rows.iter().map(|r| r.repeats))
        .bigint("change", rows.iter().map(|_| change))
}
