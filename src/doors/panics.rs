//! A panic is a bug of ours, and no reason to drop a connection with all its streams, or to end a stream
//! as if it had gone well.

use super::http::{is_grpc, problem::Problem};
use super::refusal::Refusal;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use tokio::sync::mpsc;
use tonic::Status;

/// Answers a request whose handler panics with INTERNAL, or 500.
pub async fn answer_panics(request: Request, next: Next) -> Response {
    let is_grpc = is_grpc(&request);
    match AssertUnwindSafe(next.run(request)).catch_unwind().await {
        Ok(response) => response,
        Err(_) => {
            let refusal = Refusal::internal(&"a request handler panicked");
            if is_grpc { Status::from(refusal).into_http() } else { Problem::from(refusal).into_response() }
        }
    }
}

/// Runs the task that answers a stream; if it panics, the stream ends with INTERNAL.
pub async fn end_on_panic<T>(task: impl Future<Output = ()>, responses: mpsc::Sender<Result<T, Status>>) {
    if AssertUnwindSafe(task).catch_unwind().await.is_err() {
        let refusal = Refusal::internal(&"the task of a stream panicked");
        // Nobody to tell if the receiver is gone.
        let _ = responses.send(Err(refusal.into())).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::http::StatusCode;
    use ::http::header::CONTENT_TYPE;
    use axum::body::Body;
    use axum::middleware::from_fn;
    use axum::{Router, routing::get};
    use tonic::Code;
    use tower::ServiceExt;

    async fn broken() {
        panic!("a bug")
    }

    #[tokio::test]
    async fn a_request_whose_handler_panics_is_answered_by_each_doors_custom() {
        let router = Router::new().route("/", get(broken)).layer(from_fn(answer_panics));
        let plain = Request::get("/").body(Body::empty()).unwrap();
        let response = router.clone().oneshot(plain).await.unwrap();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let grpc = Request::get("/").header(CONTENT_TYPE, "application/grpc").body(Body::empty()).unwrap();
        let response = router.oneshot(grpc).await.unwrap();
        assert_eq!(Status::from_header_map(response.headers()).unwrap().code(), Code::Internal);
    }

    #[tokio::test]
    async fn a_stream_whose_task_panics_does_not_end_well() {
        let (sender, mut receiver) = mpsc::channel::<Result<u8, Status>>(1);
        let sends = sender.clone();
        let task = async move {
            sends.send(Ok(1)).await.unwrap();
            panic!("a bug");
        };
        tokio::spawn(end_on_panic(task, sender));
        assert_eq!(receiver.recv().await.unwrap().unwrap(), 1);
        assert_eq!(receiver.recv().await.unwrap().unwrap_err().code(), Code::Internal);
        assert!(receiver.recv().await.is_none());
    }
}
