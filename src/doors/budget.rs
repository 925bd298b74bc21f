//! The budget of bytes between "received" and "decided", shared by all streams, calls and requests
//! (design rule R19).

use super::http::is_grpc;
use super::http::problem::too_large;
use crate::limits;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body::Body as _;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Counts bytes. Whoever waits is served in order, and always asks for all it needs at once, so that
/// no two can wait for each other.
#[derive(Debug, Clone)]
pub struct ByteBudget(Arc<Semaphore>);

/// Bytes taken from the budget, given back when dropped.
#[derive(Debug)]
pub struct TakenBytes(#[allow(dead_code, reason = "held for its drop")] Option<OwnedSemaphorePermit>);

impl ByteBudget {
    /// A budget of so many bytes.
    pub fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes)))
    }

    /// Waits until there is room for the bytes. What is over a third of the whole budget counts as a
    /// third: no message or body is that large, and nobody may wait for ever.
    pub async fn take(&self, bytes: usize) -> TakenBytes {
        // Only a closed semaphore fails, and this one is never closed.
        TakenBytes(self.0.clone().acquire_many_owned(permits(bytes)).await.ok())
    }

    /// Takes the bytes if there is room for them now.
    pub fn try_take(&self, bytes: usize) -> Option<TakenBytes> {
        self.0.clone().try_acquire_many_owned(permits(bytes)).ok().map(|taken| TakenBytes(Some(taken)))
    }

    /// Bytes left.
    pub fn available(&self) -> usize {
        self.0.available_permits()
    }
}

fn permits(bytes: usize) -> u32 {
    u32::try_from(bytes.min(limits::IN_FLIGHT_BYTES / 3)).unwrap_or(u32::MAX)
}

/// Takes the bytes of an HTTP request's body before any of it is read, and gives them back with the
/// answer; a body over the limit is refused unread. One of unknown length counts as the largest. Calls
/// of gRPC count by themselves. The caller limits the time for all this.
pub async fn count_body(State(budget): State<ByteBudget>, request: Request, next: Next) -> Response {
    if is_grpc(&request) {
        return next.run(request).await;
    }
    let size = request.body().size_hint();
    if size.lower() > limits::HTTP_BODY_BYTES as u64 {
        return too_large().into_response();
    }
    let most = size.upper().and_then(|bytes| usize::try_from(bytes).ok());
    let taken = budget.take(most.unwrap_or(limits::HTTP_BODY_BYTES)).await;
    let response = next.run(request).await;
    drop(taken);
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::http::StatusCode;
    use axum::Router;
    use axum::body::Body;
    use axum::middleware::from_fn_with_state;
    use axum::routing::post;
    use bytes::Bytes;
    use tower::ServiceExt;

    /// What is left of the budget while a request is answered, and the status.
    async fn left_meanwhile(body: Body) -> (StatusCode, usize) {
        let budget = ByteBudget::new(limits::IN_FLIGHT_BYTES);
        let (seen, left) = (Arc::new(std::sync::Mutex::new(0)), budget.clone());
        let inside = seen.clone();
        let handler = post(async move || *inside.lock().unwrap() = left.available());
        let router = Router::new().route("/", handler).layer(from_fn_with_state(budget.clone(), count_body));
        let response = router.oneshot(Request::post("/").body(body).unwrap()).await.unwrap();
        assert_eq!(budget.available(), limits::IN_FLIGHT_BYTES, "all is given back");
        let left = *seen.lock().unwrap();
        (response.status(), left)
    }

    #[tokio::test]
    async fn a_body_counts_while_it_is_answered() {
        let unknown = Body::from_stream(futures::stream::iter([Ok::<_, std::io::Error>(Bytes::from("x"))]));
        for (body, bytes) in [
            (Body::empty(), 0),
            (Body::from("123"), 3),
            (Body::from(vec![0; limits::HTTP_BODY_BYTES]), limits::HTTP_BODY_BYTES),
            (unknown, limits::HTTP_BODY_BYTES),
        ] {
            assert_eq!(left_meanwhile(body).await, (StatusCode::OK, limits::IN_FLIGHT_BYTES - bytes));
        }
    }

    #[tokio::test]
    async fn a_body_over_the_limit_is_refused_unread() {
        let body = Body::from(vec![0; limits::HTTP_BODY_BYTES + 1]);
        assert_eq!(left_meanwhile(body).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    }

    #[test]
    fn what_there_is_no_room_for_is_not_taken() {
        let budget = ByteBudget::new(100);
        let taken = budget.try_take(80).unwrap();
        assert!(budget.try_take(21).is_none());
        drop(taken);
        assert!(budget.try_take(100).is_some());
    }

    #[tokio::test]
    async fn bytes_come_back_when_dropped_and_the_next_waits_for_them() {
        let budget = ByteBudget::new(100);
        let first = budget.take(80).await;
        assert_eq!(budget.available(), 20);
        let second = tokio::spawn({
            let budget = budget.clone();
            async move { budget.take(50).await }
        });
        tokio::task::yield_now().await;
        assert!(!second.is_finished());
        drop(first);
        let second = second.await.unwrap();
        assert_eq!(budget.available(), 50);
        drop(second);
        assert_eq!(budget.available(), 100);
    }
}
