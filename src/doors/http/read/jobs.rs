//! `GET /api/project/{project}/jobs/` (ingest contract 6.2 and 6.3).

use super::job_filters::{JobQuery, RowForm};
use super::job_row::{JOB_PROPERTY_NAMES, JobArray, JobDetail, JobRow, LogLink};
use super::parameters::{Parameters, excerpt, id_in_path};
use super::{HttpDoor, not_found};
use crate::doors::http::problem::{Body, Problem};
use crate::doors::http::slash_optional;
use crate::limits;
use crate::store::lists::{Comparison, Condition, JobNumber, Window};
use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<HttpDoor> {
    slash_optional(routes!(list_jobs)).merge(slash_optional(routes!(get_job)))
}

/// Jobs of a repository.
#[derive(Debug, Serialize, ToSchema)]
pub struct JobList {
    meta: Meta,
    results: Rows,
    /// Names of the elements of `results`, with `return_type=list`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<String>>, nullable = false)]
    job_property_names: Option<&'static [&'static str]>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = JobListMeta)]
struct Meta {
    repository: String,
    offset: u64,
    /// As asked for.
    count: u64,
    /// Parameters that were ignored.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = JobRows)]
enum Rows {
    Objects(Vec<JobRow>),
    #[schema(value_type = Vec<Vec<serde_json::Value>>)]
    Arrays(Vec<JobArray>),
}

/// Jobs of a repository, by id
#[utoipa::path(get, path = "/api/project/{project}/jobs/", tag = "jobs",
    params(
        ("project" = String, Path),
        ("offset" = Option<u64>, Query, description = "Jobs left out before the page"),
        ("count" = Option<u64>, Query, maximum = 2000, description = "Jobs on the page, 10 if absent"),
        ("return_type" = Option<String>, Query, description = "`dict` for objects, `list` for arrays"),
        JobQuery
    ),
    responses(
        (status = 200, body = JobList),
        (status = 400, description = "A parameter is unknown or has a value that it does not take",
            body = Body),
        (status = 404, description = "No repository has this name", body = Body)
    )
)]
async fn list_jobs(
    State(door): State<HttpDoor>,
    Path(project): Path<String>,
    parameters: Parameters,
) -> Result<Json<JobList>, Problem> {
    let query = JobQuery::read(parameters)?;
    let repository = door.listed_repository(&project)?;
    let jobs = door.gateway.store().list_jobs(repository.id, &query.conditions, query.window).await?;
    let rows = jobs.into_iter().map(JobRow::from);
    let results = match query.form {
        RowForm::Objects => Rows::Objects(rows.collect()),
        RowForm::Arrays | RowForm::BareArrays => Rows::Arrays(rows.map(JobArray).collect()),
    };
    Ok(Json(JobList {
        meta: Meta {
            repository: project,
            offset: query.window.offset,
            count: query.window.count,
            warnings: query.warnings,
        },
        results,
        job_property_names: Some(JOB_PROPERTY_NAMES).filter(|_| query.form == RowForm::Arrays),
    }))
}

/// A job of a repository
#[utoipa::path(get, path = "/api/project/{project}/jobs/{id}/", tag = "jobs",
    params(("project" = String, Path), ("id" = i64, Path)),
    responses(
        (status = 200, body = JobDetail),
        (status = 400, description = "The id is not an integer", body = Body),
        (status = 404, description = "The repository has no job with this id", body = Body)
    )
)]
async fn get_job(
    State(door): State<HttpDoor>,
    Path((project, id)): Path<(String, String)>,
) -> Result<Json<JobDetail>, Problem> {
    let number = id_in_path(&id)?;
    let unknown = || not_found(format!("No job with id: {}", excerpt(&id)));
    let repository = door.repository(&project).ok_or_else(unknown)?;
    let store = door.gateway.store();
    let with_id = [Condition::Number(JobNumber::Id, Comparison::Equal(number))];
    let found = store.list_jobs(repository.id, &with_id, Window { offset: 0, count: 1 }).await?.pop();
    let job = found.ok_or_else(unknown)?;
    let logs = store.list_logs(repository.id, &[number], limits::PLAIN_LIST_ROWS).await?;
    let mut logs: Vec<LogLink> = logs.into_iter().map(LogLink::from).collect();
    if door.options.serves_dashboard {
        logs.iter_mut().for_each(|log| log.read_here(&project));
    }
    Ok(Json(JobDetail::new(&project, job, logs)))
}
