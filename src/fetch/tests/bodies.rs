//! Bodies: encodings, lengths, times, and what is wrong with them.

use super::server::{Say, Server, head, response};
use super::{FetchError, FetchLimits, LIMITS, body, get};
use crate::fetch::Measure;
use flate2::write::{GzEncoder, ZlibEncoder};
use futures::StreamExt;
use std::io::Write;
use std::time::{Duration, Instant};

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn zlib(body: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

async fn body_of(say: Vec<Say>) -> Result<Vec<u8>, FetchError> {
    body(&Server::saying(say).await.base, LIMITS).await
}

#[tokio::test]
async fn bodies_are_decoded_by_their_header_and_gzip_by_its_first_bytes_too() {
    for (encoding, sent) in [
        (None, b"lines".to_vec()),
        (None, gzip(b"lines")),
        (Some("identity"), gzip(b"lines")),
        (Some("gzip"), gzip(b"lines")),
        (Some("X-GZIP"), gzip(b"lines")),
        (Some("gzip"), [gzip(b"li"), gzip(b"nes")].concat()),
        (Some("deflate"), zlib(b"lines")),
    ] {
        let headers: Vec<_> = encoding.iter().map(|encoding| ("Content-Encoding", *encoding)).collect();
        assert_eq!(body_of(response("200 OK", &headers, &sent)).await.unwrap(), b"lines", "{encoding:?}");
    }
}

#[tokio::test]
async fn short_and_empty_bodies_are_what_they_are() {
    for sent in [&b""[..], b"x", b"\x1f"] {
        assert_eq!(body_of(response("200 OK", &[], sent)).await.unwrap(), sent);
    }
    assert_eq!(body_of(response("200 OK", &[("Content-Encoding", "gzip")], b"")).await.unwrap(), b"");
}

#[tokio::test]
async fn an_encoding_that_nobody_asked_for_is_named() {
    let error = body_of(response("200 OK", &[("Content-Encoding", "br")], b"\x0b\x02\x80x\x03")).await;
    assert_eq!(error.unwrap_err(), FetchError::UnsupportedEncoding("br".into()));
}

#[tokio::test]
async fn damage_is_told_from_an_end_and_is_worth_another_attempt() {
    let whole = gzip(&[b'x'; 50_000]);
    let cut = &whole[..whole.len() - 9];
    let short = [head("Content-Length: 10\r\n"), Say::Bytes(b"four".to_vec())].to_vec();
    let mut wrong_sum = whole.clone();
    let sum = wrong_sum.len() - 8;
    wrong_sum[sum] ^= 1;
    for (name, say) in [
        ("gzip cut", response("200 OK", &[], cut)),
        ("checksum", response("200 OK", &[], &wrong_sum)),
        ("not gzip", response("200 OK", &[("Content-Encoding", "gzip")], b"plain text")),
        ("shorter than declared", short),
    ] {
        let error = body_of(say).await.unwrap_err();
        assert!(matches!(error, FetchError::Damaged(_)) && error.worth_retrying(), "{name}: {error}");
    }
}

#[tokio::test]
async fn a_declared_length_above_the_limit_is_refused_and_the_limit_itself_is_not() {
    let limits = FetchLimits { declared_bytes: 10, ..LIMITS };
    let server = Server::saying(response("200 OK", &[], &[b'x'; 10])).await;
    assert_eq!(body(&server.base, limits).await.unwrap().len(), 10);
    let server = Server::saying(response("200 OK", &[], &[b'x'; 11])).await;
    let expected = FetchError::TooLarge { measure: Measure::Declared, limit: 10 };
    assert_eq!(body(&server.base, limits).await.unwrap_err(), expected);
    assert!(!expected.worth_retrying());
}

#[tokio::test]
async fn an_endless_body_is_left_at_the_limit() {
    let error = body_of(vec![head(""), Say::Endless(vec![b'x'; 1000])]).await.unwrap_err();
    assert_eq!(error, FetchError::TooLarge { measure: Measure::Received, limit: LIMITS.decoded_bytes });
}

#[tokio::test]
async fn a_bomb_is_left_at_the_limit_in_pieces_that_fit_into_memory() {
    let bomb = gzip(&vec![0; 5_000_000]);
    let server = Server::saying(response("200 OK", &[], &bomb)).await;
    let mut pieces = get(&server.base).await.unwrap().body;
    let mut decoded = 0;
    let error = loop {
        match pieces.next().await.unwrap() {
            Ok(piece) => decoded += piece.len(),
            Err(error) => break error,
        }
    };
    assert_eq!(error, FetchError::TooLarge { measure: Measure::Decoded, limit: LIMITS.decoded_bytes });
    assert!(decoded as u64 <= LIMITS.decoded_bytes);
    assert!(pieces.next().await.is_none(), "an error is the end");
}

#[tokio::test]
async fn a_server_that_falls_silent_is_left_after_the_wait() {
    let limits = FetchLimits { wait: Duration::from_millis(200), ..LIMITS };
    let silence = Say::Wait(Duration::from_secs(30));
    for says in [vec![silence.clone()], vec![head(""), Say::Bytes(b"begun".to_vec()), silence]] {
        let started = Instant::now();
        let error = body(&Server::saying(says).await.base, limits).await.unwrap_err();
        assert_eq!(error, FetchError::TimedOut(limits.wait));
        assert!(error.worth_retrying() && started.elapsed() < Duration::from_secs(3));
    }
}

#[tokio::test]
async fn a_slow_drip_is_left_after_the_total_time() {
    let limits = FetchLimits { total: Duration::from_millis(600), ..LIMITS };
    let mut drip = vec![head("")];
    for _ in 0..100 {
        drip.extend([Say::Bytes(b"x".to_vec()), Say::Wait(Duration::from_millis(50))]);
    }
    let started = Instant::now();
    assert_eq!(body(&Server::saying(drip).await.base, limits).await, Err(FetchError::TimedOut(limits.total)));
    assert!(started.elapsed() < Duration::from_secs(3));
}
