//! One held message: why it is held, in the words of the schema, its bytes, and what can be done.

use super::Console;
use super::elements::{count, held_state, job_link, maybe_time, push_link, time};
use super::failure::Failure;
use super::job::pretty;
use super::layout::{Page, Section};
use super::posted::Posted;
use super::session::{Session, Visitor};
use super::story;
use crate::core::may_handle_held;
use crate::domain::{Outcome, RawFormat, Verdict, Violation};
use crate::doors::refusal::Refusal;
use crate::formats::schema_words::words_for;
use crate::limits;
use crate::store::model::HeldMessage;
use axum::extract::{Path, State};
use axum::response::Response;
use maud::{Markup, html};

/// The message. Its bytes are for those who may write its project (rule R25).
pub async fn show(
    State(console): State<Console>,
    visitor: Visitor,
    Path(id): Path<i64>,
) -> Result<Response, Failure> {
    let found = console.gateway.store().held_message(id).await?;
    let (held, raw) = found.ok_or_else(|| {
        Refusal::NotFound(format!(
            "No message {id} is held any more: it was stored, replayed, discarded or evicted."
        ))
    })?;
    let session = visitor
        .0
        .as_ref()
        .filter(|session| may_handle_held(&session.principal, held.project.as_deref(), &held.source));
    let body = html! {
        nav .crumbs aria-label="Where this is" { a href="/console/held" { "Held messages" } " / " (id) }
        h1 { "Held message " (id) " " (held_state(held.state)) }
        @if let Some(session) = session { (actions(session, id)) }
        div .columns {
            div {
                section { h2 { "Details" } (facts(&held)) }
                @if !held.violations.is_empty() {
                    section { h2 { "What is wrong" } (violations(held.format, &held.violations)) }
                }
                section {
                    h2 { "Bytes" }
                    @if session.is_some() { (bytes(&held, &raw)) }
                    @else if visitor.0.is_some() {
                        p .hint { "Your credential may not write this project; its bytes are not shown." }
                    } @else {
                        p .hint {
                            a href="/console/sign-in" { "Sign in" }
                            " with a credential of the project to see the bytes, to replay and to discard."
                        }
                    }
                }
            }
            div { section { h2 { "Story" } (story::of_held(&held)) } }
        }
    };
    Ok(Page::new(format!("Held message {id}"), Section::Held, body).show(visitor.0.as_ref()))
}

fn actions(session: &Session, id: i64) -> Markup {
    html! {
        form .actions method="post" {
            (session.csrf_field())
            input type="hidden" name="id" value=(id);
            button .primary type="submit" formaction="/console/held/replay" { "Replay" }
            button .danger type="submit" formaction="/console/held/discard"
                data-confirm="Discard this message for good?" {
                "Discard"
            }
        }
    }
}

fn facts(held: &HeldMessage) -> Markup {
    html! {
        dl .facts {
            div { dt { "Source" } dd { (held.source) " over " (held.door.as_str()) } }
            div { dt { "Format" } dd { (held.format.as_str().replace('_', " ")) } }
            @if let Some(project) = &held.project {
                div { dt { "Project" } dd { (project) } }
                @if let Some(revision) = &held.revision {
                    div { dt { "Revision" } dd { (push_link(project, revision)) } }
                }
            }
            @if let Some(guid) = &held.guid { div { dt { "Guid" } dd { (job_link(guid)) } } }
            @if let Some(key) = &held.routing_key { div { dt { "Routing key" } dd .mono { (key) } } }
            div { dt { "Received" } dd { (time(held.received_at)) } }
            div { dt { "Expires" } dd { (maybe_time(Some(held.expires_at))) } }
            div {
                dt { "Size" }
                dd {
                    (count(held.raw_size)) " bytes" @if held.raw_truncated { ", only the beginning is kept" }
                }
            }
        }
    }
}

/// Each violation beside what the schema says of its place.
fn violations(format: RawFormat, violations: &[Violation]) -> Markup {
    html! {
        @for violation in violations {
            div .violation {
                div {
                    p .mono.path {
                        @if violation.path.is_empty() { "the whole submission" } @else { (violation.path) }
                    }
                    p { (violation.message) }
                    dl .facts {
                        div { dt { "Rule" } dd .mono { (violation.rule) } }
                        @if let Some(limit) = &violation.limit { div { dt { "Limit" } dd { (limit) } } }
                        @if let Some(value) = &violation.value {
                            div { dt { "Value" } dd { code { (value) } } }
                        }
                    }
                }
                @if let Some(words) = words_for(format, &violation.path) {
                    div .schema {
                        p .faint {
                            "The schema " a href={ "/schemas/" (words.schema) } { (words.schema) } " says:"
                        }
                        @if let Some(description) = &words.description { p { (description) } }
                        pre .code tabindex="0" { (words.rules) }
                    }
                }
            }
        }
    }
}

