//! Who calls: bearer tokens to principals. Writes need one always, reads do not, but a token that
//! does not work is refused everywhere.

use super::status::Refusal;
use crate::access::{MalformedAuthorization, Principal, bearer_of, token_hash};
use crate::core::{Directory, Gateway};
use crate::doors::authentication::Caller;
use crate::doors::authentication::{is_compatible, unauthenticated};
use crate::doors::http::problem::Problem;
use crate::store::model::StoredCredential;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use chrono::{DateTime, Utc};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use std::sync::Arc;
use tonic::Status;

/// Calls that are open to read without a credential; every other one is refused without.
const OPEN_CALLS: [&str; 4] = [
    "/herdgate.v1.IngestService/ValidateJobs",
    "/herdgate.v1.AdminService/ListHeldMessages",
    "/herdgate.v1.AdminService/GetHeldMessage",
    "/herdgate.v1.AdminService/ListRepositories",
];
const OPEN_SERVICE: &str = "/herdgate.v1.QueryService/";

/// What authentication needs to know.
#[derive(Debug, Clone)]
pub struct Authentication {
    /// Knows the credentials.
    pub gateway: Gateway,
    /// Who calls without a credential; `None` outside of `herdgate demo`.
    pub anonymous: Option<Principal>,
}

/// Why a caller is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unauthenticated {
    /// No header.
    #[error("this call needs `authorization: Bearer <token>`")]
    Missing,
    /// A header, but no bearer token.
    #[error(transparent)]
    Malformed(#[from] MalformedAuthorization),
    /// No credential has this token, or it was revoked.
    #[error("the token is unknown or was revoked")]
    Unknown,
    /// The credential's time is over.
    #[error("the credential has expired")]
    Expired,
}

/// Resolves the caller of our own services and refuses those that must have a credential and have
/// none.
pub async fn authenticate(
    State(authentication): State<Authentication>,
    mut request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path();
    if path.starts_with("/herdgate.v1.") {
        let directory = authentication.gateway.directory();
        let anonymous = authentication.anonymous;
        match resolve(&directory, anonymous, path, request.headers(), Utc::now()) {
            Ok(caller) => {
                request.extensions_mut().insert(caller);
            }
            Err(error) => return Status::from(Refusal::Unauthenticated(error.to_string())).into_http(),
        }
    } else if is_compatible(path) {
        let directory = authentication.gateway.directory();
        match resolve(&directory, authentication.anonymous, path, request.headers(), Utc::now()) {
            Ok(caller) => {
                request.extensions_mut().insert(caller);
            }
            // Who reads needs none; who writes is asked for one by the handler.
            Err(Unauthenticated::Missing) => {}
            Err(error) => {
                let problem = Problem::from(Refusal::Unauthenticated(error.to_string()));
                return unauthenticated(path, problem);
            }
        }
    }
    next.run(request).await
}

fn resolve(
    directory: &Directory,
    anonymous: Option<Principal>,
    path: &str,
    headers: &HeaderMap,
    now: DateTime<Utc>,
) -> Result<Caller, Unauthenticated> {
    match headers.get(AUTHORIZATION) {
        Some(header) => {
            let token = bearer_of(header.as_bytes())?;
            let credential = directory.credentials.get(&token_hash(token)).ok_or(Unauthenticated::Unknown)?;
            principal_of(credential, now).map(|principal| Caller(Some(principal)))
        }
        None if anonymous.is_some() => Ok(Caller(anonymous)),
        None if path.starts_with(OPEN_SERVICE) || OPEN_CALLS.contains(&path) => Ok(Caller(None)),
        None => Err(Unauthenticated::Missing),
    }
}

/// The directory is up to 2 s old: what expired or was revoked meanwhile is told apart here.
fn principal_of(credential: &StoredCredential, now: DateTime<Utc>) -> Result<Principal, Unauthenticated> {
    if credential.revoked_at.is_some() {
        return Err(Unauthenticated::Unknown);
    }
    if credential.expires_at.is_some_and(|expires_at| expires_at <= now) {
        return Err(Unauthenticated::Expired);
    }
    Ok(Principal::from(credential))
}

/// The caller of a request.
pub fn caller<T>(request: &tonic::Request<T>) -> Option<&Principal> {
    request.extensions().get::<Caller>().and_then(|caller| caller.0.as_ref())
}

/// The caller of a request that writes.
///
/// # Errors
/// `UNAUTHENTICATED` without one.
pub fn writer<T>(request: &tonic::Request<T>) -> Result<Principal, Refusal> {
    caller(request).cloned().ok_or_else(|| Refusal::Unauthenticated(Unauthenticated::Missing.to_string()))
}

/// Whether a caller may go on: `UNAUTHENTICATED` once its credential was revoked or has expired.
pub type Standing = Arc<dyn Fn() -> Result<(), Refusal> + Send + Sync>;

/// The standing of a caller who keeps a stream open.
pub fn standing<T>(gateway: &Gateway, request: &tonic::Request<T>) -> Standing {
    let header = request.metadata().get(AUTHORIZATION.as_str());
    let Some(hash) = header.and_then(|header| bearer_of(header.as_bytes()).ok()).map(token_hash) else {
        // Without a credential it is the anonymous caller of a demo.
        return Arc::new(|| Ok(()));
    };
    let gateway = gateway.clone();
    Arc::new(move || {
        let directory = gateway.directory();
        let credential = directory.credentials.get(&hash).ok_or(Unauthenticated::Unknown);
        match credential.and_then(|credential| principal_of(credential, Utc::now())) {
            Ok(_) => Ok(()),
            Err(error) => Err(Refusal::Unauthenticated(error.to_string())),
        }
    })
}

