//! One push.

use super::Console;
use super::elements::{length, maybe_time, plural, short};
use super::failure::Failure;
use super::held::table_of;
use super::layout::{Page, Section};
use super::pushes::{address, commits, jobs_of, known};
use super::session::Visitor;
use super::symbols::{matrix, tally};
use crate::doors::refusal::Refusal;
use crate::limits;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use maud::html;
use serde::Deserialize;

/// How its jobs are shown.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Wanted {
    tiers: Option<String>,
}

/// The push with all its jobs, and what waits for it if it is not there yet.
pub async fn show(
    State(console): State<Console>,
    visitor: Visitor,
    Path((project, revision)): Path<(String, String)>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Failure> {
    let repository = known(&console.gateway.directory(), &project)?;
    let store = console.gateway.store();
    let title = format!("Push {} to {project}", short(&revision));
    let push = store.pushes(&project, Some(&revision), None, 1).await?.into_iter().next();
    let Some(push) = push else {
        let mut parked = Vec::new();
        if revision.chars().count() >= limits::REVISION_PREFIX {
            parked = store.parked_for_revision(&revision, limits::CONSOLE_ROWS).await?;
            parked.retain(|held| held.project.as_ref() == Some(&project));
        }
        if parked.is_empty() {
            return Err(Refusal::NotFound(format!(
                "{project} has no push {revision}, and nothing waits for it."
            ))
            .into());
        }
        let body = html! {
            h1 { "Push " span .mono { (short(&revision)) } " is not known yet" }
            p {
                "It is neither stored nor refused: " (plural(length(parked.len()), "submission" ))
                " for it wait here."
            }
            (table_of(&parked, None))
        };
        let page = Page::new(title, Section::Pushes, body).live("/console/events?ticks=1".into());
        return Ok(page.show(visitor.0.as_ref()));
    };
    let events = console.events(&[("push", &push.id.to_string())]).await?;
    // Tier 3 is shown here unless it is to be hidden: who comes here wants the whole push.
    let all_tiers = wanted.tiers.as_deref() != Some("shown");
    let jobs =
        jobs_of(store, &repository, vec![push.id], all_tiers).await?.remove(&push.id).unwrap_or_default();
    let body = html! {
        nav .crumbs aria-label="Where this is" {
            a href="/console/pushes" { "Pushes" } " / " a href=(address(&project)) { (project) }
        }
        h1 { "Push " span .mono { (short(&push.revision)) } }
        dl .facts {
            div { dt { "Revision" } dd .mono { (push.revision) } }
            div { dt { "Author" } dd { (push.author) } }
            div { dt { "Pushed" } dd { (maybe_time(Some(push.time))) } }
        }
        (commits(&push, 20))
        p .hint {
            @if all_tiers { a href="?tiers=shown" { "Hide tier 3" } }
            @else { a href="?" { "Show all tiers" } }
        }
        div #jobs data-live="" {
            @if jobs.is_empty() {
                (super::elements::empty("No jobs yet", "They appear here as they come in."))
            }
            @else { (tally(&jobs)) (matrix(&jobs)) }
        }
    };
    Ok(Page::new(title, Section::Pushes, body).live(events).show(visitor.0.as_ref()))
}
