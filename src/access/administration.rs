//! Creating, rotating, revoking and re-encrypting credentials: once for command line and API.

use super::{IssuedSecrets, Keyring, Unsealable, WantedCredential};
use crate::store::model::StoredCredential;
use crate::store::{Creation, Store, StoreError};
use chrono::{DateTime, Utc};

/// A new credential, and its secrets to be shown once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuedCredential {
    /// As stored.
    pub credential: StoredCredential,
    /// What its owner needs.
    pub secrets: IssuedSecrets,
}

/// Why credentials are left as they are.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// Another one, perhaps a revoked one, has the client id.
    #[error("the client id {0:?} is taken; that of a revoked credential cannot be used again")]
    ClientIdTaken(String),
    /// Another one is bound to the certificate.
    #[error("the certificate is bound to another credential; revoke that one first")]
    CertificateTaken,
    /// There is none to change.
    #[error("no working credential has the client id {0:?}")]
    Absent(String),
    /// A secret cannot be sealed or opened.
    #[error(transparent)]
    Keys(#[from] SealedAway),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The Hawk secret of a credential cannot be sealed or opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the Hawk secret of credential {client_id:?} cannot be read: {cause}")]
pub struct SealedAway {
    /// The credential.
    pub client_id: String,
    /// Why.
    pub cause: Unsealable,
}

/// Creates a credential that was [checked](WantedCredential::check).
///
/// # Errors
/// If its client id or its certificate is taken, or the database fails.
pub async fn create(
    store: &Store,
    keyring: &Keyring,
    wanted: WantedCredential,
    now: DateTime<Utc>,
) -> Result<IssuedCredential, CredentialError> {
    let secrets = IssuedSecrets::generate();
    let client_id = wanted.client_id.clone();
    let credential = wanted
        .issued(&secrets, keyring, now)
        .map_err(|cause| SealedAway { client_id: client_id.clone(), cause })?;
    match store.create_credential(&credential).await? {
        Creation::Created => Ok(IssuedCredential { credential, secrets }),
        Creation::ClientIdTaken => Err(CredentialError::ClientIdTaken(client_id)),
        Creation::CertificateTaken => Err(CredentialError::CertificateTaken),
    }
}

/// Gives a credential new secrets; the old ones stop within 2 s.
///
/// # Errors
/// If no working credential has the client id, or the database fails.
pub async fn rotate(
    store: &Store,
    keyring: &Keyring,
    client_id: &str,
) -> Result<IssuedSecrets, CredentialError> {
    let secrets = IssuedSecrets::generate();
    let sealed = keyring
        .seal(client_id, &secrets.hawk)
        .map_err(|cause| SealedAway { client_id: client_id.into(), cause })?;
    if store.rotate_credential(client_id, secrets.token.hash(), &sealed).await? {
        Ok(secrets)
    } else {
        Err(CredentialError::Absent(client_id.into()))
    }
}

/// Ends a credential for good.
///
/// # Errors
/// If no working credential has the client id, or the database fails.
pub async fn revoke(store: &Store, client_id: &str) -> Result<(), CredentialError> {
    if store.revoke_credential(client_id).await? {
        Ok(())
    } else {
        Err(CredentialError::Absent(client_id.into()))
    }
}

/// Seals with the newest key every secret that an older one sealed; gives how many (R26).
///
/// # Errors
/// If one does not open; then none is changed.
pub async fn rekey(store: &Store, keyring: &Keyring) -> Result<u64, CredentialError> {
    let mut resealed = Vec::new();
    for StoredCredential { client_id, hawk_secret, .. } in store.credentials().await? {
        let Some(old) = hawk_secret.filter(|sealed| !keyring.is_current(sealed)) else { continue };
        let again = keyring.open(&client_id, &old).and_then(|secret| keyring.seal(&client_id, &secret));
        match again {
            Ok(new) => resealed.push((client_id, old, new)),
            Err(cause) => return Err(SealedAway { client_id, cause }.into()),
        }
    }
    Ok(store.reseal_credentials(&resealed).await?)
}

/// Makes sure that every stored secret opens (R26).
///
/// # Errors
/// [`CredentialError::Keys`] for the first that does not.
pub async fn check_secrets(store: &Store, keyring: &Keyring) -> Result<(), CredentialError> {
    for credential in store.credentials().await? {
        if let Some(sealed) = &credential.hawk_secret
            && let Err(cause) = keyring.open(&credential.client_id, sealed)
        {
            return Err(SealedAway { client_id: credential.client_id, cause }.into());
        }
    }
    Ok(())
}
