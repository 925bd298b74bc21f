//! `GET /api/jobdetail/` (ingest contract 6.6).

use super::parameters::{
    Parameters, WindowTexts, comma_list, excerpt, id_in_path, integer, invalid, problem,
};
use super::{HttpDoor, ONCE_DOCUMENTED, nothing_found};
use crate::doors::http::problem::{Body, Problem};
use crate::doors::http::slash_optional;
use crate::limits;
use crate::store::lists::{Comparison, DetailCondition, DetailPlace, ListedDetail, Window};
use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Parameters of which at least one has to be given: nothing else is found by an index.
const SELECTING: [&str; 5] = ["job_guid", "job__guid", "job_id", "job_id__in", "push_id"];
/// Where the list is.
const PATH: &str = "/api/jobdetail/";

pub(super) fn routes() -> OpenApiRouter<HttpDoor> {
    slash_optional(routes!(list_details)).merge(slash_optional(routes!(get_detail)))
}

/// Details of jobs.
#[derive(Debug, Serialize, ToSchema)]
pub struct DetailList {
    /// Path and query of the next page.
    next: Option<String>,
    /// Path and query of the page before.
    previous: Option<String>,
    results: Vec<DetailRow>,
}

/// A detail of a job.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LegacyJobDetailRow)]
pub struct DetailRow {
    job_id: i64,
    job_guid: String,
    title: Option<String>,
    value: String,
    url: Option<String>,
}

impl From<ListedDetail> for DetailRow {
    fn from(detail: ListedDetail) -> Self {
        Self {
            job_id: detail.job_id,
            job_guid: detail.job_guid,
            title: detail.title,
            value: detail.value,
            url: detail.url,
        }
    }
}

/// Details of jobs, the newest first
#[utoipa::path(get, path = "/api/jobdetail/", tag = "jobs",
    params(
        ("job_guid" = Option<String>, Query, description = "Guid of the job; also as `job__guid`"),
        ("job_id" = Option<i64>, Query),
        ("job_id__in" = Option<String>, Query, description = "Ids separated by commas"),
        ("push_id" = Option<i64>, Query),
        ("title" = Option<String>, Query),
        ("value" = Option<String>, Query),
        ("repository" = Option<String>, Query, description = "Name of the repository"),
        ("cursor" = Option<String>, Query, description = "From `next` or `previous` of another page"),
        ("offset" = Option<u64>, Query, description = "Details left out before the page"),
        ("count" = Option<u64>, Query, maximum = 2000, description = "Details on the page, 2000 if absent")
    ),
    responses(
        (status = 200, body = DetailList),
        (status = 400, description = "Neither job nor push is named, or a parameter will not do",
            body = Body)
    )
)]
async fn list_details(
    State(door): State<HttpDoor>,
    mut parameters: Parameters,
) -> Result<Json<DetailList>, Problem> {
    let asked = parameters.distinct();
    let conditions = conditions(&mut parameters)?;
    let place = place(parameters.take_filled("cursor"))?;
    let default = if parameters.has("count") { None } else { Some(limits::LIST_ROWS) };
    let window = parameters.take_window(&WindowTexts::USUAL)?;
    let window = Window { count: default.unwrap_or(window.count), ..window };
    parameters.ignore(&ONCE_DOCUMENTED);
    parameters.finish()?;
    // One more tells whether there is another page.
    let one_more = Window { count: window.count + 1, ..window };
    let details = door.gateway.store().list_details(&conditions, place, one_more).await?;
    Ok(Json(page(details, place, window, &asked)))
}

fn page(
    mut details: Vec<ListedDetail>,
    place: DetailPlace,
    window: Window,
    asked: &[(String, String)],
) -> DetailList {
    let full = details.len() as u64 > window.count;
    let backwards = matches!(place, DetailPlace::Before(_));
    if full && backwards {
        details.remove(0);
    } else if full {
        details.pop();
    }
    // A page without rows leads nowhere.
    let link = |word: &str, row: Option<&ListedDetail>, is_there: bool| {
        row.filter(|_| is_there).map(|row| link(asked, &format!("{word}-{}", row.id)))
    };
    let has_previous = match place {
        DetailPlace::Start => window.offset > 0,
        DetailPlace::After(_) => true,
        DetailPlace::Before(_) => full,
    };
    DetailList {
        next: link("after", details.last(), full || backwards),
        previous: link("before", details.first(), has_previous),
        results: details.into_iter().map(DetailRow::from).collect(),
    }
}

/// The same question from another place.
fn link(asked: &[(String, String)], cursor: &str) -> String {
    let kept = asked.iter().filter(|(name, _)| !matches!(&**name, "cursor" | "offset"));
    let pairs = kept.map(|(name, value)| (&**name, &**value)).chain([("cursor", cursor)]);
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    format!("{PATH}?{query}")
}

fn place(cursor: Option<String>) -> Result<DetailPlace, Problem> {
    let Some(cursor) = cursor else { return Ok(DetailPlace::Start) };
    let place = cursor.split_once('-').and_then(|(word, id)| {
        let id = id.parse().ok()?;
        match word {
            "after" => Some(DetailPlace::After(id)),
            "before" => Some(DetailPlace::Before(id)),
            _ => None,
        }
    });
    place.ok_or_else(|| invalid("cursor", &format!("{:?} is of no page of this list", excerpt(&cursor))))
}

fn conditions(parameters: &mut Parameters) -> Result<Vec<DetailCondition>, Problem> {
    if !SELECTING.iter().any(|name| parameters.has(name)) {
        return Err(problem(&format!("Must filter on one of: {}", SELECTING.join(", "))));
    }
    let mut conditions = Vec::new();
    for name in ["job_guid", "job__guid"] {
        conditions.extend(parameters.take(name).map(DetailCondition::JobGuid));
    }
    if let Some(id) = parameters.take("job_id") {
        conditions.push(DetailCondition::JobId(Comparison::Equal(integer("job_id", &id)?)));
    }
    if let Some(ids) = parameters.take("job_id__in") {
        if ids.is_empty() {
            return Err(problem("Invalid filter on empty value: []"));
        }
        let ids: Result<Vec<i64>, _> =
            comma_list("job_id__in", &ids)?.into_iter().map(|id| integer("job_id__in", id)).collect();
        conditions.push(DetailCondition::JobId(Comparison::OneOf(ids?)));
    }
    if let Some(id) = parameters.take("push_id") {
        conditions.push(DetailCondition::PushId(integer("push_id", &id)?));
    }
    conditions.extend(parameters.take_filled("title").map(DetailCondition::Title));
    conditions.extend(parameters.take_filled("value").map(DetailCondition::Value));
    conditions.extend(parameters.take_filled("repository").map(DetailCondition::Repository));
    Ok(conditions)
}

/// A detail of a job
#[utoipa::path(get, path = "/api/jobdetail/{id}/", tag = "jobs", params(("id" = i64, Path)),
    responses(
        (status = 200, body = DetailRow),
        (status = 400, description = "The id is not an integer", body = Body),
        (status = 404, description = "No detail has this id", body = Body)
    )
)]
async fn get_detail(
    State(door): State<HttpDoor>,
    Path(id): Path<String>,
) -> Result<Json<DetailRow>, Problem> {
    let detail = door.gateway.store().listed_detail(id_in_path(&id)?).await?;
    Ok(Json(detail.ok_or_else(nothing_found)?.into()))
}
