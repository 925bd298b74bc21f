//! `GET /api/project/{project}/artifact/` (ingest contract 6.8): artifacts that are kept as they are.

use super::filters::{Filter, Kind};
use super::parameters::{Parameters, WindowTexts, excerpt, id_in_path, problem};
use super::{HttpDoor, ONCE_DOCUMENTED, not_found};
use crate::doors::http::problem::{Body, Problem};
use crate::doors::http::slash_optional;
use crate::limits;
use crate::store::lists::{ArtifactNumber, ArtifactText, ListedArtifact};
use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const FILTERS: [Filter<ArtifactNumber, ArtifactText>; 4] = [
    Filter { name: "id", kind: Kind::Integer(ArtifactNumber::Id) },
    Filter { name: "job_id", kind: Kind::Integer(ArtifactNumber::JobId) },
    Filter { name: "name", kind: Kind::Text(ArtifactText::Name) },
    Filter { name: "type", kind: Kind::Text(ArtifactText::Kind) },
];

pub(super) fn routes() -> OpenApiRouter<HttpDoor> {
    slash_optional(routes!(list_artifacts)).merge(slash_optional(routes!(get_artifact)))
}

/// An artifact of a job.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LegacyArtifact)]
pub struct ArtifactRow {
    id: i64,
    job_id: i64,
    name: String,
    r#type: String,
    blob: Blob,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = ArtifactBlob)]
enum Blob {
    /// Of type `json`.
    #[schema(value_type = serde_json::Value)]
    Json(Box<RawValue>),
    /// Of any other type, and what is not the JSON that its type says.
    Text(String),
}

impl From<ListedArtifact> for ArtifactRow {
    fn from(artifact: ListedArtifact) -> Self {
        let is_json = artifact.kind.eq_ignore_ascii_case("json");
        let json = Some(&artifact.blob).filter(|_| is_json).and_then(|blob| serde_json::from_str(blob).ok());
        Self {
            id: artifact.id,
            job_id: artifact.job_id,
            name: artifact.name,
            r#type: artifact.kind,
            blob: json.map_or(Blob::Text(artifact.blob), Blob::Json),
        }
    }
}

struct ArtifactFilters;

impl IntoParams for ArtifactFilters {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        Filter::describe(&FILTERS)
    }
}

/// Artifacts of jobs of a repository, the newest first
#[utoipa::path(get, path = "/api/project/{project}/artifact/", tag = "artifacts",
    params(
        ("project" = String, Path),
        ("offset" = Option<u64>, Query, description = "Artifacts left out before the page"),
        ("count" = Option<u64>, Query, maximum = 2000, description = "Artifacts on the page, 10 if absent"),
        ArtifactFilters
    ),
    responses(
        (status = 200, body = Vec<ArtifactRow>),
        (status = 400, description = "A parameter is unknown or has a value that it does not take, or the \
                                      page would be too large", body = Body),
        (status = 404, description = "No repository has this name", body = Body)
    )
)]
async fn list_artifacts(
    State(door): State<HttpDoor>,
    Path(project): Path<String>,
    mut parameters: Parameters,
) -> Result<Json<Vec<ArtifactRow>>, Problem> {
    let window = parameters.take_window(&WindowTexts::USUAL)?;
    let conditions = parameters.take_read(|name, value| Filter::read(&FILTERS, name, value))?;
    parameters.ignore(&ONCE_DOCUMENTED);
    parameters.finish()?;
    let conditions: Vec<_> = conditions.into_iter().flatten().collect();
    let repository = door.listed_repository(&project)?;
    let bytes = limits::ARTIFACT_PAGE_BYTES;
    let artifacts = door.gateway.store().list_artifacts(repository.id, &conditions, window, bytes).await?;
    let too_large =
        || problem(&format!("count: these artifacts have more than {bytes} bytes together; ask for fewer"));
    Ok(Json(artifacts.ok_or_else(too_large)?.into_iter().map(ArtifactRow::from).collect()))
}

/// An artifact of a job
#[utoipa::path(get, path = "/api/project/{project}/artifact/{id}/", tag = "artifacts",
    params(("project" = String, Path), ("id" = i64, Path)),
    responses(
        (status = 200, body = ArtifactRow),
        (status = 400, description = "The id is not an integer", body = Body),
        (status = 404, description = "The repository has no artifact with this id", body = Body)
    )
)]
async fn get_artifact(
    State(door): State<HttpDoor>,
    Path((project, id)): Path<(String, String)>,
) -> Result<Json<ArtifactRow>, Problem> {
    let number = id_in_path(&id)?;
    let unknown = || not_found(format!("job_artifact {} not found", excerpt(&id)));
    let repository = door.repository(&project).ok_or_else(unknown)?;
    let artifact = door.gateway.store().listed_artifact(repository.id, number).await?;
    Ok(Json(artifact.ok_or_else(unknown)?.into()))
}
