//! Finding a submission again by the little that its submitter remembers: the beginning of a guid or of a
//! revision, or a part of the job's name. Every statement is bounded, whatever is asked for.

use super::entities::held::held_message;
use super::entities::jobs::job;
use super::entities::reference_data::{job_type, signature};
use super::entities::repositories::{commit, push, repository};
use super::held::{HeldRow, select_without_bytes};
use super::job_rows::{JobRow, select_jobs};
use super::model::{HeldMessage, StoredJob};
use super::reads::end_of_prefix;
use super::time::from_micros;
use super::{Store, StoreError};
use crate::limits;
use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait, Func, LikeExpr, Query, UnionType};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, FromQueryResult, JoinType, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait, RelationTrait,
};

/// A push that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "named as the columns")]
pub struct FoundPush {
    pub project: String,
    pub revision: String,
    pub author: String,
    pub time: DateTime<Utc>,
    pub received_at: DateTime<Utc>,
}

impl Store {
    /// Jobs whose guid begins so, by guid.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn jobs_of_guid_prefix(&self, prefix: &str, limit: u64) -> Result<Vec<StoredJob>, StoreError> {
        select_jobs()
            .filter(begins_with(job::Column::Guid, prefix))
            .order_by_asc(job::Column::Guid)
            .limit(limit)
            .into_model::<JobRow>()
            .all(&self.read_connection())
            .await?
            .into_iter()
            .map(StoredJob::try_from)
            .collect()
    }

    /// Jobs of a task that their guids do not name, see [`task_beside_guid`], by guid.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn jobs_of_task_beside_guid(
        &self,
        task_id: &str,
        retry_id: Option<i32>,
        limit: u64,
    ) -> Result<Vec<StoredJob>, StoreError> {
        select_jobs()
            .filter(task_beside_guid(task_id, retry_id))
            .order_by_asc(job::Column::Guid)
            .limit(limit)
            .into_model::<JobRow>()
            .all(&self.read_connection())
            .await?
            .into_iter()
            .map(StoredJob::try_from)
            .collect()
    }

    /// Held messages whose guid begins so, newest first.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn held_of_guid_prefix(
        &self,
        prefix: &str,
        limit: u64,
    ) -> Result<Vec<HeldMessage>, StoreError> {
        self.held_that(begins_with(held_message::Column::Guid, prefix).into(), limit).await
    }

    /// Parked messages that wait for a push whose revision begins so, newest first.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn parked_for_revision(
        &self,
        prefix: &str,
        limit: u64,
    ) -> Result<Vec<HeldMessage>, StoreError> {
        let condition = Condition::all()
            // Spelled out, not bound, and with the repositories: only so does the partial index fit.
            .add(Expr::cust("state = 'parked' AND waiting_for = 'push'"))
            .add(held_message::Column::RepositoryId.in_subquery(repository_ids()))
            .add(begins_with(held_message::Column::Revision, prefix));
        self.held_that(condition, limit).await
    }

    async fn held_that(&self, condition: Condition, limit: u64) -> Result<Vec<HeldMessage>, StoreError> {
        select_without_bytes()
            .filter(condition)
            .order_by_desc(held_message::Column::Id)
            .limit(limit)
            .into_model::<HeldRow>()
            .all(&self.read_connection())
            .await?
            .into_iter()
            .map(HeldMessage::try_from)
            .collect()
    }

    /// Pushes of all repositories whose top revision, or that of one of their commits, begins so, newest
    /// first.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn pushes_of_revision_prefix(
        &self,
        prefix: &str,
        limit: u64,
    ) -> Result<Vec<FoundPush>, StoreError> {
        // Two selects rather than one with OR, so that each uses its index.
        let by_commit = Query::select()
            .column(commit::Column::PushId)
            .from(commit::Entity)
            .and_where(begins_with(commit::Column::Revision, prefix))
            .take();
        let by_top = Query::select()
            .column(push::Column::Id)
            .from(push::Entity)
            .and_where(push::Column::RepositoryId.in_subquery(repository_ids()))
            .and_where(begins_with(push::Column::Revision, prefix))
            .union(UnionType::Distinct, by_commit)
            .take();
        let rows = push::Entity::find()
            .select_only()
            .columns([
                push::Column::Revision,
                push::Column::Author,
                push::Column::Time,
                push::Column::ReceivedAt,
            ])
            .column_as(repository::Column::Name, "project")
            .join(JoinType::InnerJoin, push::Relation::Repository.def())
            .filter(push::Column::Id.in_subquery(by_top))
            .order_by_desc(push::Column::Time)
            .limit(limit)
            .into_model::<PushRow>()
            .all(&self.read_connection())
            .await?;
        Ok(rows.into_iter().map(FoundPush::from).collect())
    }

    /// Jobs of a type whose name contains the text in whatever case, newest first, among the newest
    /// [`limits::CONSOLE_NAME_DEPTH`] jobs: no index knows parts of names.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn jobs_of_name_part(&self, part: &str, limit: u64) -> Result<Vec<StoredJob>, StoreError> {
        let connection = self.read_connection();
        let newest: Option<i64> = job::Entity::find()
            .select_only()
            .column_as(job::Column::Id.max(), "newest")
            .into_tuple()
            .one(&connection)
            .await?
            .flatten();
        let Some(newest) = newest else { return Ok(Vec::new()) };
        let pattern = format!("%{}%", escaped(&part.to_lowercase()));
        let types = job_type::Entity::find()
            .select_only()
            .column(job_type::Column::Id)
            .filter(
                Expr::expr(Func::lower(Expr::col(job_type::Column::Name)))
                    .like(LikeExpr::new(pattern).escape('\\')),
            )
            .into_query();
        let signatures = signature::Entity::find()
            .select_only()
            .column(signature::Column::Id)
            .filter(signature::Column::JobTypeId.in_subquery(types))
            .into_query();
        select_jobs()
            .filter(job::Column::Id.gt(newest - limits::CONSOLE_NAME_DEPTH))
            .filter(job::Column::SignatureId.in_subquery(signatures))
            .order_by_desc(job::Column::Id)
            .limit(limit)
            .into_model::<JobRow>()
            .all(&connection)
            .await?
            .into_iter()
            .map(StoredJob::try_from)
            .collect()
    }
}

