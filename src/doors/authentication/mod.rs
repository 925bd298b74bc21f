//! Who calls, for gRPC and HTTP alike: bearer tokens, client certificates and, over HTTP, Hawk.
//!
//! Here it is only found out who it is. What may be written is decided once, in the core.

mod caller;
mod destination;
#[cfg(test)]
mod hawk_tests;
mod signed;
#[cfg(test)]
mod tests;

pub use caller::{CHALLENGE, Caller, Writer, is_compatible, unauthenticated};
pub use destination::{destination, is_https};

use crate::access::hawk::is_hawk;
use crate::access::{
    Keyring, LastUses, NonceMemory, Principal, Unauthenticated, bearer_of, principal_of, token_hash,
};
use crate::config::Http;
use crate::core::{Directory, Gateway};
use crate::doors::connections::ConnectionInfo;
use crate::doors::grpc;
use crate::doors::http::problem::{Code, Problem};
use crate::doors::refusal::Refusal;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use chrono::{DateTime, Utc};
use http::HeaderValue;
use http::header::AUTHORIZATION;
use std::sync::Arc;
use tonic::Status;

/// What authentication needs to know. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Authentication {
    /// Knows the credentials.
    pub gateway: Gateway,
    /// Who calls without a credential; `None` outside of `herdgate demo`.
    pub anonymous: Option<Principal>,
    /// Opens Hawk secrets.
    pub keyring: Arc<Keyring>,
    /// Which signed requests came already.
    pub nonces: NonceMemory,
    /// Where it is noted who called.
    pub last_uses: LastUses,
    /// How the gateway is reached from outside.
    pub http: Arc<Http>,
}

/// Finds out who calls and puts it among the request's extensions as [`Caller`]. A credential that
/// does not work is refused everywhere; without any, whoever handles the request decides, but for our
/// own gRPC services, which say here what is open.
pub async fn authenticate(
    State(authentication): State<Authentication>,
    mut request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path();
    let header = request.headers().get(AUTHORIZATION);
    if grpc::authentication::is_ours(path) {
        let bearer = header.map(HeaderValue::as_bytes);
        let caller = authentication.caller(bearer, request.extensions().get(), Utc::now());
        return match caller.and_then(|caller| grpc::authentication::admit(path, caller)) {
            Ok(caller) => {
                request.extensions_mut().insert(caller);
                next.run(request).await
            }
            Err(error) => Status::from(Refusal::Unauthenticated(error.to_string())).into_http(),
        };
    }
    if let Some(header) = header.filter(|header| is_hawk(header.as_bytes())).cloned() {
        return signed::run(&authentication, &header, request, next).await;
    }
    // Over HTTP every other scheme counts as anonymous, as it always did (ingest contract 5.2).
    let bearer = header.filter(|header| is_bearer(header.as_bytes())).map(HeaderValue::as_bytes);
    match authentication.caller(bearer, request.extensions().get(), Utc::now()) {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(error) => {
            unauthenticated(path, Problem::new(Code::Unauthenticated, error.to_string()), caller::CHALLENGE)
        }
    }
}

fn is_bearer(header: &[u8]) -> bool {
    const SCHEME: &[u8] = b"bearer";
    header.get(..SCHEME.len()).is_some_and(|scheme| scheme.eq_ignore_ascii_case(SCHEME))
        && header.get(SCHEME.len()).is_none_or(|&byte| byte == b' ')
}

impl Authentication {
    fn caller(
        &self,
        bearer: Option<&[u8]>,
        connection: Option<&ConnectionInfo>,
        now: DateTime<Utc>,
    ) -> Result<Caller, Unauthenticated> {
        let principal = known(&self.gateway.directory(), bearer, connection, now)?;
        if let Some(principal) = &principal {
            self.last_uses.note(&principal.source, now);
        }
        Ok(Caller(principal.or_else(|| self.anonymous.clone())))
    }
}

/// Who calls with this `Authorization` header for a bearer token or, without one, with the certificate
/// of the connection.
///
/// # Errors
/// If a header is given and its token does not work, or the credential of the certificate has expired.
/// A certificate that stands for no credential is none.
fn known(
    directory: &Directory,
    bearer: Option<&[u8]>,
    connection: Option<&ConnectionInfo>,
    now: DateTime<Utc>,
) -> Result<Option<Principal>, Unauthenticated> {
    match Proof::given(bearer, connection)? {
        Some(proof) => proof.principal(directory, now),
        None => Ok(None),
    }
}

/// By what a caller is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// The SHA-256 of a token.
    Token([u8; 32]),
    /// The SHA-256 of a client certificate, checked when the connection was made (R25).
    Certificate([u8; 32]),
}

impl Proof {
    /// What a request has to show for its caller.
    ///
    /// # Errors
    /// If the header has no bearer token.
    pub fn given(
        bearer: Option<&[u8]>,
        connection: Option<&ConnectionInfo>,
    ) -> Result<Option<Self>, Unauthenticated> {
        match bearer {
            Some(header) => Ok(Some(Self::Token(token_hash(bearer_of(header)?)))),
            None => Ok(connection.and_then(|connection| connection.certificate).map(Self::Certificate)),
        }
    }

    /// Who it is now; none for a certificate that stands for no credential.
    ///
    /// # Errors
    /// If the token is unknown, or the credential was revoked or has expired.
    pub fn principal(
        &self,
        directory: &Directory,
        now: DateTime<Utc>,
    ) -> Result<Option<Principal>, Unauthenticated> {
        match self {
            Self::Token(hash) => {
                let credential = directory.credentials.of_token(hash).ok_or(Unauthenticated::Unknown)?;
                principal_of(credential, now).map(Some)
            }
            Self::Certificate(fingerprint) => match directory.credentials.of_certificate(fingerprint) {
                Some(credential) => principal_of(credential, now).map(Some),
                None => Ok(None),
            },
        }
    }
}
