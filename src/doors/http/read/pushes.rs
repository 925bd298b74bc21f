//! `GET /api/project/{project}/push/`, and `resultset`, its name of years past (ingest contract 6.4).

use super::parameters::{Parameters, excerpt, id_in_path};
use super::push_filters::PushQuery;
use super::{HttpDoor, not_found};
use crate::domain::JobResult;
use crate::doors::http::problem::{Body, Problem};
use crate::doors::http::slash_optional;
use crate::store::lists::{Comparison, PushCondition, Window};
use crate::store::model::StoredPush;
use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<HttpDoor> {
    slash_optional(routes!(list_pushes))
        .merge(slash_optional(routes!(get_push)))
        .merge(slash_optional(routes!(get_push_status)))
        .merge(slash_optional(routes!(list_resultsets)))
        .merge(slash_optional(routes!(get_resultset)))
        .merge(slash_optional(routes!(get_resultset_status)))
}

/// Pushes of a repository.
#[derive(Debug, Serialize, ToSchema)]
pub struct PushList {
    meta: Meta,
    results: Vec<PushRow>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PushListMeta)]
struct Meta {
    /// Pushes in `results`.
    count: usize,
    repository: String,
    /// The parameters, and what was derived from the ones below.
    #[schema(value_type = BTreeMap<String, String>)]
    filter_params: BTreeMap<String, Value>,
    /// `fromchange`, `tochange`, `startdate`, `enddate` and `revision` as given.
    #[serde(flatten)]
    given: BTreeMap<&'static str, String>,
    /// Parameters that were ignored.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

/// A push with its newest commits.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LegacyPush)]
pub struct PushRow {
    id: i64,
    revision: String,
    author: String,
    /// The newest 20 commits, newest first; of a push without any, its revision.
    revisions: Vec<CommitRow>,
    /// All commits of the push.
    revision_count: i64,
    /// Unix seconds.
    push_timestamp: i64,
    repository_id: i32,
}

/// A commit of a push.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LegacyCommit)]
struct CommitRow {
    /// Id of the push.
    result_set_id: i64,
    repository_id: i32,
    revision: String,
    author: String,
    comments: String,
}

impl PushRow {
    fn new(repository_id: i32, push: StoredPush) -> Self {
        let commit = |(revision, author, comments)| CommitRow {
            result_set_id: push.id,
            repository_id,
            revision,
            author,
            comments,
        };
        let mut commits = push.commits;
        if commits.is_empty() {
            // A push without any makes the dashboard show no push at all.
            commits.push((push.revision.clone(), push.author.clone(), String::new()));
        }
        Self {
            id: push.id,
            revision: push.revision,
            author: push.author,
            revisions: commits.into_iter().map(commit).collect(),
            revision_count: push.commit_count,
            push_timestamp: push.time.timestamp(),
            repository_id,
        }
    }
}

/// Pushes of a repository, newest first
#[utoipa::path(get, path = "/api/project/{project}/push/", tag = "pushes",
    params(
        ("project" = String, Path),
        ("offset" = Option<u64>, Query, description = "Pushes left out before the page"),
        ("count" = Option<u64>, Query, maximum = 2000, description = "Pushes on the page, 10 if absent"),
        ("revision" = Option<String>, Query, description = "A commit of the push, or its beginning"),
        ("fromchange" = Option<String>, Query, description = "First push, by the beginning of its revision"),
        ("tochange" = Option<String>, Query, description = "Last push, by the beginning of its revision"),
        ("startdate" = Option<String>, Query, description = "First day, `YYYY-MM-DD`"),
        ("enddate" = Option<String>, Query, description = "Last day, `YYYY-MM-DD`"),
        ("push_timestamp__gte" = Option<f64>, Query,
            description = "Unix seconds; also with `__gt`, `__lte`, `__lt`"),
        ("id" = Option<i64>, Query, description = "Also with `__gt`, `__gte`, `__lt`, `__lte`; 0: any"),
        ("id__in" = Option<String>, Query, description = "Ids separated by commas"),
        ("author" = Option<String>, Query,
            description = "Whole text, in capitals or not; after a `-`: all but this author")
    ),
    responses(
        (status = 200, body = PushList),
        (status = 400, description = "A parameter is unknown or has a value that it does not take",
            body = Body),
        (status = 404, description = "No repository has this name, or no push this revision", body = Body)
    )
)]
async fn list_pushes(
    State(door): State<HttpDoor>,
    Path(project): Path<String>,
    parameters: Parameters,
) -> Result<Json<PushList>, Problem> {
    let mut query = PushQuery::read(parameters)?;
    let repository = door.listed_repository(&project)?;
    query.resolve_range(&door, &repository).await?;
    let store = door.gateway.store();
    let pushes = store.list_pushes(repository.id, &project, &query.conditions, query.window).await?;
    let results: Vec<_> = pushes.into_iter().map(|push| PushRow::new(repository.id, push)).collect();
    Ok(Json(PushList {
        meta: Meta {
            count: results.len(),
            repository: project,
            filter_params: query.echo.filter_params,
            given: query.echo.given,
            warnings: query.warnings,
        },
        results,
    }))
}

