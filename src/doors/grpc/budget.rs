//! The bytes of a call's message, counted before its body is read (design rule R19).

use super::meter::StreamMeter;
use super::metered_body::MeteredBody;
use super::status::Refusal;
use crate::doors::arrival::Arrival;
use crate::doors::authentication::Caller;
use crate::doors::budget::ByteBudget;
use crate::limits;
use axum::body::{Body, BodyDataStream};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use std::pin::pin;
use tonic::Status;

/// Bytes before the message in gRPC's framing: a flag for compression and the length.
pub const PREFIX: usize = 5;
/// Deflate never makes more than this many bytes of one.
const INFLATION: usize = 1032;

/// Budgets that calls draw on.
#[derive(Debug, Clone)]
pub struct CallBudgets {
    /// Of whoever shows a credential.
    submitters: CallBudget,
    /// Of everybody else, who cannot take theirs.
    strangers: CallBudget,
}

#[derive(Debug, Clone)]
struct CallBudget {
    all: ByteBudget,
    /// The share of it that messages may take whose last byte has not come: callers who stop in the middle
    /// leave the rest to others. Streams and HTTP have shares of their own.
    unfinished: ByteBudget,
}

impl CallBudgets {
    /// With the budget that the doors share.
    pub fn new(shared: ByteBudget) -> Self {
        let budget = |all, unfinished| CallBudget { all, unfinished: ByteBudget::new(unfinished) };
        Self {
            submitters: budget(shared, limits::IN_FLIGHT_BYTES / 4),
            strangers: budget(ByteBudget::new(limits::STRANGERS_BYTES), limits::STRANGERS_BYTES / 2),
        }
    }

    fn of(&self, request: &Request) -> CallBudget {
        let caller = request.extensions().get::<Caller>();
        let budget =
            if caller.is_some_and(|caller| caller.0.is_some()) { &self.submitters } else { &self.strangers };
        budget.clone()
    }
}

/// Takes the bytes of a call's message before its body is read, and gives them back with the answer.
/// A stream of submissions is metered message by message. The caller limits the time for all this.
pub async fn count_call(State(budgets): State<CallBudgets>, mut request: Request, next: Next) -> Response {
    let path = request.uri().path();
    // Calls that only read or administer take small messages, within a limit of their own.
    if !path.starts_with("/herdgate.v1.IngestService/") {
        return next.run(request).await;
    }
    let budget = budgets.of(&request);
    if path == super::SUBMIT_JOBS {
        let meter = StreamMeter::new(budget.all);
        request.extensions_mut().insert(meter.clone());
        return next.run(request.map(|body| Body::new(MeteredBody::new(body, meter)))).await;
    }
    let (parts, body) = request.into_parts();
    let (message, body) = match announced(body.into_data_stream()).await {
        Ok(announced) => announced,
        Err(error) => {
            return Status::from(Refusal::Malformed(format!("the body cannot be read: {error}"))).into_http();
        }
    };
    let unfinished = match message.is_whole {
        true => None,
        false => Some(budget.unfinished.take(message.bytes_needed).await),
    };
    let taken = budget.all.take(message.bytes_needed).await;
    let (request, arrival) = Arrival::of(Request::from_parts(parts, body));
    let mut answer = pin!(next.run(request));
    tokio::select! {
        biased;
        response = &mut answer => return response,
        () = arrival.whole() => drop(unfinished),
    }
    let response = answer.await;
    drop(taken);
    response
}

/// The message of a call, of which no more than the beginning was read.
#[derive(Debug, PartialEq, Eq)]
struct Announced {
    /// In memory.
    bytes_needed: usize,
    /// Whether the last byte of it has come.
    is_whole: bool,
}

/// Reads the prefix of the first message, and gives back the body unread.
async fn announced(mut body: BodyDataStream) -> Result<(Announced, Body), axum::Error> {
    let mut chunks: Vec<Bytes> = Vec::new();
    let mut prefix = Vec::with_capacity(PREFIX);
    while prefix.len() < PREFIX {
        let Some(chunk) = body.try_next().await? else { break };
        prefix.extend(chunk.iter().take(PREFIX - prefix.len()));
        chunks.push(chunk);
    }
    let has_come = chunks.iter().map(Bytes::len).sum::<usize>();
    let is_whole = prefix.len() < PREFIX || has_come >= message_length(&prefix).saturating_add(PREFIX);
    let body = Body::from_stream(stream::iter(chunks.into_iter().map(Ok)).chain(body));
    Ok((Announced { bytes_needed: bytes_needed(&prefix), is_whole }, body))
}

/// At most the limit on messages: a larger one is refused unread.
pub fn bytes_needed(prefix: &[u8]) -> usize {
    let length = message_length(prefix);
    let is_compressed = prefix.first().is_some_and(|flag| *flag != 0);
    let decoded = if is_compressed { length.saturating_mul(INFLATION) } else { length };
    decoded.min(limits::SUBMISSION_BYTES)
}

/// As the prefix says; 0 for less than a prefix.
fn message_length(prefix: &[u8]) -> usize {
    let Some([_, length @ ..]) = prefix.first_chunk::<PREFIX>() else { return 0 };
    usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX)
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
        let (message, body) = announced(body.into_data_stream()).await.unwrap();
        assert_eq!(message, Announced { bytes_needed: 3, is_whole: false });
        assert_eq!(&body.collect().await.unwrap().to_bytes()[..], b"\0\0\0\0\x03abc");
    }

    #[tokio::test]
    async fn a_message_is_whole_once_its_last_byte_was_seen() {
        for (pieces, is_whole) in [
            (&["\0\0\0\0\u{3}abc"][..], true),
            (&["\0\0\0", "\0\u{3}abc"], true),
            (&["\0\0\0\0\u{3}ab", "c"], false),
            (&["\0\0\0\0\0"], true),
            (&["\0\0"], true),
            (&[], true),
        ] {
            let chunks =
                pieces.iter().map(|piece| Ok::<_, axum::Error>(Bytes::from_static(piece.as_bytes())));
            let body = Body::from_stream(stream::iter(chunks));
            let (message, _) = announced(body.into_data_stream()).await.unwrap();
            assert_eq!(message.is_whole, is_whole, "{pieces:?}");
        }
    }
}
