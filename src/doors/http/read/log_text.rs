//! The text of a log from our own origin, whoever keeps it: the log viewer of the dashboard can read no
//! other (dashboard contract 2.14). Fetched anew each time, within the bounds of design rule R30.

use super::parameters::id_in_path;
use super::{HttpDoor, nothing_found};
use crate::doors::http::problem::{Code, Problem};
use crate::doors::http::slash_optional;
use crate::doors::refusal::Refusal;
use crate::fetch::{FetchError, FetchLimits, RequestHeaders, Url};
use crate::limits;
use crate::logs::LineEnds;
use axum::BoxError;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use futures::{Stream, StreamExt, stream};
use http::HeaderName;
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::timeout;
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

/// The text of a log, decompressed, each end of a line as LF
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
    Ok((HEADERS, Body::from_stream(read_ahead(fetched.body, place))).into_response())
}

/// Bytes that were fetched and not yet taken by the reader, in blocks.
const READ_AHEAD: usize = 4;

/// The text as its reader takes it. It is fetched by a task of its own, which ends in time even if the reader
/// stops reading and stays: only so is its place free again for others.
fn read_ahead(
    mut text: impl Stream<Item = Result<Bytes, FetchError>> + Send + Unpin + 'static,
    place: OwnedSemaphorePermit,
) -> impl Stream<Item = Result<Bytes, BoxError>> + Send {
    let (sender, receiver) = mpsc::channel::<Option<Result<Bytes, FetchError>>>(READ_AHEAD);
    tokio::spawn(timeout(limits::LOG_TEXT_TIME, async move {
        let _place = place;
        // The viewer counts lines by LF alone, and is to mark those that the parser means.
        let mut ends = LineEnds::default();
        while let Some(block) = text.next().await {
            // The reader is gone.
            if sender.send(Some(block.map(|block| ends.unify(block)))).await.is_err() {
                return;
            }
        }
        _ = sender.send(None).await;
    }));
    stream::unfold(Some(receiver), |receiver| async {
        let mut receiver = receiver?;
        match receiver.recv().await {
            Some(Some(Ok(block))) => Some((Ok(block), Some(receiver))),
            Some(Some(Err(error))) => Some((Err(error.into()), None)),
            Some(None) => None,
            // Without the mark of the end it was cut off, and the reader must see that.
            None => Some((Err("the time for reading the log is over".into()), None)),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use tokio::sync::Semaphore;

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_stops_reading_gives_its_place_back_in_time_and_sees_the_cut() {
        let places = Arc::new(Semaphore::new(1));
        let endless = stream::repeat_with(|| Ok(Bytes::from_static(b"line\n")));
        let text = read_ahead(endless, places.clone().try_acquire_owned().unwrap());
        tokio::time::sleep(limits::LOG_TEXT_TIME * 2).await;
        assert_eq!(places.available_permits(), 1);
        let read: Vec<_> = text.collect().await;
        assert_eq!(read.iter().filter(|block| block.is_ok()).count(), READ_AHEAD);
        assert!(read.last().unwrap().is_err(), "it is not taken for the whole text");
    }

    #[tokio::test]
    async fn lines_end_with_a_line_feed_whatever_ended_them() {
        let places = Arc::new(Semaphore::new(1));
        let blocks = stream::iter(["10 %\r20 %\r", "\ndone\r\n"].map(|block| Ok(Bytes::from(block))));
        let read: Vec<_> = read_ahead(blocks, places.try_acquire_owned().unwrap()).collect().await;
        let text: Vec<u8> = read.into_iter().flat_map(Result::unwrap).collect();
        assert_eq!(text, b"10 %\n20 %\ndone\n");
    }

    #[tokio::test]
    async fn a_text_that_is_read_to_its_end_is_whole() {
        let places = Arc::new(Semaphore::new(1));
        let blocks = stream::iter((0..20).map(|_| Ok(Bytes::from_static(b"line\n"))));
        let read: Vec<_> = read_ahead(blocks, places.try_acquire_owned().unwrap()).collect().await;
        assert_eq!(read.len(), 20);
        assert!(read.iter().all(Result::is_ok));
    }
}
