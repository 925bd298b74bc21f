//! The text of a log, a stretch of lines at a time, with its error lines marked. It is fetched anew by the
//! guarded fetcher (rule R30) and passed through line by line, so that logs of any size cost little.

use super::Console;
use super::elements::{job_address, query};
use super::failure::Failure;
use super::info::link;
use super::layout::{Page, Section};
use super::session::Visitor;
use crate::domain::ParseStatus;
use crate::doors::refusal::Refusal;
use crate::fetch::{FetchError, FetchLimits, FetchedBody, Fetcher, RequestHeaders, Url};
use crate::limits;
use crate::logs::{LineEnds, Profile};
use crate::store::model::{JobWithParts, StoredLog};
use axum::extract::{Query, State};
use axum::response::Response;
use bytes::Bytes;
use futures::{Stream, StreamExt};
use maud::{Markup, html};
use serde::Deserialize;
use std::collections::BTreeSet;

/// Lines of one page.
const LINES: usize = 1000;
/// Lines shown before the one that was asked for.
const BEFORE: usize = 20;

/// Which part of which log.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Wanted {
    guid: String,
    /// Number of the log.
    log: i64,
    /// A line that is to be seen, counted from 0.
    line: usize,
}

/// Where a log is shown, from about this line on.
pub fn address(guid: &str, log: i64, line: usize) -> String {
    let (log, line) = (log.to_string(), line.to_string());
    format!("/console/log?{}#line", query(&[("guid", guid), ("log", &log), ("line", &line)]))
}

