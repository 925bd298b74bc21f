//! What failed in a job: steps, error lines and failure lines (logs contract 3.7 and 7.2, dashboard
//! contract 2.12).

use super::parameters::{excerpt, id_in_path};
use super::suggestions::SuggestionRow;
use super::{HttpDoor, not_found};
use crate::core::LinkedFailure;
use crate::doors::http::problem::{Body, Problem};
use crate::doors::http::slash_optional;
use crate::store::lists::{ErrorLine, ListedStep};
use crate::suggestions::Suggestion;
use axum::Json;
use axum::extract::{Path, State};
use chrono::{DateTime, Utc};
use serde::Serialize;
use std::collections::HashMap;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<HttpDoor> {
    slash_optional(routes!(list_log_steps))
        .merge(slash_optional(routes!(list_log_errors)))
        .merge(slash_optional(routes!(list_failure_lines)))
}

/// The job that a path names; it need not exist.
pub(super) struct NamedJob {
    pub(super) repository: i32,
    pub(super) id: i64,
}

impl NamedJob {
    /// As the contract says it of a job that is not there.
    pub(super) fn unknown(&self) -> Problem {
        unknown_job(&self.id.to_string())
    }
}

fn unknown_job(id: &str) -> Problem {
    not_found(format!("No job with id: {}", excerpt(id)))
}

/// # Errors
/// If the id is no integer, or no repository has the name.
pub(super) fn job_of(door: &HttpDoor, project: &str, id: &str) -> Result<NamedJob, Problem> {
    let number = id_in_path(id)?;
    let repository = door.repository(project).ok_or_else(|| unknown_job(id))?;
    Ok(NamedJob { repository: repository.id, id: number })
}

/// An error line of a job.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LogErrorLine)]
pub struct ErrorRow {
    id: i64,
    /// Counted from 0.
    line_number: i32,
    line: String,
    /// As in the list of suggestions.
    bug_suggestions: Option<SuggestionRow>,
    /// Always null: nothing classifies lines by itself here.
    metadata: Option<u8>,
    /// Always empty.
    matches: [u8; 0],
    /// Always empty.
    classified_failures: [u8; 0],
}

impl ErrorRow {
    fn new(error: ErrorLine, suggestion: Option<Suggestion>) -> Self {
        Self {
            id: error.id,
            line_number: error.line_number,
            line: error.line,
            bug_suggestions: suggestion.map(SuggestionRow::from),
            metadata: None,
            matches: [],
            classified_failures: [],
        }
    }
}

/// A step of a job's log.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LogStep)]
pub struct StepRow {
    id: i64,
    name: String,
    /// ISO 8601 without zone.
    started: Option<String>,
    finished: Option<String>,
    started_line_number: i32,
    finished_line_number: i32,
    result: String,
    errors: Vec<ErrorRow>,
}

/// A failure that an error summary reports.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FailureLine)]
pub struct FailureRow {
    id: i64,
    job_id: i64,
    /// Id of the error summary among the logs of the job.
    job_log_id: i64,
    action: String,
    /// Ordinal of the message in the run of the harness.
    line: i64,
    test: Option<String>,
    subtest: Option<String>,
    /// Empty: none.
    status: String,
    expected: Option<String>,
    message: Option<String>,
    signature: Option<String>,
    level: Option<String>,
    stack: Option<String>,
    stackwalk_stdout: Option<String>,
    stackwalk_stderr: Option<String>,
    group: Option<String>,
    /// Id of the error line of the text log that reports the same failure.
    text_log_error: Option<i64>,
}

impl From<LinkedFailure> for FailureRow {
    fn from(LinkedFailure { failure: row, reported_by }: LinkedFailure) -> Self {
        Self {
            id: row.id,
            job_id: row.job_id,
            job_log_id: row.log_id,
            action: row.action,
            line: row.line,
            test: row.test,
            subtest: row.subtest,
            status: row.status.unwrap_or_default(),
            expected: row.expected,
            message: row.message,
            signature: row.signature,
            level: row.level,
            stack: row.stack,
            stackwalk_stdout: row.stackwalk_stdout,
            stackwalk_stderr: row.stackwalk_stderr,
            group: row.group_name,
            text_log_error: reported_by.map(|error| error.id),
        }
    }
}

