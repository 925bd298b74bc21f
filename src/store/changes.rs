//! Changes of jobs in an order in which none can be missed (R2).
//!
//! Transactions become visible in another order than they began in. On PostgreSQL a reader therefore
//! takes only what lies below the oldest running transaction: whatever has a lower number is there to
//! be seen or never will be. (A transaction left open on the same server, in whatever database, delays
//! readers until it ends.) On SQLite the single writer numbers its transactions as it commits them.

use super::entities::gateway::change_sequence;
use super::entities::jobs::job;
use super::job_rows::{JobRow, filter_jobs, select_jobs};
use super::model::{ChangePage, ChangePosition, JobFilter, StoredJob};
use super::{Backend, Store, StoreError};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, sqlx};

impl Store {
    /// Jobs whose last change lies after a position, in the order of positions, at most `limit`. What is
    /// reached lies before the position only if the database was put back to an earlier state.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn changes(
        &self,
        filter: &JobFilter,
        after: ChangePosition,
        limit: u64,
    ) -> Result<ChangePage, StoreError> {
        // Before the rows are read: all changes up to here are visible to every later statement.
        let horizon = self.change_horizon().await?;
        if horizon <= after {
            return Ok(ChangePage { jobs: Vec::new(), reached: horizon, more: false });
        }
        let position = Expr::tuple([column(job::Column::ChangeTransaction), column(job::Column::Id)]);
        let jobs = filter_jobs(select_jobs(), filter)
            .filter(position.gt(Expr::tuple([Expr::val(after.transaction), Expr::val(after.job_id)])))
            .filter(job::Column::ChangeTransaction.lte(horizon.transaction))
            .order_by_asc(job::Column::ChangeTransaction)
            .order_by_asc(job::Column::Id)
            .limit(limit)
            .into_model::<JobRow>()
            .all(&self.read_connection())
            .await?
            .into_iter()
            .map(StoredJob::try_from)
            .collect::<Result<Vec<_>, _>>()?;
        let more = jobs.len() as u64 >= limit;
        let reached = match jobs.last() {
            Some(last) if more => last.change,
            _ => horizon,
        };
        Ok(ChangePage { jobs, reached, more })
    }

    /// The last position that no change will ever be added before. What is committed above it waits
    /// for a transaction that began earlier and still runs.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn change_horizon(&self) -> Result<ChangePosition, StoreError> {
        let transaction = match &self.backend {
            Backend::Postgres { readers, .. } => {
                sqlx::query_scalar("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint - 1")
                    .fetch_one(readers)
                    .await?
            }
            Backend::Sqlite { .. } => {
                let row = change_sequence::Entity::find().one(&self.read_connection()).await?;
                row.ok_or_else(|| StoreError::Internal("change_sequence is empty".into()))?.value
            }
        };
        Ok(ChangePosition { transaction, job_id: i64::MAX })
    }
}

fn column(column: job::Column) -> Expr {
    Expr::col((job::Entity, column))
}
