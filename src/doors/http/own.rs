//! Own paths: what is here, health, metrics and schemas.

use super::problem::{Body, Code, Problem};
use crate::core::Readiness;
use crate::doors::router::RenderMetrics;
use crate::formats;
use crate::store::Durability;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use tokio::sync::watch;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const ABOUT: &str = "\
Herdgate takes CI job data in.

gRPC on this port: herdgate.v1.IngestService, QueryService and AdminService, with reflection.
/api/docs  what can be asked over HTTP; /api/openapi.json for programs
/healthz   the process is alive
/readyz    it can commit
/metrics   for Prometheus
/schemas/  JSON Schemas of the formats
";

/// The own paths.
pub fn routes(readiness: watch::Receiver<Readiness>, metrics: RenderMetrics) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(health))
        .merge(OpenApiRouter::new().routes(routes!(ready)).with_state(readiness))
        .merge(OpenApiRouter::new().routes(routes!(render)).with_state(metrics))
        .merge(super::slash_optional(routes!(schemas)))
        .routes(routes!(schema))
}

/// The page at `/`, where no dashboard is served.
pub fn front() -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(about))
}

/// What is here
#[utoipa::path(get, path = "/", tag = "gateway", responses((status = 200, body = String)))]
async fn about() -> &'static str {
    ABOUT
}

/// Whether the process is alive
#[utoipa::path(get, path = "/healthz", tag = "gateway", responses((status = 200, body = String)))]
async fn health() -> &'static str {
    "ok\n"
}

/// Whether the gateway can commit
#[utoipa::path(get, path = "/readyz", tag = "gateway", responses(
    (status = 200, description = "It can; says so if `database.unsafe` is set", body = String),
    (status = 503, description = "It cannot commit now, or stops", body = Body)
))]
async fn ready(State(readiness): State<watch::Receiver<Readiness>>) -> Result<&'static str, Problem> {
    match *readiness.borrow() {
        Readiness::Ready(Durability::Safe) => Ok("ready\n"),
        Readiness::Ready(Durability::Unsafe) => {
            Ok("ready (database.unsafe: what is acknowledged may be lost if the database's machine fails)\n")
        }
        Readiness::DatabaseAway => Err(Code::NotReady.into()),
        Readiness::Stopping => Err(Code::ShuttingDown.into()),
    }
}

/// Metrics in the text format of Prometheus
#[utoipa::path(get, path = "/metrics", tag = "gateway", responses((status = 200, body = String)))]
async fn render(State(metrics): State<RenderMetrics>) -> Response {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metrics()).into_response()
}

/// Names of the JSON Schemas, one a line
#[utoipa::path(get, path = "/schemas/", tag = "schemas", responses((status = 200, body = String)))]
async fn schemas() -> String {
    formats::schemas().iter().map(|(name, _)| format!("{name}\n")).collect()
}

/// A JSON Schema, in YAML
#[utoipa::path(get, path = "/schemas/{name}", tag = "schemas", params(("name" = String, Path)), responses(
    (status = 200, body = String, content_type = "application/yaml"),
    (status = 404, description = "No schema has this name", body = Body)
))]
async fn schema(Path(name): Path<String>) -> Result<Response, Problem> {
    let known = formats::schemas().iter().find(|(known, _)| *known == name);
    let (_, text) = known.ok_or(Problem::from(Code::UnknownSchema))?;
    Ok(([(CONTENT_TYPE, "application/yaml"), (X_CONTENT_TYPE_OPTIONS, "nosniff")], *text).into_response())
}
