//! Pulse job messages in JSON.

use super::Decoded;
use super::artifact::Artifact;
use super::findings::{self, Findings};
use super::protobuf::Beyond;
use super::pulse_message::PulseMessage;
use super::{schema, translate};
use crate::core::Content;
use crate::domain::{ClaimedIdentity, Parts, Refused, Violation};
use crate::limits;
use serde::Deserialize;
use serde_json::Value;

/// Reads a message, bare or wrapped as `{"payload": ..., "_meta": ...}`.
pub(super) fn decode(raw: &[u8]) -> Decoded {
    match parse(raw) {
        Ok(document) => {
            of_document(&unwrapped(document), Vec::new(), &Beyond::default(), Findings::default())
        }
        Err(violation) => Decoded::refused(violation, ClaimedIdentity::default()),
    }
}

/// Reads JSON text of at most [`limits::SUBMISSION_BYTES`].
///
/// # Errors
/// One violation of the document as a whole: too large, no UTF-8 (with the byte offset), no JSON or
/// nested too deep (with line and column).
pub(super) fn parse(raw: &[u8]) -> Result<Value, Violation> {
    if raw.len() > limits::SUBMISSION_BYTES {
        return Err(findings::too_large(raw.len()));
    }
    let text = std::str::from_utf8(raw).map_err(|error| {
        findings::not_json("", format!("invalid UTF-8 at byte {}; send UTF-8", error.valid_up_to()))
    })?;
    serde_json::from_str(text).map_err(|error| findings::not_json("", error))
}

/// MozillaPulse wraps messages (design section 5). A job has no member of either name.
fn unwrapped(mut document: Value) -> Value {
    match document.as_object_mut() {
        Some(members) if members.contains_key("_meta") => match members.get_mut("payload") {
            Some(payload) => payload.take(),
            None => document,
        },
        _ => document,
    }
}

/// Runs a message through schema and rules. `attached` and `beyond` come from protobuf, as do the
/// `findings` about them.
pub(super) fn of_document<'a>(
    document: &'a Value,
    mut attached: Vec<Artifact<'a>>,
    beyond: &Beyond<'a>,
    mut findings: Findings,
) -> Decoded {
    let own = std::mem::take(&mut findings.violations);
    findings.violations = schema::PULSE_JOB.violations(document);
    findings.violations.extend(own);

    attached.splice(0..0, extra_artifacts(document));
    let guid = document.get("taskId").and_then(Value::as_str);
    let parts = supplied(attached, guid, &mut findings);

    let mut message = None;
    if findings.violations.is_empty() {
        match PulseMessage::deserialize(document) {
            Ok(mut read) => {
                beyond.fill(&mut read);
                message = Some(read);
            }
            // The schema is stricter than the type; were it not, the message would be refused here.
            Err(error) => findings.violations.push(findings::not_json("", error)),
        }
    }
    conclude(message.as_ref(), parts, findings, || claimed(document))
}

/// What the artifacts of a job say.
pub(super) fn supplied(attached: Vec<Artifact<'_>>, guid: Option<&str>, findings: &mut Findings) -> Parts {
    let mut parts = Parts::default();
    for artifact in attached {
        artifact.add_to(guid, &mut parts, findings);
    }
    parts
}

/// A job if nothing was found against it.
pub(super) fn conclude(
    message: Option<&PulseMessage<'_>>,
    parts: Parts,
    mut findings: Findings,
    claimed: impl FnOnce() -> ClaimedIdentity,
) -> Decoded {
    let mut job = None;
    if let Some(message) = message
        && findings.violations.is_empty()
    {
        match translate::job(message, parts, &mut findings) {
            Ok(translated) => job = Some(translated),
            Err(violation) => findings.violations.push(violation),
        }
    }
    let Findings { violations, warnings } = findings.bounded();
    let content = match job {
        Some(job) if violations.is_empty() => Content::Job(Box::new(job)),
        _ => Content::Invalid(Refused { claimed: claimed(), violations }),
    };
    Decoded { content, warnings, for_other_jobs: Vec::new() }
}

fn extra_artifacts(document: &Value) -> Vec<Artifact<'_>> {
    let items = document.pointer("/extra/artifacts").and_then(Value::as_array);
    items
        .into_iter()
        .flatten()
        .take(limits::PARTS)
        .enumerate()
        .filter_map(|(index, item)| Artifact::from_json(item, &format!("/extra/artifacts/{index}")))
        .collect()
}

fn claimed(document: &Value) -> ClaimedIdentity {
    let text = |pointer: &str| document.pointer(pointer).and_then(Value::as_str);
    ClaimedIdentity::new(text("/origin/project"), text("/origin/revision"), text("/taskId"))
}
