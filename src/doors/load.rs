//! Load shedding and time limits, for gRPC and HTTP alike. A stream counts until its first response
//! headers; streams have places of their own.

use super::arrival::{Arrival, Progress};
use super::http;
use super::http::problem::{Code, Problem};
use super::refusal::Refusal;
use crate::limits;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};
use tonic::Status;

/// Limits on requests.
#[derive(Debug, Clone)]
pub struct Load {
    places: Arc<Semaphore>,
    deadline: Duration,
}

impl Load {
    /// So many requests at once, each answered within the deadline; the deadline of one whose body keeps
    /// coming at [`limits::UPLOAD_BYTES_PER_SECOND`] runs from its last byte.
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
        return overloaded(is_grpc);
    }
    if is_grpc {
        // Its messages have a time limit of their own.
        let answer = tokio::time::timeout(load.deadline, next.run(request)).await;
        return answer.unwrap_or_else(|_| overloaded(is_grpc));
    }
    let (request, arrival) = Arrival::of(request);
    let mut answer = pin!(next.run(request));
    loop {
        let patience = due(arrival.progress(), load.deadline);
        match timeout_at(patience, &mut answer).await {
            Ok(response) => return response,
            Err(_) if due(arrival.progress(), load.deadline) > patience => {}
            Err(_) if is_slow(arrival.progress()) => {
                return Problem::new(Code::RequestTimeout, too_slow(load.deadline)).into_response();
            }
            Err(_) => return overloaded(is_grpc),
        }
    }
}

fn too_slow(deadline: Duration) -> String {
    format!(
        "the body of the request came too slowly: after {} s it must come at {} bytes a second on the \
         average; nothing of it was taken, send it again in smaller parts",
        deadline.as_secs(),
        limits::UPLOAD_BYTES_PER_SECOND
    )
}

fn overloaded(is_grpc: bool) -> Response {
    let refusal = Refusal::overloaded();
    if is_grpc { Status::from(refusal).into_http() } else { Problem::from(refusal).into_response() }
}

/// When the answer is due, by what has come so far.
fn due(Progress { started, bytes, whole }: Progress, deadline: Duration) -> Instant {
    whole.unwrap_or(started + Duration::from_secs(bytes / limits::UPLOAD_BYTES_PER_SECOND)) + deadline
}

/// A part of it has come, and the rest has not.
fn is_slow(progress: Progress) -> bool {
    progress.bytes > 0 && progress.whole.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::http::{HeaderValue, StatusCode, header::CONTENT_TYPE};
    use axum::body::{Body, Bytes};
    use axum::middleware::from_fn_with_state;
    use axum::{Router, routing::get, routing::post};
    use tower::ServiceExt;

    fn router(load: Load) -> Router {
        let slow = || async {
            tokio::time::sleep(Duration::from_secs(60)).await;
            "done"
        };
        Router::new()
            .route("/slow", get(slow))
            .route("/fast", get(|| async { "done" }))
            .route("/upload", post(|body: Bytes| async move { body.len().to_string() }))
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

    /// A body of so many parts, one of them every 10 seconds.
    fn slow_body(part: &'static [u8], parts: usize) -> Body {
        Body::from_stream(futures::stream::unfold(0, move |sent| async move {
            if sent == parts {
                return None;
            }
            tokio::time::sleep(Duration::from_secs(10)).await;
            Some((Ok::<_, std::io::Error>(part), sent + 1))
        }))
    }

    #[tokio::test(start_paused = true)]
    async fn a_large_body_may_take_its_time_as_long_as_it_keeps_coming() {
        static PART: [u8; 1024 * 1024] = [b' '; 1024 * 1024];
        let router = router(Load::new(1, Duration::from_secs(20)));
        let upload = Request::post("/upload").body(slow_body(&PART, 6)).unwrap();
        let response =
            router.layer(axum::extract::DefaultBodyLimit::disable()).oneshot(upload).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_trickles_is_refused_as_too_slow() {
        let router = router(Load::new(1, Duration::from_secs(20)));
        let started = Instant::now();
        let upload = Request::post("/upload").body(slow_body(b"x", 1000)).unwrap();
        let response = router.oneshot(upload).await.unwrap();
        assert_eq!(response.status(), StatusCode::REQUEST_TIMEOUT);
        assert_eq!(started.elapsed(), Duration::from_secs(20));
    }
}
