//! Where is my job? One box for a guid, a task id, a revision, or a part of a name.

use super::Console;
use super::elements::{empty, job_address, job_table, push_address, push_link, query, status, time};
use super::failure::Failure;
use super::findings::Findings;
use super::held::table_of;
use super::layout::{Page, Section};
use super::session::Visitor;
use super::story;
use crate::limits;
use crate::store::model::{HeldMessage, StoredJob};
use crate::store::{FoundPush, Store, StoreError};
use axum::extract::{Query, State};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use maud::{Markup, html};
use serde::Deserialize;

/// Shortest beginning of a guid or revision that is looked for.
const SHORTEST_PREFIX: usize = 6;

/// What the box holds.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Question {
    q: String,
}

/// What was found.
#[derive(Debug, Default)]
struct Found {
    by_guid: Vec<StoredJob>,
    held: Vec<HeldMessage>,
    pushes: Vec<FoundPush>,
    parked: Vec<HeldMessage>,
    by_name: Vec<StoredJob>,
}

/// The answer.
pub async fn show(
    State(console): State<Console>,
    visitor: Visitor,
    Query(question): Query<Question>,
) -> Result<Response, Failure> {
    let text = question.q.trim().replace('\0', "");
    let page = |body, title: String| Page::new(title, Section::None, body).sought(&text);
    if text.is_empty() {
        let body = html! {
            h1 { "Where is my job?" }
            (empty("Ask for a job", "Type a job guid, a Taskcluster task id, the beginning of a revision (6
            characters \
                    or more), or a part of the job's name into the box above."))
        };
        return Ok(page(body, "Where is my job?".into()).show(visitor.0.as_ref()));
    }
    let store = console.gateway.store();
    let since = console.now().await?;
    let found = find(store, &text).await?;
    let events = match (&found.by_guid[..], guid_of(&text)) {
        ([job], _) => since.events(&[("guid", &job.guid), ("ticks", "1")]),
        (_, Some(guid)) => since.events(&[("guid", &guid), ("ticks", "1")]),
        _ => "/console/events?ticks=1".to_owned(),
    };
    let body = html! {
        h1 { "Where is " span .mono { (text) } "?" }
        div #found data-live="" { (answer(&console, &found).await?) }
    };
    Ok(page(body, format!("Where is {text}?")).live(events).show(visitor.0.as_ref()))
}

async fn find(store: &Store, text: &str) -> Result<Found, StoreError> {
    let mut found = Found::default();
    let limit = limits::CONSOLE_ROWS;
    let looks_like_prefix = text.chars().count() >= SHORTEST_PREFIX && !text.contains(char::is_whitespace);
    if looks_like_prefix {
        let guid = guid_of(text).unwrap_or_else(|| text.to_owned());
        found.by_guid = store.jobs_of_guid_prefix(&guid, limit).await?;
        found.held = store.held_of_guid_prefix(&guid, limit).await?;
        found.pushes = store.pushes_of_revision_prefix(text, limit).await?;
        found.parked = store.parked_for_revision(text, limit).await?;
    }
    if let Some((task_id, run)) = task_of(text) {
        for job in store.jobs_of_task_beside_guid(task_id, run, limit).await? {
            if !found.by_guid.iter().any(|known| known.guid == job.guid) {
                found.by_guid.push(job);
            }
        }
    }
    if found.is_empty() {
        found.by_name = store.jobs_of_name_part(text, limit).await?;
    }
    Ok(found)
}

impl Found {
    fn is_empty(&self) -> bool {
        self.by_guid.is_empty() && self.held.is_empty() && self.pushes.is_empty() && self.parked.is_empty()
    }
}

async fn answer(console: &Console, found: &Found) -> Result<Markup, Failure> {
    // The whole story where there is one, else lists.
    let single = match (&found.by_guid[..], &found.pushes[..]) {
        ([job], []) => console.gateway.store().job(&job.guid).await?,
        _ => None,
    };
    let findings = match &single {
        Some(job) => Findings::of_job(console, &job.job).await?,
        None => Findings::default(),
    };
    Ok(html! {
        @if let Some(job) = &single {
            section {
                h2 { a href=(job_address(&job.job.guid)) { (job.job.job_type.name) } }
                p {
                    @let (state, result) = job.job.shown_state();
                    (status(state, result)) " on " (job.job.machine_platform.platform) " "
                    (job.job.options.join(" "))
                    " of " (push_link(&job.job.project, &job.job.revision))
                }
                p .mono.faint { (job.job.guid) }
                (story::of_job(job, &findings.suggestions))
            }
        } @else if !found.by_guid.is_empty() {
            section { h2 { "Jobs" } (job_table(&found.by_guid)) }
        }
        @for held in found.held.iter().take(5) {
            section {
                h2 { "Held message " (held.id) }
                @if let Some(guid) = &held.guid { p .mono.faint { (guid) } }
                (story::of_held(held))
                p { a .button href={ "/console/held/" (held.id) } { "Look into it" } }
            }
        }
        @if found.held.len() > 5 {
            section { h2 { "More held messages" } (table_of(&found.held[5..], None)) }
        }
        @if !found.pushes.is_empty() { section { h2 { "Pushes" } (push_list(&found.pushes)) } }
        @if !found.parked.is_empty() {
            section {
                h2 { "Waiting for a push of that revision" }
                (table_of(&found.parked, None))
            }
        }
        @if !found.by_name.is_empty() {
            section {
                h2 { "Jobs with that in their name" }
                (job_table(&found.by_name))
                p .hint { "The newest " (found.by_name.len()) " among the last "
                    (super::elements::count(limits::CONSOLE_NAME_DEPTH)) " jobs." }
            }
        }
        @if found.is_empty() && found.by_name.is_empty() {
            (empty("Nothing has that", "No stored job, held message or push has this guid, task id or
            revision, and no \
                    recent job has it in its name. If it was submitted, look at the verdict it was given: a
                    request \
                    that could not be authenticated is not kept."))
            p { a href={ "/console/held?" (query(&[("state", "rejected")])) } { "Rejected messages" } }
        }
    })
}

fn push_list(pushes: &[FoundPush]) -> Markup {
    html! {
        ul .plain {
            @for push in pushes {
                li {
                    a href=(push_address(&push.project, &push.revision)) {
                        (push.project) " " span .mono { (push.revision) }
                    }
                    " by " (push.author) ", " (time(push.time))
                }
            }
        }
    }
}

/// The beginning of the guid that a text means: a guid itself or a Taskcluster task id in slug form, with
/// or without its run.
fn guid_of(text: &str) -> Option<String> {
    let (task, run) = task_and_run(text);
    if task.len() == limits::TASK_ID {
        let bytes: [u8; 16] = URL_SAFE_NO_PAD.decode(task).ok()?.try_into().ok()?;
        return Some(format!("{}/{run}", uuid::Uuid::from_bytes(bytes)));
    }
    uuid::Uuid::try_parse(task).is_ok().then(|| text.to_owned())
}

/// The task id, or what stands in for one, and the run that a text may mean.
fn task_of(text: &str) -> Option<(&str, Option<i32>)> {
    let (task, run) = task_and_run(text);
    let run = if run.is_empty() { None } else { Some(run.parse().ok()?) };
    (task.len() == limits::TASK_ID).then_some((task, run))
}

fn task_and_run(text: &str) -> (&str, &str) {
    text.split_once(['/', '.']).unwrap_or((text, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_id_means_its_guid() {
        let guid = "0f3a6d2e-8c41-4b7a-9d10-5e2b7c9a1f01";
        let slug = URL_SAFE_NO_PAD.encode(uuid::Uuid::parse_str(guid).unwrap().as_bytes());
        for (text, expected) in [
            (slug.clone(), Some(format!("{guid}/"))),
            (format!("{slug}/1"), Some(format!("{guid}/1"))),
            (format!("{slug}.1"), Some(format!("{guid}/1"))),
            (format!("{guid}/0"), Some(format!("{guid}/0"))),
            (guid.to_owned(), Some(guid.to_owned())),
            ("mochitest".into(), None),
            ("é".repeat(11), None),
        ] {
            assert_eq!(guid_of(&text), expected, "{text}");
        }
    }
}
