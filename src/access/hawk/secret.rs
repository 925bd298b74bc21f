//! The secret that a client and the gateway share.

use std::fmt;

/// A secret: a UUID in its dashed lower-case text, whose ASCII bytes are the key (ingest contract 5.1).
#[derive(Clone, PartialEq, Eq)]
pub struct HawkSecret(String);

impl HawkSecret {
    /// A new one, of 122 random bits.
    pub fn generate() -> Self {
        Self(uuid::Uuid::new_v4().hyphenated().to_string())
    }

    /// One that was issued earlier.
    pub fn issued(text: String) -> Self {
        Self(text)
    }

    /// The secret itself, to be shown to its owner once, sealed for storing, and signed with.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for HawkSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HawkSecret(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_a_dashed_uuid_and_is_not_printed() {
        let secret = HawkSecret::generate();
        assert_eq!(uuid::Uuid::parse_str(secret.reveal()).unwrap().get_version_num(), 4);
        assert_eq!((secret.reveal().len(), secret.reveal().matches('-').count()), (36, 4));
        assert_ne!(secret, HawkSecret::generate());
        assert_eq!(format!("{secret:?}"), "HawkSecret(redacted)");
    }
}
