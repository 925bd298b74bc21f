//! What a credential may be, and how one is issued: the one check for command line and API.

use super::{BearerToken, HawkSecret, Keyring, ProjectGlob, Unsealable};
use crate::limits;
use crate::store::model::StoredCredential;
use chrono::{DateTime, Utc};

/// Client ids that the gateway itself goes by: a source of submissions is not to be mistaken for them.
pub const RESERVED: [&str; 2] = ["command-line", "demo"];

/// A credential that somebody asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WantedCredential {
    /// 1 to 32 of `A-Z a-z 0-9 _ -`, not one of [`RESERVED`].
    pub client_id: String,
    /// Globs of the projects it may write; without any: none (R25).
    pub projects: Vec<String>,
    /// May administer, and write every project.
    pub admin: bool,
    /// When it stops working; none: never.
    pub expires_at: Option<DateTime<Utc>>,
    /// For people.
    pub description: String,
    /// SHA-256 of the client certificate that stands for it.
    pub certificate: Option<[u8; 32]>,
}

/// A field of a wanted credential that breaks its rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct InvalidCredential {
    /// Its name, as in `CreateCredentialRequest`.
    pub field: &'static str,
    /// The rule.
    pub problem: String,
}

/// The secrets of a credential, to be shown once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuedSecrets {
    /// For `Authorization: Bearer`.
    pub token: BearerToken,
    /// For `Authorization: Hawk`.
    pub hawk: HawkSecret,
}

impl IssuedSecrets {
    /// New ones.
    pub fn generate() -> Self {
        Self { token: BearerToken::generate(), hawk: HawkSecret::generate() }
    }
}

impl WantedCredential {
    /// Checks every field.
    ///
    /// # Errors
    /// Names the first field that breaks its rule.
    pub fn check(&self, now: DateTime<Utc>) -> Result<(), InvalidCredential> {
        let invalid = |field, problem: String| Err(InvalidCredential { field, problem });
        if let Err(problem) = check_client_id(&self.client_id) {
            return invalid("client_id", problem);
        }
        if self.projects.len() > limits::BATCH_ITEMS {
            return invalid(
                "projects",
                format!("at most {}, got {}", limits::BATCH_ITEMS, self.projects.len()),
            );
        }
        for glob in &self.projects {
            if let Err(error) = ProjectGlob::try_new(glob) {
                return invalid("projects", error.to_string());
            }
        }
        if self.expires_at.is_some_and(|time| time <= now) {
            return invalid("expires_at", "must be a time to come, before year 10000".into());
        }
        let length = self.description.chars().count();
        if length > limits::CREDENTIAL_DESCRIPTION || self.description.contains('\0') {
            let limit = limits::CREDENTIAL_DESCRIPTION;
            let problem = format!("must have at most {limit} characters and no NUL, has {length}");
            return invalid("description", problem);
        }
        Ok(())
    }

    /// The credential to store. Checked before: see [`check`](Self::check).
    ///
    /// # Errors
    /// If the secret cannot be sealed.
    pub fn issued(
        self,
        secrets: &IssuedSecrets,
        keyring: &Keyring,
        now: DateTime<Utc>,
    ) -> Result<StoredCredential, Unsealable> {
        Ok(StoredCredential {
            token_hash: secrets.token.hash(),
            hawk_secret: Some(keyring.seal(&self.client_id, &secrets.hawk)?),
            client_id: self.client_id,
            projects: self.projects,
            admin: self.admin,
            description: self.description,
            certificate: self.certificate,
            created_at: now,
            expires_at: self.expires_at,
            revoked_at: None,
            last_used_at: None,
        })
    }
}

/// Whether a text may be the client id of a new credential.
///
/// # Errors
/// The rule that it breaks.
pub fn check_client_id(text: &str) -> Result<(), String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !(1..=limits::CLIENT_ID).contains(&text.len()) || !text.chars().all(allowed) {
        return Err(format!("must be 1 to {} of A-Z a-z 0-9 _ -", limits::CLIENT_ID));
    }
    if RESERVED.contains(&text) {
        return Err(format!("{text:?} is reserved for the gateway itself; choose another"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        "2026-01-10T00:00:00Z".parse().unwrap()
    }

    fn wanted() -> WantedCredential {
        WantedCredential { client_id: "ci".into(), projects: vec!["try".into()], ..Default::default() }
    }

    #[test]
    fn client_ids() {
        for (text, valid) in [
            ("ci", true),
            ("a_B-9", true),
            (&*"a".repeat(32), true),
            (&*"a".repeat(33), false),
            ("", false),
            ("a b", false),
            ("é", false),
            ("command-line", false),
            ("demo", false),
            ("demo-2", true),
        ] {
            assert_eq!(check_client_id(text).is_ok(), valid, "{text:?}");
        }
    }

    #[test]
    fn a_credential_names_the_field_that_is_wrong() {
        assert_eq!(wanted().check(now()), Ok(()));
        for (field, wanted) in [
            ("client_id", WantedCredential { client_id: String::new(), ..wanted() }),
            ("client_id", WantedCredential { client_id: "demo".into(), ..wanted() }),
            ("projects", WantedCredential { projects: vec!["a/b".into()], ..wanted() }),
            ("projects", WantedCredential { projects: vec!["a".into(); 1001], ..wanted() }),
            ("expires_at", WantedCredential { expires_at: Some(now()), ..wanted() }),
            ("description", WantedCredential { description: "x".repeat(501), ..wanted() }),
            ("description", WantedCredential { description: "\0".into(), ..wanted() }),
        ] {
            assert_eq!(wanted.check(now()).unwrap_err().field, field, "{wanted:?}");
        }
    }

    #[test]
    fn what_is_stored_is_a_hash_and_a_sealed_secret() {
        let keyring = Keyring::parse(&Keyring::generate()).unwrap();
        let secrets = IssuedSecrets::generate();
        let stored = wanted().issued(&secrets, &keyring, now()).unwrap();
        assert_eq!(stored.token_hash, secrets.token.hash());
        let sealed = stored.hawk_secret.as_ref().unwrap();
        assert_eq!(keyring.open("ci", sealed), Ok(secrets.hawk.clone()));
        let printed = format!("{stored:?} {secrets:?}");
        assert!(!printed.contains(secrets.hawk.reveal()) && !printed.contains(secrets.token.reveal()));
    }
}
