//! The text of a log from our own origin, whoever keeps it: the log viewer of the dashboard can read no
//! other (dashboard contract 2.14). Fetched anew each time, within the bounds of design rule R30.

use super::parameters::id_in_path;
use super::{HttpDoor, nothing_found};
use crate::doors::http::problem::{Code, Problem};
use crate::doors::http::slash_optional;
use crate::doors::refusal::Refusal;
use crate::fetch::{FetchLimits, RequestHeaders, Url};
use crate::limits;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use http::HeaderName;
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Whatever a log holds, no browser runs it.
const HEADERS: [(HeaderName, &str); 3] = [
    (CONTENT_TYPE, "text/plain; charset=utf-8"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"),
];

pub(super) fn routes() -> OpenApiRouter<HttpDoor> {
    slash_optional(routes!(get_log_text))
}

/// Where the text of a log is.
pub(super) fn path(project: &str, log_id: i64) -> String {
    format!("/api/project/{project}/job-log-url/{log_id}/text/")
}

/// The text of a log, decompressed
#[utoipa::path(get, path = "/api/project/{project}/job-log-url/{id}/text/", tag = "jobs",
    params(("project" = String, Path), ("id" = i64, Path)),
    responses(
        (status = 200, body = String, content_type = "text/plain",
            description = "Cut off if whoever keeps the log stops sending it"),
        (status = 400, description = "The id is not an integer", body = crate::doors::http::problem::Body),
        (status = 404, description = "The repository has no log with this id",
            body = crate::doors::http::problem::Body),
        (status = 502, description = "It could not be fetched; `detail` says why",
            body = crate::doors::http::problem::Body)
    )
)]
async fn get_log_text(
    State(door): State<HttpDoor>,
    Path((project, id)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let id = id_in_path(&id)?;
    let repository = door.repository(&project).ok_or_else(nothing_found)?;
    let log = door.gateway.store().listed_log(repository.id, id).await?.ok_or_else(nothing_found)?;
    let unobtainable =
        |why: &str| Problem::new(Code::Unobtainable, format!("the log could not be fetched: {why}"));
    let Some(fetcher) = &door.fetcher else { return Err(unobtainable("nothing is fetched here")) };
    let place =
        door.log_readers.clone().try_acquire_owned().map_err(|_| Problem::from(Refusal::overloaded()))?;
    let url = Url::parse(&log.url).map_err(|error| unobtainable(&error.to_string()))?;
    let bounds = FetchLimits {
        wait: limits::FETCH_WAIT,
        total: limits::LOG_TEXT_TIME,
        declared_bytes: limits::LOG_TEXT_BYTES,
        decoded_bytes: limits::LOG_TEXT_BYTES,
    };
    let fetched = fetcher
        .get(&url, &RequestHeaders::default(), bounds)
        .await
        .map_err(|error| unobtainable(&error.to_string()))?;
    // The place is given back with the last byte, or when the reader goes.
    let text = fetched.body.inspect(move |_| _ = &place);
    Ok((HEADERS, Body::from_stream(text)).into_response())
}
