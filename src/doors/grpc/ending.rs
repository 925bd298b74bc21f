//! The end of streams that are not ours: health and reflection know nothing of a gateway that stops, and
//! would keep their connections open until they are cut.

use super::status::Refusal;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use futures::future::{BoxFuture, FutureExt};
use http::HeaderMap;
use http_body::{Frame, SizeHint};
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tonic::Status;

/// Time after the stop in which whoever watches our health still hears that we are not serving.
const LAST_WORD: Duration = Duration::from_millis(200);

/// Ends the answers of foreign services with UNAVAILABLE once the gateway stops.
pub async fn end_on_stop(State(stop): State<CancellationToken>, request: Request, next: Next) -> Response {
    let is_foreign = request.uri().path().starts_with("/grpc.");
    let response = next.run(request).await;
    if is_foreign { response.map(|body| Body::new(EndingBody::new(body, stop))) } else { response }
}

struct EndingBody {
    body: Body,
    stopped: BoxFuture<'static, ()>,
    has_ended: bool,
}

impl fmt::Debug for EndingBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EndingBody").field("has_ended", &self.has_ended).finish_non_exhaustive()
    }
}

impl EndingBody {
    fn new(body: Body, stop: CancellationToken) -> Self {
        let stopped = async move {
            stop.cancelled().await;
            tokio::time::sleep(LAST_WORD).await;
        };
        Self { body, stopped: stopped.boxed(), has_ended: false }
    }
}

impl http_body::Body for EndingBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.has_ended {
            return Poll::Ready(None);
        }
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            return Poll::Ready(frame);
        }
        if self.stopped.poll_unpin(cx).is_pending() {
            return Poll::Pending;
        }
        self.has_ended = true;
        let mut trailers = HeaderMap::new();
        let status = Status::from(Refusal::Stopping);
        // Fails only for a message that no header can carry, and ours is plain text.
        Poll::Ready(status.add_header(&mut trailers).ok().map(|()| Ok(Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.has_ended || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use axum::middleware::from_fn_with_state;
    use axum::routing::get;
    use futures::{StreamExt, stream};
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    /// The answer of a service that says one word, then nothing for ever or the end.
    async fn answer(path: &str, goes_on: bool, stop: &CancellationToken) -> Body {
        let says = move || async move {
            let word = stream::iter([Ok::<_, axum::Error>(Bytes::from_static(b"word"))]);
            if goes_on { Body::from_stream(word.chain(stream::pending())) } else { Body::from_stream(word) }
        };
        let router = Router::new().route(path, get(says));
        let router = router.layer(from_fn_with_state(stop.clone(), end_on_stop));
        router.oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap().into_body()
    }

    #[tokio::test(start_paused = true)]
    async fn a_foreign_stream_ends_with_the_gateway_and_says_why() {
        let stop = CancellationToken::new();
        let mut body = answer("/grpc.health.v1.Health/Watch", true, &stop).await;
        assert!(body.frame().await.unwrap().unwrap().is_data());
        assert!(tokio::time::timeout(Duration::from_secs(60), body.frame()).await.is_err());
        stop.cancel();
        let trailers = body.frame().await.unwrap().unwrap().into_trailers().unwrap();
        assert_eq!(Status::from_header_map(&trailers).unwrap().code(), tonic::Code::Unavailable);
        assert!(body.frame().await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_is_there_is_not_cut() {
        let stop = CancellationToken::new();
        stop.cancel();
        let body = answer("/grpc.health.v1.Health/Check", false, &stop).await;
        let whole = body.collect().await.unwrap();
        assert!(whole.trailers().is_none());
        assert_eq!(&whole.to_bytes()[..], b"word");
    }

    #[tokio::test(start_paused = true)]
    async fn streams_of_ours_end_by_themselves() {
        let stop = CancellationToken::new();
        stop.cancel();
        let mut body = answer("/herdgate.v1.QueryService/WatchJobs", true, &stop).await;
        body.frame().await.unwrap().unwrap();
        assert!(tokio::time::timeout(Duration::from_secs(60), body.frame()).await.is_err());
    }
}