fn bytes(held: &HeldMessage, raw: &[u8]) -> Markup {
    let shown = &raw[..raw.len().min(limits::CONSOLE_RAW_BYTES)];
    let text = String::from_utf8_lossy(shown);
    let is_binary = matches!(
        held.format,
        RawFormat::ProtobufJob
            | RawFormat::ProtobufArtifact
            | RawFormat::ProtobufPush
            | RawFormat::UndecodableFrame
            | RawFormat::CompressedBody
    );
    html! {
        @if is_binary {
            p .hint { "Protobuf or compressed, shown as hexadecimal." }
            pre .code tabindex="0" { (hexadecimal(shown)) }
        }
        @else { pre .code tabindex="0" { (pretty(&text)) } }
        @if shown.len() < raw.len() { p .hint { "The first " (shown.len()) " of " (raw.len()) " bytes." } }
    }
}

/// Sixteen bytes a line, with their text.
fn hexadecimal(bytes: &[u8]) -> String {
    let printable =
        |byte: &u8| if byte.is_ascii_graphic() || *byte == b' ' { char::from(*byte) } else { '.' };
    let line = |(number, bytes): (usize, &[u8])| {
        let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let text: String = bytes.iter().map(printable).collect();
        format!("{:06x}  {:<47}  {text}\n", number * 16, digits.join(" "))
    };
    bytes.chunks(16).enumerate().map(line).collect()
}

/// Runs messages through the pipeline again, and says what became of each.
pub async fn replay(State(console): State<Console>, posted: Posted) -> Result<Response, Failure> {
    let ids = ticked(&posted)?;
    let verdicts = console.gateway.replay(&posted.session.principal, &ids).await?;
    tracing::info!(messages = ids.len(), by = %posted.session.principal.source, "held messages replayed");
    let body = html! {
        h1 { "Replayed" }
        table {
            thead { tr { th { "Message" } th { "Verdict" } th { "Job" } th { "Why" } } }
            tbody { @for (id, verdict) in ids.iter().zip(&verdicts) { (outcome(*id, verdict)) } }
        }
        p { a .button href="/console/held" { "Back to held messages" } }
    };
    Ok(Page::new("Replayed", Section::Held, body).show(Some(&posted.session)))
}

fn outcome(id: i64, verdict: &Verdict) -> Markup {
    let outcome = &verdict.outcome;
    let is_still_held =
        matches!(outcome, Outcome::Rejected(_) | Outcome::Parked { .. } | Outcome::RetryLater { .. });
    html! {
        tr {
            td { @if is_still_held { a href={ "/console/held/" (id) } { (id) } } @else { (id) } }
            td {
                span class={ "status verdict-" (outcome.as_str()) } { (outcome.as_str().replace('_', " ")) }
            }
            td { @if let Some(guid) = &verdict.guid { (job_link(guid)) } }
            td {
                (outcome.reason().as_str().replace('_', " ")) @if !outcome.detail().is_empty() {
                    ": " (outcome.detail())
                }
            }
        }
    }
}

/// Throws messages away.
pub async fn discard(State(console): State<Console>, posted: Posted) -> Result<Response, Failure> {
    let ids = ticked(&posted)?;
    let discarded = console.gateway.discard(&posted.session.principal, &ids).await?;
    tracing::info!(discarded, by = %posted.session.principal.source, "held messages discarded");
    let body = html! {
        h1 { "Discarded" }
        p { (discarded) " of " (ids.len()) " messages are gone; the ledger counts them as discarded." }
        p { a .button href="/console/held" { "Back to held messages" } }
    };
    Ok(Page::new("Discarded", Section::Held, body).show(Some(&posted.session)))
}

fn ticked(posted: &Posted) -> Result<Vec<i64>, Refusal> {
    let ids = posted.fields.numbers("id")?;
    match ids.len() {
        0 => Err(Refusal::invalid("id", "tick at least one message")),
        1..=limits::BATCH_ITEMS => Ok(ids),
        more => Err(Refusal::too_many("id", more)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_shown_with_their_text() {
        assert_eq!(
            hexadecimal(b"\x0a\x03abc 0123456789<"),
            "000000  0a 03 61 62 63 20 30 31 32 33 34 35 36 37 38 39  ..abc 0123456789\n\
             000010  3c                                               <\n"
        );
    }
}
