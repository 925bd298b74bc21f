//! One job with everything that hangs on it.

use super::Console;
use super::elements::{duration, empty, length, maybe_time, plural, push_address, short, status};
use super::failure::Failure;
use super::findings::Findings;
use super::info;
use super::layout::{Page, Section};
use super::log;
use super::pushes::address;
use super::session::Visitor;
use super::story;
use crate::doors::refusal::Refusal;
use crate::limits;
use crate::store::lists::ListedArtifact;
use crate::store::model::{JobWithParts, StoredJob, StoredStep};
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;

/// Error lines of one step that are shown at once; the others are a click away.
const ERRORS_AT_ONCE: usize = 20;

/// Which job.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Wanted {
    guid: String,
}

/// The job; one that is only held is told by its story.
pub async fn show(
    State(console): State<Console>,
    visitor: Visitor,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Failure> {
    let guid = wanted.guid.replace('\0', "");
    // What is read in its logs changes the page, but not the job: hence the ticks.
    let events = console.events(&[("guid", &guid), ("ticks", "1")]).await?;
    let store = console.gateway.store();
    let Some(found) = store.job(&guid).await? else {
        if store.held_of_guid_prefix(&guid, 1).await?.is_empty() || guid.is_empty() {
            return Err(Refusal::NotFound(format!("No job has the guid {guid:?}, stored or held.")).into());
        }
        let sought = super::elements::query(&[("q", &guid)]);
        return Ok(Redirect::to(&format!("/console/find?{sought}")).into_response());
    };
    let (artifacts, _) = store.job_artifacts(found.job.id, None, limits::RESPONSE_BYTES as u64).await?;
    let findings = Findings::of_job(&console, &found.job).await?;
    let job = &found.job;
    let title = format!("{} on {}", job.job_type.name, job.machine_platform.platform);
    let body = html! {
        nav .crumbs aria-label="Where this is" {
            a href="/console/pushes" { "Pushes" } " / " a href=(address(&job.project)) { (job.project) } " / "
            a .mono href=(push_address(&job.project, &job.revision)) { (short(&job.revision)) }
        }
        div #job data-live="" {
            @let (state, result) = job.shown_state();
            h1 { (job.job_type.name) " " (status(state, result)) }
            p .mono.faint { (job.guid) }
            div .columns {
                div {
                    section { h2 { "Details" } (facts(job)) }
                    (job_info(&found))
                    (steps(&found.steps))
                    (errors_without_steps(&found.errors))
                    (findings.show())
                    (artifact_list(&found.artifact_names, &artifacts))
                }
                div {
                    section { h2 { "Story" } (story::of_job(&found, &findings.suggestions)) }
                    section { h2 { "Logs" } (logs(&found)) }
                }
            }
        }
    };
    Ok(Page::new(title, Section::Pushes, body).live(events).show(visitor.0.as_ref()))
}

fn facts(job: &StoredJob) -> Markup {
    let took = job.start_time.zip(job.end_time).filter(|(start, end)| end > start);
    let group = if job.group.symbol == "?" {
        job.job_type.symbol.clone()
    } else {
        format!("{}({})", job.group.symbol, job.job_type.symbol)
    };
    html! {
        dl .facts {
            div { dt { "Symbol" } dd { (group) } }
            div { dt { "Group" } dd { (job.group.name) } }
            div { dt { "Tier" } dd { (job.tier) } }
            div { dt { "Platform" } dd { (job.machine_platform.platform) " " (job.options.join(" ")) } }
            div { dt { "Machine" } dd { (job.machine) " (" (job.machine_platform.os_name) " "
            (job.machine_platform.platform) " "
                (job.machine_platform.architecture) ")" } }
            div { dt { "Product" } dd { (job.product) } }
            div { dt { "Build system" } dd { (job.build_system) } }
            div { dt { "Who" } dd { (job.who) } }
            div { dt { "Reason" } dd { (job.reason) } }
            div { dt { "Scheduled" } dd { (maybe_time(job.submit_time)) } }
            div { dt { "Started" } dd { (maybe_time(job.start_time)) } }
            div {
                dt { "Ended" }
                dd {
                    (maybe_time(job.end_time)) @if let Some((start, end)) = took {
                        " after " (duration(end - start))
                    }
                }
            }
            @if let Some(task_id) = &job.task_id {
                div {
                    dt { "Task" } dd .mono { (task_id) @if let Some(run) = job.retry_id { " run " (run) } }
                }
            }
            @if let Some(description) = &job.description { div { dt { "Description" } dd { (description) } } }
        }
    }
}

