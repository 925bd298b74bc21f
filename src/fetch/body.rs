//! Bodies: received, bounded, decoded and bounded again, piece by piece.

use super::FetchLimits;
use super::error::{FetchError, Measure};
use super::pace::Pace;
use async_compression::tokio::bufread::{GzipDecoder, ZlibDecoder};
use bytes::{Bytes, BytesMut};
use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt, TryStreamExt};
use reqwest::Response;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncBufRead, AsyncRead};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::io::{ReaderStream, StreamReader};

/// Bytes of a decoded body that are handed on together.
const PIECE: usize = 64 * 1024;
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// A decoded body on its way: a stream of its pieces, which ends with the first error.
pub struct FetchedBody(BoxStream<'static, Result<Bytes, FetchError>>);

impl std::fmt::Debug for FetchedBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FetchedBody")
    }
}

impl Stream for FetchedBody {
    type Item = Result<Bytes, FetchError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next_unpin(context)
    }
}

/// How a body is encoded, as its headers say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// As it is; gzip nonetheless if it begins like that, since servers forget to say so.
    Plain,
    Gzip,
    Deflate,
}

impl Encoding {
    /// Reads `Content-Encoding`.
    pub(super) fn of_header(word: &str) -> Result<Self, FetchError> {
        match word.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Ok(Self::Plain),
            "gzip" | "x-gzip" => Ok(Self::Gzip),
            "deflate" => Ok(Self::Deflate),
            other => Err(FetchError::UnsupportedEncoding(other.chars().take(50).collect())),
        }
    }
}

impl FetchedBody {
    /// Of an answer without one.
    pub(super) fn empty() -> Self {
        Self(stream::empty().boxed())
    }

    /// Begins to read.
    pub(super) async fn begin(
        response: Response,
        encoding: Encoding,
        limits: FetchLimits,
        deadline: Instant,
    ) -> Result<Self, FetchError> {
        let mut received = Received { response, limits, deadline, pace: Pace::default(), bytes: 0 };
        let mut start = BytesMut::new();
        while start.len() < GZIP_MAGIC.len() {
            match received.next().await? {
                Some(piece) => start.extend_from_slice(&piece),
                None => break,
            }
        }
        let is_gzip = encoding == Encoding::Gzip || start.starts_with(&GZIP_MAGIC);
        let is_empty = start.is_empty();
        let pieces = stream::once(async { Ok(start.freeze()) }).chain(received.into_stream());
        if is_empty || (encoding == Encoding::Plain && !is_gzip) {
            return Ok(Self(pieces.boxed()));
        }
        let reader = StreamReader::new(Box::pin(pieces.map_err(io::Error::other)));
        Ok(match encoding {
            Encoding::Deflate => Self::decoded(ZlibDecoder::new(reader), limits),
            Encoding::Plain | Encoding::Gzip => Self::decoded(gzip(reader), limits),
        })
    }

    fn decoded(reader: impl AsyncRead + Send + 'static, limits: FetchLimits) -> Self {
        let limit = limits.decoded_bytes;
        let mut bytes = 0_u64;
        let pieces = ReaderStream::with_capacity(reader, PIECE).map(move |piece| {
            let piece = piece.map_err(decoding_failure)?;
            bytes += piece.len() as u64;
            if bytes > limit {
                Err(FetchError::TooLarge { measure: Measure::Decoded, limit })
            } else {
                Ok(piece)
            }
        });
        Self(until_error(pieces).boxed())
    }

    /// All of it. The limits of the fetch bound what is kept.
    ///
    /// # Errors
    /// Whatever ends the stream early.
    pub async fn into_bytes(mut self) -> Result<Bytes, FetchError> {
        let mut whole = BytesMut::new();
        while let Some(piece) = self.next().await {
            whole.extend_from_slice(&piece?);
        }
        Ok(whole.freeze())
    }
}

/// Logs are often several gzip files one behind the other.
fn gzip<R: AsyncBufRead>(reader: R) -> GzipDecoder<R> {
    let mut decoder = GzipDecoder::new(reader);
    decoder.multiple_members(true);
    decoder
}

/// The bytes as they come in.
struct Received {
    response: Response,
    limits: FetchLimits,
    deadline: Instant,
    pace: Pace,
    bytes: u64,
}

impl Received {
    async fn next(&mut self) -> Result<Option<Bytes>, FetchError> {
        let (asked, patience) = (Instant::now(), self.pace.patience());
        let piece = within(self.limits, self.deadline, timeout(patience, self.response.chunk())).await?;
        let piece = piece.map_err(|_| FetchError::TooSlow)?;
        let piece = piece.map_err(|error| FetchError::Damaged(innermost(&error)))?;
        let length = piece.as_ref().map_or(0, |piece| piece.len() as u64);
        self.pace.note(asked.elapsed(), length);
        self.bytes += length;
        let limit = self.limits.decoded_bytes;
        if self.bytes > limit {
            return Err(FetchError::TooLarge { measure: Measure::Received, limit });
        }
        Ok(piece)
    }

    fn into_stream(self) -> impl Stream<Item = Result<Bytes, FetchError>> + Send {
        stream::try_unfold(self, |mut received| async {
            Ok(received.next().await?.map(|piece| (piece, received)))
        })
    }
}

/// Waits for one thing from the server, no longer than allowed for one, nor than for all.
pub(super) async fn within<T>(
    limits: FetchLimits,
    deadline: Instant,
    what: impl Future<Output = T>,
) -> Result<T, FetchError> {
    let one = Instant::now() + limits.wait;
    let allowed = |end: Instant| -> Duration { if end < deadline { limits.wait } else { limits.total } };
    timeout_at(one.min(deadline), what).await.map_err(|_| FetchError::TimedOut(allowed(one)))
}

/// A failure of ours that went through the decoder, or the decoder's own.
fn decoding_failure(error: io::Error) -> FetchError {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<FetchError>()) {
        Some(ours) => ours.clone(),
        None => FetchError::Damaged(error.to_string()),
    }
}

/// What an error comes down to; its outer layers name the URL.
pub(super) fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    std::iter::successors(Some(error), |error| error.source()).last().unwrap_or(error).to_string()
}

fn until_error(
    pieces: impl Stream<Item = Result<Bytes, FetchError>> + Send,
) -> impl Stream<Item = Result<Bytes, FetchError>> + Send {
    pieces.scan(false, |failed, piece| {
        let goes_on = !*failed;
        *failed = piece.is_err();
        futures::future::ready(goes_on.then_some(piece))
    })
}
