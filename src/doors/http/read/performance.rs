//! Performance signatures and data: no series is stored yet, so every question for one finds nothing.

use super::HttpDoor;
use crate::doors::http::problem::{Body, Problem};
use crate::doors::http::slash_optional;
use axum::Json;
use axum::extract::{Path, State};
use serde_json::{Map, Value};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<HttpDoor> {
    slash_optional(routes!(get_performance_signatures)).merge(slash_optional(routes!(get_performance_data)))
}

/// Performance series of a repository, by hash: none
#[utoipa::path(get, path = "/api/project/{project}/performance/signatures/", tag = "performance",
    params(("project" = String, Path)),
    responses(
        (status = 200, body = std::collections::BTreeMap<String, Value>),
        (status = 404, description = "No repository has this name", body = Body)
    )
)]
async fn get_performance_signatures(
    State(door): State<HttpDoor>,
    Path(project): Path<String>,
) -> Result<Json<Map<String, Value>>, Problem> {
    door.listed_repository(&project)?;
    Ok(Json(Map::new()))
}

/// Performance data of a repository, by hash of the series: none
#[utoipa::path(get, path = "/api/project/{project}/performance/data/", tag = "performance",
    params(("project" = String, Path)),
    responses(
        (status = 200, body = std::collections::BTreeMap<String, Value>),
        (status = 404, description = "No repository has this name", body = Body)
    )
)]
async fn get_performance_data(
    State(door): State<HttpDoor>,
    Path(project): Path<String>,
) -> Result<Json<Map<String, Value>>, Problem> {
    door.listed_repository(&project)?;
    Ok(Json(Map::new()))
}