/// Jobs whose guid is not made of their task and run: those without a task, by the stand-in for its id (they have
/// but the first run), and those that came with a guid of another form, as legacy submitters send them.
pub(in crate::store) fn task_beside_guid(task_id: &str, retry_id: Option<i32>) -> Condition {
    let job = |column| Expr::col((job::Entity, column));
    // In the words of the partial index, which fits no others.
    let beside_guid = Expr::cust(
        "(jobs.retry_id IS NULL OR substr(jobs.guid, 37) <> '/' || CAST(jobs.retry_id AS TEXT) \
         OR jobs.guid <> lower(jobs.guid))",
    );
    let run =
        retry_id.map(|run| Expr::expr(Func::coalesce([job(job::Column::RetryId), Expr::val(0)])).eq(run));
    Condition::all().add(job(job::Column::TaskId).eq(task_id)).add(beside_guid).add_option(run)
}

fn begins_with(column: impl ColumnTrait, prefix: &str) -> Expr {
    column.gte(prefix).and(column.lt(end_of_prefix(prefix)))
}

fn repository_ids() -> sea_orm::sea_query::SelectStatement {
    Query::select().column(repository::Column::Id).from(repository::Entity).take()
}

/// A text that stands for itself inside a pattern of `LIKE`.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

#[derive(FromQueryResult)]
struct PushRow {
    project: String,
    revision: String,
    author: String,
    time: i64,
    received_at: i64,
}

impl From<PushRow> for FoundPush {
    fn from(row: PushRow) -> Self {
        Self {
            project: row.project,
            revision: row.revision,
            author: row.author,
            time: from_micros(row.time),
            received_at: from_micros(row.received_at),
        }
    }
}
