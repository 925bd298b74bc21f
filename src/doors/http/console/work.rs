//! Follow-up work: logs to parse, performance data and pushes to fetch; what waits, and what was given up.

use super::Console;
use super::elements::{count, empty, plural, query, time};
use super::failure::Failure;
use super::layout::{Page, Section};
use super::posted::Posted;
use super::session::Visitor;
use crate::doors::refusal::Refusal;
use crate::limits;
use crate::store::follow_up::{Place, QUEUES, QueueTable, WorkEntry};
use axum::extract::{Query, State};
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;

/// Which entries.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Wanted {
    /// Those that were given up: [`GIVEN_UP`]. Else those that wait or are being worked on.
    state: String,
    /// From behind this place on, as [`written`].
    after: String,
}

const GIVEN_UP: &str = "given_up";

/// For administrators the list, with buttons to try again; for others how much waits (rule R25).
pub async fn show(
    State(console): State<Console>,
    visitor: Visitor,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Failure> {
    let dead = wanted.state == GIVEN_UP;
    let after = place(&wanted.after)?;
    let store = console.gateway.store();
    let entries = store.list_all_work(dead, after, limits::CONSOLE_ROWS).await?;
    let waiting = store.follow_up_depth().await?;
    let is_full = entries.len() as u64 == limits::CONSOLE_ROWS;
    let administrator = visitor.0.as_ref().filter(|_| visitor.is_administrator());
    let body = html! {
        h1 { "Follow-up work" }
        p .lead { "What stored submissions ask for: logs to parse, performance data and pushes to fetch." }
        (tabs(dead, waiting))
        div #work data-live="" {
            @if entries.is_empty() { (nothing(dead)) }
            @if let (Some(session), false) = (administrator, entries.is_empty()) {
                form method="post" action="/console/work/retry" {
                    (session.csrf_field())
                    (table(&entries))
                    div .actions {
                        button .primary type="submit" { "Try ticked now" }
                        @if dead {
                            button type="submit" name="all" value="yes"
                                data-confirm="Try everything again that was given up or waits?" {
                                "Try all now"
                            }
                        }
                    }
                }
            } @else if !entries.is_empty() {
                p .hint {
                    a href="/console/sign-in" { "Sign in" } " as administrator to see it and to try again now."
                }
            }
        }
        @if let (true, Some((last, _))) = (is_full && administrator.is_some(), entries.last()) {
            p { a .button href=(address(dead, Some(*last))) { "Further work" } }
        }
    };
    let page = Page::new("Follow-up work", Section::Work, body);
    // Ticks in boxes are not to be swept away by a refresh.
    let page = if administrator.is_none() { page.live("/console/events?ticks=1".into()) } else { page };
    Ok(page.show(visitor.0.as_ref()))
}

fn tabs(dead: bool, waiting: u64) -> Markup {
    html! {
        nav .tabs aria-label="State" {
            a href=(address(false, None)) aria-current=[(!dead).then_some("page")] {
                "Waiting (" (count(waiting.cast_signed())) ")"
            }
            " "
            a href=(address(true, None)) aria-current=[dead.then_some("page")] { "Given up" }
        }
    }
}

fn nothing(dead: bool) -> Markup {
    if dead {
        empty("Nothing was given up", "Everything that could be fetched and parsed was, or still waits.")
    } else {
        empty("Nothing waits", "Every log and document that submissions named was seen to, or given up.")
    }
}

fn table(entries: &[(Place, WorkEntry)]) -> Markup {
    html! {
        div .scroll tabindex="0" role="region" aria-label="Follow-up work" {
            table .listing {
                thead { tr {
                    th { span .visually-hidden { "Tick" } }
                    th { "What" }
                    th { "About" }
                    th { "Attempts" }
                    th { "Stands" }
                } }
                tbody {
                    @for (_, entry) in entries {
                        tr {
                            td {
                                input type="checkbox" name=(entry.kind) value=(entry.id)
                                    aria-label={ (said(entry.kind)) " " (entry.id) };
                            }
                            td { (said(entry.kind)) " " span .faint { (entry.id) } }
                            td .mono.path { (entry.subject) }
                            td { (entry.attempts) }
                            td { (standing(entry)) }
                        }
                    }
                }
            }
        }
    }
}

fn standing(entry: &WorkEntry) -> Markup {
    html! {
        @if let Some(dead_at) = entry.dead_at {
            span .status.held-rejected { "given up" } " " (time(dead_at))
        } @else if entry.lease_owner.is_some() {
            span .status.running { "under way" }
        } @else {
            span .status.pending { "waiting" }
            @if let Some(next) = entry.next_attempt_at { " not before " (time(next)) }
        }
        @if let Some(error) = &entry.last_error { br; span .faint { (error) } }
    }
}

/// A kind of work as people say it.
fn said(kind: &str) -> String {
    kind.replace('_', " ")
}

fn address(dead: bool, after: Option<Place>) -> String {
    let after = after.map(written);
    let state = dead.then_some(("state", GIVEN_UP));
    let pairs: Vec<_> = state.into_iter().chain(after.as_deref().map(|after| ("after", after))).collect();
    if pairs.is_empty() { "/console/work".into() } else { format!("/console/work?{}", query(&pairs)) }
}

fn written((queue, id): Place) -> String {
    format!("{queue}-{id}")
}

fn place(text: &str) -> Result<Place, Refusal> {
    if text.is_empty() {
        return Ok((0, 0));
    }
    let (queue, id) = text.split_once('-').unwrap_or_default();
    match (queue.parse(), id.parse()) {
        (Ok(queue), Ok(id)) => Ok((queue, id)),
        _ => Err(Refusal::invalid("after", "must be a place as this page gives it, such as 0-123")),
    }
}

/// Queues work for now that waits for a later attempt, or was given up: the ticked, or all.
pub async fn retry(State(console): State<Console>, posted: Posted) -> Result<Response, Failure> {
    let by = posted.administrator()?;
    let ticked: Vec<(&QueueTable, Option<Vec<i64>>)> = if posted.fields.is_ticked("all") {
        QUEUES.into_iter().map(|queue| (queue, None)).collect()
    } else {
        ticked(&posted)?.into_iter().map(|(queue, ids)| (queue, Some(ids))).collect()
    };
    let mut retried = 0;
    for (queue, ids) in ticked {
        retried += console.gateway.retry_work(queue, ids.as_deref()).await?;
    }
    tracing::info!(retried, by = %by.source, "follow-up work is tried again");
    let body = html! {
        h1 { "Tried again" }
        p { (plural(retried.cast_signed(), "piece")) " of work is begun as soon as a worker is free." }
        p .hint { "What was under way already, or done meanwhile, was left alone." }
        p { a .button href=(address(false, None)) { "Back to follow-up work" } }
    };
    Ok(Page::new("Tried again", Section::Work, body).show(Some(&posted.session)))
}

fn ticked(posted: &Posted) -> Result<Vec<(&'static QueueTable, Vec<i64>)>, Refusal> {
    let mut of_queues = Vec::new();
    for queue in QUEUES {
        let ids = posted.fields.numbers(queue.kind)?;
        if ids.len() > limits::BATCH_ITEMS {
            return Err(Refusal::too_many(queue.kind, ids.len()));
        }
        if !ids.is_empty() {
            of_queues.push((queue, ids));
        }
    }
    if of_queues.is_empty() {
        Err(Refusal::invalid("work", "tick at least one piece"))
    } else {
        Ok(of_queues)
    }
}
