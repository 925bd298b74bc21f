//! Own paths of the HTTP door: health, metrics and schemas. Every error body has `detail` for people
//! and a stable `code` for programs.

use super::router::RenderMetrics;
use crate::formats;
use crate::limits;
use axum::Router;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::{CONTENT_TYPE, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, StatusCode};
use tokio::sync::watch;
use tonic::Status;

const ABOUT: &str = "\
Herdgate takes CI job data in.

gRPC on this port: herdgate.v1.IngestService, QueryService and AdminService, with reflection.
/healthz   the process is alive
/readyz    it can commit
/metrics   for Prometheus
/schemas/  JSON Schemas of the formats
";

/// The own paths beside those of gRPC, and the answer to every other path.
pub fn routes(readiness: watch::Receiver<bool>, metrics: RenderMetrics, grpc: Router) -> Router {
    let own = Router::new()
        .route("/", get(|| async { ABOUT }))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready).with_state(readiness))
        .route("/metrics", get(render).with_state(metrics))
        .route("/schemas/", get(schemas))
        .route("/schemas/{name}", get(schema))
        .method_not_allowed_fallback(async || {
            problem(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "the method is not allowed here")
        });
    grpc.merge(own).fallback(unknown)
}

/// Whether the answer has to be one of gRPC.
pub fn is_grpc(request: &Request) -> bool {
    request
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|content_type| content_type.as_bytes().starts_with(b"application/grpc"))
}

/// 503 with the delay after which to send again.
pub fn overloaded() -> Response {
    let mut response =
        problem(StatusCode::SERVICE_UNAVAILABLE, "overloaded", "the gateway is overloaded, send again later");
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(limits::RETRY_DELAY.as_secs()));
    response
}

/// 500 with the id of the error.
pub fn internal_error(error: &dyn std::fmt::Display) -> Response {
    problem(StatusCode::INTERNAL_SERVER_ERROR, "internal", &error.to_string())
}

fn problem(status: StatusCode, code: &str, detail: &str) -> Response {
    (status, axum::Json(serde_json::json!({ "detail": detail, "code": code }))).into_response()
}

async fn ready(State(readiness): State<watch::Receiver<bool>>) -> Response {
    if *readiness.borrow() {
        return "ready\n".into_response();
    }
    problem(StatusCode::SERVICE_UNAVAILABLE, "not_ready", "the gateway cannot commit now")
}

async fn render(State(metrics): State<RenderMetrics>) -> Response {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metrics()).into_response()
}

async fn schemas() -> String {
    formats::schemas().iter().map(|(name, _)| format!("{name}\n")).collect()
}

async fn schema(Path(name): Path<String>) -> Response {
    match formats::schemas().iter().find(|(known, _)| *known == name) {
        Some((_, text)) => {
            ([(CONTENT_TYPE, "application/yaml"), (X_CONTENT_TYPE_OPTIONS, "nosniff")], *text).into_response()
        }
        None => problem(StatusCode::NOT_FOUND, "unknown_schema", "no schema has this name"),
    }
}

async fn unknown(request: Request) -> Response {
    if is_grpc(&request) {
        return Status::unimplemented(format!("no method {}", request.uri().path())).into_http();
    }
    problem(StatusCode::NOT_FOUND, "not_found", "nothing is here")
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use http_body_util::BodyExt;
    use std::sync::Arc;
    use tower::ServiceExt;

    fn router(readiness: watch::Receiver<bool>) -> Router {
        routes(readiness, Arc::new(|| "jobs_total 3\n".to_owned()), Router::new())
    }

    async fn answer(router: &Router, request: Request) -> (StatusCode, String) {
        let response = router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    async fn got(router: &Router, path: &str) -> (StatusCode, String) {
        answer(router, Request::get(path).body(Body::empty()).unwrap()).await
    }

    fn code(body: &str) -> String {
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert!(body["detail"].is_string());
        body["code"].as_str().unwrap().to_owned()
    }

    #[tokio::test]
    async fn readiness_is_about_commits_and_health_is_not() {
        let (ready, readiness) = watch::channel(false);
        let router = router(readiness);
        assert_eq!(got(&router, "/healthz").await.0, StatusCode::OK);
        let (status, body) = got(&router, "/readyz").await;
        assert_eq!((status, &*code(&body)), (StatusCode::SERVICE_UNAVAILABLE, "not_ready"));
        ready.send_replace(true);
        assert_eq!(got(&router, "/readyz").await.0, StatusCode::OK);
    }

    #[tokio::test]
    async fn metrics_are_those_of_the_registry() {
        let (_ready, readiness) = watch::channel(true);
        assert_eq!(got(&router(readiness), "/metrics").await, (StatusCode::OK, "jobs_total 3\n".into()));
    }

    #[tokio::test]
    async fn errors_are_json_with_detail_and_code() {
        let (_ready, readiness) = watch::channel(true);
        let router = router(readiness);
        for (request, status, expected) in [
            (Request::get("/nothing"), StatusCode::NOT_FOUND, "not_found"),
            (Request::get("/schemas/nothing.yml"), StatusCode::NOT_FOUND, "unknown_schema"),
            (Request::post("/healthz"), StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
        ] {
            let (given, body) = answer(&router, request.body(Body::empty()).unwrap()).await;
            assert_eq!((given, &*code(&body)), (status, expected));
        }
    }

    #[tokio::test]
    async fn an_unknown_grpc_method_is_unimplemented() {
        let (_ready, readiness) = watch::channel(true);
        let request = Request::post("/other.Service/Call").header(CONTENT_TYPE, "application/grpc+proto");
        let response = router(readiness).oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(Status::from_header_map(response.headers()).unwrap().code(), tonic::Code::Unimplemented);
    }
}
