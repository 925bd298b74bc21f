//! Sessions of the console: a sealed cookie that names a credential, and is worth no more than it.
//!
//! The cookie is sealed with the gateway's keys, so that it holds at every gateway that has them, and
//! carries a mark of the credential's token: who rotates or revokes the credential ends its sessions.

use super::Console;
use crate::access::{Keyring, Principal, SealedSecret, principal_of, token_hash};
use crate::core::Directory;
use crate::limits;
use crate::store::model::StoredCredential;
use axum::extract::FromRequestParts;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use http::HeaderMap;
use http::header::COOKIE;
use http::request::Parts;
use maud::{Markup, html};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::convert::Infallible;

/// Name of the cookie.
pub const COOKIE_NAME: &str = "herdgate_console";
/// What cookies are sealed for; no client id has a space.
const PURPOSE: &str = "console session";
/// Name of the field that every form carries.
pub const CSRF_FIELD: &str = "csrf";

/// Somebody who is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// With the rights that the credential has now.
    pub principal: Principal,
    csrf: String,
}

/// What the cookie says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Ticket {
    client_id: String,
    /// Hash of the hash of the token, so that the cookie does not help to find it.
    mark: String,
    csrf: String,
    /// Seconds since 1970.
    issued_at: i64,
}

/// Who looks at a page: an extractor that never fails.
#[derive(Debug, Clone)]
pub struct Visitor(pub Option<Session>);

impl FromRequestParts<Console> for Visitor {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, console: &Console) -> Result<Self, Infallible> {
        let session = cookie(&parts.headers).and_then(|cookie| {
            Session::read(cookie, &console.keyring, &console.gateway.directory(), Utc::now())
        });
        Ok(Self(session))
    }
}

impl Visitor {
    /// Whether an administrator looks.
    pub fn is_administrator(&self) -> bool {
        self.0.as_ref().is_some_and(|session| session.principal.is_administrator())
    }
}

impl Session {
    /// The hidden field that shows that a form was ours.
    pub fn csrf_field(&self) -> Markup {
        html! { input type="hidden" name=(CSRF_FIELD) value=(self.csrf); }
    }

    /// Whether this is what [`csrf_field`](Self::csrf_field) gave.
    pub fn gave(&self, csrf: &str) -> bool {
        // Digests are compared, so that the time tells nothing.
        Sha256::digest(csrf.as_bytes()) == Sha256::digest(self.csrf.as_bytes())
    }

    /// The value of the cookie for somebody who showed the token of a credential; none if no working
    /// credential has the token, or the cookie cannot be sealed.
    pub fn open(token: &str, keyring: &Keyring, directory: &Directory, now: DateTime<Utc>) -> Option<String> {
        let credential = directory.credentials.of_token(&token_hash(token))?;
        principal_of(credential, now).ok()?;
        let mut csrf = [0_u8; 16];
        rand::fill(&mut csrf[..]);
        let ticket = Ticket {
            client_id: credential.client_id.clone(),
            mark: mark(credential),
            csrf: hex::encode(csrf),
            issued_at: now.timestamp(),
        };
        let sealed = keyring.seal_text(PURPOSE, &serde_json::to_string(&ticket).ok()?).ok()?;
        Some(URL_SAFE_NO_PAD.encode(sealed.as_bytes()))
    }

    fn read(cookie: &str, keyring: &Keyring, directory: &Directory, now: DateTime<Utc>) -> Option<Self> {
        let sealed = SealedSecret::of_bytes(URL_SAFE_NO_PAD.decode(cookie).ok()?);
        let ticket: Ticket = serde_json::from_str(&keyring.open_text(PURPOSE, &sealed).ok()?).ok()?;
        let age = now.timestamp().saturating_sub(ticket.issued_at);
        if age > limits::CONSOLE_SESSION.as_secs().cast_signed() {
            return None;
        }
        let credential = directory.credentials.of_client_id(&ticket.client_id)?;
        let principal = principal_of(credential, now).ok()?;
        (mark(credential) == ticket.mark).then_some(Self { principal, csrf: ticket.csrf })
    }
}

