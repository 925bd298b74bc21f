//! The story of a submission (rule R17): which door, when received, the verdict, why it was held and what
//! for, when it was committed, what became of its logs.

use super::elements::{duration, held_state, length, maybe_time, plural, push_link, said, status, time};
use super::info::link;
use crate::domain::{HeldState, ParseStatus, RawFormat};
use crate::store::model::{HeldMessage, JobWithParts, StoredLog};
use crate::suggestions::Suggestion;
use chrono::{DateTime, Utc};
use maud::{Markup, html};

/// A step of the story.
fn event(class: &str, title: &Markup, at: Option<DateTime<Utc>>, more: &Markup) -> Markup {
    html! {
        li class=(class) {
            div .event-title { (title) }
            @if let Some(at) = at { div .event-time { (time(at)) } }
            div .event-more { (more) }
        }
    }
}

/// Of a job that is stored, with what was suggested for its error lines.
pub fn of_job(found: &JobWithParts, suggestions: &[Suggestion]) -> Markup {
    let (job, how) = (&found.job, &found.job.provenance);
    let (state, result) = job.shown_state();
    let received = html! { "from " b { (how.source) } };
    let took = duration(how.committed_at - how.released_at.unwrap_or(how.received_at));
    html! {
        ol .timeline {
            (event("good", &html! { "Received over " b { (how.first_door.as_str()) } }, Some(how.received_at),
            &received))
            @if let Some(held_at) = how.held_at {
                @let waited = how.released_at.map(|released| duration(released - held_at));
                (event("wait", &html! { "Parked" }, Some(held_at), &html! {
                    "No push had its revision then: " (push_link(&job.project, &job.revision))
                    @if let Some(waited) = waited { "; it waited " (waited) "." }
                }))
                @if let Some(released_at) = how.released_at {
                    (event("good", &html! { "Released" }, Some(released_at), &html! { "The push came." }))
                }
            }
            (event("good", &html! { "Stored " (status(state, result)) }, Some(how.committed_at), &html! {
                "Last committed " (took) " after it was "
                (if how.released_at.is_some() { "released" } else { "received" })
                ", on push " (push_link(&job.project, &job.revision)) "."
                @if how.last_door != how.first_door {
                    " The last change came over " (how.last_door.as_str()) "."
                }
                @if how.repeats > 0 {
                    " It was sent again without a change " (plural(how.repeats, "time")) "."
                }
                @if let Some(by) = &job.superseded_by {
                    " Superseded by " (super::elements::job_link(by)) "."
                }
            }))
            @for log in &found.logs { (of_log(log)) }
            @if found.logs.is_empty() {
                (event("none", &html! { "No log" }, None, &html! { "The submission named none." }))
            }
            @let errors = found.error_lines().count();
            @if errors > 0 {
                (event("good", &html! { "Read" }, None, &html! {
                    (plural(length(errors), "error line"))
                    @if !found.steps.is_empty() { " in " (plural(length(found.steps.len()), "step")) }
                    "."
                }))
            }
            @if !suggestions.is_empty() { (suggested(suggestions)) }
        }
    }
}

fn suggested(suggestions: &[Suggestion]) -> Markup {
    let with_bugs = suggestions.iter().filter(|suggestion| !suggestion.bugs.is_empty()).count();
    if with_bugs == 0 {
        return event("none", &html! { "No bug suggested" }, None, &html! { "None names an error line." });
    }
    let lines = html! { "For " (plural(length(with_bugs), "error line")) "." };
    event("good", &html! { "Bugs suggested" }, None, &lines)
}

fn of_log(log: &StoredLog) -> Markup {
    let queue = &log.queue;
    let (class, word) = match (log.status, queue.is_waiting) {
        (ParseStatus::Parsed, _) => ("good", "parsed"),
        (_, true) if queue.is_under_way => ("wait", "is being read"),
        (ParseStatus::Failed, true) => ("wait", "to be tried again"),
        (ParseStatus::Failed, false) => ("bad", "could not be parsed"),
        (ParseStatus::Pending, true) => ("wait", "waits to be parsed"),
        (ParseStatus::Pending, false) => ("none", "not parsed"),
        (ParseStatus::SkippedSize, _) => ("none", "too large, not parsed"),
    };
    let begun_at = queue.begun_at.filter(|_| queue.attempts > 0);
    let title = html! { "Log " (link(&log.url, &log.name)) ": " (word) };
    let more = html! {
        "Named " (time(queue.named_at)) ". "
        @match (log.status, queue.is_waiting) {
            (ParseStatus::Parsed, _) => {
                @if let (Some(begun_at), Some(read_at)) = (begun_at, queue.read_at) {
                    "Fetched and parsed in " (duration(read_at - begun_at))
                    @if queue.attempts > 1 { ", at attempt " (queue.attempts) }
                    ", begun " (duration(begun_at - queue.named_at)) " after it was named."
                } @else if queue.attempts == 0 { "Its submitter said that it is." }
                @else { "Its steps and error lines are known." }
            }
            (ParseStatus::Pending, false) => "Logs of this name are kept as links.",
            _ => {
                @if queue.attempts > 0 { (plural(i64::from(queue.attempts), "attempt")) " so far" }
                @if let Some(begun_at) = begun_at { ", the last begun " (time(begun_at)) }
                @if queue.attempts > 0 { ". " }
                @if let Some(error) = &queue.last_error { "Last: " (error) ". " }
                @if let (true, false, Some(next)) =
                    (queue.is_waiting, queue.is_under_way, queue.next_attempt_at)
                {
                    "Next not before " (time(next)) "."
                }
            }
        }
    };
    event(class, &title, queue.read_at.or(queue.given_up_at), &more)
}

/// Of a message that is held.
pub fn of_held(held: &HeldMessage) -> Markup {
    let waits_for_job = matches!(held.format, RawFormat::ProtobufArtifact | RawFormat::LegacyArtifactJson);
    html! {
        ol .timeline {
            (event("good", &html! { "Received over " b { (held.door.as_str()) } }, Some(held.received_at),
            &html! {
                "from " b { (held.source) }
                @if held.repeats > 0 { "; sent again " (plural(held.repeats, "time")) " since" }
            }))
            @match held.state {
                HeldState::Parked => {
                    (event("wait", &html! { "Parked " (held_state(held.state)) }, None, &html! {
                        @if waits_for_job {
                            "It waits for the job " (held.guid.as_deref().unwrap_or("it names")) "."
                        } @else {
                            "It waits for a push of " b { (held.project.as_deref().unwrap_or("its project")) }
                            " with revision " span .mono { (held.revision.as_deref().unwrap_or("unknown")) }
                            "."
                        }
                        " It is stored within 2 seconds of that coming; else it expires "
                        (maybe_time(Some(held.expires_at))) "."
                    }))
                }
                HeldState::Rejected => {
                    (event("bad", &html! { "Rejected " (held_state(held.state)) }, None, &html! {
                        @for violation in held.violations.iter().take(3) { p { (said(violation)) } }
                        "Mend it and send it again, or replay it once the reason is gone."
                    }))
                }
                HeldState::Expired => {
                    (event("bad", &html! { "Expired " (held_state(held.state)) }, None, &html! {
                        "What it waited for did not come in time. It can be replayed once that is there."
                    }))
                }
            }
        }
    }
}
