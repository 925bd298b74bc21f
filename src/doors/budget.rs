//! The budget of bytes between "received" and "decided", shared by all streams, calls and requests
//! (design rule R19).

use super::arrival::Arrival;
use super::grpc::calls::call_of;
use super::http::problem::{Code, Problem, too_large};
use crate::limits;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use http_body::Body as _;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Counts bytes. Whoever waits is served in order, and always asks for all it needs at once, so that
/// no two can wait for each other.
#[derive(Debug, Clone)]
pub struct ByteBudget {
    all: Arc<Semaphore>,
    /// The share of it that messages of streams and bodies of requests may take whose last byte has not
    /// come: submitters who stop in the middle leave the other half to calls and to streams that go on.
    unfinished: Arc<Semaphore>,
    /// The same for small ones, which do not wait for large ones that come slowly.
    small_unfinished: Arc<Semaphore>,
    /// Until how many bytes one is small.
    small: usize,
    waiting: Arc<AtomicUsize>,
}

/// Bytes taken from the budget, given back when dropped.
#[derive(Debug, Default)]
pub struct TakenBytes(Option<OwnedSemaphorePermit>);

impl TakenBytes {
    /// Gives back all but so many bytes.
    pub fn keep(&mut self, bytes: usize) {
        if let Some(permit) = &mut self.0 {
            drop(permit.split(permit.num_permits().saturating_sub(bytes)));
        }
    }

    /// Adds bytes that were taken from the same budget.
    pub fn add(&mut self, other: Self) {
        match (&mut self.0, other.0) {
            (Some(permit), Some(more)) => permit.merge(more),
            (none, more) => *none = none.take().or(more),
        }
    }
}

/// Bytes of a message of a stream, or of the body of a request, that is on its way.
#[derive(Debug)]
pub struct Claim {
    bytes: TakenBytes,
    /// Until its last byte has come.
    unfinished: Option<OwnedSemaphorePermit>,
}

impl Claim {
    /// The last byte has come.
    pub fn finish(&mut self) {
        self.unfinished = None;
    }

    /// The bytes, for as long as the message lasts.
    pub fn into_taken(self) -> TakenBytes {
        self.bytes
    }
}

impl ByteBudget {
    /// A budget of so many bytes.
    pub fn new(bytes: usize) -> Self {
        Self {
            all: Arc::new(Semaphore::new(bytes)),
            unfinished: Arc::new(Semaphore::new(bytes / 2)),
            small_unfinished: Arc::new(Semaphore::new(bytes / 8)),
            small: bytes / 64,
            waiting: Arc::default(),
        }
    }

    /// Waits until there is room for the bytes. What is over a third of the whole budget counts as
    /// a third: no message or body is that large, and nobody may wait for ever.
    pub async fn take(&self, bytes: usize) -> TakenBytes {
        if let Some(taken) = self.try_take(bytes) {
            return taken;
        }
        let _waiting = Waiting::new(&self.waiting);
        // Only a closed semaphore fails, and this one is never closed.
        TakenBytes(self.all.clone().acquire_many_owned(permits(bytes)).await.ok())
    }

    /// Takes the bytes if there is room for them now.
    pub fn try_take(&self, bytes: usize) -> Option<TakenBytes> {
        self.all.clone().try_acquire_many_owned(permits(bytes)).ok().map(|taken| TakenBytes(Some(taken)))
    }

    /// As [`take`](Self::take), for a message of a stream or the body of a request; one whose last byte has
    /// not come yet takes from the share of the unfinished first.
    pub async fn claim(&self, bytes: usize, is_whole: bool) -> Claim {
        if let Some(claim) = self.try_claim(bytes, is_whole) {
            return claim;
        }
        let _waiting = Waiting::new(&self.waiting);
        let unfinished = if is_whole {
            None
        } else {
            self.unfinished_of(bytes).acquire_many_owned(permits(bytes)).await.ok()
        };
        Claim { bytes: self.take(bytes).await, unfinished }
    }

    /// A claim if it can be had at once.
    pub fn try_claim(&self, bytes: usize, is_whole: bool) -> Option<Claim> {
        let unfinished = if is_whole {
            None
        } else {
            Some(self.unfinished_of(bytes).try_acquire_many_owned(permits(bytes)).ok()?)
        };
        Some(Claim { bytes: self.try_take(bytes)?, unfinished })
    }

    fn unfinished_of(&self, bytes: usize) -> Arc<Semaphore> {
        if bytes <= self.small { self.small_unfinished.clone() } else { self.unfinished.clone() }
    }

