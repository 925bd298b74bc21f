//! `GET /api/jobs/`, by which the dashboard reads the jobs of its pushes and polls for changes
//! (dashboard contract 2.6).

use super::HttpDoor;
use super::filters::date_time;
use super::parameters::{Parameters, comma_list, integer, invalid, problem};
use crate::domain::TaskRun;
use crate::doors::http::problem::{Body, Problem};
use crate::doors::http::slash_optional;
use crate::limits;
use crate::store::lists::{DashboardJob, DashboardQuery, JobsState, TaskSelector};
use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use http::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, HeaderName, StatusCode};
use serde::ser::SerializeSeq;
use serde::{Serialize, Serializer};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<HttpDoor> {
    slash_optional(routes!(list_dashboard_jobs))
}

/// A page of jobs as the dashboard reads them.
#[derive(Debug, Serialize, ToSchema)]
pub struct DashboardJobs {
    /// Jobs as arrays in the order of `job_property_names`.
    #[schema(value_type = Vec<Vec<serde_json::Value>>)]
    results: Vec<JobArray>,
    #[schema(value_type = Vec<String>)]
    job_property_names: &'static [&'static str],
    /// Where the next page is; null: there is none.
    next: Option<String>,
    /// Always null: the dashboard counts by itself.
    count: Option<u64>,
    /// Always null.
    previous: Option<String>,
}

/// A job in the order of [`NAMES`].
#[derive(Debug)]
struct JobArray {
    job: DashboardJob,
    now: DateTime<Utc>,
}

const NAMES: &[&str] = &[
    "id",
    "push_id",
    "push_revision",
    "job_type_name",
    "job_type_symbol",
    "job_group_name",
    "job_group_symbol",
    "platform",
    "platform_option",
    "state",
    "result",
    "tier",
    "failure_classification_id",
    "task_id",
    "retry_id",
    "last_modified",
    "duration",
    "signature",
];

impl Serialize for JobArray {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { job, now } = self;
        let names = &*job.names;
        let mut array = serializer.serialize_seq(Some(NAMES.len()))?;
        array.serialize_element(&job.id)?;
        array.serialize_element(&job.push_id)?;
        array.serialize_element(&job.revision)?;
        array.serialize_element(&names.job_type.name)?;
        array.serialize_element(&names.job_type.symbol)?;
        array.serialize_element(&names.group.name)?;
        array.serialize_element(&names.group.symbol)?;
        array.serialize_element(&names.platform)?;
        array.serialize_element(&names.platform_option)?;
        array.serialize_element(&job.state)?;
        array.serialize_element(&job.result)?;
        array.serialize_element(&job.tier)?;
        array.serialize_element(&job.failure_classification_id)?;
        match &job.task_id {
            Some(task_id) => array.serialize_element(task_id)?,
            None => array.serialize_element(&TaskRun::stand_in(&job.guid))?,
        }
        array.serialize_element(&job.retry_id.unwrap_or_default())?;
        array.serialize_element(&naive(job.last_modified))?;
        array.serialize_element(&minutes(job, *now))?;
        array.serialize_element(&names.signature)?;
        array.end()
    }
}

/// ISO 8601 to the microsecond, UTC without saying so: the dashboard adds the zone itself.
fn naive(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%dT%H:%M:%S%.6f").to_string()
}

/// For how long it has run, or waited if it has not started: whole minutes, one at least; 0 if unknown.
fn minutes(job: &DashboardJob, now: DateTime<Utc>) -> i64 {
    let Some(start) = job.start_time.or(job.submit_time) else { return 0 };
    let seconds = (job.end_time.unwrap_or(now) - start).num_seconds();
    ((seconds + 30) / 60).max(1)
}

/// All jobs of whole pushes come with a tag by which a browser asks whether they are still
/// the same, which spares reading, sending and compressing them when a page is loaded again.
///
/// The tag is a weak one: how long a job has been running grows without it.
fn tag(state: JobsState) -> String {
    format!("W/\"{}-{}-{:x}\"", env!("CARGO_PKG_VERSION"), state.jobs, state.changes)
}

fn has_tag(headers: &HeaderMap, tag: &str) -> bool {
    let values = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|known| known.trim() == tag)
}