/// Error lines of a job with what is suggested for them, by line number.
async fn error_rows(door: &HttpDoor, job: &NamedJob) -> Result<Vec<(Option<i64>, ErrorRow)>, Problem> {
    let suggestions = door.gateway.bug_suggestions(job.repository, job.id).await?;
    let suggestions = suggestions.ok_or_else(|| job.unknown())?;
    let errors = door.gateway.store().error_lines(job.id).await?;
    // Supplied suggestions may be fewer than the lines.
    let suggestions = suggestions.into_iter().map(Some).chain(std::iter::repeat_with(|| None));
    let row = |(error, suggestion): (ErrorLine, _)| (error.step_id, ErrorRow::new(error, suggestion));
    Ok(errors.into_iter().zip(suggestions).map(row).collect())
}

/// Steps of a job's log with their error lines, by first line
#[utoipa::path(get, path = "/api/project/{project}/jobs/{id}/text_log_steps/", tag = "failures",
    params(("project" = String, Path), ("id" = i64, Path)),
    responses(
        (status = 200, body = Vec<StepRow>),
        (status = 400, description = "The id is not an integer", body = Body),
        (status = 404, description = "The repository has no job with this id", body = Body)
    )
)]
async fn list_log_steps(
    State(door): State<HttpDoor>,
    Path((project, id)): Path<(String, String)>,
) -> Result<Json<Vec<StepRow>>, Problem> {
    let job = job_of(&door, &project, &id)?;
    let mut errors: HashMap<i64, Vec<ErrorRow>> = HashMap::new();
    for (step, row) in error_rows(&door, &job).await? {
        if let Some(step) = step {
            errors.entry(step).or_default().push(row);
        }
    }
    let steps = door.gateway.store().log_steps(job.id).await?;
    let row = |step: ListedStep| StepRow {
        errors: errors.remove(&step.id).unwrap_or_default(),
        id: step.id,
        name: step.name,
        started: step.started.map(naive),
        finished: step.finished.map(naive),
        started_line_number: step.started_line,
        finished_line_number: step.finished_line,
        result: step.result.as_str().to_owned(),
    };
    Ok(Json(steps.into_iter().map(row).collect()))
}

fn naive(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%dT%H:%M:%S%.f").to_string()
}

/// Error lines of a job, by line number
#[utoipa::path(get, path = "/api/project/{project}/jobs/{id}/text_log_errors/", tag = "failures",
    params(("project" = String, Path), ("id" = i64, Path)),
    responses(
        (status = 200, body = Vec<ErrorRow>),
        (status = 400, description = "The id is not an integer", body = Body),
        (status = 404, description = "The repository has no job with this id", body = Body)
    )
)]
async fn list_log_errors(
    State(door): State<HttpDoor>,
    Path((project, id)): Path<(String, String)>,
) -> Result<Json<Vec<ErrorRow>>, Problem> {
    let job = job_of(&door, &project, &id)?;
    Ok(Json(error_rows(&door, &job).await?.into_iter().map(|(_, row)| row).collect()))
}

/// Failures that the error summaries of a job report, in their order
#[utoipa::path(get, path = "/api/project/{project}/jobs/{id}/failure_lines/", tag = "failures",
    params(("project" = String, Path), ("id" = i64, Path)),
    responses(
        (status = 200, body = Vec<FailureRow>),
        (status = 400, description = "The id is not an integer", body = Body),
        (status = 404, description = "The repository has no job with this id", body = Body)
    )
)]
async fn list_failure_lines(
    State(door): State<HttpDoor>,
    Path((project, id)): Path<(String, String)>,
) -> Result<Json<Vec<FailureRow>>, Problem> {
    let job = job_of(&door, &project, &id)?;
    let failures = door.gateway.failures(job.repository, job.id).await?.ok_or_else(|| job.unknown())?;
    Ok(Json(failures.into_iter().map(FailureRow::from).collect()))
}
