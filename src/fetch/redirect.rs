//! Where an answer redirects to.

use super::{FetchError, Url};
use http::header;
use reqwest::{Response, StatusCode};

/// The next URL to ask; none: this answer is the last.
pub(super) fn target(asked: &Url, response: &Response) -> Result<Option<Url>, FetchError> {
    let redirects = matches!(
        response.status(),
        StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::SEE_OTHER
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT
    );
    if !redirects {
        return Ok(None);
    }
    let damaged = |what: &str| FetchError::Damaged(format!("a redirect {what}"));
    let location = response.headers().get(header::LOCATION).ok_or_else(|| damaged("without a target"))?;
    let location = location.to_str().map_err(|_| damaged("to what is no URL"))?;
    asked.join(location).map(Some).map_err(|_| damaged("to what is no URL"))
}
