//! When a server that refuses wants to be asked again.

use crate::limits;
use chrono::{DateTime, Utc};
use http::HeaderMap;
use http::header::RETRY_AFTER;
use std::time::Duration;

/// `Retry-After` in seconds or as a date, or the end of a rate limit that is spent, as GitHub tells it.
pub(super) fn asked(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let until = |end: DateTime<Utc>| (end - now).to_std().unwrap_or_default();
    let retry_after = text(RETRY_AFTER.as_str()).and_then(|text| match text.parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => DateTime::parse_from_rfc2822(text).ok().map(|end| until(end.to_utc())),
    });
    let spent_until = || {
        let spent = text("x-ratelimit-remaining")? == "0";
        let end = DateTime::from_timestamp(text("x-ratelimit-reset")?.parse().ok()?, 0)?;
        spent.then(|| until(end))
    };
    retry_after.or_else(spent_until).map(|asked| asked.min(limits::FETCH_LONGEST_PATIENCE))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};

    #[test]
    fn a_server_says_when_to_come_back_in_several_ways() {
        let now = DateTime::from_timestamp(1_000_000_000, 0).unwrap();
        for (headers, seconds) in [
            (vec![], None),
            (vec![("retry-after", "7")], Some(7)),
            (vec![("retry-after", "Sun, 09 Sep 2001 01:47:10 GMT")], Some(30)),
            (vec![("retry-after", "Sun, 09 Sep 2001 01:00:00 GMT")], Some(0)),
            (vec![("retry-after", "soon")], None),
            (vec![("retry-after", "999999999")], Some(7200)),
            (vec![("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1000000060")], Some(60)),
            (vec![("x-ratelimit-remaining", "5"), ("x-ratelimit-reset", "1000000060")], None),
        ] {
            let map = headers
                .iter()
                .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
                .collect();
            assert_eq!(asked(&map, now).map(|asked| asked.as_secs()), seconds, "{headers:?}");
        }
    }
}
