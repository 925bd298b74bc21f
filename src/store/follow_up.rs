//! The follow-up queue: tables whose rows are their own entries, taken under a lease.
//!
//! An entry waits while `queue_priority` is set, and is due once `next_attempt_at` is past, or null.
//! Taking it moves `next_attempt_at` to the end of the lease, so that an entry whose gateway died is due
//! again by itself. Whoever finishes an entry names its lease: if the lease was lost, nothing happens.

pub use super::push_fetches::PUSH_FETCHES;
use super::time::from_micros;
use super::{Store, StoreError};
use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, QueryResult, Statement, Value};

/// Code points kept of why an attempt failed.
const LAST_ERROR: usize = 500;

/// A table that is a queue. It has the columns `id`, `queue_priority`, `attempts`, `lease_owner`,
/// `lease_until`, `next_attempt_at`, `last_error` and `dead_at`, and the indexes of
/// `migrations::queue_indexes`.
#[derive(Debug, PartialEq, Eq)]
pub struct QueueTable {
    /// What its entries are, as `herdgate work` names them: `parse_log`.
    pub kind: &'static str,
    /// Name of the table.
    pub table: &'static str,
    /// SQL expression for what an entry is about: a URL.
    pub subject: &'static str,
    /// Further assignments when an attempt begins, where `$3` is the time; may be empty.
    pub when_begun: &'static str,
    /// Further assignments when it turns out that no attempt began, before it is taken from `attempts`.
    pub when_deferred: &'static str,
    /// Further assignments when an entry is done, such as `status = 1`; may be empty.
    pub when_done: &'static str,
    /// Further assignments when an attempt failed, for now or for good.
    pub when_failed: &'static str,
    /// Further assignments when an entry that was given up waits again.
    pub when_retried: &'static str,
}

/// Logs to parse: the log reference is the entry (R16).
pub const LOGS: QueueTable = QueueTable {
    kind: "parse_log",
    table: "job_logs",
    subject: "url",
    when_begun: "begun_at = $3",
    // When the one before began is not known any more.
    when_deferred: "begun_at = NULL",
    when_done: "status = 1",
    when_failed: "status = 2",
    when_retried: "status = 0",
};

/// Documents of performance data to fetch (R31).
pub const PERFORMANCE: QueueTable = QueueTable {
    kind: "fetch_performance",
    table: "performance_fetches",
    subject: "url",
    when_begun: "",
    when_deferred: "",
    when_done: "",
    when_failed: "",
    when_retried: "",
};

/// Every queue.
pub const QUEUES: [&QueueTable; 3] = [&LOGS, &PERFORMANCE, &PUSH_FETCHES];

/// Where an entry stands in the list of all: number of its queue, and of itself.
pub type Place = (i64, i64);

/// Which entries come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i16)]
pub enum Priority {
    /// Of failed jobs: somebody waits for them.
    Failures = 0,
    /// Everything else.
    Others = 1,
}

/// What an attempt failed at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailedAt {
    /// The work itself, which the entry is marked with.
    Work,
    /// Storing what the work gave: the entry's own state stays as it is (logs contract 1.4).
    Storing,
}

impl FailedAt {
    fn marks(self, queue: &QueueTable) -> &'static str {
        match self {
            Self::Work => queue.when_failed,
            Self::Storing => "",
        }
    }
}

/// The right to work on one entry, until it ends or is taken by others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Row of the queue's table.
    pub id: i64,
    /// Unique among all leases.
    pub owner: String,
    /// Attempts begun so far, this one included.
    pub attempts: u32,
}

/// An entry as an administrator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkEntry {
    /// Kind of its queue.
    pub kind: &'static str,
    /// Row of the queue's table.
    pub id: i64,
    /// What it is about.
    pub subject: String,
    /// Attempts begun.
    pub attempts: i32,
    /// Of one that is being worked on, the end of its lease. `None`: due.
    pub next_attempt_at: Option<DateTime<Utc>>,
    /// Who works on it.
    pub lease_owner: Option<String>,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
    /// When it was given up.
    pub dead_at: Option<DateTime<Utc>>,
}