    /// Whether somebody waits for bytes.
    pub fn is_short(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    /// Bytes left.
    pub fn available(&self) -> usize {
        self.all.available_permits()
    }
}

/// Counts one who waits, until dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn new(waiting: &'a AtomicUsize) -> Self {
        waiting.fetch_add(1, Ordering::Relaxed);
        Self(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn permits(bytes: usize) -> u32 {
    u32::try_from(bytes.min(limits::IN_FLIGHT_BYTES / 3)).unwrap_or(u32::MAX)
}

/// Takes the bytes of an HTTP request's body before any of it is read, and gives them back with the
/// answer; of a body over the limit nothing is kept. One of unknown length counts as the largest. Calls
/// of gRPC count by themselves. The caller limits the time for all this, but one that is still coming after
/// [`limits::UNARY_DEADLINE`] gives way as soon as others wait for bytes.
pub async fn count_body(State(budget): State<ByteBudget>, request: Request, next: Next) -> Response {
    if call_of(request.uri().path()).is_some() {
        return next.run(request).await;
    }
    let size = request.body().size_hint();
    // Anybody may send a form to the console, and nobody may occupy others' bytes with one.
    let is_form = request.uri().path().starts_with("/console/");
    let limit = if is_form { limits::CONSOLE_FORM_BYTES } else { limits::HTTP_BODY_BYTES };
    if size.lower() > limit as u64 {
        discard(request.into_body(), 2 * limit).await;
        return too_large().into_response();
    }
    let most = size.upper().and_then(|bytes| usize::try_from(bytes).ok());
    // It may take its time: it draws on the share of what is not whole yet, so that others go on.
    let mut claim = budget.claim(most.unwrap_or(limit), false).await;
    let (request, arrival) = Arrival::of(request);
    let mut answer = pin!(next.run(request));
    tokio::select! {
        biased;
        response = &mut answer => return response,
        () = arrival.whole() => claim.finish(),
        () = is_in_the_way(&budget) => return Problem::new(Code::RequestTimeout, IN_THE_WAY).into_response(),
    }
    let response = answer.await;
    drop(claim);
    response
}

const IN_THE_WAY: &str = "the body of the request came slowly, and others waited for the memory it takes; \
    nothing of it was taken, send it again in smaller parts";

/// Ends once a body that is on its way from now on has had its time and others wait for its bytes.
async fn is_in_the_way(budget: &ByteBudget) {
    tokio::time::sleep(limits::UNARY_DEADLINE).await;
    while !budget.is_short() {
        tokio::time::sleep(limits::UNARY_DEADLINE / 20).await;
    }
}

/// Lets a body that nobody wants go by, up to so many bytes: a connection that is closed while its client
/// still sends is reset, and the client never sees the answer.
async fn discard(body: Body, most: usize) {
    let mut blocks = body.into_data_stream();
    let mut left = most;
    while let Some(Ok(block)) = blocks.next().await {
        match left.checked_sub(block.len()) {
            Some(rest) => left = rest,
            None => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::http::StatusCode;
    use axum::Router;
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
    async fn a_body_over_the_limit_is_refused_and_costs_no_bytes_of_others() {
        let body = Body::from(vec![0; limits::HTTP_BODY_BYTES + 1]);
        assert_eq!(left_meanwhile(body).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    }

    #[tokio::test]
    async fn what_is_too_large_goes_by_to_its_end_but_not_for_ever() {
        for (blocks, read) in [(3, 3), (100, 11)] {
            let (given, sent) = (Arc::new(AtomicUsize::new(0)), 10);
            let counted = given.clone();
            let blocks = futures::stream::iter(0..blocks).map(move |_| {
                counted.fetch_add(1, Ordering::Relaxed);
                Ok::<_, std::io::Error>(Bytes::from_static(b"0123456789"))
            });
            discard(Body::from_stream(blocks), 10 * sent).await;
            assert_eq!(given.load(Ordering::Relaxed), read);
        }
    }

    /// A body that sends a byte and then nothing more until told.
    fn slow_body(rest: tokio::sync::oneshot::Receiver<()>) -> Body {
        let begin = futures::stream::iter([Ok::<_, std::io::Error>(Bytes::from_static(b"x"))]);
        let end = futures::stream::once(async move {
            let _ = rest.await;
            Ok(Bytes::from_static(b"y"))
        });
        Body::from_stream(begin.chain(end))
    }

    /// Answers what it read, after a while.
    fn uploads(budget: &ByteBudget) -> Router {
        let handler = post(|body: Bytes| async move {
            tokio::time::sleep(limits::UNARY_DEADLINE / 2).await;
            body
        });
        Router::new().route("/", handler).layer(from_fn_with_state(budget.clone(), count_body))
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_has_come_leaves_the_share_of_those_that_come() {
        let budget = ByteBudget::new(limits::IN_FLIGHT_BYTES);
        let (end, rest) = tokio::sync::oneshot::channel();
        let upload = Request::post("/").body(slow_body(rest)).unwrap();
        let answer = tokio::spawn(uploads(&budget).oneshot(upload));
        tokio::time::sleep(limits::UNARY_DEADLINE / 4).await;
        let others = limits::IN_FLIGHT_BYTES / 2 - limits::HTTP_BODY_BYTES;
        assert!(budget.try_claim(others + 1, false).is_none());
        end.send(()).unwrap();
        tokio::time::sleep(limits::UNARY_DEADLINE / 4).await;
        assert!(budget.try_claim(others + 1, false).is_some(), "it is being answered");
        assert_eq!(answer.await.unwrap().unwrap().status(), StatusCode::OK);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_comes_slowly_gives_way_only_to_those_who_wait() {
        let budget = ByteBudget::new(limits::IN_FLIGHT_BYTES);
        let (_end, rest) = tokio::sync::oneshot::channel();
        let upload = Request::post("/").body(slow_body(rest)).unwrap();
        let answer = tokio::spawn(uploads(&budget).oneshot(upload));
        tokio::time::sleep(limits::UNARY_DEADLINE * 3).await;
        assert!(!answer.is_finished(), "nobody waits");
        let waits = budget.claim(limits::HTTP_BODY_BYTES, false);
        let claim = tokio::time::timeout(limits::UNARY_DEADLINE / 10, waits).await.unwrap();
        let refused = answer.await.unwrap().unwrap();
        assert_eq!(refused.status(), StatusCode::REQUEST_TIMEOUT);
        drop(claim);
        assert_eq!(budget.available(), limits::IN_FLIGHT_BYTES);
    }

    #[tokio::test(start_paused = true)]
    async fn a_small_body_does_not_wait_for_large_ones_that_come_slowly() {
        let budget = ByteBudget::new(limits::IN_FLIGHT_BYTES);
        let mut uploading = Vec::new();
        for _ in 0..2 {
            let (end, rest) = tokio::sync::oneshot::channel();
            let upload = Request::post("/").body(slow_body(rest)).unwrap();
            uploading.push((end, tokio::spawn(uploads(&budget).oneshot(upload))));
            tokio::task::yield_now().await;
        }
        assert!(budget.is_short(), "the second waits for the first");
        let small = Request::post("/").body(Body::from("[]")).unwrap();
        let answer = tokio::time::timeout(limits::UNARY_DEADLINE * 3 / 4, uploads(&budget).oneshot(small));
        assert_eq!(answer.await.unwrap().unwrap().status(), StatusCode::OK);
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

    #[tokio::test]
    async fn what_is_kept_of_several_messages_comes_back_as_one() {
        let budget = ByteBudget::new(100);
        let mut all = TakenBytes::default();
        for _ in 0..2 {
            let mut taken = budget.take(40).await;
            taken.keep(10);
            all.add(taken);
        }
        assert_eq!(budget.available(), 80);
        all.keep(50);
        assert_eq!(budget.available(), 80, "there is no more than what was taken");
        drop(all);
        assert_eq!(budget.available(), 100);
    }

    #[tokio::test]
    async fn unfinished_messages_leave_half_of_the_budget_to_others() {
        let budget = ByteBudget::new(100);
        let mut unfinished = budget.try_claim(50, false).unwrap();
        assert!(budget.try_claim(2, false).is_none());
        assert!(budget.try_claim(1, false).is_some(), "a small one does not wait for large ones");
        assert!(budget.try_claim(50, true).is_some());
        unfinished.finish();
        assert!(budget.try_claim(50, false).is_some(), "the share is free once the message is whole");
        assert_eq!(budget.available(), 50, "its bytes are not");
    }

    #[tokio::test]
    async fn a_budget_is_short_while_somebody_waits() {
        let budget = ByteBudget::new(100);
        let all = budget.take(100).await;
        assert!(!budget.is_short());
        let waits = tokio::spawn({
            let budget = budget.clone();
            async move { budget.claim(10, true).await }
        });
        tokio::task::yield_now().await;
        assert!(budget.is_short());
        drop(all);
        waits.await.unwrap();
        assert!(!budget.is_short());
    }
}
