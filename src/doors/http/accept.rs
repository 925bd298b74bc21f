//! What a client of the legacy paths accepts: JSON in version 1.0, the only form there is (ingest
//! contract 4.1).

use super::problem::{Code, Problem};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use http::header::ACCEPT;

/// The version of every answer.
const VERSION: &str = "1.0";

/// Refuses with 406 who does not accept what there is.
pub async fn check_accept(request: Request, next: Next) -> Response {
    match check(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

fn check(headers: &HeaderMap) -> Result<(), Problem> {
    let values: Vec<_> =
        headers.get_all(ACCEPT).iter().map(|value| value.to_str().unwrap_or_default()).collect();
    let ranges =
        values.iter().flat_map(|value| value.split(',')).map(str::trim).filter(|range| !range.is_empty());
    let versions: Vec<Option<&str>> = ranges.clone().filter_map(version_of).collect();
    if versions.is_empty() && ranges.clone().next().is_some() {
        return Err(Code::NotAcceptable.into());
    }
    // Nothing said is anything accepted.
    if versions.is_empty() || versions.into_iter().any(|version| version.is_none_or(|v| v == VERSION)) {
        Ok(())
    } else {
        Err(Problem::new(Code::NotAcceptable, "Invalid version in \"Accept\" header."))
    }
}

/// The version that a media range asks for, if JSON is in the range. People who look with a browser get
/// JSON, too.
fn version_of(range: &str) -> Option<Option<&str>> {
    let mut parts = range.split(';').map(str::trim);
    let media = parts.next().unwrap_or_default().to_ascii_lowercase();
    if !["*/*", "application/*", "application/json", "text/html"].contains(&media.as_str()) {
        return None;
    }
    let parameters = parts.filter_map(|parameter| parameter.split_once('='));
    let mut versions = parameters.filter(|(name, _)| name.trim().eq_ignore_ascii_case("version"));
    Some(versions.next().map(|(_, version)| version.trim().trim_matches('"')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(accept: &str) -> Option<String> {
        let headers = HeaderMap::from_iter([(ACCEPT, accept.parse().unwrap())]);
        check(&headers).err().map(|problem| problem.to_string())
    }

    #[test]
    fn json_in_version_1_0_is_what_there_is() {
        assert_eq!(check(&HeaderMap::new()), Ok(()));
        for accept in [
            "",
            "*/*",
            "application/json",
            "application/json; version=1.0",
            "application/json;version=\"1.0\"",
            "Application/*;q=0.5",
            "text/html,application/xhtml+xml,*/*;q=0.8",
            "text/csv, application/json",
            "application/json; version=2.0, */*",
        ] {
            assert_eq!(refused(accept), None, "{accept}");
        }
    }

    #[test]
    fn another_version_or_another_form_is_not_acceptable() {
        for (accept, detail) in [
            ("application/json; version=2.0", "Invalid version in \"Accept\" header."),
            ("text/csv", "Could not satisfy the request Accept header."),
            ("image/*", "Could not satisfy the request Accept header."),
        ] {
            assert_eq!(refused(accept).as_deref(), Some(detail), "{accept}");
        }
    }
}