impl Store {
    /// Takes at most `limit` entries that are due at `now` (microseconds, like all times here), those of
    /// `first` before the others, each until `until`.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn claim_work(
        &self,
        queue: &QueueTable,
        first: Priority,
        owner: &str,
        now: i64,
        until: i64,
        limit: usize,
    ) -> Result<Vec<Lease>, StoreError> {
        let second = if first == Priority::Failures { Priority::Others } else { Priority::Failures };
        let mut leases = Vec::new();
        for priority in [first, second] {
            let left = limit.saturating_sub(leases.len());
            if left > 0 {
                match self.claim_of(queue, priority, owner, now, until, left).await {
                    Ok(more) => leases.extend(more),
                    // Those of the first priority are taken, and are to be worked on.
                    Err(error) if !leases.is_empty() => {
                        tracing::debug!(%error, "nothing more is claimed");
                        break;
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(leases)
    }

    async fn claim_of(
        &self,
        queue: &QueueTable,
        priority: Priority,
        owner: &str,
        now: i64,
        until: i64,
        limit: usize,
    ) -> Result<Vec<Lease>, StoreError> {
        let connection = self.write_connection();
        // Others that claim at the same time take others. SQLite has one writer at a time.
        let skip_locked = match connection.get_database_backend() {
            sea_orm::DbBackend::Postgres => "FOR UPDATE SKIP LOCKED",
            _ => "",
        };
        let table = queue.table;
        let assignments = with(
            "lease_owner = $1, lease_until = $2, next_attempt_at = $2, attempts = attempts + 1",
            queue.when_begun,
        );
        // The priority is spelled out, for the partial index to be seen to fit.
        let priority = priority as i16;
        let sql = format!(
            "UPDATE {table} SET {assignments} WHERE id IN (SELECT id FROM {table} WHERE queue_priority = {priority} \
             AND COALESCE(next_attempt_at, 0) <= $3 ORDER BY COALESCE(next_attempt_at, 0), id LIMIT $4 \
             {skip_locked}) RETURNING id, attempts"
        );
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let values = [owner.into(), until.into(), now.into(), limit.into()];
        let rows = self.ask(sql, values).await?;
        let mut leases = Vec::with_capacity(rows.len());
        for row in rows {
            let attempts: i32 = row.try_get_by_index(1)?;
            leases.push(Lease {
                id: row.try_get_by_index(0)?,
                owner: owner.to_owned(),
                attempts: attempts.unsigned_abs(),
            });
        }
        leases.sort_unstable_by_key(|lease| lease.id);
        Ok(leases)
    }

    /// Ends all leases, where this process is the only one that can have any (R27): those there are were
    /// a process's that died.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn end_orphaned_leases(&self, queue: &QueueTable) -> Result<(), StoreError> {
        if self.write_connection().get_database_backend() == sea_orm::DbBackend::Sqlite {
            let sql = format!(
                "UPDATE {} SET lease_owner = NULL, lease_until = NULL, next_attempt_at = NULL \
                 WHERE lease_owner IS NOT NULL AND queue_priority IS NOT NULL RETURNING id",
                queue.table
            );
            self.ask(sql, []).await?;
        }
        Ok(())
    }

    /// Prolongs a lease. False: it was lost.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn extend_lease(
        &self,
        queue: &QueueTable,
        lease: &Lease,
        until: i64,
    ) -> Result<bool, StoreError> {
        let values = [until.into()];
        self.change_leased(queue, lease, "lease_until = $3, next_attempt_at = $3", values).await
    }

    /// Takes an entry that is done out of its queue. False: the lease was lost.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn finish_work(&self, queue: &QueueTable, lease: &Lease) -> Result<bool, StoreError> {
        self.change_leased(queue, lease, &done(queue), []).await
    }

    /// Lets an entry wait for its next attempt. False: the lease was lost.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn postpone_work(
        &self,
        queue: &QueueTable,
        lease: &Lease,
        failed: FailedAt,
        why: &str,
        next_attempt_at: i64,
    ) -> Result<bool, StoreError> {
        let values = [next_attempt_at.into(), said(why)];
        let assignments = with(
            "lease_owner = NULL, lease_until = NULL, next_attempt_at = $3, last_error = $4",
            failed.marks(queue),
        );
        self.change_leased(queue, lease, &assignments, values).await
    }

    /// Lets an entry wait without counting an attempt: it was not begun. Why it waits is noted unless there is
    /// an error of an attempt to tell. False: the lease was lost.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn defer_work(
        &self,
        queue: &QueueTable,
        lease: &Lease,
        why: &str,
        next_attempt_at: i64,
    ) -> Result<bool, StoreError> {
        let values = [next_attempt_at.into(), said(why)];
        let assignments = with(
            "lease_owner = NULL, lease_until = NULL, next_attempt_at = $3, attempts = attempts - 1, \
             last_error = CASE WHEN attempts > 1 THEN last_error ELSE $4 END",
            queue.when_deferred,
        );
        self.change_leased(queue, lease, &assignments, values).await
    }

    /// Gives an entry up. False: the lease was lost.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn bury_work(
        &self,
        queue: &QueueTable,
        lease: &Lease,
        failed: FailedAt,
        why: &str,
        now: i64,
    ) -> Result<bool, StoreError> {
        let values = [now.into(), said(why)];
        let assignments = with(
            "queue_priority = NULL, lease_owner = NULL, lease_until = NULL, next_attempt_at = NULL, \
             dead_at = $3, last_error = $4",
            failed.marks(queue),
        );
        self.change_leased(queue, lease, &assignments, values).await
    }

    /// Takes an entry out of its queue that is neither done nor given up: nobody is to look into it.
    pub(super) async fn dismiss_work(
        &self,
        queue: &QueueTable,
        lease: &Lease,
        why: &str,
        marks: &str,
    ) -> Result<bool, StoreError> {
        let assignments = with(
            "queue_priority = NULL, lease_owner = NULL, lease_until = NULL, next_attempt_at = NULL, \
             last_error = $3",
            marks,
        );
        self.change_leased(queue, lease, &assignments, [said(why)]).await
    }

    /// Gives an entry back as it was before it was claimed. False: the lease was lost.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn give_back_work(&self, queue: &QueueTable, lease: &Lease) -> Result<bool, StoreError> {
        let assignments = with(
            "lease_owner = NULL, lease_until = NULL, next_attempt_at = NULL, attempts = attempts - 1",
            queue.when_deferred,
        );
        self.change_leased(queue, lease, &assignments, []).await
    }

    /// Entries that wait (`dead`: that were given up), by number from behind `after` on.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn list_work(
        &self,
        queue: &QueueTable,
        dead: bool,
        after: i64,
        limit: u64,
    ) -> Result<Vec<WorkEntry>, StoreError> {
        let which = if dead { "dead_at IS NOT NULL" } else { "queue_priority IS NOT NULL" };
        let sql = format!(
            "SELECT id, {}, attempts, next_attempt_at, lease_owner, last_error, dead_at FROM {} \
             WHERE {which} AND id > $1 ORDER BY id LIMIT $2",
            queue.subject, queue.table
        );
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let connection = self.read_connection();
        let statement = Statement::from_sql_and_values(
            connection.get_database_backend(),
            sql,
            [Value::from(after), limit.into()],
        );
        let rows = connection.query_all_raw(statement).await?;
        rows.iter()
            .map(|row| {
                Ok(WorkEntry {
                    kind: queue.kind,
                    id: row.try_get_by_index(0)?,
                    subject: row.try_get_by_index(1)?,
                    attempts: row.try_get_by_index(2)?,
                    next_attempt_at: row.try_get_by_index::<Option<i64>>(3)?.map(from_micros),
                    lease_owner: row.try_get_by_index(4)?,
                    last_error: row.try_get_by_index(5)?,
                    dead_at: row.try_get_by_index::<Option<i64>>(6)?.map(from_micros),
                })
            })
            .collect()
    }

    /// The same of every queue, one after the other: entries with their places, from behind a place on.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn list_all_work(
        &self,
        dead: bool,
        after: Place,
        limit: u64,
    ) -> Result<Vec<(Place, WorkEntry)>, StoreError> {
        let mut entries = Vec::new();
        for (number, queue) in (0..).zip(QUEUES) {
            let left = limit.saturating_sub(entries.len() as u64);
            if number < after.0 || left == 0 {
                continue;
            }
            let behind = if number == after.0 { after.1 } else { 0 };
            let page = self.list_work(queue, dead, behind, left).await?;
            entries.extend(page.into_iter().map(|entry| ((number, entry.id), entry)));
        }
        Ok(entries)
    }

    /// Queues entries that were given up, or wait for a later attempt, for now: those with these
    /// numbers, or all. Gives how many.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn retry_work(&self, queue: &QueueTable, ids: Option<&[i64]>) -> Result<u64, StoreError> {
        let assignments = with(
            "queue_priority = COALESCE(queue_priority, 0), attempts = 0, next_attempt_at = NULL, \
             dead_at = NULL",
            queue.when_retried,
        );
        // One that is being worked on is left alone.
        let which = "(dead_at IS NOT NULL OR (queue_priority IS NOT NULL AND lease_owner IS NULL))";
        let named = ids.map_or_else(String::new, |ids| {
            let list: Vec<String> = ids.iter().map(i64::to_string).collect();
            format!(" AND id IN ({})", list.join(", "))
        });
        if ids.is_some_and(<[i64]>::is_empty) {
            return Ok(0);
        }
        let sql = format!("UPDATE {} SET {assignments} WHERE {which}{named} RETURNING id", queue.table);
        Ok(self.ask(sql, []).await?.len() as u64)
    }

    /// Entries that wait in all queues.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn follow_up_depth(&self) -> Result<u64, StoreError> {
        let counts: Vec<String> = QUEUES
            .iter()
            .map(|queue| format!("(SELECT COUNT(*) FROM {} WHERE queue_priority IS NOT NULL)", queue.table))
            .collect();
        let connection = self.read_connection();
        let sql = format!("SELECT {}", counts.join(" + "));
        let statement = Statement::from_string(connection.get_database_backend(), sql);
        let row = connection.query_one_raw(statement).await?;
        let count: i64 = row.map_or(Ok(0), |row| row.try_get_by_index(0))?;
        Ok(count.unsigned_abs())
    }

    /// Assigns to the row of a lease that still holds; `$1` and `$2` are the lease's.
    async fn change_leased<const N: usize>(
        &self,
        queue: &QueueTable,
        lease: &Lease,
        assignments: &str,
        values: [Value; N],
    ) -> Result<bool, StoreError> {
        let sql = format!(
            "UPDATE {} SET {assignments} WHERE id = $1 AND lease_owner = $2 RETURNING id",
            queue.table
        );
        let lease = [lease.id.into(), lease.owner.as_str().into()];
        Ok(!self.ask(sql, lease.into_iter().chain(values)).await?.is_empty())
    }

    async fn ask(
        &self,
        sql: String,
        values: impl IntoIterator<Item = Value>,
    ) -> Result<Vec<QueryResult>, StoreError> {
        let connection = self.write_connection();
        let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
        Ok(connection.query_all_raw(statement).await?)
    }
}

/// Assignments that take an entry out of its queue because it is done.
pub(super) fn done(queue: &QueueTable) -> String {
    with(
        "queue_priority = NULL, lease_owner = NULL, lease_until = NULL, next_attempt_at = NULL, \
         last_error = NULL, dead_at = NULL",
        queue.when_done,
    )
}

/// Why an attempt failed, as far as the column takes it.
fn said(why: &str) -> Value {
    why.chars().filter(|c| *c != '\0').take(LAST_ERROR).collect::<String>().into()
}

fn with(assignments: &str, further: &str) -> String {
    if further.is_empty() { assignments.to_owned() } else { format!("{assignments}, {further}") }
}
