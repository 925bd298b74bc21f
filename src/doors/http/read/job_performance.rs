//! Performance data of jobs, as the dashboard asks for it beside the details of a job (dashboard contract 3).

use super::HttpDoor;
use super::parameters::{Parameters, problem};
use super::performance::{DatumRow, SignatureRow, integers, not_too_many};
use crate::doors::http::problem::{Body, Problem};
use crate::doors::http::slash_optional;
use crate::limits;
use crate::store::lists::{ListedMeasurement, ListedSeries};
use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<HttpDoor> {
    slash_optional(routes!(get_job_performance_data))
}

/// A value with the series that it is of.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = JobPerformanceDatum)]
pub struct JobDatumRow {
    #[serde(flatten)]
    datum: DatumRow,
    signature_data: SignatureDataRow,
}

/// A series, under its hash.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PerformanceSignatureData)]
struct SignatureDataRow {
    #[serde(flatten)]
    series: SignatureRow,
    signature_hash: String,
    /// The same as `test_options`; empty: there are none.
    extra_options: Vec<String>,
}

impl From<(ListedMeasurement, ListedSeries)> for JobDatumRow {
    fn from((measured, series): (ListedMeasurement, ListedSeries)) -> Self {
        let signature_data = SignatureDataRow {
            signature_hash: series.hash.clone(),
            extra_options: series.options(),
            series: series.into(),
        };
        Self { datum: measured.into(), signature_data }
    }
}

/// Performance data of jobs of a repository, by series
#[utoipa::path(get, path = "/api/project/{project}/performance/job-data/", tag = "performance",
    params(
        ("project" = String, Path),
        ("job_id" = Vec<i64>, Query, explode, description = "Ids of jobs")
    ),
    responses(
        (status = 200, body = Vec<JobDatumRow>),
        (status = 400, description = "No job is named, an id is no integer, or the jobs have no performance \
            data or too much of it", body = Body),
        (status = 404, description = "No repository has this name", body = Body)
    )
)]
async fn get_job_performance_data(
    State(door): State<HttpDoor>,
    Path(project): Path<String>,
    mut parameters: Parameters,
) -> Result<Json<Vec<JobDatumRow>>, Problem> {
    let repository = door.listed_repository(&project)?;
    let jobs = integers(&mut parameters, "job_id")?;
    if jobs.is_empty() {
        return Err(problem("The job_id parameter is mandatory for this endpoint"));
    }
    let most = limits::PLAIN_LIST_ROWS;
    let measured = door.gateway.store().job_measurements(repository.id, &jobs, most + 1).await?;
    not_too_many(measured.len(), "values")?;
    if measured.is_empty() {
        // The dashboard takes an error as "there are none", and shows no tab for them.
        return Err(problem("no performance data is known of these jobs"));
    }
    Ok(Json(measured.into_iter().map(JobDatumRow::from).collect()))
}
