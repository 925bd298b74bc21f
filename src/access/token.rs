//! Bearer tokens. Only their SHA-256 is stored; a token is looked up by it, so that no comparison of
//! secrets can be timed.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use std::fmt;

/// What every token starts with, so that secret scanners and people recognise one.
const PREFIX: &str = "hgt_";
/// Longest token that is looked at, in bytes.
const LONGEST: usize = 256;

/// A token as shown once to its owner: `hgt_` and 32 random bytes in URL-safe base64.
#[derive(Clone, PartialEq, Eq)]
pub struct BearerToken(String);

impl BearerToken {
    /// A new token from the operating system's seeded generator.
    pub fn generate() -> Self {
        let mut secret = [0_u8; 32];
        rand::fill(&mut secret[..]);
        Self(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(secret)))
    }

    /// The secret itself, to be shown to its owner and nowhere else.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What is stored of it.
    pub fn hash(&self) -> [u8; 32] {
        token_hash(&self.0)
    }
}

impl fmt::Debug for BearerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BearerToken(redacted)")
    }
}

/// SHA-256 of a token as sent.
pub fn token_hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// An `authorization` header that is no bearer token. Never quotes the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the authorization header must be `Bearer <token>`")]
pub struct MalformedAuthorization;

/// Reads the token out of the value of an `authorization` header. The scheme's case does not matter.
///
/// # Errors
/// If the scheme is another, or what follows is empty, over 256 bytes or not a token.
pub fn bearer_of(header: &[u8]) -> Result<&str, MalformedAuthorization> {
    let header = std::str::from_utf8(header).map_err(|_| MalformedAuthorization)?;
    let (scheme, token) = header.split_once(' ').ok_or(MalformedAuthorization)?;
    let token = token.trim_matches(' ');
    let is_token = |c: char| c.is_ascii_alphanumeric() || "-._~+/=".contains(c);
    if !scheme.eq_ignore_ascii_case("bearer")
        || token.is_empty()
        || token.len() > LONGEST
        || !token.chars().all(is_token)
    {
        return Err(MalformedAuthorization);
    }
    Ok(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_recognisable_and_carries_256_random_bits() {
        let (one, other) = (BearerToken::generate(), BearerToken::generate());
        let secret = one.reveal().strip_prefix("hgt_").unwrap();
        assert_eq!(URL_SAFE_NO_PAD.decode(secret).unwrap().len(), 32);
        assert_ne!(one, other);
    }

    #[test]
    fn what_is_stored_is_the_hash_of_what_is_sent() {
        let token = BearerToken::generate();
        let header = format!("Bearer {}", token.reveal());
        assert_eq!(token_hash(bearer_of(header.as_bytes()).unwrap()), token.hash());
        assert_eq!(
            hex::encode(token_hash("abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn a_token_is_not_printed() {
        let token = BearerToken::generate();
        assert!(!format!("{token:?}").contains(&token.reveal()[4..]));
    }

    #[test]
    fn authorization_headers() {
        for (header, expected) in [
            ("Bearer hgt_x-_9", Some("hgt_x-_9")),
            ("bearer a", Some("a")),
            ("BEARER  a ", Some("a")),
            ("Bearer", None),
            ("Bearer ", None),
            ("Bearer a b", None),
            ("Bearer a\u{e9}", None),
            ("Basic a", None),
            ("Hawk id=\"x\"", None),
            ("", None),
        ] {
            assert_eq!(bearer_of(header.as_bytes()).ok(), expected, "{header:?}");
        }
        assert!(bearer_of(format!("Bearer {}", "a".repeat(257)).as_bytes()).is_err());
        assert!(bearer_of(b"Bearer \xff").is_err());
    }
}
