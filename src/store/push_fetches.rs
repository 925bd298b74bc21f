//! Pushes that are to be asked for, and how far push logs were read.

use super::entities::repositories::{push_fetch, push_log};
use super::follow_up::{Priority, QueueTable};
use super::time::to_micros;
use super::{Store, StoreError};
use crate::domain::PushTarget;
use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{ActiveValue::NotSet, ActiveValue::Set, ColumnTrait, Condition, EntityTrait, QueryFilter};
use std::collections::BTreeMap;
use std::time::Duration;

/// Pushes to ask hosts for.
pub const PUSH_FETCHES: QueueTable = QueueTable {
    kind: "fetch_push",
    table: "push_fetches",
    subject: "(SELECT name FROM repositories WHERE repositories.id = repository_id) || ' ' || target",
    when_begun: "",
    when_deferred: "",
    when_done: "",
    when_failed: "",
    when_retried: "",
};

/// Entries inserted by one statement, well below the parameters that either database allows.
const ENTRIES_PER_STATEMENT: usize = 1000;

/// An entry of the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushFetch {
    /// Whose push it is.
    pub repository_id: i32,
    /// What to ask for.
    pub target: PushTarget,
    /// `ETag` of the last answer.
    pub etag: Option<String>,
}

impl Store {
    /// Queues what is to be asked for, in one transaction. What waits, was done or was given up begins
    /// anew; an attempt under way loses its lease, since there is something newer to ask for.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn enqueue_push_fetches(
        &self,
        wanted: &[(i32, PushTarget)],
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        use push_fetch::Column;
        // Sorted, so that two gateways take the locks of rows in one order; and no row twice.
        let wanted: BTreeMap<(i32, String), i64> =
            wanted.iter().map(|(id, target)| ((*id, target.to_string()), to_micros(now))).collect();
        let wanted: Vec<_> = wanted.into_iter().collect();
        let anew = OnConflict::columns([Column::RepositoryId, Column::Target])
            .update_columns([
                Column::EnqueuedAt,
                Column::QueuePriority,
                Column::Attempts,
                Column::LeaseOwner,
                Column::LeaseUntil,
                Column::NextAttemptAt,
                Column::DeadAt,
            ])
            .to_owned();
        let transaction = self.begin_write().await?;
        for chunk in wanted.chunks(ENTRIES_PER_STATEMENT) {
            let rows = chunk.iter().map(|((repository_id, target), enqueued_at)| push_fetch::ActiveModel {
                id: NotSet,
                repository_id: Set(*repository_id),
                target: Set(target.clone()),
                etag: NotSet,
                enqueued_at: Set(*enqueued_at),
                queue_priority: Set(Some(Priority::Failures as i16)),
                attempts: Set(0),
                lease_owner: Set(None),
                lease_until: Set(None),
                next_attempt_at: Set(None),
                last_error: NotSet,
                dead_at: Set(None),
            });
            push_fetch::Entity::insert_many(rows)
                .on_conflict(anew.clone())
                .exec_without_returning(&transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// An entry of the queue; none: its repository is gone.
    ///
    /// # Errors
    /// If the database fails, or holds a target that this version does not know.
    pub async fn push_fetch(&self, id: i64) -> Result<Option<PushFetch>, StoreError> {
        let Some(row) = push_fetch::Entity::find_by_id(id).one(&self.read_connection()).await? else {
            return Ok(None);
        };
        let target =
            row.target.parse().map_err(|error| StoreError::Internal(format!("push_fetches: {error}")))?;
        Ok(Some(PushFetch { repository_id: row.repository_id, target, etag: row.etag }))
    }

    /// Remembers the `ETag` of an answer whose push is stored.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn remember_push_etag(&self, id: i64, etag: Option<&str>) -> Result<(), StoreError> {
        let etag = etag.filter(|etag| etag.len() <= ETAG_BYTES);
        push_fetch::Entity::update_many()
            .col_expr(push_fetch::Column::Etag, Expr::value(etag.map(str::to_owned)))
            .filter(push_fetch::Column::Id.eq(id))
            .exec(&self.write_connection())
            .await?;
        Ok(())
    }

    /// Forgets entries that are done and older than `age`.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn forget_push_fetches(&self, age: Duration, now: DateTime<Utc>) -> Result<u64, StoreError> {
        use push_fetch::Column;
        let done = Condition::all()
            .add(Column::QueuePriority.is_null())
            .add(Column::DeadAt.is_null())
            .add(Column::EnqueuedAt.lt(to_micros(now - age)));
        let forgotten = push_fetch::Entity::delete_many().filter(done).exec(&self.write_connection()).await?;
        Ok(forgotten.rows_affected)
    }

    /// Undertakes to look at a push log, if nobody did for `interval`. Gives the newest entry that is
    /// stored, forgotten after `memory`.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn undertake_poll(
        &self,
        repository_id: i32,
        interval: Duration,
        memory: Duration,
        now: DateTime<Utc>,
    ) -> Result<Poll, StoreError> {
        use push_log::Column;
        let transaction = self.begin_write().await?;
        let before = push_log::Entity::find_by_id(repository_id).one(&transaction).await?;
        let row = push_log::ActiveModel {
            repository_id: Set(repository_id),
            last_push_id: NotSet,
            looked_at: Set(to_micros(now)),
        };
        let unless_recent = OnConflict::column(Column::RepositoryId)
            .update_column(Column::LookedAt)
            .action_and_where(Expr::col((push_log::Entity, Column::LookedAt)).lte(to_micros(now - interval)))
            .to_owned();
        let undertaken = push_log::Entity::insert(row)
            .on_conflict(unless_recent)
            .exec_without_returning(&transaction)
            .await?;
        transaction.commit().await?;
        if undertaken == 0 {
            return Ok(Poll::Recent);
        }
        let known = before.filter(|before| before.looked_at >= to_micros(now - memory));
        Ok(Poll::Due { after: known.and_then(|known| known.last_push_id).map(i64::unsigned_abs) })
    }

    /// Remembers the newest entry of a push log that is stored; none forgets it.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn remember_push_log(&self, repository_id: i32, last: Option<u64>) -> Result<(), StoreError> {
        let last = last.and_then(|last| i64::try_from(last).ok());
        push_log::Entity::update_many()
            .col_expr(push_log::Column::LastPushId, Expr::value(last))
            .filter(push_log::Column::RepositoryId.eq(repository_id))
            .exec(&self.write_connection())
            .await?;
        Ok(())
    }
}

/// Longest `ETag` that is kept.
const ETAG_BYTES: usize = 200;

/// Whether a push log is to be looked at now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Poll {
    /// Some gateway looked at it not long ago.
    Recent,
    /// By this gateway.
    Due {
        /// The newest entry that is stored; none: none is known.
        after: Option<u64>,
    },
}
