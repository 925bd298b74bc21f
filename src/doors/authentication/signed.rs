//! Requests signed by Hawk: checked before their handler sees them, answered with a signature.

use super::{Authentication, Caller, destination, unauthenticated};
use crate::access::hawk::{Attributes, HawkKey, HawkRefusal, SignedRequest};
use crate::access::{Principal, principal_of};
use crate::doors::arrival::Arrival;
use crate::doors::connections::ConnectionInfo;
use crate::doors::http::problem::{Code, Problem};
use crate::limits;
use crate::store::Nonce;
use axum::body::Body;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use chrono::Utc;
use http::header::{CONTENT_TYPE, HeaderName};
use http::request::Parts;
use http::{HeaderMap, HeaderValue};
use http_body::Body as _;
use http_body_util::{BodyExt, LengthLimitError, Limited};

const SERVER_AUTHORIZATION: HeaderName = HeaderName::from_static("server-authorization");

/// Why a signed request does not reach its handler.
#[derive(Debug, thiserror::Error)]
enum Refused {
    /// Its signature, in the words of the contract.
    #[error(transparent)]
    Signature(#[from] HawkRefusal),
    /// Something else.
    #[error(transparent)]
    Problem(#[from] Problem),
}

/// Checks a request, refuses it in the order of the ingest contract, 5.5, or has it answered, and signs the
/// answer. The handler gets the body as it was sent. The clock is that of its arrival: a body may come for
/// longer than a signature is good for.
pub async fn run(
    authentication: &Authentication,
    header: &HeaderValue,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    match checked(authentication, header, &parts, body).await {
        Ok((signed, principal, body)) => {
            parts.extensions.insert(Caller(Some(principal)));
            let response = next.run(Request::from_parts(parts, Body::from(body))).await;
            sign(response, &signed).await
        }
        Err(Refused::Signature(refusal)) => {
            let problem = Problem::new(Code::Unauthenticated, refusal.to_string());
            unauthenticated(&path, problem, &refusal.challenge())
        }
        Err(Refused::Problem(problem)) => problem.into_response(),
    }
}

async fn checked(
    authentication: &Authentication,
    header: &HeaderValue,
    parts: &Parts,
    body: Body,
) -> Result<(SignedRequest, Principal, Bytes), Refused> {
    let arrived = parts.extensions.get::<Arrival>().map_or_else(Utc::now, Arrival::at);
    let attributes = Attributes::parse(header.as_bytes())?;
    let (key, principal) = known(authentication, &attributes.id)?;
    let connection = parts.extensions.get::<ConnectionInfo>();
    let destination =
        destination::destination(parts, connection, &authentication.http).ok_or(HawkRefusal::Failed)?;
    // Before any of the body is read: nobody without the secret makes us keep one.
    let signed = SignedRequest::verify(attributes, destination, key)?;
    // Before the body, too: nobody who copied the header may wait with a body until the nonce is forgotten.
    let is_new = is_new(authentication, parts, signed.attributes()).await?;
    let body = whole(body).await?;
    signed.verify_payload(content_type(&parts.headers), &body)?;
    if !is_new {
        return Err(HawkRefusal::Failed.into());
    }
    signed.verify_clock(u64::try_from(arrived.timestamp()).unwrap_or_default())?;
    authentication.last_uses.note(&principal.source, arrived);
    Ok((signed, principal, body))
}

/// Key and principal of a working credential.
fn known(authentication: &Authentication, id: &str) -> Result<(HawkKey, Principal), HawkRefusal> {
    let unknown = || HawkRefusal::UnknownId(id.to_owned());
    let directory = authentication.gateway.directory();
    let credential = directory.credentials.of_client_id(id).ok_or_else(unknown)?;
    let principal = principal_of(credential, Utc::now()).map_err(|_| unknown())?;
    let sealed = credential.hawk_secret.as_ref().ok_or_else(unknown)?;
    let secret = authentication.keyring.open(id, sealed).map_err(|error| {
        tracing::error!(client_id = id, %error, "a stored Hawk secret cannot be opened");
        unknown()
    })?;
    Ok((HawkKey::new(&secret)?, principal))
}

async fn whole(body: Body) -> Result<Bytes, Problem> {
    match Limited::new(body, limits::HTTP_BODY_BYTES).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Problem::new(
            Code::TooLarge,
            format!(
                "the body is too large, the limit is {} bytes; send it in parts",
                limits::HTTP_BODY_BYTES
            ),
        )),
        Err(error) => Err(Problem::new(Code::MalformedRequest, format!("the body cannot be read: {error}"))),
    }
}

/// Whether a request comes for the first time. Reads are remembered by this process alone (R24).
async fn is_new(
    authentication: &Authentication,
    parts: &Parts,
    attributes: &Attributes,
) -> Result<bool, Problem> {
    let nonce = Nonce {
        client_id: attributes.id.clone(),
        nonce: attributes.nonce.clone(),
        // The header's grammar allows 12 digits.
        ts: i64::try_from(attributes.ts).unwrap_or(i64::MAX),
    };
    if parts.method.is_safe() {
        Ok(authentication.nonces.remember_read(nonce))
    } else {
        Ok(authentication.nonces.remember_write(nonce).await?)
    }
}

/// Signs an answer. A body of unknown length is being streamed: it is not kept back for its hash.
async fn sign(response: Response, signed: &SignedRequest) -> Response {
    let (mut parts, body) = response.into_parts();
    let is_known = body.size_hint().exact().is_some_and(|size| size <= limits::SIGNED_RESPONSE_BYTES);
    let (body, hashed) = if is_known {
        match body.collect().await {
            Ok(collected) => {
                let bytes = collected.to_bytes();
                (Body::from(bytes.clone()), Some(bytes))
            }
            Err(error) => {
                return Problem::from(crate::doors::refusal::Refusal::internal(&error)).into_response();
            }
        }
    } else {
        (body, None)
    };
    let signature = signed.sign_response(content_type(&parts.headers), hashed.as_deref());
    if let Some(value) = signature.ok().and_then(|value| HeaderValue::try_from(value).ok()) {
        parts.headers.insert(SERVER_AUTHORIZATION, value);
    }
    Response::from_parts(parts, body)
}

/// What the payload hash is over; what is not text is no media type.
fn content_type(headers: &HeaderMap) -> &str {
    headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default()
}
