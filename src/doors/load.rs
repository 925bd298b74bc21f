//! Load shedding and time limits, for gRPC and HTTP alike. A stream counts until its first response
//! headers; streams have places of their own.

use super::http;
use super::http::problem::Problem;
use super::refusal::Refusal;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tonic::Status;

/// Limits on requests.
#[derive(Debug, Clone)]
pub struct Load {
    places: Arc<Semaphore>,
    deadline: Duration,
}

impl Load {
    /// So many requests at once, each answered within the deadline.
    pub fn new(requests: usize, deadline: Duration) -> Self {
        Self { places: Arc::new(Semaphore::new(requests)), deadline }
    }
}

/// What tells how the gateway is must be answered when it is busy, too.
const NEVER_SHED: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// Refuses with "send again" what is over a limit.
pub async fn limit_load(State(load): State<Load>, request: Request, next: Next) -> Response {
    let is_grpc = http::is_grpc(&request);
    let place = load.places.try_acquire();
    if place.is_err() && !NEVER_SHED.contains(&request.uri().path()) {
        return refused(is_grpc);
    }
    match tokio::time::timeout(load.deadline, next.run(request)).await {
        Ok(response) => response,
        Err(_) => refused(is_grpc),
    }
}

fn refused(is_grpc: bool) -> Response {
    let refusal = Refusal::overloaded();
    if is_grpc { Status::from(refusal).into_http() } else { Problem::from(refusal).into_response() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::http::{HeaderValue, StatusCode, header::CONTENT_TYPE};
    use axum::body::Body;
    use axum::middleware::from_fn_with_state;
    use axum::{Router, routing::get};
    use tower::ServiceExt;

    fn router(load: Load) -> Router {
        let slow = || async {
            tokio::time::sleep(Duration::from_secs(60)).await;
            "done"
        };
        Router::new()
            .route("/slow", get(slow))
            .route("/fast", get(|| async { "done" }))
            .route("/healthz", get(|| async { "done" }))
            .layer(from_fn_with_state(load, limit_load))
    }

    fn request(path: &str) -> Request {
        Request::get(path).body(Body::empty()).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn what_takes_too_long_is_to_be_sent_again() {
        let router = router(Load::new(1, Duration::from_secs(20)));
        let response = router.clone().oneshot(request("/slow")).await.unwrap();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()["retry-after"], "2");
        let mut grpc = request("/slow");
        grpc.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        let response = router.oneshot(grpc).await.unwrap();
        let status = Status::from_header_map(response.headers()).unwrap();
        assert_eq!(status.code(), tonic::Code::Unavailable);
    }

    #[tokio::test(start_paused = true)]
    async fn more_requests_than_places_are_refused_at_once() {
        let router = router(Load::new(1, Duration::from_secs(20)));
        let slow = tokio::spawn(router.clone().oneshot(request("/slow")));
        tokio::task::yield_now().await;
        let response = router.clone().oneshot(request("/fast")).await.unwrap();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(router.clone().oneshot(request("/healthz")).await.unwrap().status(), StatusCode::OK);
        slow.await.unwrap().unwrap();
        assert_eq!(router.oneshot(request("/fast")).await.unwrap().status(), StatusCode::OK);
    }
}
