//! Performance signatures and data as the legacy clients read them: objects by the hash of the series.

use super::HttpDoor;
use super::dashboard::FRAMEWORKS;
use super::parameters::{Parameters, bounded, integer, invalid, problem};
use crate::doors::http::problem::{Body, Problem};
use crate::doors::http::slash_optional;
use crate::limits;
use crate::store::lists::{ListedMeasurement, ListedSeries, MeasurementQuery, SeriesQuery};
use axum::Json;
use axum::extract::{Path, State};
use chrono::{TimeDelta, Utc};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<HttpDoor> {
    slash_optional(routes!(get_performance_signatures)).merge(slash_optional(routes!(get_performance_data)))
}

/// A performance series.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PerformanceSignature)]
pub struct SignatureRow {
    id: i64,
    /// Number of the framework; absent: it has none here.
    #[serde(skip_serializing_if = "Option::is_none")]
    framework_id: Option<u32>,
    framework: String,
    option_collection_hash: String,
    machine_platform: String,
    suite: String,
    /// Absent: the suite as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    test: Option<String>,
    lower_is_better: bool,
    /// Options that tell series of one suite apart, sorted; absent: there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    test_options: Vec<String>,
    /// Whether there are series of its parts.
    has_subtests: bool,
    /// Hash of the suite as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_signature: Option<String>,
}

impl From<ListedSeries> for SignatureRow {
    fn from(series: ListedSeries) -> Self {
        let framework = FRAMEWORKS.iter().find(|framework| framework.name == series.framework);
        Self {
            test_options: series.options(),
            id: series.id,
            framework_id: framework.map(|framework| framework.id),
            framework: series.framework,
            option_collection_hash: series.option_collection_hash,
            machine_platform: series.machine_platform,
            suite: series.suite,
            test: Some(series.test).filter(|test| !test.is_empty()),
            lower_is_better: series.lower_is_better,
            has_subtests: series.has_subtests,
            parent_signature: series.parent_hash,
        }
    }
}

/// A value of a series.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PerformanceDatum)]
pub struct DatumRow {
    id: i64,
    job_id: i64,
    push_id: i64,
    /// Seconds since 1970.
    push_timestamp: i64,
    value: f64,
    signature_id: i64,
}

impl From<ListedMeasurement> for DatumRow {
    fn from(row: ListedMeasurement) -> Self {
        Self {
            id: row.id,
            job_id: row.job_id,
            push_id: row.push_id,
            push_timestamp: row.push_time.timestamp(),
            value: row.value,
            signature_id: row.series_id,
        }
    }
}

/// Performance series of a repository, by hash
#[utoipa::path(get, path = "/api/project/{project}/performance/signatures/", tag = "performance",
    params(
        ("project" = String, Path),
        ("framework" = Option<String>, Query, description = "Number or name of the framework"),
        ("interval" = Option<i64>, Query, description = "Only series with values of the last seconds"),
        ("platform" = Option<String>, Query, description = "Platform that the jobs ran on"),
        ("parent_signature" = Option<String>, Query, description = "Only parts of the suite of this hash"),
        ("subtests" = Option<i64>, Query, description = "0: only suites as a whole"),
        ("signature" = Vec<String>, Query, explode, description = "Hashes of series"),
        ("id" = Vec<i64>, Query, explode, description = "Ids of series")
    ),
    responses(
        (status = 200, body = BTreeMap<String, SignatureRow>),
        (status = 400, description = "A parameter will not do, or too many series are asked for",
            body = Body),
        (status = 404, description = "No repository has this name", body = Body)
    )
)]
async fn get_performance_signatures(
    State(door): State<HttpDoor>,
    Path(project): Path<String>,
    mut parameters: Parameters,
) -> Result<Json<BTreeMap<String, SignatureRow>>, Problem> {
    let repository = door.listed_repository(&project)?;
    let mut query = series_query(&mut parameters)?;
    query.hashes.extend(parameters.take_all("signature"));
    query.ids.extend(integers(&mut parameters, "id")?);
    let most = limits::PLAIN_LIST_ROWS;
    let series = door.gateway.store().list_series(repository.id, &query, most + 1).await?;
    not_too_many(series.len(), "series")?;
    Ok(Json(series.into_iter().map(|series| (series.hash.clone(), series.into())).collect()))
}

