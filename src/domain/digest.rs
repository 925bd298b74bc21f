//! Digests of content: of a canonical submission (R7) and of raw bytes (R13).

use sha2::{Digest, Sha256};
use std::fmt;

/// First 128 bits of a SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ContentDigest(pub [u8; 16]);

impl ContentDigest {
    /// Digest of bytes as received.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self::from_sha256(Sha256::digest(bytes).as_slice())
    }

    /// Reads back what [`Self::as_bytes`] gave.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The 16 bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    fn from_sha256(hash: &[u8]) -> Self {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&hash[..16]);
        Self(bytes)
    }
}

impl fmt::Debug for ContentDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// Feeds values into a digest so that no two different sequences of values feed the same bytes:
/// every text is preceded by its length, every optional value by its presence.
#[derive(Default)]
pub struct Fingerprint(Sha256);

impl Fingerprint {
    /// Adds a text.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.bytes(text.as_bytes())
    }

    /// Adds bytes.
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
        self
    }

    /// Adds a text that may be absent.
    pub fn optional(&mut self, text: Option<&str>) -> &mut Self {
        match text {
            Some(text) => self.number(1).text(text),
            None => self.number(0),
        }
    }

    /// Adds a number.
    pub fn number(&mut self, number: i64) -> &mut Self {
        self.0.update(number.to_le_bytes());
        self
    }

    /// Adds a time in whole seconds that may be unknown.
    pub fn time(&mut self, time: Option<chrono::DateTime<chrono::Utc>>) -> &mut Self {
        match time {
            Some(time) => self.number(1).number(time.timestamp()),
            None => self.number(0),
        }
    }

    /// The digest of everything added.
    pub fn finish(self) -> ContentDigest {
        ContentDigest::from_sha256(self.0.finalize().as_slice())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(feed: impl FnOnce(&mut Fingerprint)) -> ContentDigest {
        let mut fingerprint = Fingerprint::default();
        feed(&mut fingerprint);
        fingerprint.finish()
    }

    #[test]
    fn where_one_text_ends_and_the_next_begins_matters() {
        assert_ne!(
            digest(|f| {
                f.text("ab").text("c");
            }),
            digest(|f| {
                f.text("a").text("bc");
            })
        );
        assert_ne!(
            digest(|f| {
                f.optional(None);
            }),
            digest(|f| {
                f.optional(Some(""));
            })
        );
    }
}
