//! `GET /api/project/{project}/job-log-url/` (ingest contract 6.5).

use super::log_text;
use super::parameters::{Parameters, bounded, id_in_path, problem};
use super::{HttpDoor, ONCE_DOCUMENTED, nothing_found};
use crate::domain::ParseStatus;
use crate::doors::http::problem::{Body, Problem};
use crate::doors::http::slash_optional;
use crate::limits;
use crate::store::lists::ListedLog;
use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<HttpDoor> {
    slash_optional(routes!(list_logs)).merge(slash_optional(routes!(get_log))).merge(log_text::routes())
}

/// Where a log of a job is.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = JobLogUrl)]
pub struct LogRow {
    id: i64,
    job_id: i64,
    name: String,
    url: String,
    parse_status: ParseWord,
}

/// Whether a log has been parsed.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum ParseWord {
    Pending,
    Parsed,
    Failed,
    #[serde(rename = "skipped-size")]
    SkippedSize,
}

impl From<ListedLog> for LogRow {
    fn from(log: ListedLog) -> Self {
        Self {
            id: log.id,
            job_id: log.job_id,
            name: log.name,
            url: log.url,
            parse_status: match log.status {
                ParseStatus::Pending => ParseWord::Pending,
                ParseStatus::Parsed => ParseWord::Parsed,
                ParseStatus::Failed => ParseWord::Failed,
                ParseStatus::SkippedSize => ParseWord::SkippedSize,
            },
        }
    }
}

/// Logs of jobs
#[utoipa::path(get, path = "/api/project/{project}/job-log-url/", tag = "jobs",
    params(
        ("project" = String, Path),
        ("job_id" = Vec<i64>, Query, explode, description = "Ids of jobs")
    ),
    responses(
        (status = 200, body = Vec<LogRow>),
        (status = 400, description = "No job is asked for, too many are, or a parameter is unknown",
            body = Body)
    )
)]
async fn list_logs(
    State(door): State<HttpDoor>,
    Path(project): Path<String>,
    mut parameters: Parameters,
) -> Result<Json<Vec<LogRow>>, Problem> {
    let ids = parameters.take_all("job_id");
    parameters.ignore(&ONCE_DOCUMENTED);
    parameters.finish()?;
    if ids.is_empty() {
        return Err(problem("The job_id parameter is mandatory for this endpoint"));
    }
    let ids: Result<Vec<i64>, _> = bounded("job_id", ids)?.iter().map(|id| id.trim().parse()).collect();
    let ids = ids.map_err(|_| problem("The job_id parameter(s) must be integers"))?;
    let Some(repository) = door.repository(&project) else { return Ok(Json(Vec::new())) };
    let most = limits::PLAIN_LIST_ROWS;
    let logs = door.gateway.store().list_logs(repository.id, &ids, most + 1).await?;
    if logs.len() as u64 > most {
        return Err(problem(&format!("job_id: these jobs have more than {most} logs; ask for fewer jobs")));
    }
    Ok(Json(logs.into_iter().map(LogRow::from).collect()))
}

/// A log of a job
#[utoipa::path(get, path = "/api/project/{project}/job-log-url/{id}/", tag = "jobs",
    params(("project" = String, Path), ("id" = i64, Path)),
    responses(
        (status = 200, body = LogRow),
        (status = 400, description = "The id is not an integer", body = Body),
        (status = 404, description = "The repository has no log with this id", body = Body)
    )
)]
async fn get_log(
    State(door): State<HttpDoor>,
    Path((project, id)): Path<(String, String)>,
) -> Result<Json<LogRow>, Problem> {
    let id = id_in_path(&id)?;
    let repository = door.repository(&project).ok_or_else(nothing_found)?;
    let log = door.gateway.store().listed_log(repository.id, id).await?;
    Ok(Json(log.ok_or_else(nothing_found)?.into()))
}
