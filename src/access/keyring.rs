//! Keys that stored Hawk secrets are sealed with (design rule R26).

use super::hawk::HawkSecret;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use std::fmt;

/// Bytes of a key.
const KEY: usize = 32;
/// Bytes of a nonce; long enough to be random.
const NONCE: usize = 24;
/// Longest id of a key.
const LONGEST_ID: usize = 32;
/// First byte of a sealed secret: this form of it.
const FORM: u8 = 1;

/// Keys by id, the newest first: that one seals, all open.
#[derive(Clone, PartialEq, Eq)]
pub struct Keyring(Vec<SealingKey>);

#[derive(Clone, PartialEq, Eq)]
struct SealingKey {
    id: String,
    key: [u8; KEY],
}

/// A secret as it is stored: form, length and id of the key, nonce, ciphertext.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedSecret(Vec<u8>);

/// A text that names no keys. Never quotes it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKeys {
    /// There is none.
    #[error("names no key; write ID:KEY, for instance with the KEY of `openssl rand -hex 32`")]
    Empty,
    /// One is no `id:key`.
    #[error(
        "entry {0} must be ID:KEY, the ID 1 to {LONGEST_ID} of A-Z a-z 0-9 _ -, the KEY {KEY} bytes in \
         hexadecimal or base64, for instance of `openssl rand -hex 32`"
    )]
    Entry(usize),
    /// Two have one id.
    #[error("two keys have the id {0:?}; a new key needs a new id")]
    SameId(String),
}

/// A stored secret that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unsealable {
    /// It is sealed with a key that is not there.
    #[error("it is sealed with the key {0:?}, which is not among the configured ones")]
    UnknownKey(String),
    /// The key of that id is another, or the stored bytes were changed.
    #[error("the key {0:?} does not open it: it is another key of that id, or the stored bytes were changed")]
    DoesNotOpen(String),
    /// The stored bytes are no sealed secret.
    #[error("the stored bytes are no sealed secret")]
    NotSealed,
}

impl Keyring {
    /// Reads `id:key` entries, newest first, separated by commas or white space.
    ///
    /// # Errors
    /// If there is none, one is malformed, or an id comes twice.
    pub fn parse(text: &str) -> Result<Self, InvalidKeys> {
        let entries = text.split(|c: char| c == ',' || c.is_whitespace()).filter(|entry| !entry.is_empty());
        let mut keys: Vec<SealingKey> = Vec::new();
        for (index, entry) in entries.enumerate() {
            let key = SealingKey::parse(entry).ok_or(InvalidKeys::Entry(index + 1))?;
            if keys.iter().any(|other| other.id == key.id) {
                return Err(InvalidKeys::SameId(key.id));
            }
            keys.push(key);
        }
        if keys.is_empty() { Err(InvalidKeys::Empty) } else { Ok(Self(keys)) }
    }

    /// A new key under a new id, as the text that [`parse`](Self::parse) reads.
    pub fn generate() -> String {
        let (mut id, mut key) = ([0_u8; 4], [0_u8; KEY]);
        rand::fill(&mut id[..]);
        rand::fill(&mut key[..]);
        format!("{}:{}", hex::encode(id), hex::encode(key))
    }

    /// Adds the keys of another one behind these, to open with. An id that is there already stays.
    #[must_use]
    pub fn followed_by(mut self, older: Self) -> Self {
        for key in older.0 {
            if self.0.iter().all(|known| known.id != key.id) {
                self.0.push(key);
            }
        }
        self
    }

    /// Seals a secret for the credential of a client id; for another one it does not open.
    ///
    /// # Errors
    /// [`Unsealable::NotSealed`] if the cipher refuses, which it does only for texts of gigabytes.
    pub fn seal(&self, client_id: &str, secret: &HawkSecret) -> Result<SealedSecret, Unsealable> {
        self.seal_text(client_id, secret.reveal())
    }

    /// Opens what was sealed for this client id.
    ///
    /// # Errors
    /// If its key is not among these, or does not open it.
    pub fn open(&self, client_id: &str, sealed: &SealedSecret) -> Result<HawkSecret, Unsealable> {
        self.open_text(client_id, sealed).map(HawkSecret::issued)
    }

    /// Seals a text for a purpose; for another one it does not open. A client id is the purpose of the
    /// secret of its credential, so every other purpose has a character that no client id has.
    ///
    /// # Errors
    /// As [`seal`](Self::seal).
    pub fn seal_text(&self, purpose: &str, text: &str) -> Result<SealedSecret, Unsealable> {
        let key = self.0.first().ok_or(Unsealable::NotSealed)?;
        let mut nonce = [0_u8; NONCE];
        rand::fill(&mut nonce[..]);
        let payload = Payload { msg: text.as_bytes(), aad: purpose.as_bytes() };
        let sealed =
            key.cipher().encrypt(&XNonce::from(nonce), payload).map_err(|_| Unsealable::NotSealed)?;
        let id_length = u8::try_from(key.id.len()).map_err(|_| Unsealable::NotSealed)?;
        Ok(SealedSecret([&[FORM, id_length], key.id.as_bytes(), &nonce, &sealed].concat()))
    }