/// The lines.
pub async fn show(
    State(console): State<Console>,
    visitor: Visitor,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Failure> {
    let guid = wanted.guid.replace('\0', "");
    let found = console.gateway.store().job(&guid).await?;
    let found = found.ok_or_else(|| Refusal::NotFound(format!("No job has the guid {guid:?}.")))?;
    let log = found.logs.iter().find(|log| log.id == wanted.log);
    let log = log.ok_or_else(|| Refusal::NotFound(format!("The job has no log {}.", wanted.log)))?;
    let first = wanted.line.saturating_sub(BEFORE);
    let _place = console.log_readers.try_acquire().map_err(|_| Refusal::overloaded())?;
    let text = match &console.fetcher {
        Some(fetcher) => stretch(fetcher, &log.url, first).await.map_err(|error| error.to_string()),
        None => Err("this gateway fetches nothing".to_owned()),
    };
    let body = html! {
        nav .crumbs aria-label="Where this is" {
            a href="/console/pushes" { "Pushes" } " / "
            a href=(job_address(&guid)) { (found.job.job_type.name) }
        }
        h1 { "Log " (log.name) }
        p { (link(&log.url, "")) }
        @match text {
            Ok(stretch) => (lines(&found, log, first, wanted.line, &stretch)),
            Err(problem) => {
                section .empty {
                    p .empty-title { "The log cannot be read here" }
                    p { (problem) }
                }
            }
        }
    };
    Ok(Page::new(format!("Log {}", log.name), Section::Pushes, body).show(visitor.0.as_ref()))
}

fn lines(found: &JobWithParts, log: &StoredLog, first: usize, sought: usize, stretch: &Stretch) -> Markup {
    // Those of another log of the job are at other numbers.
    let is_read = log.status == ParseStatus::Parsed && Profile::of_log(&log.name).is_some();
    let errors: BTreeSet<usize> = found
        .error_lines()
        .filter(|_| is_read)
        .filter_map(|(number, _)| usize::try_from(*number).ok())
        .collect();
    let end = first + stretch.lines.len();
    let at = |line| address(&found.job.guid, log.id, line);
    let later = errors.range(end..).next();
    let earlier = errors.range(..first).next_back();
    html! {
        div .actions {
            @if first > 0 { a .button href=(at(first.saturating_sub(LINES - BEFORE))) { "Earlier" } }
            @if stretch.more { a .button href=(at(end + BEFORE)) { "Later" } }
            @if let Some(line) = earlier { a .button href=(at(*line)) { "Previous error line" } }
            @if let Some(line) = later { a .button href=(at(*line)) { "Next error line" } }
        }
        @if stretch.lines.is_empty() { p .faint { "The log has no line " (first) "." } }
        ol .log tabindex="0" aria-label="Lines of the log" {
            @for (number, line) in (first..).zip(&stretch.lines) {
                li class=[errors.contains(&number).then_some("error")]
                    id=[(number == sought).then_some("line")] {
                    span .number { (number) } code { (line) }
                }
            }
        }
    }
}

/// Some lines of a log.
#[derive(Debug, Default, PartialEq, Eq)]
struct Stretch {
    lines: Vec<String>,
    /// The log goes on behind them.
    more: bool,
}

async fn stretch(fetcher: &Fetcher, url: &str, first: usize) -> Result<Stretch, Unreadable> {
    let url = Url::parse(url).map_err(|error| Unreadable::Url(error.to_string()))?;
    let bounds = FetchLimits {
        wait: limits::FETCH_WAIT,
        total: limits::CONSOLE_LOG_READ,
        declared_bytes: limits::CONSOLE_LOG_BYTES,
        decoded_bytes: limits::CONSOLE_LOG_BYTES,
    };
    let body: FetchedBody = fetcher.get(&url, &RequestHeaders::default(), bounds).await?.body;
    cut(body, first).await
}

/// Why there is no text.
#[derive(Debug, thiserror::Error)]
enum Unreadable {
    #[error("the URL is none: {0}")]
    Url(String),
    #[error(transparent)]
    Fetch(#[from] FetchError),
}

/// Lines from `first` on; the rest is not read.
async fn cut(
    mut body: impl Stream<Item = Result<Bytes, FetchError>> + Unpin,
    first: usize,
) -> Result<Stretch, Unreadable> {
    let (mut stretch, mut ends) = (Stretch::default(), LineEnds::default());
    let (mut number, mut open) = (0, Vec::new());
    while let Some(piece) = body.next().await {
        for part in ends.unify(piece?).split_inclusive(|byte| *byte == b'\n') {
            if number >= first + LINES {
                stretch.more = true;
                return Ok(stretch);
            }
            let room = limits::CONSOLE_LOG_LINE_BYTES.saturating_sub(open.len());
            if number >= first {
                open.extend_from_slice(&part[..part.len().min(room)]);
            }
            if part.ends_with(b"\n") {
                if number >= first {
                    stretch.lines.push(shown(&open));
                    open.clear();
                }
                number += 1;
            }
        }
    }
    if !open.is_empty() {
        stretch.lines.push(shown(&open));
    }
    Ok(stretch)
}

fn shown(line: &[u8]) -> String {
    String::from_utf8_lossy(line.strip_suffix(b"\n").unwrap_or(line)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::stream;

    async fn cut_of(pieces: &[&str], first: usize) -> Stretch {
        let pieces = pieces.iter().map(|piece| Ok(Bytes::from(piece.to_string())));
        cut(stream::iter(pieces), first).await.unwrap()
    }

    #[tokio::test]
    async fn lines_are_whole_whatever_the_pieces() {
        let found = cut_of(&["ze", "ro\r\none\n", "t", "wo"], 0).await;
        assert_eq!(found, Stretch { lines: ["zero", "one", "two"].map(Into::into).into(), more: false });
        assert_eq!(cut_of(&["zero\none\ntwo\n"], 2).await.lines, ["two"]);
        assert_eq!(cut_of(&["zero\n"], 5).await, Stretch::default());
    }

    #[tokio::test]
    async fn lines_end_where_the_parser_says_they_end() {
        let found = cut_of(&["10 %\r20 %\r", "\n\rdone\n"], 0).await;
        assert_eq!(found.lines, ["10 %", "20 %", "", "done"]);
    }

    #[tokio::test]
    async fn a_page_ends_and_says_that_more_follows() {
        let text = "x\n".repeat(LINES + 1);
        let found = cut_of(&[&text], 0).await;
        assert_eq!((found.lines.len(), found.more), (LINES, true));
        let found = cut_of(&[&text], 1).await;
        assert_eq!((found.lines.len(), found.more), (LINES, false));
    }

    #[tokio::test]
    async fn an_endless_line_is_cut() {
        let long = "x".repeat(limits::CONSOLE_LOG_LINE_BYTES);
        let found = cut_of(&[&long, &long, "\nnext\n"], 0).await;
        assert_eq!(found.lines[0].len(), limits::CONSOLE_LOG_LINE_BYTES);
        assert_eq!(found.lines[1], "next");
    }
}
