//! The credentials that a gateway knows.

use super::{MalformedAuthorization, Principal};
use crate::store::model::StoredCredential;
use chrono::{DateTime, Utc};
use std::collections::HashMap;
use std::sync::Arc;

/// Credentials by everything that one can be named by.
#[derive(Debug, Clone, Default)]
pub struct Credentials {
    by_token: HashMap<[u8; 32], Arc<StoredCredential>>,
    by_client_id: HashMap<Box<str>, Arc<StoredCredential>>,
    by_certificate: HashMap<[u8; 32], Arc<StoredCredential>>,
}

impl Credentials {
    /// By the SHA-256 of its token.
    pub fn of_token(&self, hash: &[u8; 32]) -> Option<&Arc<StoredCredential>> {
        self.by_token.get(hash)
    }

    /// By its client id.
    pub fn of_client_id(&self, client_id: &str) -> Option<&Arc<StoredCredential>> {
        self.by_client_id.get(client_id)
    }

    /// By the SHA-256 of the client certificate that is bound to it (R25).
    pub fn of_certificate(&self, fingerprint: &[u8; 32]) -> Option<&Arc<StoredCredential>> {
        self.by_certificate.get(fingerprint)
    }
}

impl FromIterator<StoredCredential> for Credentials {
    fn from_iter<I: IntoIterator<Item = StoredCredential>>(all: I) -> Self {
        let mut credentials = Self::default();
        for credential in all.into_iter().map(Arc::new) {
            credentials.by_client_id.insert(credential.client_id.as_str().into(), credential.clone());
            if let Some(fingerprint) = credential.certificate {
                credentials.by_certificate.insert(fingerprint, credential.clone());
            }
            credentials.by_token.insert(credential.token_hash, credential);
        }
        credentials
    }
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

/// On whose behalf a credential speaks now. What gateways know is up to 2 s old: what expired or was
/// revoked meanwhile is told apart here.
///
/// # Errors
/// [`Unauthenticated::Unknown`] if it was revoked, [`Unauthenticated::Expired`] if its time is over.
pub fn principal_of(credential: &StoredCredential, now: DateTime<Utc>) -> Result<Principal, Unauthenticated> {
    if credential.revoked_at.is_some() {
        return Err(Unauthenticated::Unknown);
    }
    if credential.expires_at.is_some_and(|expires_at| expires_at <= now) {
        return Err(Unauthenticated::Expired);
    }
    Ok(Principal::from(credential))
}
