//! MACs and hashes of requests and responses.

use super::header::Attributes;
use super::refusal::HawkRefusal;
use super::secret::HawkSecret;
use crate::limits;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hawk::mac::Mac;
use hawk::{Header, Key, PayloadHasher, RequestBuilder, ResponseBuilder, SHA256};
use std::borrow::Cow;
use std::fmt;
use std::time::{Duration, UNIX_EPOCH};

/// A secret, ready to sign with.
pub struct HawkKey(Key);

impl HawkKey {
    /// The key of a secret.
    ///
    /// # Errors
    /// [`HawkRefusal::Failed`] if the cryptographic library takes no key of this kind, which HMAC never
    /// says.
    pub fn new(secret: &HawkSecret) -> Result<Self, HawkRefusal> {
        Key::new(secret.reveal(), SHA256).map(Self).map_err(|_| HawkRefusal::Failed)
    }
}

impl fmt::Debug for HawkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HawkKey(redacted)")
    }
}

/// What a client signed besides the attributes of its header: where the request went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// As sent; compared in upper case.
    pub method: String,
    /// Path and query, byte for byte as sent.
    pub target: String,
    /// Without port; compared in lower case.
    pub host: String,
    /// As written, or that of the scheme.
    pub port: u16,
}

/// A request whose signature is right: its MAC fits its destination and its attributes.
#[derive(Debug)]
pub struct SignedRequest {
    attributes: Attributes,
    destination: Destination,
    key: HawkKey,
}

impl SignedRequest {
    /// Checks the MAC. Nothing else about the request is known to be true yet: not its body, not that
    /// it is new.
    ///
    /// # Errors
    /// [`HawkRefusal::Failed`] if it is another.
    pub fn verify(
        attributes: Attributes,
        destination: Destination,
        key: HawkKey,
    ) -> Result<Self, HawkRefusal> {
        let destination = Destination {
            method: destination.method.to_ascii_uppercase(),
            host: destination.host.to_ascii_lowercase(),
            target: escaped(&destination.target).into_owned(),
            ..destination
        };
        let header = header(&attributes, &attributes.ext);
        let Destination { method, target, host, port } = &destination;
        let request = RequestBuilder::new(method, host, *port, target).request();
        // The crate's own verdict on the clock is not asked for: the order of checks is ours.
        if !request.validate_header(&header, &key.0, Duration::MAX) {
            return Err(HawkRefusal::Failed);
        }
        Ok(Self { attributes, destination, key })
    }

    /// What the header said.
    pub fn attributes(&self) -> &Attributes {
        &self.attributes
    }

    /// Checks the hash of the body as sent, before any decompression. Without a body it may be absent.
    ///
    /// # Errors
    /// [`HawkRefusal::Failed`] if it is another, or absent though there is a body.
    pub fn verify_payload(&self, content_type: &str, body: &[u8]) -> Result<(), HawkRefusal> {
        match &self.attributes.hash {
            Some(claimed) if *claimed == payload_hash(content_type, body)? => Ok(()),
            None if body.is_empty() => Ok(()),
            _ => Err(HawkRefusal::Failed),
        }
    }

    /// Checks the client's clock against ours, in whole seconds since 1970.
    ///
    /// # Errors
    /// [`HawkRefusal::Clock`] if they are over [`limits::HAWK_SKEW`] apart.
    pub fn verify_clock(&self, now: u64) -> Result<(), HawkRefusal> {
        if self.attributes.ts.abs_diff(now) <= limits::HAWK_SKEW.as_secs() {
            return Ok(());
        }
        let tsm = self.key.0.sign(format!("hawk.1.ts\n{now}\n").as_bytes());
        let tsm = STANDARD.encode(tsm.map_err(|_| HawkRefusal::Failed)?);
        Err(HawkRefusal::Clock { now, tsm })
    }

    /// Value of `Server-Authorization` for the answer (5.7). Without a body, as for one that is
    /// streamed, only what was asked is signed.
    ///
    /// # Errors
    /// [`HawkRefusal::Failed`] if the cryptographic library fails.
    pub fn sign_response(&self, content_type: &str, body: Option<&[u8]>) -> Result<String, HawkRefusal> {
        let hash = body.map(|body| payload_hash(content_type, body)).transpose()?;
        let request = header(&self.attributes, "");
        let Destination { method, target, host, port } = &self.destination;
        let signed = ResponseBuilder::from_request_header(&request, method, host, *port, target)
            .hash(hash.as_deref())
            .ext(request.ext.as_deref())
            .response()
            .make_header(&self.key.0)
            .map_err(|_| HawkRefusal::Failed)?;
        // The `ext` it was made with is how `app` comes under the MAC, and is not sent.
        Ok(format!("Hawk {}", Header { ext: None, ..signed }))
    }
}

/// The crate's header. It knows neither escapes nor `app` and `dlg`; both come under the MAC as the
/// lines they are, behind that of `ext`.
fn header(attributes: &Attributes, ext: &str) -> Header {
    let Attributes { ts, nonce, mac, hash, app, dlg, .. } = attributes;
    let ext = match (ext, app.as_str()) {
        ("", "") => None,
        (ext, "") => Some(escaped(ext).into_owned()),
        (ext, app) => Some(format!("{}\n{}\n{}", escaped(ext), escaped(app), escaped(dlg))),
    };
    Header {
        id: None,
        ts: Some(UNIX_EPOCH + Duration::from_secs(*ts)),
        nonce: Some(escaped(nonce).into_owned()),
        mac: Some(Mac::from(mac.clone())),
        ext,
        hash: hash.clone(),
        app: None,
        dlg: None,
    }
}

/// An element of the text under the MAC (5.4).
fn escaped(element: &str) -> Cow<'_, str> {
    if element.contains(['\\', '"', '\n']) {
        element.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n").into()
    } else {
        element.into()
    }
}

fn payload_hash(content_type: &str, body: &[u8]) -> Result<Vec<u8>, HawkRefusal> {
    PayloadHasher::hash(media_type(content_type), SHA256, body).map_err(|_| HawkRefusal::Failed)
}

/// The media type of a `Content-Type`: lower case, without parameters.
pub fn media_type(content_type: &str) -> String {
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}
