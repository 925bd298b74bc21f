//! The legacy way in: a collection over HTTP, signed with Hawk, as the clients of old send it.

use super::samples::PROJECT;
use crate::access::administration::{self, IssuedCredential};
use crate::access::{Keyring, WantedCredential};
use crate::cli::failure::Failure;
use crate::cli::output::{Table, line};
use crate::store::Store;
use bytes::Bytes;
use chrono::Utc;
use hawk::{Credentials, Key, PayloadHasher, RequestBuilder, SHA256};
use http::Request;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::net::SocketAddr;
use tokio::net::TcpStream;

const CLIENT_ID: &str = "demo-legacy";
const MEDIA_TYPE: &str = "application/json";

/// A credential for the repository of the samples.
pub(super) async fn credential(store: &Store, keyring: &Keyring) -> Result<IssuedCredential, Failure> {
    let wanted = WantedCredential {
        client_id: CLIENT_ID.into(),
        projects: vec![PROJECT.into()],
        description: "Signs the legacy collection of the demo".into(),
        ..WantedCredential::default()
    };
    Ok(administration::create(store, keyring, wanted, Utc::now()).await?)
}

/// Submits a job collection; gives what was answered for its items.
pub(super) async fn submit(
    server: SocketAddr,
    credential: &IssuedCredential,
    collection: &'static str,
) -> Result<Vec<Value>, Failure> {
    let failed = |error: String| Failure::Refused(format!("the legacy collection: {error}"));
    let path = format!("/api/project/{PROJECT}/jobs/");
    let authorization =
        signature(server, credential, &path, collection).map_err(|e| failed(e.to_string()))?;
    let request = Request::post(path)
        .header(HOST, server.to_string())
        .header(CONTENT_TYPE, MEDIA_TYPE)
        .header(AUTHORIZATION, authorization)
        .body(Full::new(Bytes::from_static(collection.as_bytes())))
        .map_err(|error| failed(error.to_string()))?;
    let stream = TcpStream::connect(server).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| failed(error.to_string()))?;
    let connection = tokio::spawn(connection);
    let response = sender.send_request(request).await.map_err(|error| failed(error.to_string()))?;
    let status = response.status();
    let body = response.into_body().collect().await.map_err(|error| failed(error.to_string()))?.to_bytes();
    connection.abort();
    let mut answer: Value = serde_json::from_slice(&body).unwrap_or_default();
    match answer["results"].take() {
        Value::Array(results) if status.is_success() => Ok(results),
        _ => Err(failed(format!("answered with {status}: {}", String::from_utf8_lossy(&body)))),
    }
}

/// The `Authorization` header, over the payload too.
fn signature(
    server: SocketAddr,
    credential: &IssuedCredential,
    path: &str,
    body: &str,
) -> Result<String, hawk::Error> {
    let hash = PayloadHasher::hash(MEDIA_TYPE, SHA256, body)?;
    let host = server.ip().to_string();
    let request = RequestBuilder::new("POST", &host, server.port(), path).hash(&hash[..]).request();
    let key = Key::new(credential.secrets.hawk.reveal(), SHA256)?;
    let credentials = Credentials { id: credential.credential.client_id.clone(), key };
    Ok(format!("Hawk {}", request.make_header(&credentials)?))
}

/// Prints what became of each item.
pub(super) fn show(results: &[Value]) -> std::io::Result<()> {
    let mut table = Table::new(&["JOB", "VERDICT", "REASON"]);
    let text = |result: &Value, member: &str| result[member].as_str().unwrap_or_default().to_owned();
    for result in results {
        let word = |member| text(result, member).to_uppercase();
        table.row([text(result, "job_guid"), word("verdict"), word("reason")]);
    }
    table.lines().iter().try_for_each(|row| line(row))
}
