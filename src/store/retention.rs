//! Deleting jobs and pushes that are older than they are to be kept (design rule R33).

use super::entities::jobs::job;
use super::entities::repositories::{push, push_fetch};
use super::time::to_micros;
use super::{Backend, Store, StoreError};
use crate::limits;
use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait as _, LockBehavior, LockType, Query};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};
use std::collections::HashSet;

/// What of one page of rows is due.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Due {
    /// Ids of rows that were last received before the time asked for.
    pub ids: Vec<i64>,
    /// The last id that was looked at, if there are more rows beyond it.
    pub next: Option<i64>,
}

impl Store {
    /// Which of the next [`limits::RETENTION_PAGE`] jobs of a repository were last received before a time.
    /// Every page is to be looked at: an old row that was written to lately may precede others.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn jobs_due(
        &self,
        repository_id: i32,
        before: DateTime<Utc>,
        after: i64,
    ) -> Result<Due, StoreError> {
        let page: Vec<(i64, i64)> = job::Entity::find()
            .select_only()
            .columns([job::Column::Id, job::Column::ReceivedAt])
            .filter(job::Column::RepositoryId.eq(repository_id))
            .filter(job::Column::Id.gt(after))
            .order_by_asc(job::Column::Id)
            .limit(limits::RETENTION_PAGE)
            .into_tuple()
            .all(&self.read_connection())
            .await?;
        Ok(due(&page, before))
    }

    /// Which of the next [`limits::RETENTION_PAGE`] pushes of a repository were received before a time.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn pushes_due(
        &self,
        repository_id: i32,
        before: DateTime<Utc>,
        after: i64,
    ) -> Result<Due, StoreError> {
        let page: Vec<(i64, i64)> = push::Entity::find()
            .select_only()
            .columns([push::Column::Id, push::Column::ReceivedAt])
            .filter(push::Column::RepositoryId.eq(repository_id))
            .filter(push::Column::Id.gt(after))
            .order_by_asc(push::Column::Id)
            .limit(limits::RETENTION_PAGE)
            .into_tuple()
            .all(&self.read_connection())
            .await?;
        Ok(due(&page, before))
    }

    /// Deletes, in one transaction and with everything that hangs on them, those of these jobs that are
    /// still due. Jobs that are being written to are left to a later round, so that nobody waits for this.
    /// Returns how many went.
    ///
    /// # Errors
    /// If the database fails; then none is deleted.
    pub async fn retire_jobs(&self, due: &[i64], before: DateTime<Utc>) -> Result<u64, StoreError> {
        // Asked again under the lock: a job may have been written to since.
        let mut still_due = job::Entity::find()
            .select_only()
            .column(job::Column::Id)
            .filter(job::Column::Id.is_in(due.iter().copied()))
            .filter(job::Column::ReceivedAt.lt(to_micros(before)));
        if matches!(self.backend(), Backend::Postgres { .. }) {
            still_due = still_due.lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
        }
        let transaction = self.begin_write().await?;
        let ids: Vec<i64> = still_due.into_tuple().all(&transaction).await?;
        let deleted =
            job::Entity::delete_many().filter(job::Column::Id.is_in(ids)).exec(&transaction).await?;
        transaction.commit().await?;
        Ok(deleted.rows_affected)
    }

    /// Deletes, in one transaction and with their commits, those of these pushes of a repository that have
    /// no jobs and are not waited for. Returns how many went.
    ///
    /// # Errors
    /// If the database fails; then none is deleted.
    pub async fn retire_pushes(&self, repository_id: i32, due: &[i64]) -> Result<u64, StoreError> {
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
        if rows > 0 {
            // A host that says that nothing changed since would not give back what is gone now.
            push_fetch::Entity::update_many()
                .col_expr(push_fetch::Column::Etag, Expr::value(None::<String>))
                .filter(push_fetch::Column::RepositoryId.eq(repository_id))
                .filter(push_fetch::Column::Etag.is_not_null())
                .exec(&transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(rows)
    }

    /// Those of these pushes that nothing waits for, locked against new jobs.
    async fn lock_pushes(
        &self,
        transaction: &DatabaseTransaction,
        ids: &[i64],
        waited_for: &HashSet<String>,
    ) -> Result<Vec<i64>, StoreError> {
        let mut select = push::Entity::find()
            .select_only()
            .columns([push::Column::Id, push::Column::Revision])
            .filter(push::Column::Id.is_in(ids.iter().copied()));
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

/// What of a page of (id, time of receipt) is due; a page that is not full is the last.
fn due(page: &[(i64, i64)], before: DateTime<Utc>) -> Due {
    let is_old = |(_, received_at): &&(i64, i64)| *received_at < to_micros(before);
    let is_full = page.len() as u64 == limits::RETENTION_PAGE;
    Due {
        ids: page.iter().filter(is_old).map(|(id, _)| *id).collect(),
        next: page.last().map(|(last, _)| *last).filter(|_| is_full),
    }
}