/// Performance data of a repository, by hash of the series
#[utoipa::path(get, path = "/api/project/{project}/performance/data/", tag = "performance",
    params(
        ("project" = String, Path),
        ("signatures" = Vec<String>, Query, explode, description = "Hashes of series"),
        ("signature_id" = Vec<i64>, Query, explode, description = "Ids of series"),
        ("job_id" = Vec<i64>, Query, explode, description = "Ids of jobs"),
        ("push_id" = Vec<i64>, Query, explode, description = "Ids of pushes"),
        ("framework" = Option<String>, Query, description = "Number or name of the framework"),
        ("interval" = Option<i64>, Query, description = "Only values of the last seconds")
    ),
    responses(
        (status = 200, body = BTreeMap<String, Vec<DatumRow>>),
        (status = 400, description = "A parameter will not do, or too many values are asked for",
            body = Body),
        (status = 404, description = "No repository has this name", body = Body)
    )
)]
async fn get_performance_data(
    State(door): State<HttpDoor>,
    Path(project): Path<String>,
    mut parameters: Parameters,
) -> Result<Json<BTreeMap<String, Vec<DatumRow>>>, Problem> {
    let repository = door.listed_repository(&project)?;
    let mut series = series_query(&mut parameters)?;
    series.hashes.extend(bounded("signatures", parameters.take_all("signatures"))?);
    series.ids.extend(integers(&mut parameters, "signature_id")?);
    let jobs = integers(&mut parameters, "job_id")?;
    let pushes = integers(&mut parameters, "push_id")?;
    let query = MeasurementQuery { series, jobs, pushes };
    let most = limits::PLAIN_LIST_ROWS;
    let rows = door.gateway.store().list_measurements(repository.id, &query, most + 1).await?;
    not_too_many(rows.len(), "values")?;
    let mut data: BTreeMap<String, Vec<DatumRow>> = BTreeMap::new();
    for row in rows {
        data.entry(row.hash.clone()).or_default().push(row.into());
    }
    Ok(Json(data))
}

/// What both lists are narrowed by. Other parameters are those of the dashboard's graphs, and change
/// nothing.
fn series_query(parameters: &mut Parameters) -> Result<SeriesQuery, Problem> {
    let framework = parameters.take_filled("framework").map(|framework| match framework.parse::<u32>() {
        Ok(id) => FRAMEWORKS
            .iter()
            .find(|known| known.id == id)
            .map(|known| known.name.to_owned())
            .ok_or_else(|| invalid("framework", &format!("no framework has number {id}"))),
        Err(_) => Ok(framework),
    });
    let interval = parameters.take_filled("interval").map(|interval| {
        let seconds = integer("interval", &interval)?;
        TimeDelta::try_seconds(seconds)
            .and_then(|interval| Utc::now().checked_sub_signed(interval))
            .ok_or_else(|| invalid("interval", "is out of range"))
    });
    Ok(SeriesQuery {
        framework: framework.transpose()?,
        platform: parameters.take_filled("platform"),
        parent_hash: parameters.take_filled("parent_signature"),
        without_subtests: parameters.take("subtests").is_some_and(|subtests| subtests == "0"),
        since: interval.transpose()?,
        ..SeriesQuery::default()
    })
}

/// All values of a parameter.
///
/// # Errors
/// If one is no integer, or they are too many for one filter.
pub(super) fn integers(parameters: &mut Parameters, name: &'static str) -> Result<Vec<i64>, Problem> {
    let values = bounded(name, parameters.take_all(name))?;
    values.iter().map(|value| integer(name, value)).collect()
}

/// # Errors
/// If more was found than a list without pages gives.
pub(super) fn not_too_many(found: usize, what: &str) -> Result<(), Problem> {
    let most = limits::PLAIN_LIST_ROWS;
    if found as u64 > most {
        return Err(problem(&format!("there are more than {most} {what}; narrow down what you ask for")));
    }
    Ok(())
}
