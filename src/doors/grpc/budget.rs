//! The budget of bytes between "received" and "decided", shared by all streams and calls (design rule
//! R19).

use super::meter::StreamMeter;
use super::metered_body::MeteredBody;
use super::status::Refusal;
use crate::limits;
use axum::body::{Body, BodyDataStream};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::Status;

/// Bytes before the message in gRPC's framing: a flag for compression and the length.
pub const PREFIX: usize = 5;
/// Deflate never makes more than this many bytes of one.
const INFLATION: usize = 1032;

/// Counts bytes. Whoever waits is served in order, and always asks for all it needs at once, so that
/// no two can wait for each other.
#[derive(Debug, Clone)]
pub struct ByteBudget {
    all: Arc<Semaphore>,
    /// The share of it that messages of streams may take whose last byte has not come: submitters who
    /// stop in the middle of a message leave the other half to calls and to streams that go on.
    unfinished: Arc<Semaphore>,
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

/// Bytes of a message of a stream that is on its way.
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
            waiting: Arc::default(),
        }
    }

    /// Waits until there is room for the bytes. What is over a quarter of the whole budget counts as
    /// a quarter: no message is that large, and nobody may wait for ever.
    pub async fn take(&self, bytes: usize) -> TakenBytes {
        let _waiting = Waiting::new(&self.waiting);
        // Only a closed semaphore fails, and this one is never closed.
        TakenBytes(self.all.clone().acquire_many_owned(permits(bytes)).await.ok())
    }

    /// As [`take`](Self::take), for a message of a stream; one whose last byte has not come yet takes
    /// from the share of the unfinished first.
    pub async fn claim(&self, bytes: usize, is_whole: bool) -> Claim {
        let _waiting = Waiting::new(&self.waiting);
        let unfinished = if is_whole {
            None
        } else {
            self.unfinished.clone().acquire_many_owned(permits(bytes)).await.ok()
        };
        Claim { bytes: self.take(bytes).await, unfinished }
    }

    /// A claim if it can be had at once.
    pub fn try_claim(&self, bytes: usize, is_whole: bool) -> Option<Claim> {
        let unfinished = if is_whole {
            None
        } else {
            Some(self.unfinished.clone().try_acquire_many_owned(permits(bytes)).ok()?)
        };
        let bytes = self.all.clone().try_acquire_many_owned(permits(bytes)).ok()?;
        Some(Claim { bytes: TakenBytes(Some(bytes)), unfinished })
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

fn permits(bytes: usize) -> u32 {
    u32::try_from(bytes.min(limits::IN_FLIGHT_BYTES / 4)).unwrap_or(u32::MAX)
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

/// Takes the bytes of a call's message before its body is read, and gives them back with the answer.
/// A stream of submissions is metered message by message. The caller limits the time for all this.
pub async fn count_call(State(budget): State<ByteBudget>, mut request: Request, next: Next) -> Response {
    let path = request.uri().path();
    // Calls that only read or administer take small messages, within a limit of their own.
    if !path.starts_with("/herdgate.v1.IngestService/") {
        return next.run(request).await;
    }
    if path == super::SUBMIT_JOBS {
        let meter = StreamMeter::new(budget);
        request.extensions_mut().insert(meter.clone());
        return next.run(request.map(|body| Body::new(MeteredBody::new(body, meter)))).await;
    }
    let (parts, body) = request.into_parts();
    let (need, body) = match announced(body.into_data_stream()).await {
        Ok(announced) => announced,
        Err(error) => {
            return Status::from(Refusal::Malformed(format!("the body cannot be read: {error}"))).into_http();
        }
    };
    let taken = budget.take(need).await;
    let response = next.run(Request::from_parts(parts, body)).await;
    drop(taken);
    response
}

/// Reads the prefix of the first message: the bytes it needs in memory, and the body unread again.
async fn announced(mut body: BodyDataStream) -> Result<(usize, Body), axum::Error> {
    let mut chunks: Vec<Bytes> = Vec::new();
    let mut prefix = Vec::with_capacity(PREFIX);
    while prefix.len() < PREFIX {
        let Some(chunk) = body.try_next().await? else { break };
        prefix.extend(chunk.iter().take(PREFIX - prefix.len()));
        chunks.push(chunk);
    }
    let body = Body::from_stream(stream::iter(chunks.into_iter().map(Ok)).chain(body));
    Ok((bytes_needed(&prefix), body))
}

/// At most the limit on messages: a larger one is refused unread.
pub fn bytes_needed(prefix: &[u8]) -> usize {
    let Some([compressed, length @ ..]) = prefix.first_chunk::<PREFIX>() else { return 0 };
    let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
    let decoded = if *compressed == 0 { length } else { length.saturating_mul(INFLATION) };
    decoded.min(limits::SUBMISSION_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    #[test]
    fn a_message_is_counted_by_its_announced_length() {
        for (prefix, bytes) in [
            (&[0, 0, 0, 1, 2][..], 258),
            (&[0, 0, 0, 0, 0], 0),
            (&[0, 255, 255, 255, 255], limits::SUBMISSION_BYTES),
            (&[1, 0, 0, 0, 2], 2 * INFLATION),
            (&[1, 0, 1, 0, 0], limits::SUBMISSION_BYTES),
            (&[0, 0, 0], 0),
            (&[], 0),
        ] {
            assert_eq!(bytes_needed(prefix), bytes, "{prefix:?}");
        }
    }

    #[tokio::test]
    async fn a_body_that_was_looked_at_is_whole_again() {
        let pieces = ["\0\0", "\0\0", "\u{3}ab", "c"].map(|piece| Ok::<_, axum::Error>(Bytes::from(piece)));
        let body = Body::from_stream(stream::iter(pieces));
        let (need, body) = announced(body.into_data_stream()).await.unwrap();
        assert_eq!(need, 3);
        assert_eq!(&body.collect().await.unwrap().to_bytes()[..], b"\0\0\0\0\x03abc");
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
        assert!(budget.try_claim(1, false).is_none());
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
