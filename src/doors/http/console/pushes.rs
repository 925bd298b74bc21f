//! Repositories with their pushes, newest first.

use super::Console;
use super::elements::{empty, push_address, query, short, time};
use super::failure::Failure;
use super::layout::{Page, Section};
use super::session::Visitor;
use super::symbols::{matrix, tally};
use crate::core::Directory;
use crate::domain::Repository;
use crate::doors::refusal::Refusal;
use crate::limits;
use crate::store::lists::{Comparison, Condition, JobNumber, ListedJob, PushCondition, Window};
use crate::store::model::StoredPush;
use crate::store::{Store, StoreError};
use axum::extract::{Path, Query, State};
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;
use std::collections::HashMap;
use std::sync::Arc;

/// Jobs of this tier are shown only to who asks for all, as on the dashboard.
const HIDDEN_TIER: i32 = 3;

/// All repositories.
pub async fn projects(State(console): State<Console>, visitor: Visitor) -> Response {
    let directory = console.gateway.directory();
    let mut repositories: Vec<_> = directory.repositories.values().filter(|one| one.active).collect();
    repositories.sort_by_key(|one| (one.group.clone(), one.name.as_str().to_owned()));
    let body = html! {
        h1 { "Pushes" }
        @if repositories.is_empty() {
            (empty("No repository yet", "An administrator adds one under Repositories, or with \
                    `herdgate repository add`."))
        } @else {
            ul .tiles {
                @for repository in repositories {
                    li { a .tile href=(address(repository.name.as_str())) {
                        b { (repository.name.as_str()) }
                        span .faint { (repository.group.as_deref().unwrap_or("")) }
                        @if !repository.description.is_empty() { span { (repository.description) } }
                    } }
                }
            }
        }
    };
    Page::new("Pushes", Section::Pushes, body).show(visitor.0.as_ref())
}

/// Which pushes.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Wanted {
    /// Not later than this, in microseconds since 1970.
    until: Option<i64>,
    author: Option<String>,
    tiers: Option<String>,
}

/// Pushes of one repository with their jobs.
pub async fn show(
    State(console): State<Console>,
    visitor: Visitor,
    Path(project): Path<String>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Failure> {
    let repository = known(&console.gateway.directory(), &project)?;
    let events = console.events(&[("project", &project)]).await?;
    let store = console.gateway.store();
    let author = wanted.author.as_deref().map(str::trim).filter(|author| !author.is_empty());
    let conditions = conditions(wanted.until, author);
    let window = Window { offset: 0, count: limits::CONSOLE_PUSHES + 1 };
    let mut pushes = store.list_pushes(repository.id, &project, &conditions, window).await?;
    let page_size = usize::try_from(limits::CONSOLE_PUSHES).unwrap_or(usize::MAX);
    let next = pushes.get(page_size).map(|push| push.time.timestamp_micros());
    pushes.truncate(page_size);
    let ids = pushes.iter().map(|push| push.id).collect();
    let all_tiers = wanted.tiers.is_some();
    let mut jobs = jobs_of(store, &repository, ids, all_tiers).await?;
    let body = html! {
        h1 { "Pushes to " (project) }
        form .filters method="get" action=(address(&project)) {
            label { "Author " input type="search" name="author" value=(author.unwrap_or("")); }
            label .check { input type="checkbox" name="tiers" value="all" checked[all_tiers]; " Tier 3 too" }
            button type="submit" { "Show" }
        }
        div #pushes data-live="" {
            @if pushes.is_empty() {
                (empty("No push here", "Nothing was pushed to this repository yet, or nobody of that name did.
                Pushes \
                        come over Pulse, over the API, or with `herdgate push submit`."))
            }
            @for push in &pushes { (card(push, &jobs.remove(&push.id).unwrap_or_default())) }
        }
        @if let Some(next) = next {
            @let until = next.to_string();
            @let pairs = [("until", until.as_str()), ("author", author.unwrap_or(""))];
            p { a .button href={ (address(&project)) "?" (query(&pairs)) } { "Older pushes" } }
        }
    };
    Ok(Page::new(format!("Pushes to {project}"), Section::Pushes, body).live(events).show(visitor.0.as_ref()))
}

fn conditions(until: Option<i64>, author: Option<&str>) -> Vec<PushCondition> {
    let until = until.map(|until| PushCondition::Time(Comparison::AtMost(until)));
    let author = author.map(|author| PushCondition::Author(author.to_owned()));
    until.into_iter().chain(author).collect()
}

/// The repository of this name.
///
/// # Errors
/// If there is none.
pub fn known(directory: &Directory, project: &str) -> Result<Arc<Repository>, Refusal> {
    let found = directory.repositories.get(project).cloned();
    found.ok_or_else(|| Refusal::NotFound(format!("No repository is named {project:?}.")))
}

/// Where the pushes of a repository are shown.
pub fn address(project: &str) -> String {
    let encoded = percent_encoding::utf8_percent_encode(project, percent_encoding::NON_ALPHANUMERIC);
    format!("/console/pushes/{encoded}")
}

/// Jobs of these pushes, by push.
///
/// # Errors
/// If the database fails.
pub async fn jobs_of(
    store: &Store,
    repository: &Repository,
    pushes: Vec<i64>,
    all_tiers: bool,
) -> Result<HashMap<i64, Vec<ListedJob>>, StoreError> {
    let mut by_push: HashMap<i64, Vec<ListedJob>> = HashMap::new();
    if pushes.is_empty() {
        return Ok(by_push);
    }
    let mut conditions = vec![Condition::Number(JobNumber::PushId, Comparison::OneOf(pushes))];
    if !all_tiers {
        conditions.push(Condition::Number(JobNumber::Tier, Comparison::Less(HIDDEN_TIER.into())));
    }
    let window = Window { offset: 0, count: limits::CONSOLE_PUSH_JOBS };
    for job in store.list_jobs(repository.id, &conditions, window).await? {
        by_push.entry(job.push_id).or_default().push(job);
    }
    Ok(by_push)
}

/// A push with its jobs.
pub fn card(push: &StoredPush, jobs: &[ListedJob]) -> Markup {
    html! {
        article .push {
            header {
                h2 {
                    a .mono href=(push_address(&push.project, &push.revision)) title=(push.revision) {
                        (short(&push.revision))
                    }
                }
                span { (push.author) }
                (time(push.time))
            }
            (commits(push, 3))
            @if jobs.is_empty() { p .faint { "No jobs yet." } } @else { (tally(jobs)) (matrix(jobs)) }
        }
    }
}

/// The newest commits of a push, each by the first line of its message.
pub fn commits(push: &StoredPush, at_most: usize) -> Markup {
    let shown = push.commits.len().min(at_most);
    html! {
        ul .commits {
            @for (revision, author, comments) in push.commits.iter().take(at_most) {
                li {
                    span .mono.faint title=(revision) { (short(revision)) } " "
                    span title=(comments) { (comments.lines().next().unwrap_or("")) } " "
                    span .faint { (author.split('<').next().unwrap_or("").trim()) }
                }
            }
            @if push.commit_count > i64::try_from(shown).unwrap_or(i64::MAX) {
                li .faint { "and " (push.commit_count - i64::try_from(shown).unwrap_or(0)) " more" }
            }
        }
    }
}
