//! What failed in a job: steps, error lines and failure lines.

use crate::domain::JobResult;
use crate::store::entities::jobs::{failure_line, job, job_artifact, log_error, log_step};
use crate::store::entities::repositories::push;
use crate::store::time::from_micros;
use crate::store::{Store, StoreError};
use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, EntityTrait, JoinType, QueryFilter, QueryOrder, QuerySelect, RelationTrait};

/// Name under which submitters send suggestions of their own.
const SUPPLIED_SUGGESTIONS: &str = "Bug suggestions";

/// An error line of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "named as the columns")]
pub struct ErrorLine {
    pub id: i64,
    /// `None`: it stands in no step, as all lines that are read by the rules of 2026.
    pub step_id: Option<i64>,
    pub line_number: i32,
    pub line: String,
}

/// A step of a job's log.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "named as the columns")]
pub struct ListedStep {
    pub id: i64,
    pub name: String,
    pub started: Option<DateTime<Utc>>,
    pub finished: Option<DateTime<Utc>>,
    pub started_line: i32,
    pub finished_line: i32,
    pub result: JobResult,
}

/// A failure that an error summary reports.
pub type ListedFailureLine = failure_line::Model;

/// What suggestions are made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobFailures {
    /// Push of the job.
    pub push_id: i64,
    /// Time of the push.
    pub push_time: DateTime<Utc>,
    /// By line number.
    pub errors: Vec<ErrorLine>,
    /// The suggestions that came with the job.
    pub supplied: Option<String>,
}

impl Store {
    /// Repository and id of the job with this guid.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn job_place(&self, guid: &str) -> Result<Option<(i32, i64)>, StoreError> {
        Ok(job::Entity::find()
            .select_only()
            .columns([job::Column::RepositoryId, job::Column::Id])
            .filter(job::Column::Guid.eq(guid))
            .into_tuple()
            .one(&self.read_connection())
            .await?)
    }

    /// Whether a repository has a job with this id.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn has_job(&self, repository_id: i32, job_id: i64) -> Result<bool, StoreError> {
        let found: Option<i64> = job::Entity::find_by_id(job_id)
            .select_only()
            .column(job::Column::Id)
            .filter(job::Column::RepositoryId.eq(repository_id))
            .into_tuple()
            .one(&self.read_connection())
            .await?;
        Ok(found.is_some())
    }

    /// What suggestions for a job of a repository are made from; `None` if it has no such job.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn job_failures(
        &self,
        repository_id: i32,
        job_id: i64,
    ) -> Result<Option<JobFailures>, StoreError> {
        let connection = self.read_connection();
        let head: Option<(i64, i64)> = job::Entity::find_by_id(job_id)
            .select_only()
            .columns([push::Column::Id, push::Column::Time])
            .join(JoinType::InnerJoin, job::Relation::Push.def())
            .filter(job::Column::RepositoryId.eq(repository_id))
            .into_tuple()
            .one(&connection)
            .await?;
        let Some((push_id, push_time)) = head else { return Ok(None) };
        let supplied = job_artifact::Entity::find()
            .filter(job_artifact::Column::JobId.eq(job_id))
            .filter(job_artifact::Column::Name.eq(SUPPLIED_SUGGESTIONS))
            .one(&connection)
            .await?;
        Ok(Some(JobFailures {
            push_id,
            push_time: from_micros(push_time),
            errors: self.error_lines(job_id).await?,
            supplied: supplied.map(|artifact| artifact.blob),
        }))
    }

    /// Error lines of a job, by line number.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn error_lines(&self, job_id: i64) -> Result<Vec<ErrorLine>, StoreError> {
        let rows = log_error::Entity::find()
            .filter(log_error::Column::JobId.eq(job_id))
            .order_by_asc(log_error::Column::LineNumber)
            .order_by_asc(log_error::Column::Id)
            .all(&self.read_connection())
            .await?;
        let line = |row: log_error::Model| ErrorLine {
            id: row.id,
            step_id: row.step_id,
            line_number: row.line_number,
            line: row.line,
        };
        Ok(rows.into_iter().map(line).collect())
    }

    /// Steps of a job, by their first line.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn log_steps(&self, job_id: i64) -> Result<Vec<ListedStep>, StoreError> {
        let rows = log_step::Entity::find()
            .filter(log_step::Column::JobId.eq(job_id))
            .order_by_asc(log_step::Column::StartedLine)
            .order_by_asc(log_step::Column::FinishedLine)
            .all(&self.read_connection())
            .await?;
        let step = |row: log_step::Model| ListedStep {
            id: row.id,
            name: row.name,
            started: row.started_at.map(from_micros),
            finished: row.finished_at.map(from_micros),
            started_line: row.started_line,
            finished_line: row.finished_line,
            result: JobResult::from_word(&row.result),
        };
        Ok(rows.into_iter().map(step).collect())
    }

    /// Failure lines of a job, in the order of its error summaries.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn failure_lines(&self, job_id: i64) -> Result<Vec<ListedFailureLine>, StoreError> {
        Ok(failure_line::Entity::find()
            .filter(failure_line::Column::JobId.eq(job_id))
            .order_by_asc(failure_line::Column::LogId)
            .order_by_asc(failure_line::Column::Line)
            .all(&self.read_connection())
            .await?)
    }
}