fn job_info(found: &JobWithParts) -> Markup {
    html! {
        @if !found.details.is_empty() {
            section {
                h2 { "Job Info" }
                table .info { tbody { @for detail in &found.details { (info::detail(detail)) } } }
            }
        }
    }
}

fn logs(found: &JobWithParts) -> Markup {
    let first = found
        .error_lines()
        .map(|(number, _)| usize::try_from(*number).unwrap_or_default())
        .min()
        .unwrap_or_default();
    html! {
        @if found.logs.is_empty() { p .faint { "The submission named no log." } }
        @else {
            ul .plain {
                @for log in &found.logs {
                    li {
                        a href=(log::address(&found.job.guid, log.id, first)) { "Read " (log.name) }
                        " · " (info::link(&log.url, "at its origin"))
                    }
                }
            }
        }
    }
}

fn steps(steps: &[StoredStep]) -> Markup {
    html! {
        @if !steps.is_empty() {
            section {
                h2 { "Steps" }
                @for step in steps { (one_step(step)) }
            }
        }
    }
}

fn errors_without_steps(errors: &[(i32, String)]) -> Markup {
    html! {
        @if !errors.is_empty() {
            section { h2 { "Error lines" } (some_error_lines(errors)) }
        }
    }
}

/// As many as fit a page, and the others folded.
fn some_error_lines(errors: &[(i32, String)]) -> Markup {
    let (shown, more) = errors.split_at(errors.len().min(ERRORS_AT_ONCE));
    html! {
        (error_lines(shown))
        @if !more.is_empty() { details { summary { (more.len()) " more" } (error_lines(more)) } }
    }
}

fn one_step(step: &StoredStep) -> Markup {
    let took = step.started.zip(step.finished).filter(|(start, end)| end >= start);
    html! {
        details .step open[!step.errors.is_empty()] {
            summary {
                (status("completed", step.result.as_str())) " " (step.name)
                span .faint { " lines " (step.started_line) "–" (step.finished_line)
                    @if let Some((start, end)) = took { ", " (duration(end - start)) }
                    @if !step.errors.is_empty() { ", " (plural(length(step.errors.len()), "error line")) } }
            }
            @if step.errors.is_empty() { p .faint { "No error lines." } }
            @else {
                (some_error_lines(&step.errors))
            }
        }
    }
}

fn error_lines(errors: &[(i32, String)]) -> Markup {
    html! {
        ol .log tabindex="0" aria-label="Error lines" {
            @for (number, line) in errors { li { span .number { (number) } code { (line) } } }
        }
    }
}

/// Artifacts of the job, and the names of those that do not fit.
fn artifact_list(names: &[String], artifacts: &[ListedArtifact]) -> Markup {
    let is_shown = |name: &&String| artifacts.iter().any(|artifact| artifact.name == **name);
    let left_out: Vec<&String> = names.iter().filter(|name| !is_shown(name)).collect();
    html! {
        section {
            h2 { "Artifacts" }
            @if names.is_empty() {
                (empty("No artifacts", "The submission brought none but what is shown above."))
            }
            @for artifact in artifacts {
                details .artifact {
                    summary {
                        (artifact.name) span .faint {
                            " " (artifact.kind) ", " (plural(length(artifact.blob.len()), "byte"))
                        }
                    }
                    pre .code tabindex="0" { (pretty(&artifact.blob)) }
                }
            }
            @if !left_out.is_empty() {
                p .hint { "These do not fit here; the API has them." }
                ul .plain { @for name in left_out { li { (name) } } }
            }
        }
    }
}

/// JSON with indents; anything else as it is.
pub fn pretty(text: &str) -> String {
    let value: Result<serde_json::Value, _> = serde_json::from_str(text);
    value.and_then(|value| serde_json::to_string_pretty(&value)).unwrap_or_else(|_| text.to_owned())
}
