//! The body of a request that writes: JSON, perhaps gzipped, whole, and counted (design rules R18, R19).

use super::super::problem::{Code, Problem, too_large};
use crate::doors::budget::{ByteBudget, TakenBytes};
use crate::doors::refusal::Refusal;
use crate::limits;
use axum::extract::Request;
use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use std::io::Read;

/// Bytes decompressed at once, and taken from the budget at once.
const STEP: usize = 256 * 1024;

/// A body as it was before compression.
#[derive(Debug)]
pub struct WholeBody {
    /// Its bytes.
    pub bytes: Bytes,
    /// What decompression added to what the request as a whole has taken.
    #[allow(dead_code, reason = "held for its drop")]
    taken: Vec<TakenBytes>,
}

/// How a body is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Identity,
    Gzip,
}

/// Reads the body of a request.
///
/// # Errors
/// 415 if it is neither JSON nor empty or has another encoding than gzip, 413 over 20 MiB, 400 if it
/// cannot be read, 503 if there is no room for it now.
pub async fn read(request: Request, budget: &ByteBudget) -> Result<WholeBody, Problem> {
    let (parts, body) = request.into_parts();
    let encoding = encoding(&parts.headers)?;
    let raw = match Limited::new(body, limits::HTTP_BODY_BYTES).collect().await {
        Ok(collected) => collected.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => return Err(too_large()),
        Err(error) => return Err(unreadable(&error)),
    };
    if raw.is_empty() {
        // As ever, whatever its media type is said to be (ingest contract 4.1).
        return Ok(WholeBody { bytes: raw, taken: Vec::new() });
    }
    media_type(&parts.headers)?;
    match encoding {
        Encoding::Identity => Ok(WholeBody { bytes: raw, taken: Vec::new() }),
        Encoding::Gzip => decompressed(&raw, budget).await,
    }
}

fn unreadable(error: &dyn std::fmt::Display) -> Problem {
    Problem::new(Code::MalformedRequest, format!("the body cannot be read: {error}"))
}

fn encoding(headers: &HeaderMap) -> Result<Encoding, Problem> {
    let Some(value) = headers.get(CONTENT_ENCODING) else { return Ok(Encoding::Identity) };
    match value.to_str().map(|text| text.trim().to_ascii_lowercase()).as_deref() {
        Ok("" | "identity") => Ok(Encoding::Identity),
        Ok("gzip" | "x-gzip") => Ok(Encoding::Gzip),
        _ => Err(Problem::new(
            Code::UnsupportedMediaType,
            format!("the content encoding {value:?} is not supported; send the body plain or as gzip"),
        )),
    }
}

/// `application/json` with any parameters (ingest contract 4.1).
fn media_type(headers: &HeaderMap) -> Result<(), Problem> {
    let value = headers.get(CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()));
    let essence = value.as_deref().and_then(|value| value.split(';').next()).unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let given: String = value.unwrap_or_default().chars().take(limits::VALUE_EXCERPT).collect();
    let detail = format!("Unsupported media type \"{given}\" in request.");
    Err(Problem::new(Code::UnsupportedMediaType, detail))
}

/// What it grows to is not known before, so it takes bytes as it grows. It does not wait for them, since
/// it holds some already that another one may wait for.
async fn decompressed(raw: &[u8], budget: &ByteBudget) -> Result<WholeBody, Problem> {
    let mut decoder = MultiGzDecoder::new(raw).take(limits::HTTP_BODY_BYTES as u64 + 1);
    let (mut bytes, mut taken) = (Vec::new(), Vec::new());
    loop {
        taken.push(budget.try_take(STEP).ok_or_else(|| Problem::from(Refusal::overloaded()))?);
        let read = decoder
            .by_ref()
            .take(STEP as u64)
            .read_to_end(&mut bytes)
            .map_err(|error| unreadable(&format_args!("it is no gzip: {error}")))?;
        if bytes.len() > limits::HTTP_BODY_BYTES {
            return Err(too_large());
        }
        if read < STEP {
            return Ok(WholeBody { bytes: bytes.into(), taken });
        }
        tokio::task::yield_now().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use axum::response::IntoResponse;
    use flate2::{Compression, write::GzEncoder};
    use http::StatusCode;
    use std::io::Write;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn budget() -> ByteBudget {
        ByteBudget::new(limits::IN_FLIGHT_BYTES)
    }

    async fn read_as(media_type: &str, encoding: &str, body: Vec<u8>) -> Result<Bytes, Problem> {
        let request = Request::post("/")
            .header(CONTENT_TYPE, media_type)
            .header(CONTENT_ENCODING, encoding)
            .body(Body::from(body))
            .unwrap();
        read(request, &budget()).await.map(|body| body.bytes)
    }

    async fn status_of(media_type: &str, encoding: &str, body: Vec<u8>) -> StatusCode {
        read_as(media_type, encoding, body).await.unwrap_err().into_response().status()
    }

    #[tokio::test]
    async fn json_is_read_plain_and_gzipped() {
        let long = vec![b' '; 3 * STEP + 7];
        for (media_type, encoding, body) in [
            ("application/json", "identity", b"[]".to_vec()),
            ("Application/JSON; charset=utf-8", "", b"[]".to_vec()),
        ] {
            assert_eq!(read_as(media_type, encoding, body).await.unwrap(), "[]");
        }
        assert_eq!(read_as("application/json", "gzip", gzip(&long)).await.unwrap(), long);
    }

    #[tokio::test]
    async fn an_empty_body_needs_no_media_type() {
        assert_eq!(read_as("text/plain", "", Vec::new()).await.unwrap(), "");
    }

    #[tokio::test]
    async fn what_is_not_json_or_not_gzip_is_unsupported() {
        for (media_type, encoding) in [
            ("text/plain", ""),
            ("application/x-www-form-urlencoded", ""),
            ("application/jsonp", ""),
            ("application/json", "br"),
            ("application/json", "gzip, gzip"),
        ] {
            let status = status_of(media_type, encoding, b"[]".to_vec()).await;
            assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{media_type} {encoding}");
        }
    }

    #[tokio::test]
    async fn a_body_may_have_20_mib_and_no_more_plain_or_unpacked() {
        let most = vec![b' '; limits::HTTP_BODY_BYTES];
        let mut more = most.clone();
        more.push(b' ');
        for (encoding, most, more) in [("", most.clone(), more.clone()), ("gzip", gzip(&most), gzip(&more))] {
            assert!(read_as("application/json", encoding, most).await.is_ok());
            assert_eq!(status_of("application/json", encoding, more).await, StatusCode::PAYLOAD_TOO_LARGE);
        }
    }

    #[tokio::test]
    async fn broken_gzip_is_malformed() {
        let mut cut = gzip(b"[1, 2, 3]");
        cut.truncate(cut.len() - 4);
        for body in [b"[]".to_vec(), cut] {
            assert_eq!(status_of("application/json", "gzip", body).await, StatusCode::BAD_REQUEST);
        }
    }

    #[tokio::test]
    async fn a_bomb_takes_from_the_budget_and_gives_back() {
        let budget = ByteBudget::new(4 * STEP);
        let bomb = gzip(&vec![b' '; limits::HTTP_BODY_BYTES]);
        let problem = decompressed(&bomb, &budget).await.unwrap_err();
        assert_eq!(problem.code(), Code::Overloaded);
        assert_eq!(budget.available(), 4 * STEP);
    }
}
