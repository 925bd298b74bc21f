//! Held messages: what is parked, rejected or expired.

use super::Console;
use super::elements::{count, duration, empty, held_state, query, said, time};
use super::failure::Failure;
use super::layout::{Page, Section};
use super::session::{Session, Visitor};
use crate::domain::HeldState;
use crate::limits;
use crate::store::model::{HeldCount, HeldFilter, HeldMessage};
use axum::extract::{Query, State};
use axum::response::Response;
use chrono::Utc;
use maud::{Markup, html};
use serde::Deserialize;

const STATES: [HeldState; 3] = [HeldState::Parked, HeldState::Rejected, HeldState::Expired];

/// Which messages.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Wanted {
    state: String,
    project: String,
    source: String,
    guid: String,
    /// With a number below this.
    before: Option<i64>,
}

impl Wanted {
    fn filter(&self) -> HeldFilter {
        let given = |text: &str| Some(text.trim().replace('\0', "")).filter(|text| !text.is_empty());
        HeldFilter {
            state: HeldState::from_word(&self.state),
            project: given(&self.project),
            source: given(&self.source),
            guid: given(&self.guid),
            ..HeldFilter::default()
        }
    }

    fn address(&self, before: Option<i64>) -> String {
        let before = before.map(|id| id.to_string());
        let mut pairs = vec![
            ("state", &*self.state),
            ("project", &self.project),
            ("source", &self.source),
            ("guid", &self.guid),
        ];
        pairs.extend(before.as_deref().map(|id| ("before", id)));
        pairs.retain(|(_, value)| !value.is_empty());
        format!("/console/held?{}", query(&pairs))
    }
}

/// The list.
pub async fn show(
    State(console): State<Console>,
    visitor: Visitor,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Failure> {
    let store = console.gateway.store();
    let filter = wanted.filter();
    let counts = store.held_counts(&filter).await?;
    let messages = store.held_messages(&filter, wanted.before, limits::CONSOLE_ROWS).await?;
    let is_full = messages.len() as u64 == limits::CONSOLE_ROWS;
    let is_filtered = filter != HeldFilter::default();
    let session = visitor.0.as_ref();
    let body = html! {
        h1 { "Held messages" }
        p .lead {
            "What is not stored yet: parked submissions wait for their push or job, "
            "rejected ones need a change."
        }
        (filters(&wanted))
        div #held data-live="" {
            @if messages.is_empty() {
                @if is_filtered { (empty("Nothing is held that fits", "Widen the filter above.")) }
                @else {
                    (empty("Nothing is held", "Every submission so far was stored, or was known already."))
                }
            } @else {
                (summary(&counts))
                @if let Some(session) = session {
                    form method="post" {
                        (session.csrf_field())
                        (table_of(&messages, Some(session)))
                        div .actions {
                            button .primary type="submit" formaction="/console/held/replay" {
                                "Replay ticked"
                            }
                            button .danger type="submit" formaction="/console/held/discard"
                                data-confirm="Discard the ticked messages for good?" {
                                "Discard ticked"
                            }
                        }
                    }
                } @else {
                    (table_of(&messages, None))
                    p .hint { a href="/console/sign-in" { "Sign in" } " to replay or discard." }
                }
            }
        }
        @if let (true, Some(last)) = (is_full, messages.last()) {
            p { a .button href=(wanted.address(Some(last.id))) { "Older messages" } }
        }
    };
    let page = Page::new("Held messages", Section::Held, body);
    // Ticks in boxes are not to be swept away by a refresh.
    let page = if session.is_none() { page.live("/console/events?ticks=1".into()) } else { page };
    Ok(page.show(session))
}

fn filters(wanted: &Wanted) -> Markup {
    html! {
        form .filters method="get" action="/console/held" {
            label { "State "
                select name="state" {
                    option value="" { "any" }
                    @for state in STATES {
                        option value=(state.as_str()) selected[wanted.state == state.as_str()] {
                            (state.as_str())
                        }
                    }
                }
            }
            label { "Project " input name="project" value=(wanted.project) size="14"; }
            label { "Source " input name="source" value=(wanted.source) size="14"; }
            label { "Guid " input name="guid" value=(wanted.guid) size="22"; }
            button type="submit" { "Filter" }
        }
    }
}

fn summary(counts: &[HeldCount]) -> Markup {
    html! {
        details .summary {
            summary { (count(counts.iter().map(|one| one.items).sum())) " messages by source and reason" }
            div .scroll tabindex="0" role="region" aria-label="Counts" {
                table .numbers {
                    thead {
                        tr {
                            th { "Source" } th { "State" } th { "Reason" } th { "Messages" } th { "Oldest" }
                        }
                    }
                    tbody {
                        @for one in counts {
                            tr {
                                td { (one.source) } td { (held_state(one.state)) } td { (one.reason) }
                                td { (count(one.items)) }
                                td { (duration(Utc::now() - one.oldest_received_at)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A table of held messages; with boxes to tick for who may do something with them.
pub fn table_of(messages: &[HeldMessage], session: Option<&Session>) -> Markup {
    html! {
        div .scroll tabindex="0" role="region" aria-label="Held messages" {
            table .listing {
                thead { tr {
                    @if session.is_some() { th { span .visually-hidden { "Tick" } } }
                    th { "No." }
                    th { "State" }
                    th { "Source" }
                    th { "Project" }
                    th { "What" }
                    th { "Received" }
                } }
                tbody {
                    @for held in messages {
                        tr {
                            @if session.is_some() {
                                td {
                                    input type="checkbox" name="id" value=(held.id)
                                        aria-label={ "Message " (held.id) };
                                }
                            }
                            td { a href={ "/console/held/" (held.id) } { (held.id) } }
                            td { (held_state(held.state)) }
                            td { (held.source) " " span .faint { "over " (held.door.as_str()) } }
                            td { (held.project.as_deref().unwrap_or("–")) }
                            td {
                                @if let Some(guid) = &held.guid { span .mono { (guid) } br; }
                                @if let Some(first) = held.violations.first() { (said(first)) }
                                @else if let Some(revision) = &held.revision {
                                    "waits for " span .mono { (super::elements::short(revision)) }
                                }
                            }
                            td {
                                (time(held.received_at)) @if held.repeats > 0 {
                                    " " span .faint { "×" (held.repeats + 1) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
