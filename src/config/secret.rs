//! Values that are used but never shown.

use std::fmt;

/// A text that neither logs nor error messages show.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides the text.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A URL with its password, and every parameter that may carry one, replaced by `***`.
pub fn redact_url(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    // An `@` behind a `?` may belong to a parameter, or to a password that was not percent-encoded:
    // what cannot be told apart is not shown.
    if rest.split_once('?').is_some_and(|(_, query)| query.contains('@')) {
        return format!("{scheme}://***");
    }
    // The last `@` of all: a password that was not percent-encoded may hold any character itself.
    let (user_info, place) = match rest.rsplit_once('@') {
        Some((user_info, place)) => match user_info.split_once(':') {
            Some((user, _)) => (format!("{user}:***@"), place),
            None => (format!("{user_info}@"), place),
        },
        None => (String::new(), rest),
    };
    let (place, query) = match place.split_once('?') {
        Some((place, query)) => {
            let shown: Vec<_> = query.split('&').map(redact_parameter).collect();
            (place, format!("?{}", shown.join("&")))
        }
        None => (place, String::new()),
    };
    format!("{scheme}://{user_info}{place}{query}")
}

fn redact_parameter(parameter: &str) -> String {
    match parameter.split_once('=') {
        Some((name, _)) if name.to_ascii_lowercase().contains("pass") => format!("{name}=***"),
        _ => parameter.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_in_urls_are_replaced() {
        for (url, shown) in [
            ("postgres://u:p@h:5432/d", "postgres://u:***@h:5432/d"),
            ("postgres://u:p@ss@h/d", "postgres://u:***@h/d"),
            ("postgres://u:p/w?@h/d", "postgres://***"),
            ("postgres:///d?host=/run&password=s3cr@t", "postgres://***"),
            ("postgres://u@h/d", "postgres://u@h/d"),
            ("postgres:///d?host=/run&password=x", "postgres:///d?host=/run&password=***"),
            ("amqps://u:p@h/%2F", "amqps://u:***@h/%2F"),
            ("sqlite://a.db?mode=rwc", "sqlite://a.db?mode=rwc"),
            ("sqlite::memory:", "sqlite::memory:"),
        ] {
            assert_eq!(redact_url(url), shown);
        }
    }

    #[test]
    fn a_secret_is_not_shown_by_debug() {
        assert_eq!(format!("{:?}", Secret::new("hunter2".into())), "***");
    }
}
