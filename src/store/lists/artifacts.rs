//! Artifacts that are kept as they are, of jobs of one repository.

use super::{Condition, Window};
use crate::store::entities::jobs::{job, job_artifact};
use crate::store::{Store, StoreError};
use sea_orm::sea_query::{Expr, ExprTrait, Order};
use sea_orm::{
    ColumnTrait, EntityTrait, IntoSimpleExpr, JoinType, QueryFilter, QueryOrder, QuerySelect, RelationTrait,
    Select,
};

/// An artifact with its job.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "named as the columns")]
pub struct ListedArtifact {
    pub id: i64,
    pub job_id: i64,
    pub name: String,
    pub kind: String,
    /// As submitted.
    pub blob: String,
}

/// What every listed artifact has to be.
pub type ArtifactCondition = Condition<ArtifactNumber, ArtifactText>;

/// Numbers of an artifact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "named as the columns")]
pub enum ArtifactNumber {
    Id,
    JobId,
}

/// Texts of an artifact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "named as the columns")]
pub enum ArtifactText {
    Name,
    Kind,
}

impl Store {
    /// Artifacts of a repository that meet all conditions, the newest first; `None` if their blobs have
    /// more bytes than `bytes` together.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn list_artifacts(
        &self,
        repository_id: i32,
        conditions: &[ArtifactCondition],
        window: Window,
        bytes: u64,
    ) -> Result<Option<Vec<ListedArtifact>>, StoreError> {
        let connection = self.read_connection();
        let mut select = of_repository(repository_id);
        let mut by_job = false;
        for condition in conditions {
            let column = match condition {
                Condition::Number(ArtifactNumber::Id, _) => job_artifact::Column::Id,
                Condition::Number(ArtifactNumber::JobId, _) => job_artifact::Column::JobId,
                Condition::Text(ArtifactText::Name, _) => job_artifact::Column::Name,
                Condition::Text(ArtifactText::Kind, _) => job_artifact::Column::Kind,
            };
            let column = column.into_simple_expr();
            select = select.filter(match condition {
                Condition::Number(number, comparison) => {
                    by_job |= *number == ArtifactNumber::JobId && comparison.names_values();
                    comparison.of(column)
                }
                Condition::Text(_, comparison) => comparison.of(column),
            });
        }
        let id = Expr::col((job_artifact::Entity, job_artifact::Column::Id));
        // The artifacts of a few jobs are found by job and then sorted.
        let order = if by_job { id.add(0) } else { id };
        let sizes: Vec<(i64, i64)> = select
            .select_only()
            .column(job_artifact::Column::Id)
            .expr_as(Expr::cust("CAST(octet_length(job_artifacts.blob) AS BIGINT)"), "bytes")
            .order_by(order, Order::Desc)
            .limit(window.count)
            .offset(window.offset)
            .into_tuple()
            .all(&connection)
            .await?;
        if u64::try_from(sizes.iter().map(|(_, size)| size).sum::<i64>()).unwrap_or(u64::MAX) > bytes {
            return Ok(None);
        }
        let rows = job_artifact::Entity::find()
            .filter(job_artifact::Column::Id.is_in(sizes.iter().map(|(id, _)| *id)))
            .order_by_desc(job_artifact::Column::Id)
            .all(&connection)
            .await?;
        Ok(Some(rows.into_iter().map(ListedArtifact::from).collect()))
    }

    /// Artifacts of a job, all or the one of a name, oldest first: as many as have at most so many bytes
    /// together, and whether others were left out.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn job_artifacts(
        &self,
        job_id: i64,
        name: Option<&str>,
        bytes: u64,
    ) -> Result<(Vec<ListedArtifact>, bool), StoreError> {
        let connection = self.read_connection();
        let mut wanted = job_artifact::Entity::find().filter(job_artifact::Column::JobId.eq(job_id));
        if let Some(name) = name {
            wanted = wanted.filter(job_artifact::Column::Name.eq(name));
        }
        let sizes: Vec<(i64, i64)> = wanted
            .select_only()
            .column(job_artifact::Column::Id)
            .expr_as(Expr::cust("CAST(octet_length(blob) AS BIGINT)"), "bytes")
            .order_by_asc(job_artifact::Column::Id)
            .into_tuple()
            .all(&connection)
            .await?;
        let mut left = bytes;
        let fits = |(id, size): &(i64, i64)| {
            left = left.checked_sub(size.unsigned_abs())?;
            Some(*id)
        };
        let fitting: Vec<i64> = sizes.iter().map_while(fits).collect();
        let are_left_out = fitting.len() < sizes.len();
        let rows = job_artifact::Entity::find()
            .filter(job_artifact::Column::Id.is_in(fitting))
            .order_by_asc(job_artifact::Column::Id)
            .all(&connection)
            .await?;
        Ok((rows.into_iter().map(ListedArtifact::from).collect(), are_left_out))
    }

    /// One artifact of a repository.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn listed_artifact(
        &self,
        repository_id: i32,
        id: i64,
    ) -> Result<Option<ListedArtifact>, StoreError> {
        let row = of_repository(repository_id)
            .filter(job_artifact::Column::Id.eq(id))
            .one(&self.read_connection())
            .await?;
        Ok(row.map(ListedArtifact::from))
    }
}

fn of_repository(repository_id: i32) -> Select<job_artifact::Entity> {
    job_artifact::Entity::find()
        .join(JoinType::InnerJoin, job_artifact::Relation::Job.def())
        // Not by the index on repositories: most jobs have no artifact.
        .filter(Expr::col((job::Entity, job::Column::RepositoryId)).add(0).eq(repository_id))
}

impl From<job_artifact::Model> for ListedArtifact {
    fn from(row: job_artifact::Model) -> Self {
        Self { id: row.id, job_id: row.job_id, name: row.name, kind: row.kind, blob: row.blob }
    }
}
