//! Who a request's credential makes it, whatever the door.

use super::*;
use crate::access::{BearerToken, Credentials, MalformedAuthorization};
use crate::domain::ProjectName;
use crate::store::model::StoredCredential;

fn now() -> DateTime<Utc> {
    "2026-01-10T00:00:00Z".parse().unwrap()
}

fn credential() -> StoredCredential {
    StoredCredential {
        client_id: "ci".into(),
        projects: vec!["mozilla-*".into()],
        admin: false,
        token_hash: [0; 32],
        hawk_secret: None,
        description: String::new(),
        certificate: None,
        created_at: now(),
        expires_at: None,
        revoked_at: None,
        last_used_at: None,
    }
}

fn directory(credential: StoredCredential) -> Directory {
    Directory { credentials: Credentials::from_iter([credential]), ..Directory::default() }
}

/// A credential with a token, and the header that shows it.
fn with_token(credential: StoredCredential) -> (Directory, String) {
    let token = BearerToken::generate();
    let directory = directory(StoredCredential { token_hash: token.hash(), ..credential });
    (directory, format!("Bearer {}", token.reveal()))
}

#[test]
fn a_token_gives_its_credentials_rights() {
    let (directory, header) = with_token(credential());
    let principal = known(&directory, Some(header.as_bytes()), None, now()).unwrap().unwrap();
    assert_eq!(&*principal.source, "ci");
    assert!(!principal.is_administrator());
    for (project, may) in [("mozilla-central", true), ("try", false)] {
        assert_eq!(principal.may_write(&ProjectName::try_new(project).unwrap()), may, "{project}");
    }
    let (directory, header) = with_token(StoredCredential { admin: true, ..credential() });
    let principal = known(&directory, Some(header.as_bytes()), None, now()).unwrap().unwrap();
    assert!(principal.is_administrator());
}

#[test]
fn a_token_that_does_not_work_is_refused() {
    let (known_directory, header) = with_token(credential());
    let (expired, expired_header) = with_token(StoredCredential { expires_at: Some(now()), ..credential() });
    let (revoked, revoked_header) = with_token(StoredCredential { revoked_at: Some(now()), ..credential() });
    for (directory, header, expected) in [
        (&Directory::default(), header.as_str(), Unauthenticated::Unknown),
        (&known_directory, "Bearer hgt_wrong", Unauthenticated::Unknown),
        (&known_directory, "Basic eDp5", Unauthenticated::Malformed(MalformedAuthorization)),
        (&expired, &expired_header, Unauthenticated::Expired),
        (&revoked, &revoked_header, Unauthenticated::Unknown),
    ] {
        assert_eq!(known(directory, Some(header.as_bytes()), None, now()), Err(expected), "{expected}");
    }
}

#[test]
fn a_certificate_stands_for_the_credential_it_is_bound_to() {
    let bound = StoredCredential { certificate: Some([7; 32]), ..credential() };
    let connection =
        |certificate| ConnectionInfo { peer: "127.0.0.1:1".parse().unwrap(), is_tls: true, certificate };
    let caller = |credential: StoredCredential, certificate| {
        known(&directory(credential), None, Some(&connection(certificate)), now())
    };
    assert_eq!(&*caller(bound.clone(), Some([7; 32])).unwrap().unwrap().source, "ci");
    assert_eq!(caller(bound.clone(), Some([8; 32])), Ok(None));
    assert_eq!(caller(bound.clone(), None), Ok(None));
    let expired = StoredCredential { expires_at: Some(now()), ..bound.clone() };
    assert_eq!(caller(expired, Some([7; 32])), Err(Unauthenticated::Expired));
    // A header counts before the certificate.
    let given = known(&directory(bound), Some(b"Bearer x"), Some(&connection(Some([7; 32]))), now());
    assert_eq!(given, Err(Unauthenticated::Unknown));
}

#[test]
fn only_bearer_and_hawk_are_schemes_over_http() {
    for (header, expected) in [
        ("Bearer x", true),
        ("bearer x", true),
        ("Bearer", true),
        ("Bearerx", false),
        ("Basic eDp5", false),
        ("Hawk", false),
        ("hawk id=\"x\"", false),
        ("", false),
    ] {
        assert_eq!(is_bearer(header.as_bytes()), expected, "{header}");
    }
}
