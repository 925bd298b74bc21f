//! Load shedding and time limits, for gRPC and HTTP alike. A stream counts until its first response
//! headers; streams have places of their own.

use super::http;
use super::http::problem::{Code, Problem};
use super::refusal::Refusal;
use crate::limits;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body::{Frame, SizeHint};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
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
    let arrival = Arrival::new();
    let request = request.map(|body| Body::new(Arriving { body, arrival: arrival.clone() }));
    let mut answer = pin!(next.run(request));
    loop {
        let due = arrival.due(load.deadline);
        match timeout_at(due, &mut answer).await {
            Ok(response) => return response,
            Err(_) if arrival.due(load.deadline) > due => {}
            Err(_) if arrival.is_slow() => {
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

/// How much of the body of a request has come.
#[derive(Debug, Clone)]
struct Arrival(Arc<Mutex<Progress>>);

#[derive(Debug, Clone, Copy)]
struct Progress {
    started: Instant,
    bytes: u64,
    /// When the last byte came.
    whole: Option<Instant>,
}

impl Arrival {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(Progress { started: Instant::now(), bytes: 0, whole: None })))
    }

    fn note(&self, change: impl FnOnce(&mut Progress)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn progress(&self) -> Progress {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When the answer is due, by what has come so far.
    fn due(&self, deadline: Duration) -> Instant {
        let Progress { started, bytes, whole } = self.progress();
        whole.unwrap_or(started + Duration::from_secs(bytes / limits::UPLOAD_BYTES_PER_SECOND)) + deadline
    }

    /// A part of it has come, and the rest has not.
    fn is_slow(&self) -> bool {
        let progress = self.progress();
        progress.bytes > 0 && progress.whole.is_none()
    }
}

/// A body that tells how much of it has come.
struct Arriving {
    body: Body,
    arrival: Arrival,
}

impl HttpBody for Arriving {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(frame) = &polled {
            let bytes = match frame {
                Some(Ok(frame)) => frame.data_ref().map_or(0, |data| data.len() as u64),
                Some(Err(_)) | None => 0,
            };
            let is_whole = frame.is_none() || self.body.is_end_stream();
            self.arrival.note(|progress| {
                progress.bytes += bytes;
                if is_whole {
                    progress.whole = progress.whole.or_else(|| Some(Instant::now()));
                }
            });
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::http::{HeaderValue, StatusCode, header::CONTENT_TYPE};
    use axum::body::Body;
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
