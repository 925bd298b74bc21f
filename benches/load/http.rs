//! Clients over HTTP/1.1.

use bytes::{Bytes, BytesMut};
use flate2::read::GzDecoder;
use hawk::{Credentials, Key, PayloadHasher, RequestBuilder, SHA256};
use http::header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HOST};
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use std::io::Read;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;

const JSON: &str = "application/json";

/// Signs requests with Hawk, as legacy clients do.
pub struct Signer(Credentials);

impl Signer {
    pub fn new(client_id: &str, secret: &str) -> Self {
        let key = Key::new(secret, SHA256).expect("HMAC takes every key");
        Self(Credentials { id: client_id.to_owned(), key })
    }

    /// The value of `Authorization` for a JSON body, with its hash, a nonce and the time.
    fn sign(&self, authority: &str, path: &str, body: &[u8]) -> String {
        let (host, port) = authority.rsplit_once(':').expect("an authority with its port");
        let hash = PayloadHasher::hash(JSON, SHA256, body).expect("a hash");
        let port = port.parse().expect("a port");
        let request = RequestBuilder::new("POST", host, port, path).hash(&hash[..]).request();
        format!("Hawk {}", request.make_header(&self.0).expect("a signature"))
    }
}

/// A body as it came.
pub struct Answer {
    body: Bytes,
    gzipped: bool,
    first_byte: Duration,
}

impl Answer {
    /// Bytes on the wire.
    pub fn size(&self) -> usize {
        self.body.len()
    }

    /// From the request to the first byte of the body.
    pub fn first_byte(&self) -> Duration {
        self.first_byte
    }

    /// What it says.
    pub fn unpacked(self) -> Vec<u8> {
        if !self.gzipped {
            return self.body.into();
        }
        let mut unpacked = Vec::new();
        GzDecoder::new(&self.body[..]).read_to_end(&mut unpacked).expect("gzip");
        unpacked
    }
}

/// A connection that is kept, on which one request follows the other. Answers may come compressed, which
/// the legacy client asks for too.
pub struct Connection {
    sender: SendRequest<Full<Bytes>>,
    authority: String,
    signer: Arc<Signer>,
}

impl Connection {
    pub(super) async fn open(authority: &str, signer: Arc<Signer>) -> Self {
        Self { sender: dial(authority).await, authority: authority.to_owned(), signer }
    }

    /// Posts JSON, signed.
    pub async fn post(&mut self, path: &str, body: Bytes) -> Answer {
        let signature = self.signer.sign(&self.authority, path, &body);
        let request = Request::post(path).header(AUTHORIZATION, signature).header(CONTENT_TYPE, JSON);
        self.exchange(request, body).await
    }

    /// Reads a path, as anybody may.
    pub async fn get(&mut self, path: &str) -> Answer {
        self.exchange(Request::builder().method(Method::GET).uri(path), Bytes::new()).await
    }

    /// Panics unless the answer is 200.
    async fn exchange(&mut self, request: http::request::Builder, body: Bytes) -> Answer {
        let request = request.header(HOST, &self.authority).header(ACCEPT_ENCODING, "gzip");
        let request = request.body(Full::new(body)).expect("a request");
        let what = format!("{} {}", request.method(), request.uri());
        // The answer before may have been read a moment before the connection notices. A gateway closes what
        // was idle for long, and clients dial again.
        if self.sender.ready().await.is_err() {
            self.sender = dial(&self.authority).await;
        }
        let asked = Instant::now();
        let (head, mut body) = self.sender.send_request(request).await.expect("an answer").into_parts();
        let gzipped = head.headers.get(CONTENT_ENCODING).is_some_and(|encoding| encoding == "gzip");
        let mut bytes = BytesMut::new();
        let mut first_byte = None;
        while let Some(frame) = body.frame().await {
            first_byte.get_or_insert_with(|| asked.elapsed());
            bytes.extend(frame.expect("a body").into_data());
        }
        let first_byte = first_byte.unwrap_or_else(|| asked.elapsed());
        let answer = Answer { body: bytes.freeze(), gzipped, first_byte };
        if head.status != http::StatusCode::OK {
            panic!("{what}: {} {}", head.status, String::from_utf8_lossy(&answer.unpacked()));
        }
        answer
    }
}

async fn dial(authority: &str) -> SendRequest<Full<Bytes>> {
    let stream = TcpStream::connect(authority).await.expect("a connection");
    stream.set_nodelay(true).expect("no delay");
    let (sender, connection) = handshake(TokioIo::new(stream)).await.expect("HTTP/1.1");
    tokio::spawn(connection);
    sender
}
