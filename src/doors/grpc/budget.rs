//! The bytes of a call's message, counted before its body is read (design rule R19).

use super::meter::StreamMeter;
use super::metered_body::MeteredBody;
use super::status::Refusal;
use crate::doors::budget::ByteBudget;
use crate::limits;
use axum::body::{Body, BodyDataStream};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use tonic::Status;

/// Bytes before the message in gRPC's framing: a flag for compression and the length.
pub const PREFIX: usize = 5;
/// Deflate never makes more than this many bytes of one.
const INFLATION: usize = 1032;

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
}
