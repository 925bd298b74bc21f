//! Reading jobs and pushes.

use super::entities::jobs::{job, job_artifact, job_detail, job_log, log_error, log_step};
use super::entities::repositories::{commit, push, repository};
use super::job_rows::{JobRow, filter_jobs, select_jobs};
use super::model::{
    JobFilter, JobWithParts, LogQueue, StoredDetail, StoredJob, StoredLog, StoredPush, StoredStep,
};
use super::time::from_micros;
use super::{Store, StoreError};
use crate::domain::{ContentType, JobResult, ParseStatus};
use crate::limits;
use sea_orm::sea_query::{Expr, ExprTrait, Order, Query, WindowStatement};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseConnection, EntityTrait, FromQueryResult, JoinType, QueryFilter,
    QueryOrder, QuerySelect, RelationTrait,
};
use std::collections::HashMap;

/// Commits shown with a push.
const NEWEST_COMMITS: i64 = 20;

impl Store {
    /// The job with this guid, with everything that hangs on it.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn job(&self, guid: &str) -> Result<Option<JobWithParts>, StoreError> {
        let connection = self.read_connection();
        let row =
            select_jobs().filter(job::Column::Guid.eq(guid)).into_model::<JobRow>().one(&connection).await?;
        let Some(row) = row else { return Ok(None) };
        let job = StoredJob::try_from(row)?;
        let id = job.id;
        // Before what was found in them: of a log that is said to be parsed, all of it is there.
        let logs = logs(&connection, id).await?;
        let (steps, errors) = steps_and_errors(&connection, id).await?;
        Ok(Some(JobWithParts {
            job,
            logs,
            details: details(&connection, id).await?,
            artifact_names: artifact_names(&connection, id).await?,
            steps,
            errors,
        }))
    }

    /// Jobs with an id above `after_id`, by id.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn jobs(
        &self,
        filter: &JobFilter,
        after_id: i64,
        limit: u64,
    ) -> Result<Vec<StoredJob>, StoreError> {
        filter_jobs(select_jobs(), filter)
            .filter(job::Column::Id.gt(after_id))
            .order_by_asc(job::Column::Id)
            .limit(limit)
            .into_model::<JobRow>()
            .all(&self.read_connection())
            .await?
            .into_iter()
            .map(StoredJob::try_from)
            .collect()
    }

    /// Pushes of a project, newest first, that lie before (time in µs, id); of those with this revision,
    /// or a prefix of at least [`limits::REVISION_PREFIX`].
    ///
    /// # Errors
    /// If the database fails.
    pub async fn pushes(
        &self,
        project: &str,
        revision: Option<&str>,
        before: Option<(i64, i64)>,
        limit: u64,
    ) -> Result<Vec<StoredPush>, StoreError> {
        let connection = self.read_connection();
        let mut select = push::Entity::find()
            .join(JoinType::InnerJoin, push::Relation::Repository.def())
            .filter(repository::Column::Name.eq(project));
        if let Some(revision) = revision {
            select = if revision.chars().count() >= limits::REVISION_PREFIX {
                select
                    .filter(push::Column::Revision.gte(revision))
                    .filter(push::Column::Revision.lt(end_of_prefix(revision)))
            } else {
                select.filter(push::Column::Revision.eq(revision))
            };
        }
        if let Some((time, id)) = before {
            let position = Expr::tuple([column(push::Column::Time), column(push::Column::Id)]);
            select = select.filter(position.lt(Expr::tuple([Expr::val(time), Expr::val(id)])));
        }
        let rows = select
            .order_by_desc(push::Column::Time)
            .order_by_desc(push::Column::Id)
            .limit(limit)
            .all(&connection)
            .await?;
        let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
        let mut commits = newest_commits(&connection, &ids).await?;
        Ok(rows
            .into_iter()
            .map(|row| {
                let (commit_count, commits) = commits.remove(&row.id).unwrap_or_default();
                StoredPush {
                    id: row.id,
                    project: project.to_owned(),
                    revision: row.revision,
                    author: row.author,
                    time: from_micros(row.time),
                    commit_count: commit_count + i64::from(row.omitted_commits),
                    commits,
                }
            })
            .collect())
    }
}

/// The first text, in byte order, behind all that begin with the prefix and go on with something
/// assigned.
pub(super) fn end_of_prefix(prefix: &str) -> String {
    format!("{prefix}{}", char::MAX)
}

fn column(column: push::Column) -> Expr {
    Expr::col((push::Entity, column))
}

#[derive(FromQueryResult)]
struct NewestCommit {
    push_id: i64,
    revision: String,
    author: String,
    comments: String,
    commit_count: i64,
}

/// Number of commits and the newest of them, (revision, author, comments), by push.
pub(super) type CommitsByPush = HashMap<i64, (i64, Vec<(String, String, String)>)>;

