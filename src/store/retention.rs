//! Deleting jobs and pushes that are older than they are to be kept (design rule R33).

use super::entities::jobs::job;
use super::entities::repositories::push;
use super::time::to_micros;
use super::{Backend, Store, StoreError};
use crate::limits;
use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait as _, LockBehavior, LockType, Query};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};
use std::collections::HashSet;

/// What one batch deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retired {
    /// Rows, without those that went with them.
    pub rows: u64,
    /// The last id that was looked at, if there may be more to delete beyond it.
    pub next: Option<i64>,
}

impl Store {
    /// Deletes, with everything that hangs on them, those of the next [`limits::RETENTION_BATCH`] jobs of a
    /// repository that were last received before a time. Jobs that are being written to are left to a later
    /// round, so that nobody waits for this.
    ///
    /// # Errors
    /// If the database fails; then none of the batch is deleted.
    pub async fn retire_jobs(
        &self,
        repository_id: i32,
        before: DateTime<Utc>,
        after: i64,
    ) -> Result<Retired, StoreError> {
        let page: Vec<(i64, i64)> = job::Entity::find()
            .select_only()
            .columns([job::Column::Id, job::Column::ReceivedAt])
            .filter(job::Column::RepositoryId.eq(repository_id))
            .filter(job::Column::Id.gt(after))
            .order_by_asc(job::Column::Id)
            .limit(limits::RETENTION_BATCH)
            .into_tuple()
            .all(&self.read_connection())
            .await?;
        let due = due(&page, before);
        if due.is_empty() {
            return Ok(Retired::default());
        }
        // Asked again under the lock: a job may have been written to since.
        let mut still_due = job::Entity::find()
            .select_only()
            .column(job::Column::Id)
            .filter(job::Column::Id.is_in(due))
            .filter(job::Column::ReceivedAt.lt(to_micros(before)));
        if matches!(self.backend(), Backend::Postgres { .. }) {
            still_due = still_due.lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
        }
        let transaction = self.begin_write().await?;
        let ids: Vec<i64> = still_due.into_tuple().all(&transaction).await?;
        let deleted =
            job::Entity::delete_many().filter(job::Column::Id.is_in(ids)).exec(&transaction).await?;
        transaction.commit().await?;
        Ok(Retired { rows: deleted.rows_affected, next: next(&page) })
    }

    /// Deletes, with their commits, those of the next [`limits::RETENTION_BATCH`] pushes of a repository
    /// that were received before a time, have no jobs and are not waited for.
    ///
    /// # Errors
    /// If the database fails; then none of the batch is deleted.
    pub async fn retire_pushes(
        &self,
        repository_id: i32,
        before: DateTime<Utc>,
        after: i64,
    ) -> Result<Retired, StoreError> {
        let page: Vec<(i64, i64)> = push::Entity::find()
            .select_only()
            .columns([push::Column::Id, push::Column::ReceivedAt])
            .filter(push::Column::RepositoryId.eq(repository_id))
            .filter(push::Column::Id.gt(after))
            .order_by_asc(push::Column::Id)
            .limit(limits::RETENTION_BATCH)
            .into_tuple()
            .all(&self.read_connection())
            .await?;
        let due = due(&page, before);
        if due.is_empty() {
            return Ok(Retired::default());
        }
        let waited_for: HashSet<String> = self
            .parked_pushes_now_known()
            .await?
            .into_iter()
            .filter(|(repository, _)| *repository == repository_id)
            .map(|(_, revision)| revision)
            .collect();
        let transaction = self.begin_write().await?;
        let deletable = self.lock_pushes(&transaction, due, &waited_for).await?;
        let jobs = Query::select()
            .expr(Expr::val(1))
            .from(job::Entity)
            .and_where(Expr::col((job::Entity, job::Column::PushId)).equals((push::Entity, push::Column::Id)))
            .take();
        // A statement of its own: it sees the jobs that were inserted until the lock was taken.
        let delete = Query::delete()
            .from_table(push::Entity)
            .and_where(push::Column::Id.is_in(deletable))
            .and_where(Expr::exists(jobs).not())
            .take();
        let rows = transaction.execute(&delete).await?.rows_affected();
        transaction.commit().await?;
        Ok(Retired { rows, next: next(&page) })
    }

    /// Those of these pushes that nothing waits for, locked against new jobs.
    async fn lock_pushes(
        &self,
        transaction: &DatabaseTransaction,
        ids: Vec<i64>,
        waited_for: &HashSet<String>,
    ) -> Result<Vec<i64>, StoreError> {
        let mut select = push::Entity::find()
            .select_only()
            .columns([push::Column::Id, push::Column::Revision])
            .filter(push::Column::Id.is_in(ids));
        if matches!(self.backend(), Backend::Postgres { .. }) {
            select = select.lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
        }
        let rows: Vec<(i64, String)> = select.into_tuple().all(transaction).await?;
        Ok(rows
            .into_iter()
            .filter(|(_, revision)| !waited_for.contains(revision))
            .map(|(id, _)| id)
            .collect())
    }
}

/// Ids of what was received before a time.
fn due(page: &[(i64, i64)], before: DateTime<Utc>) -> Vec<i64> {
    page.iter().filter(|(_, received_at)| *received_at < to_micros(before)).map(|(id, _)| *id).collect()
}

/// Ids are given in the order of receipt, give or take what waited: a page that is not full is the last.
fn next(page: &[(i64, i64)]) -> Option<i64> {
    let (last, _) = page.last()?;
    (page.len() as u64 == limits::RETENTION_BATCH).then_some(*last)
}
