use super::*;
use crate::store::Durability;
use axum::body::Body;
use axum::response::Response;
use http::StatusCode;
use http::header::ALLOW;
use http_body_util::BodyExt;
use std::sync::Arc;
use tower::ServiceExt;

fn router(readiness: watch::Receiver<Readiness>) -> Router {
    let metrics: RenderMetrics = Arc::new(|| "jobs_total 3\n".to_owned());
    routes(readiness, metrics, OpenApiRouter::new(), Router::new(), None)
}

fn ready_router() -> Router {
    router(watch::channel(Readiness::Ready(Durability::Safe)).1)
}

async fn answer(router: &Router, request: http::request::Builder) -> Response {
    router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
}

async fn text(response: Response) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

async fn got(router: &Router, path: &str) -> (StatusCode, String) {
    let response = answer(router, Request::get(path)).await;
    (response.status(), text(response).await)
}

fn code(body: &str) -> String {
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    assert!(body["detail"].is_string());
    body["code"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn readiness_is_about_commits_and_health_is_not() {
    let (now, readiness) = watch::channel(Readiness::DatabaseAway);
    let router = router(readiness);
    assert_eq!(got(&router, "/healthz").await.0, StatusCode::OK);
    for (readiness, status, word) in [
        (Readiness::DatabaseAway, StatusCode::SERVICE_UNAVAILABLE, "not_ready"),
        (Readiness::Stopping, StatusCode::SERVICE_UNAVAILABLE, "shutting_down"),
    ] {
        now.send_replace(readiness);
        let (given, body) = got(&router, "/readyz").await;
        assert_eq!((given, &*code(&body)), (status, word));
    }
    now.send_replace(Readiness::Ready(Durability::Safe));
    assert_eq!(got(&router, "/readyz").await, (StatusCode::OK, "ready\n".into()));
}

#[tokio::test]
async fn readiness_shows_that_commits_may_be_lost() {
    let (_now, readiness) = watch::channel(Readiness::Ready(Durability::Unsafe));
    let (status, body) = got(&router(readiness), "/readyz").await;
    assert_eq!(status, StatusCode::OK);
    assert!(body.contains("database.unsafe"), "{body}");
}

#[tokio::test]
async fn metrics_are_those_of_the_registry() {
    assert_eq!(got(&ready_router(), "/metrics").await, (StatusCode::OK, "jobs_total 3\n".into()));
}

#[tokio::test]
async fn errors_are_json_with_detail_and_code() {
    for (request, status, expected) in [
        (Request::get("/nothing"), StatusCode::NOT_FOUND, "not_found"),
        (Request::get("/schemas/nothing.yml"), StatusCode::NOT_FOUND, "unknown_schema"),
        (Request::post("/healthz"), StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
        (Request::post("/api/docs"), StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
    ] {
        let response = answer(&ready_router(), request).await;
        assert_eq!((response.status(), &*code(&text(response).await)), (status, expected));
    }
}

#[tokio::test]
async fn a_method_that_is_not_allowed_is_told_which_are() {
    let response = answer(&ready_router(), Request::delete("/healthz")).await;
    assert_eq!(response.headers()[ALLOW], "GET,HEAD");
}

#[tokio::test]
async fn an_unknown_grpc_method_is_unimplemented() {
    let request = Request::post("/other.Service/Call").header(CONTENT_TYPE, "application/grpc+proto");
    let response = answer(&ready_router(), request).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(Status::from_header_map(response.headers()).unwrap().code(), tonic::Code::Unimplemented);
}

#[tokio::test]
async fn a_slash_at_the_end_may_be_left_out() {
    for path in ["/schemas/", "/schemas"] {
        let (status, body) = got(&ready_router(), path).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        assert!(body.contains("pulse-job.yml\n"), "{body}");
    }
}

#[tokio::test]
async fn the_description_is_openapi_3_1_and_has_each_path_once() {
    let (status, body) = got(&ready_router(), "/api/openapi.json").await;
    assert_eq!(status, StatusCode::OK);
    let document: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    let paths = document["paths"].as_object().unwrap();
    assert!(paths.contains_key("/schemas/") && !paths.contains_key("/schemas"), "{paths:?}");
    assert!(document["components"]["schemas"]["Problem"]["properties"]["code"].is_object());
}

#[tokio::test]
async fn the_pages_need_nothing_from_elsewhere() {
    for (path, expected) in [("/api/docs", "/schemas/{name}"), ("/api/docs/grpc", "IngestService")] {
        let response = answer(&ready_router(), Request::get(path)).await;
        assert_eq!(response.headers()[CONTENT_TYPE], "text/html; charset=utf-8");
        let page = text(response).await;
        assert!(page.contains(expected), "{page}");
        for outside in ["src=\"", "href=\"http", "<script", "@import", "url("] {
            assert!(!page.contains(outside), "{outside} in {page}");
        }
    }
}
