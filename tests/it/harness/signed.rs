//! Plain HTTP/1.1 requests, signed by Hawk as legacy clients sign them, byte by byte on a connection of
//! their own.

use super::Gateway;
use hawk::{Credentials, Header, Key, PayloadHasher, RequestBuilder, SHA256};
use std::time::{Duration, SystemTime};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A request that can be sent, and sent again.
#[derive(Debug, Clone)]
pub struct HttpRequest {
    /// `GET`, `POST`.
    pub method: &'static str,
    /// Path and query.
    pub target: String,
    /// Value of `Host`.
    pub host: String,
    /// Value of `Authorization`.
    pub authorization: Option<String>,
    /// JSON, or nothing.
    pub body: String,
}

/// What came back.
#[derive(Debug)]
pub struct HttpAnswer {
    /// The number.
    pub status: u16,
    /// Status line and headers, names as sent.
    pub head: String,
    /// The rest.
    pub body: String,
}

impl HttpAnswer {
    /// The member `detail` of a body that is an error.
    pub fn detail(&self) -> String {
        let body: serde_json::Value =
            serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"));
        body["detail"].as_str().unwrap_or_else(|| panic!("{self:?}")).to_owned()
    }
}

/// Signs requests to one gateway.
#[derive(Debug, Clone)]
pub struct Signer {
    /// Client id.
    pub id: String,
    /// Its secret.
    pub secret: String,
    /// Seconds that the client's clock is ahead.
    pub ahead: i64,
}

impl Signer {
    /// With a right clock.
    pub fn new(id: &str, secret: &str) -> Self {
        Self { id: id.into(), secret: secret.into(), ahead: 0 }
    }

    /// A request with a new nonce.
    pub fn sign(&self, gateway: &Gateway, method: &'static str, target: &str, body: &str) -> HttpRequest {
        let address = gateway.socket_address();
        let host = address.ip().to_string();
        let content_type = if body.is_empty() { "" } else { "application/json" };
        let hash = PayloadHasher::hash(content_type, SHA256, body).unwrap();
        let request = RequestBuilder::new(method, &host, address.port(), target).hash(&hash[..]).request();
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        let ts = SystemTime::UNIX_EPOCH + Duration::from_secs(now.checked_add_signed(self.ahead).unwrap());
        let key = Key::new(&self.secret, SHA256).unwrap();
        let nonce = uuid::Uuid::new_v4().simple().to_string();
        let header: Header =
            request.make_header_full(&Credentials { id: self.id.clone(), key }, ts, nonce).unwrap();
        HttpRequest {
            method,
            target: target.into(),
            host: address.to_string(),
            authorization: Some(format!("Hawk {header}")),
            body: body.into(),
        }
    }
}

/// Sends a request and reads the whole answer.
pub async fn send(gateway: &Gateway, request: &HttpRequest) -> HttpAnswer {
    let mut stream = TcpStream::connect(gateway.socket_address()).await.unwrap();
    let HttpRequest { method, target, host, body, .. } = request;
    let mut text = format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
    if let Some(authorization) = &request.authorization {
        text += &format!("Authorization: {authorization}\r\n");
    }
    if !body.is_empty() {
        text += &format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len());
    }
    stream.write_all(format!("{text}\r\n{body}").as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").expect("an answer with headers");
    let status = head.split(' ').nth(1).and_then(|number| number.parse().ok()).expect("a status");
    HttpAnswer { status, head: head.to_owned(), body: body.to_owned() }
}
