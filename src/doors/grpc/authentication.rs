//! Who may make which call of the gRPC door. Writes need a credential always, reads do not.

use super::status::Refusal;
use crate::access::{Principal, Unauthenticated};
use crate::core::Gateway;
use crate::doors::authentication::{Caller, Proof};
use chrono::Utc;
use http::header::AUTHORIZATION;
use std::sync::Arc;
use tonic::metadata::AsciiMetadataValue;

/// Calls that are open to read without a credential; every other one is refused without.
const OPEN_CALLS: [&str; 6] = [
    "/herdgate.v1.IngestService/ValidateJobs",
    "/herdgate.v1.AdminService/CountHeldMessages",
    "/herdgate.v1.AdminService/ListExchanges",
    "/herdgate.v1.AdminService/ListHeldMessages",
    "/herdgate.v1.AdminService/GetHeldMessage",
    "/herdgate.v1.AdminService/ListRepositories",
];
const OPEN_SERVICE: &str = "/herdgate.v1.QueryService/";

/// Whether a path is one of our own services'; health and reflection are open to all.
pub fn is_ours(path: &str) -> bool {
    path.starts_with("/herdgate.v1.")
}

/// Lets a caller of one of our services pass, unless the call needs a credential and there is none.
///
/// # Errors
/// [`Unauthenticated::Missing`].
pub fn admit(path: &str, caller: Caller) -> Result<Caller, Unauthenticated> {
    if caller.0.is_some() || path.starts_with(OPEN_SERVICE) || OPEN_CALLS.contains(&path) {
        Ok(caller)
    } else {
        Err(Unauthenticated::Missing)
    }
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
    let given = Proof::given(header.map(AsciiMetadataValue::as_bytes), request.extensions().get());
    let Ok(Some(proof)) = given else {
        // Without a credential it is the anonymous caller of a demo.
        return Arc::new(|| Ok(()));
    };
    let gateway = gateway.clone();
    Arc::new(move || match proof.principal(&gateway.directory(), Utc::now()) {
        Ok(Some(_)) => Ok(()),
        // The certificate of a revoked credential stands for none.
        Ok(None) => Err(Refusal::Unauthenticated(Unauthenticated::Unknown.to_string())),
        Err(error) => Err(Refusal::Unauthenticated(error.to_string())),
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

    #[test]
    fn without_a_credential_only_reading_is_open() {
        for (path, open) in [
            ("/herdgate.v1.QueryService/WatchJobs", true),
            ("/herdgate.v1.IngestService/ValidateJobs", true),
            ("/herdgate.v1.AdminService/CountHeldMessages", true),
            ("/herdgate.v1.AdminService/GetHeldMessage", true),
            ("/herdgate.v1.AdminService/ListExchanges", true),
            ("/herdgate.v1.AdminService/ListHeldMessages", true),
            ("/herdgate.v1.AdminService/ListRepositories", true),
            ("/herdgate.v1.IngestService/SubmitJobs", false),
            ("/herdgate.v1.IngestService/SubmitJobBatch", false),
            ("/herdgate.v1.IngestService/SubmitPushes", false),
            ("/herdgate.v1.IngestService/SubmitArtifacts", false),
            ("/herdgate.v1.AdminService/ReplayHeldMessages", false),
            ("/herdgate.v1.AdminService/DiscardHeldMessages", false),
            ("/herdgate.v1.AdminService/CreateCredential", false),
            ("/herdgate.v1.AdminService/RotateCredential", false),
            ("/herdgate.v1.AdminService/ListCredentials", false),
            ("/herdgate.v1.AdminService/SomethingNew", false),
        ] {
            let expected = if open { Ok(Caller(None)) } else { Err(Unauthenticated::Missing) };
            assert_eq!(admit(path, Caller(None)), expected, "{path}");
        }
    }
}