pub(super) async fn newest_commits(
    connection: &DatabaseConnection,
    pushes: &[i64],
) -> Result<CommitsByPush, StoreError> {
    if pushes.is_empty() {
        return Ok(HashMap::new());
    }
    let of_push = || WindowStatement::partition_by(commit::Column::PushId);
    let newest_first = of_push().order_by(commit::Column::Position, Order::Desc).take();
    let ranked = Query::select()
        .columns([commit::Column::PushId, commit::Column::Revision, commit::Column::Author])
        .expr_as(shown_comment(), "comments")
        .expr_window_as(Expr::cust("row_number()"), newest_first, "newness")
        .expr_window_as(Expr::cust("count(*)"), of_push(), "commit_count")
        .from(commit::Entity)
        .and_where(commit::Column::PushId.is_in(pushes.iter().copied()))
        .take();
    let select = Query::select()
        .columns(["push_id", "revision", "author", "comments", "commit_count"])
        .from_subquery(ranked, "ranked")
        .and_where(Expr::col("newness").lte(NEWEST_COMMITS))
        .order_by("push_id", Order::Asc)
        .order_by("newness", Order::Asc)
        .take();
    let mut by_push = CommitsByPush::new();
    for row in connection.query_all(&select).await? {
        let row = NewestCommit::from_query_result(&row, "")?;
        let (count, commits) = by_push.entry(row.push_id).or_default();
        *count = row.commit_count;
        commits.push((row.revision, row.author, row.comments));
    }
    Ok(by_push)
}

/// Pages of pushes are not to be as large as messages of commits may be.
fn shown_comment() -> Expr {
    Expr::cust(format!("substr(comments, 1, {})", limits::SHOWN_COMMENT))
}

async fn logs(connection: &DatabaseConnection, job_id: i64) -> Result<Vec<StoredLog>, StoreError> {
    let rows = job_log::Entity::find()
        .filter(job_log::Column::JobId.eq(job_id))
        .order_by_asc(job_log::Column::Id)
        .all(connection)
        .await?;
    let log = |row: job_log::Model| StoredLog {
        id: row.id,
        name: row.name,
        url: row.url,
        status: ParseStatus::from_code(row.status),
        queue: LogQueue {
            named_at: from_micros(row.created_at),
            is_waiting: row.queue_priority.is_some(),
            is_under_way: row.queue_priority.is_some() && row.lease_owner.is_some(),
            attempts: row.attempts,
            begun_at: row.begun_at.map(from_micros),
            read_at: row.read_at.map(from_micros),
            next_attempt_at: row.next_attempt_at.map(from_micros),
            last_error: row.last_error,
            given_up_at: row.dead_at.map(from_micros),
        },
    };
    Ok(rows.into_iter().map(log).collect())
}

async fn details(connection: &DatabaseConnection, job_id: i64) -> Result<Vec<StoredDetail>, StoreError> {
    let rows = job_detail::Entity::find()
        .filter(job_detail::Column::JobId.eq(job_id))
        .order_by_asc(job_detail::Column::Id)
        .all(connection)
        .await?;
    let detail = |row: job_detail::Model| StoredDetail {
        id: row.id,
        title: Some(row.title).filter(|title| !title.is_empty()),
        value: row.value,
        url: row.url,
        content_type: ContentType::from_word(&row.content_type),
    };
    Ok(rows.into_iter().map(detail).collect())
}

async fn artifact_names(connection: &DatabaseConnection, job_id: i64) -> Result<Vec<String>, StoreError> {
    Ok(job_artifact::Entity::find()
        .select_only()
        .column(job_artifact::Column::Name)
        .filter(job_artifact::Column::JobId.eq(job_id))
        .order_by_asc(job_artifact::Column::Id)
        .into_tuple()
        .all(connection)
        .await?)
}

/// Steps with their error lines, and the error lines that stand in none.
async fn steps_and_errors(
    connection: &DatabaseConnection,
    job_id: i64,
) -> Result<(Vec<StoredStep>, Vec<(i32, String)>), StoreError> {
    let rows = log_step::Entity::find()
        .filter(log_step::Column::JobId.eq(job_id))
        .order_by_asc(log_step::Column::Position)
        .all(connection)
        .await?;
    let mut errors: HashMap<Option<i64>, Vec<(i32, String)>> = HashMap::new();
    for error in log_error::Entity::find()
        .filter(log_error::Column::JobId.eq(job_id))
        .order_by_asc(log_error::Column::LineNumber)
        .all(connection)
        .await?
    {
        errors.entry(error.step_id).or_default().push((error.line_number, error.line));
    }
    let step = |row: log_step::Model| StoredStep {
        order: row.position,
        name: row.name,
        started: row.started_at.map(from_micros),
        finished: row.finished_at.map(from_micros),
        started_line: row.started_line,
        finished_line: row.finished_line,
        result: JobResult::from_word(&row.result),
        errors: errors.remove(&Some(row.id)).unwrap_or_default(),
    };
    let steps = rows.into_iter().map(step).collect();
    Ok((steps, errors.remove(&None).unwrap_or_default()))
}