/// A push of a repository
#[utoipa::path(get, path = "/api/project/{project}/push/{id}/", tag = "pushes",
    params(("project" = String, Path), ("id" = i64, Path)),
    responses(
        (status = 200, body = PushRow),
        (status = 400, description = "The id is not an integer", body = Body),
        (status = 404, description = "The repository has no push with this id", body = Body)
    )
)]
async fn get_push(
    State(door): State<HttpDoor>,
    Path((project, id)): Path<(String, String)>,
) -> Result<Json<PushRow>, Problem> {
    let number = id_in_path(&id)?;
    let repository = door.repository(&project).ok_or_else(|| no_push(&id))?;
    let with_id = [PushCondition::Id(Comparison::Equal(number))];
    let window = Window { offset: 0, count: 1 };
    let found = door.gateway.store().list_pushes(repository.id, &project, &with_id, window).await?.pop();
    Ok(Json(PushRow::new(repository.id, found.ok_or_else(|| no_push(&id))?)))
}

/// How many unclassified jobs of a push show which state or result
#[utoipa::path(get, path = "/api/project/{project}/push/{id}/status/", tag = "pushes",
    params(("project" = String, Path), ("id" = i64, Path)),
    responses(
        (status = 200, description = "Jobs by result, of unfinished ones by state",
            body = BTreeMap<String, i64>),
        (status = 400, description = "The id is not an integer", body = Body),
        (status = 404, description = "The repository has no push with this id", body = Body)
    )
)]
async fn get_push_status(
    State(door): State<HttpDoor>,
    Path((project, id)): Path<(String, String)>,
) -> Result<Json<BTreeMap<String, i64>>, Problem> {
    let number = id_in_path(&id)?;
    let repository = door.repository(&project).ok_or_else(|| no_push(&id))?;
    let counts = door.gateway.store().push_status(repository.id, number).await?;
    let counts = counts.ok_or_else(|| no_push(&id))?.into_iter();
    let mut words: BTreeMap<_, _> = counts.map(|count| (count.word, count.jobs)).collect();
    // The word of years past stands beside today's.
    if let Some(&superseded) = words.get(JobResult::Superseded.as_str()) {
        words.insert("coalesced".into(), superseded);
    }
    Ok(Json(words))
}

fn no_push(id: &str) -> Problem {
    not_found(format!("No push with id: {}", excerpt(id)))
}

/// The same as `push/`, under the name of years past
#[utoipa::path(get, path = "/api/project/{project}/resultset/", tag = "pushes",
    params(("project" = String, Path)),
    responses(
        (status = 200, body = PushList),
        (status = 400, description = "A parameter is unknown or has a value that it does not take",
            body = Body),
        (status = 404, description = "No repository has this name, or no push this revision", body = Body)
    )
)]
async fn list_resultsets(
    door: State<HttpDoor>,
    project: Path<String>,
    parameters: Parameters,
) -> Result<Json<PushList>, Problem> {
    list_pushes(door, project, parameters).await
}

/// The same as `push/{id}/`, under the name of years past
#[utoipa::path(get, path = "/api/project/{project}/resultset/{id}/", tag = "pushes",
    params(("project" = String, Path), ("id" = i64, Path)),
    responses(
        (status = 200, body = PushRow),
        (status = 400, description = "The id is not an integer", body = Body),
        (status = 404, description = "The repository has no push with this id", body = Body)
    )
)]
async fn get_resultset(
    door: State<HttpDoor>,
    path: Path<(String, String)>,
) -> Result<Json<PushRow>, Problem> {
    get_push(door, path).await
}

/// The same as `push/{id}/status/`, under the name of years past
#[utoipa::path(get, path = "/api/project/{project}/resultset/{id}/status/", tag = "pushes",
    params(("project" = String, Path), ("id" = i64, Path)),
    responses(
        (status = 200, description = "Jobs by result, of unfinished ones by state",
            body = BTreeMap<String, i64>),
        (status = 400, description = "The id is not an integer", body = Body),
        (status = 404, description = "The repository has no push with this id", body = Body)
    )
)]
async fn get_resultset_status(
    door: State<HttpDoor>,
    path: Path<(String, String)>,
) -> Result<Json<BTreeMap<String, i64>>, Problem> {
    get_push_status(door, path).await
}