fn mark(credential: &StoredCredential) -> String {
    hex::encode(&Sha256::digest(credential.token_hash)[..16])
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(name, value)| (name == COOKIE_NAME).then_some(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::{BearerToken, IssuedSecrets, WantedCredential};
    use chrono::TimeDelta;

    struct World {
        keyring: Keyring,
        directory: Directory,
        token: BearerToken,
        now: DateTime<Utc>,
    }

    fn credential(keyring: &Keyring, secrets: &IssuedSecrets, now: DateTime<Utc>) -> StoredCredential {
        let wanted = WantedCredential {
            client_id: "ci".into(),
            expires_at: Some(now + TimeDelta::hours(2)),
            ..WantedCredential::default()
        };
        wanted.issued(secrets, keyring, now).unwrap()
    }

    fn world() -> World {
        let keyring = Keyring::parse(&Keyring::generate()).unwrap();
        let (secrets, now) = (IssuedSecrets::generate(), Utc::now());
        let credentials = [credential(&keyring, &secrets, now)].into_iter().collect();
        let directory = Directory { credentials, ..Directory::default() };
        World { keyring, directory, token: secrets.token, now }
    }

    impl World {
        fn cookie(&self) -> String {
            Session::open(self.token.reveal(), &self.keyring, &self.directory, self.now).unwrap()
        }

        fn read(&self, cookie: &str, later: TimeDelta) -> Option<Session> {
            Session::read(cookie, &self.keyring, &self.directory, self.now + later)
        }
    }

    #[test]
    fn a_session_speaks_for_its_credential() {
        let world = world();
        let session = world.read(&world.cookie(), TimeDelta::minutes(1)).unwrap();
        assert_eq!(&*session.principal.source, "ci");
        assert!(session.gave(&session.csrf) && !session.gave("") && !session.gave("x"));
    }

    #[test]
    fn a_session_ends_with_its_credential() {
        let mut world = world();
        let cookie = world.cookie();
        assert_eq!(world.read(&cookie, TimeDelta::hours(3)), None, "expired");
        let rotated = credential(&world.keyring, &IssuedSecrets::generate(), world.now);
        world.directory.credentials = [rotated].into_iter().collect();
        assert_eq!(world.read(&cookie, TimeDelta::minutes(1)), None, "rotated");
        world.directory.credentials = [].into_iter().collect();
        assert_eq!(world.read(&cookie, TimeDelta::minutes(1)), None, "revoked");
    }

    #[test]
    fn a_session_lasts_half_a_day_at_most() {
        let mut world = world();
        let mut lasting = credential(&world.keyring, &IssuedSecrets::generate(), world.now);
        (lasting.expires_at, lasting.token_hash) = (None, world.token.hash());
        world.directory.credentials = [lasting].into_iter().collect();
        let cookie = world.cookie();
        assert!(world.read(&cookie, TimeDelta::hours(12)).is_some());
        assert_eq!(world.read(&cookie, TimeDelta::hours(13)), None);
    }

    #[test]
    fn a_cookie_that_was_touched_or_sealed_elsewhere_is_none() {
        let world = world();
        let cookie = world.cookie();
        let flipped = |c: char| if c == 'A' { 'B' } else { 'A' };
        let mut touched: Vec<char> = cookie.chars().collect();
        let middle = touched.len() / 2;
        touched[middle] = flipped(touched[middle]);
        for wrong in ["", "x", &touched.iter().collect::<String>(), &self::world().cookie()] {
            assert_eq!(world.read(wrong, TimeDelta::zero()), None, "{wrong}");
        }
    }

    #[test]
    fn a_sealed_hawk_secret_is_no_cookie() {
        let world = world();
        let text = serde_json::to_string(&Ticket {
            client_id: "ci".into(),
            mark: mark(world.directory.credentials.of_client_id("ci").unwrap()),
            csrf: "a".into(),
            issued_at: world.now.timestamp(),
        });
        let sealed = world.keyring.seal_text("ci", &text.unwrap()).unwrap();
        assert_eq!(world.read(&URL_SAFE_NO_PAD.encode(sealed.as_bytes()), TimeDelta::zero()), None);
    }

    #[test]
    fn the_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, "a=1; herdgate_console=abc; b=2".parse().unwrap());
        assert_eq!(cookie(&headers), Some("abc"));
        assert_eq!(cookie(&HeaderMap::new()), None);
    }
}