    /// Opens what was sealed for this purpose.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_text(&self, purpose: &str, sealed: &SealedSecret) -> Result<String, Unsealable> {
        let (id, rest) = sealed.parts().ok_or(Unsealable::NotSealed)?;
        let (nonce, ciphertext) = rest.split_first_chunk::<NONCE>().ok_or(Unsealable::NotSealed)?;
        let key = self.0.iter().find(|key| key.id == id).ok_or_else(|| Unsealable::UnknownKey(id.into()))?;
        let payload = Payload { msg: ciphertext, aad: purpose.as_bytes() };
        let opened = key.cipher().decrypt(&XNonce::from(*nonce), payload);
        let text = opened.ok().and_then(|bytes| String::from_utf8(bytes).ok());
        text.ok_or_else(|| Unsealable::DoesNotOpen(id.into()))
    }

    /// Whether the newest key sealed it.
    pub fn is_current(&self, sealed: &SealedSecret) -> bool {
        let newest = self.0.first().map(|key| key.id.as_str());
        newest.is_some() && sealed.parts().map(|(id, _)| id) == newest
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|key| &key.id)).finish()
    }
}

impl SealingKey {
    fn parse(entry: &str) -> Option<Self> {
        let (id, key) = entry.split_once(':')?;
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if id.is_empty() || id.len() > LONGEST_ID || !id.chars().all(allowed) {
            return None;
        }
        let of_base64 = || {
            let engines = [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD];
            engines.iter().find_map(|engine| engine.decode(key).ok())
        };
        let bytes = hex::decode(key).ok().or_else(of_base64)?;
        Some(Self { id: id.into(), key: bytes.try_into().ok()? })
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&self.key.into())
    }
}

impl SealedSecret {
    /// What a column holds.
    pub fn of_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// For a column.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Id of the key, and the rest.
    fn parts(&self) -> Option<(&str, &[u8])> {
        let [FORM, length, rest @ ..] = self.0.as_slice() else { return None };
        let (id, rest) = rest.split_at_checked((*length).into())?;
        Some((std::str::from_utf8(id).ok()?, rest))
    }
}

impl fmt::Debug for SealedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealedSecret(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    const BASE64: &str = "ABEiM0RVZneImaq7zN3u/wARIjNEVWZ3iJmqu8zd7v8=";

    fn keyring(text: &str) -> Keyring {
        Keyring::parse(text).unwrap()
    }

    #[test]
    fn what_is_sealed_opens_for_its_credential_alone() {
        let keys = keyring(&format!("a:{HEX}"));
        let secret = HawkSecret::generate();
        let sealed = keys.seal("ci", &secret).unwrap();
        assert_eq!(keys.open("ci", &sealed), Ok(secret.clone()));
        assert_eq!(keys.open("other", &sealed), Err(Unsealable::DoesNotOpen("a".into())));
        assert_ne!(keys.seal("ci", &secret).unwrap(), sealed, "every nonce is new");
        assert!(!sealed.as_bytes().windows(8).any(|part| part == &secret.reveal().as_bytes()[..8]));
    }

    #[test]
    fn hexadecimal_and_base64_mean_the_same_key() {
        let sealed = keyring(&format!("a:{HEX}")).seal("ci", &HawkSecret::generate()).unwrap();
        for key in [BASE64, BASE64.trim_end_matches('='), &BASE64.replace('/', "_")] {
            assert!(keyring(&format!("a:{key}")).open("ci", &sealed).is_ok(), "{key}");
        }
    }

    #[test]
    fn the_newest_key_seals_and_older_ones_still_open() {
        let (old, new) = (Keyring::generate(), Keyring::generate());
        let secret = HawkSecret::generate();
        let sealed = keyring(&old).seal("ci", &secret).unwrap();
        let both = keyring(&format!("{new}, {old}"));
        assert_eq!(both.open("ci", &sealed), Ok(secret.clone()));
        assert!(!both.is_current(&sealed));
        let again = both.seal("ci", &secret).unwrap();
        assert!(both.is_current(&again));
        assert_eq!(keyring(&new).open("ci", &again), Ok(secret));
        let old_id = old.split(':').next().unwrap();
        assert_eq!(keyring(&new).open("ci", &sealed), Err(Unsealable::UnknownKey(old_id.into())));
        assert!(keyring(&new).followed_by(keyring(&old)).open("ci", &sealed).is_ok());
    }

    #[test]
    fn changed_bytes_do_not_open() {
        let keys = keyring(&format!("a:{HEX}"));
        let sealed = keys.seal("ci", &HawkSecret::generate()).unwrap();
        for index in 0..sealed.as_bytes().len() {
            let mut bytes = sealed.as_bytes().to_vec();
            bytes[index] ^= 1;
            assert!(keys.open("ci", &SealedSecret::of_bytes(bytes)).is_err(), "byte {index}");
        }
        for length in 0..sealed.as_bytes().len() {
            let bytes = sealed.as_bytes()[..length].to_vec();
            assert!(keys.open("ci", &SealedSecret::of_bytes(bytes)).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn keys_that_are_none_are_named_by_their_place_and_not_quoted() {
        for (text, expected) in [
            (String::new(), InvalidKeys::Empty),
            (" , ".into(), InvalidKeys::Empty),
            (HEX.into(), InvalidKeys::Entry(1)),
            (format!(":{HEX}"), InvalidKeys::Entry(1)),
            (format!("a b:{HEX}"), InvalidKeys::Entry(1)),
            (format!("a:{HEX},b:{}", &HEX[2..]), InvalidKeys::Entry(2)),
            (format!("a:{HEX} b:hunter2"), InvalidKeys::Entry(2)),
            (format!("a:{HEX},a:{BASE64}"), InvalidKeys::SameId("a".into())),
        ] {
            assert_eq!(Keyring::parse(&text).unwrap_err(), expected, "{text}");
            assert!(!expected.to_string().contains("hunter2"));
        }
    }

    #[test]
    fn keys_are_not_printed() {
        assert_eq!(format!("{:?}", keyring(&format!("a:{HEX}"))), "[\"a\"]");
    }
}