/// Jobs of pushes, as the dashboard reads them
#[utoipa::path(get, path = "/api/jobs/", tag = "dashboard",
    params(
        ("push_id" = Option<i64>, Query),
        ("push_id__in" = Option<String>, Query, description = "Ids separated by commas"),
        ("id" = Option<i64>, Query),
        ("id__in" = Option<String>, Query, description = "Ids separated by commas"),
        ("last_modified__gt" = Option<String>, Query, description = "ISO 8601, UTC"),
        ("task_id" = Option<String>, Query, description = "A task id, or what the list gave as one"),
        ("retry_id" = Option<String>, Query, description = "Run of the task; what is no number is ignored"),
        ("page" = Option<u64>, Query, minimum = 1, description = "From 1; 10,000 jobs are on a page")
    ),
    responses(
        (status = 200, body = DashboardJobs, headers(
            ("etag" = String, description = "Of all jobs of whole pushes that fit on one page")
        )),
        (status = 304, description = "They have the tag that `If-None-Match` names"),
        (status = 400, description = "Neither pushes, jobs nor a task are named, or a parameter has a value \
            that it does not take", body = Body)
    )
)]
async fn list_dashboard_jobs(
    State(door): State<HttpDoor>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    parameters: Parameters,
) -> Result<Response, Problem> {
    let asked = parameters.distinct();
    let query = read(parameters)?;
    let store = door.gateway.store();
    let whole = query.whole_pushes();
    if let Some(pushes) = whole.filter(|_| headers.contains_key(IF_NONE_MATCH)) {
        let tag = tag(store.jobs_state(pushes).await?);
        if has_tag(&headers, &tag) {
            return Ok((StatusCode::NOT_MODIFIED, validated_by(tag)).into_response());
        }
    }
    let page = store.dashboard_jobs(&query).await?;
    let tag = whole.filter(|_| !page.has_next).map(|_| tag(JobsState::of(&page.jobs)));
    let now = Utc::now();
    let jobs = Json(DashboardJobs {
        results: page.jobs.into_iter().map(|job| JobArray { job, now }).collect(),
        job_property_names: NAMES,
        next: page.has_next.then(|| next_page(uri.path(), &asked, query.pages_before + 2)),
        count: None,
        previous: None,
    });
    Ok((tag.map(validated_by), jobs).into_response())
}

/// To be kept, and asked about each time.
fn validated_by(tag: String) -> [(HeaderName, String); 2] {
    [(ETAG, tag), (CACHE_CONTROL, "no-cache".to_owned())]
}

/// What is never known is ignored: only the dashboard comes here (R36).
fn read(mut parameters: Parameters) -> Result<DashboardQuery, Problem> {
    let pushes = ids(&mut parameters, "push_id")?;
    let ids = ids(&mut parameters, "id")?;
    let modified_after = parameters.take_filled("last_modified__gt").map(|text| {
        date_time(&text)
            .ok_or_else(|| invalid("last_modified__gt", "must be a time like 2026-11-22T16:56:12"))
    });
    let page = match parameters.take_filled("page") {
        None => 1,
        Some(text) => text
            .parse()
            .ok()
            .filter(|page| (1..=MOST_PAGES).contains(page))
            .ok_or_else(|| invalid("page", &format!("must be a whole number from 1 to {MOST_PAGES}")))?,
    };
    let retry_id = parameters.take("retry_id").and_then(|text| text.parse().ok());
    let task = parameters.take_filled("task_id").map(|task_id| TaskSelector {
        uuid: URL_SAFE_NO_PAD.decode(&task_id).ok().and_then(|bytes| uuid::Uuid::from_slice(&bytes).ok()),
        task_id,
        retry_id,
    });
    // What was stamped earlier may have been committed since.
    let earlier = |time: DateTime<Utc>| time.checked_sub_signed(limits::LATE_CHANGES).unwrap_or(time);
    let modified_after = modified_after.transpose()?.map(earlier);
    let query = DashboardQuery { pushes, ids, modified_after, task, pages_before: page - 1 };
    if query.is_selective() { Ok(query) } else { Err(problem(SELECTING)) }
}

/// Without any, all jobs of all repositories would have to be looked at.
const SELECTING: &str = "Must filter on one of: push_id, push_id__in, id, id__in, task_id";

/// Beyond these no database has jobs.
const MOST_PAGES: u64 = 1_000_000;

/// `name`, or `name__in`; both: what is in both.
fn ids(parameters: &mut Parameters, name: &str) -> Result<Option<Vec<i64>>, Problem> {
    let several = format!("{name}__in");
    let one = parameters.take_filled(name).map(|text| integer(name, &text)).transpose()?;
    let listed = parameters.take_filled(&several).map(|text| {
        comma_list(&several, &text)?
            .into_iter()
            .map(|id| integer(&several, id))
            .collect::<Result<Vec<_>, _>>()
    });
    Ok(match (one, listed.transpose()?) {
        (None, listed) => listed,
        (Some(one), None) => Some(vec![one]),
        (Some(one), Some(listed)) => Some(listed.into_iter().filter(|id| *id == one).collect()),
    })
}

fn next_page(path: &str, asked: &[(String, String)], page: u64) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(asked.iter().filter(|(name, _)| name != "page"));
    query.append_pair("page", &page.to_string());
    format!("{path}?{}", query.finish())
}
