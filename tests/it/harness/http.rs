//! Requests over HTTP/1.1, each on a connection of its own.

use super::Gateway;
use super::gateway::PROJECT;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// What was answered.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, whole.
    pub body: Bytes,
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// A header as text; empty if it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }
}

impl Gateway {
    /// Sends a request.
    pub async fn send(&self, request: Request<impl Into<Bytes>>) -> Answer {
        exchange(TcpStream::connect(self.socket()).await.unwrap(), request).await
    }

    /// Reads a path.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body("").unwrap()).await
    }

    /// Posts JSON below the path of [`PROJECT`], with a bearer token.
    pub async fn post(&self, token: &str, path: &str, body: impl ToString) -> Answer {
        let request = Request::post(format!("/api/project/{PROJECT}/{path}"))
            .header(AUTHORIZATION, format!("Bearer {token}"))
            .header(CONTENT_TYPE, "application/json");
        self.send(request.body(body.to_string()).unwrap()).await
    }
}

/// Sends one request over a connection.
pub async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    request: Request<impl Into<Bytes>>,
) -> Answer {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let mut request = request.map(|body| Full::new(body.into()));
    request.headers_mut().entry(HOST).or_insert("localhost".parse().unwrap());
    let response = sender.send_request(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answer { status: parts.status, headers: parts.headers, body }
}
