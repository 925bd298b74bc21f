//! Where a broker is.

use super::secret::{Secret, redact_url};
use fluent_uri::Uri;
use std::fmt;

/// URL of an AMQP broker, taken apart. Shown without its password.
#[derive(Clone, PartialEq, Eq)]
pub struct BrokerUrl {
    /// As it was written.
    url: String,
    /// Speak TLS.
    pub tls: bool,
    /// Who connects; owns the queues.
    pub user: String,
    /// Their password.
    pub password: Secret,
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Virtual host.
    pub vhost: String,
}

const PORT: u16 = 5672;
const TLS_PORT: u16 = 5671;
/// Longest user, bytes: the name of a queue holds it, and has at most 255.
const USER: usize = 100;

impl BrokerUrl {
    /// Reads `amqp[s]://USER:PASSWORD@HOST[:PORT][/VHOST]`. No virtual host, or an empty one, is `/`;
    /// `?ssl=1` asks for TLS too, as in the URLs of Pulse (contract-ingest 8.1).
    ///
    /// # Errors
    /// A sentence that says what a URL must look like; it quotes no part of this one.
    pub fn parse(url: &str) -> Result<Self, String> {
        let form = || {
            "must look like amqps://USER:PASSWORD@HOST/VHOST, with special characters of the password \
             percent-encoded"
                .to_owned()
        };
        let uri = Uri::parse(url).map_err(|_| form())?;
        let authority = uri.authority().ok_or_else(form)?;
        let decoded = |text: &str| {
            let text = percent_encoding::percent_decode_str(text).decode_utf8();
            text.map(std::borrow::Cow::into_owned).map_err(|_| form())
        };
        let query = uri.query().map(fluent_uri::pct_enc::EStr::as_str).unwrap_or_default();
        let asks_for_tls = query.split('&').any(|parameter| matches!(parameter, "ssl=1" | "ssl=true"));
        let tls = match uri.scheme().as_str() {
            "amqps" => true,
            "amqp" => asks_for_tls,
            _ => return Err(form()),
        };
        let user_info = authority.userinfo().map(fluent_uri::pct_enc::EStr::as_str).unwrap_or_default();
        let (user, password) = user_info.split_once(':').unwrap_or((user_info, ""));
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        let port = match authority.port().map(fluent_uri::pct_enc::EStr::as_str).unwrap_or_default() {
            "" if tls => TLS_PORT,
            "" => PORT,
            port => port.parse().map_err(|_| form())?,
        };
        if user.is_empty() || host.is_empty() {
            return Err(form());
        }
        let user = decoded(user)?;
        if user.len() > USER || user.contains('/') {
            return Err(format!(
                "the user must be at most {USER} bytes and no `/`: queues are named after it"
            ));
        }
        let path = uri.path().as_str();
        let vhost = decoded(path.strip_prefix('/').unwrap_or(path))?;
        Ok(Self {
            url: url.into(),
            tls,
            user,
            password: Secret::new(decoded(password)?),
            host: host.into(),
            port,
            vhost: if vhost.is_empty() { "/".into() } else { vhost },
        })
    }
}

impl fmt::Display for BrokerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&redact_url(&self.url))
    }
}

impl fmt::Debug for BrokerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart() {
        for (url, tls, user, host, port, vhost) in [
            ("amqp://u:p@h", false, "u", "h", 5672, "/"),
            ("amqp://u:p@h/", false, "u", "h", 5672, "/"),
            ("amqp://u:p@h:1234/%2F", false, "u", "h", 1234, "/"),
            ("amqps://u:p@h/ci", true, "u", "h", 5671, "ci"),
            ("amqp://foo:bar@pulse.example.org:5671/?ssl=1", true, "foo", "pulse.example.org", 5671, "/"),
            ("amqp://u%40x:p@[::1]:5/a%2Fb", false, "u@x", "::1", 5, "a/b"),
        ] {
            let parsed = BrokerUrl::parse(url).unwrap();
            assert_eq!((parsed.tls, &*parsed.user, &*parsed.host), (tls, user, host), "{url}");
            assert_eq!((parsed.port, &*parsed.vhost), (port, vhost), "{url}");
        }
        let secret = BrokerUrl::parse("amqp://u:p%20w@h").unwrap();
        assert_eq!(secret.password.expose(), "p w");
    }

    #[test]
    fn a_wrong_url_is_refused_without_being_quoted() {
        for url in ["", "h", "http://u:p@h", "amqp://h", "amqp://u:hunter2@", "amqp://u:hunter2@h:x"] {
            let problem = BrokerUrl::parse(url).unwrap_err();
            assert!(problem.contains("amqps://") && !problem.contains("hunter2"), "{url}: {problem}");
        }
    }

    #[test]
    fn a_broker_is_never_shown_with_its_password() {
        let broker = BrokerUrl::parse("amqps://herd:hunter2@h/ci").unwrap();
        assert_eq!(format!("{broker} {broker:?}"), "amqps://herd:***@h/ci amqps://herd:***@h/ci");
    }
}
