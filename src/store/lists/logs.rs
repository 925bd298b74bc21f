//! Log references of jobs of one repository.

use crate::domain::ParseStatus;
use crate::store::entities::jobs::{job, job_log};
use crate::store::{Store, StoreError};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{
    ColumnTrait, EntityTrait, JoinType, QueryFilter, QueryOrder, QuerySelect, RelationTrait, Select,
};

/// A log reference with its job.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "named as the columns")]
pub struct ListedLog {
    pub id: i64,
    pub job_id: i64,
    pub name: String,
    pub url: String,
    pub status: ParseStatus,
}

impl Store {
    /// Logs of these jobs of a repository, by id, `count` at most.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn list_logs(
        &self,
        repository_id: i32,
        job_ids: &[i64],
        count: u64,
    ) -> Result<Vec<ListedLog>, StoreError> {
        let rows = log_list(repository_id, job_ids, count).all(&self.read_connection()).await?;
        Ok(rows.into_iter().map(ListedLog::from).collect())
    }

    /// One log of a repository.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn listed_log(&self, repository_id: i32, id: i64) -> Result<Option<ListedLog>, StoreError> {
        let row = of_repository(repository_id)
            .filter(job_log::Column::Id.eq(id))
            .one(&self.read_connection())
            .await?;
        Ok(row.map(ListedLog::from))
    }
}

pub(in crate::store) fn log_list(repository_id: i32, job_ids: &[i64], count: u64) -> Select<job_log::Entity> {
    of_repository(repository_id)
        .filter(job_log::Column::JobId.is_in(job_ids.iter().copied()))
        // Not the order of an index: the logs of a few jobs are found by job and then sorted.
        .order_by_asc(Expr::col((job_log::Entity, job_log::Column::Id)).add(0))
        .limit(count)
}

fn of_repository(repository_id: i32) -> Select<job_log::Entity> {
    job_log::Entity::find()
        .join(JoinType::InnerJoin, job_log::Relation::Job.def())
        .filter(job::Column::RepositoryId.eq(repository_id))
}

impl From<job_log::Model> for ListedLog {
    fn from(row: job_log::Model) -> Self {
        Self {
            id: row.id,
            job_id: row.job_id,
            name: row.name,
            url: row.url,
            status: ParseStatus::from_code(row.status),
        }
    }
}
