//! Who sent a request, for handlers of every door.

use crate::access::Principal;
use crate::doors::http::problem::{Code, Problem};
use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use http::header::WWW_AUTHENTICATE;
use http::request::Parts;
use http::{HeaderValue, StatusCode};
use std::convert::Infallible;

/// Who sent a request; the layer puts it among the extensions of every request. An extractor, for
/// handlers that answer everybody.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Caller(pub Option<Principal>);

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_default())
    }
}

/// The one who writes. An extractor, for handlers that need a credential; what it may write, the core
/// decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Writer(pub Principal);

impl<S: Sync> FromRequestParts<S> for Writer {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        match parts.extensions.get::<Caller>() {
            Some(Caller(Some(principal))) => Ok(Self(principal.clone())),
            _ => Err(unauthenticated(parts.uri.path(), Code::Unauthenticated.into(), CHALLENGE)),
        }
    }
}

/// Whether legacy clients know the path: there a failed authentication is 403 (design section 3).
pub fn is_compatible(path: &str) -> bool {
    path.starts_with("/api/")
}

/// What a request without a credential is asked for.
pub const CHALLENGE: &str = "Hawk";

/// The answer to a request without a working credential; `challenge` is the value of
/// `WWW-Authenticate` for Hawk.
pub fn unauthenticated(path: &str, problem: Problem, challenge: &str) -> Response {
    let is_compatible = is_compatible(path);
    let status = if is_compatible { StatusCode::FORBIDDEN } else { StatusCode::UNAUTHORIZED };
    let mut response = problem.with_status(status).into_response();
    let headers = response.headers_mut();
    if let Ok(challenge) = HeaderValue::try_from(challenge) {
        headers.append(WWW_AUTHENTICATE, challenge);
    }
    if !is_compatible {
        headers.append(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}