/// The caller of a request that administers.
///
/// # Errors
/// `UNAUTHENTICATED` without one, `PERMISSION_DENIED` if it is no administrator.
pub fn administrator<T>(request: &tonic::Request<T>) -> Result<Principal, Refusal> {
    let principal = writer(request)?;
    if principal.is_administrator() {
        Ok(principal)
    } else {
        Err(Refusal::Forbidden("this call needs the credential of an administrator".into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::{BearerToken, Rights};
    use crate::domain::ProjectName;

    const SUBMIT: &str = "/herdgate.v1.IngestService/SubmitJobs";

    fn now() -> DateTime<Utc> {
        "2026-01-10T00:00:00Z".parse().unwrap()
    }

    fn credential() -> StoredCredential {
        StoredCredential {
            client_id: "ci".into(),
            projects: vec!["mozilla-*".into()],
            admin: false,
            token_hash: [0; 32],
            created_at: now(),
            expires_at: None,
            revoked_at: None,
        }
    }

    fn with_token(credential: StoredCredential) -> (Directory, HeaderMap) {
        let token = BearerToken::generate();
        let mut directory = Directory::default();
        directory.credentials.insert(token.hash(), Arc::new(credential));
        (directory, header(&format!("Bearer {}", token.reveal())))
    }

    fn header(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(AUTHORIZATION, value.parse().unwrap())])
    }

    #[test]
    fn a_token_gives_its_credentials_rights() {
        let (directory, headers) = with_token(credential());
        let caller = resolve(&directory, None, SUBMIT, &headers, now()).unwrap().0.unwrap();
        assert_eq!(&*caller.source, "ci");
        assert!(!caller.is_administrator());
        for (project, may) in [("mozilla-central", true), ("try", false)] {
            assert_eq!(caller.may_write(&ProjectName::try_new(project).unwrap()), may, "{project}");
        }
        let (directory, headers) = with_token(StoredCredential { admin: true, ..credential() });
        let caller = resolve(&directory, None, SUBMIT, &headers, now()).unwrap().0.unwrap();
        assert!(caller.is_administrator());
    }

    #[test]
    fn a_token_that_does_not_work_is_refused_on_open_calls_too() {
        let (known, headers) = with_token(credential());
        let (expired, expired_headers) =
            with_token(StoredCredential { expires_at: Some(now()), ..credential() });
        let (revoked, revoked_headers) =
            with_token(StoredCredential { revoked_at: Some(now()), ..credential() });
        let cases = [
            (&Directory::default(), &headers, Unauthenticated::Unknown),
            (&known, &header("Bearer hgt_wrong"), Unauthenticated::Unknown),
            (&known, &header("Basic eDp5"), Unauthenticated::Malformed(MalformedAuthorization)),
            (&expired, &expired_headers, Unauthenticated::Expired),
            (&revoked, &revoked_headers, Unauthenticated::Unknown),
        ];
        for (directory, headers, expected) in cases {
            for path in [SUBMIT, "/herdgate.v1.QueryService/GetJob"] {
                assert_eq!(resolve(directory, None, path, headers, now()), Err(expected), "{path}");
            }
        }
    }

    #[test]
    fn without_a_token_only_reading_is_open() {
        for (path, open) in [
            ("/herdgate.v1.QueryService/WatchJobs", true),
            ("/herdgate.v1.IngestService/ValidateJobs", true),
            ("/herdgate.v1.AdminService/GetHeldMessage", true),
            ("/herdgate.v1.AdminService/ListHeldMessages", true),
            ("/herdgate.v1.AdminService/ListRepositories", true),
            (SUBMIT, false),
            ("/herdgate.v1.IngestService/SubmitJobBatch", false),
            ("/herdgate.v1.IngestService/SubmitPushes", false),
            ("/herdgate.v1.IngestService/SubmitArtifacts", false),
            ("/herdgate.v1.AdminService/ReplayHeldMessages", false),
            ("/herdgate.v1.AdminService/DiscardHeldMessages", false),
            ("/herdgate.v1.AdminService/CreateCredential", false),
            ("/herdgate.v1.AdminService/ListCredentials", false),
            ("/herdgate.v1.AdminService/SomethingNew", false),
        ] {
            let expected = if open { Ok(Caller(None)) } else { Err(Unauthenticated::Missing) };
            let caller = resolve(&Directory::default(), None, path, &HeaderMap::new(), now());
            assert_eq!(caller, expected, "{path}");
        }
    }

    #[test]
    fn the_anonymous_principal_of_a_demo_stands_in_for_a_missing_header_only() {
        let demo = Principal { source: "demo".into(), rights: Rights::EveryProject };
        let resolve =
            |headers: HeaderMap| resolve(&Directory::default(), Some(demo.clone()), SUBMIT, &headers, now());
        assert_eq!(resolve(HeaderMap::new()), Ok(Caller(Some(demo.clone()))));
        assert_eq!(resolve(header("Bearer hgt_wrong")), Err(Unauthenticated::Unknown));
    }
}
