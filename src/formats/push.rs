//! Pushes: in protobuf, and as items of a push collection in JSON (ingest contract 3.1).

use super::findings::{self, Findings};
use super::pulse_message::integer;
use super::{date_time, items, pulse_json, schema};
use crate::core::PushSubmission;
use crate::domain::{ClaimedIdentity, Commit, Push, RawFormat, Refused, Revision, Violation};
use crate::{limits, proto};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use prost::Message;
use serde::{Deserialize, Deserializer, de::Error};
use serde_json::{Number, Value};

/// Reads one push; `index` is its position in the request, the first part of its field paths.
pub fn decode_push(index: usize, push: &proto::Push) -> PushSubmission {
    let mut findings = Findings::default();
    let translated = of_message(push, &format!("/{index}"), &mut findings);
    PushSubmission {
        raw: push.encode_to_vec().into(),
        format: RawFormat::ProtobufPush,
        push: concluded(translated, findings, push.revision.as_deref()),
    }
}

/// Reads one item of a push collection in JSON; `index` is its position in the collection.
pub fn decode_push_json(index: usize, raw: Bytes) -> PushSubmission {
    let (translated, findings, revision) = match pulse_json::parse(&raw) {
        Ok(document) => {
            let (push, findings) = of_document(&document, &format!("/{index}"));
            (push, findings, claimed_revision(&document).map(str::to_owned))
        }
        Err(mut violation) => {
            violation.path = format!("/{index}");
            (None, Findings { violations: vec![violation], warnings: Vec::new() }, None)
        }
    };
    let push = concluded(translated, findings, revision.as_deref());
    PushSubmission { raw, format: RawFormat::LegacyPushJson, push }
}

fn claimed_revision(document: &Value) -> Option<&str> {
    let last = || document.get("revisions")?.as_array()?.last()?.get("revision");
    document.get("revision").or_else(last)?.as_str()
}

/// Reads a push collection: an array, JSON lines or one push. What is wrong in one push is its own.
pub fn parse_push_collection(bytes: &Bytes) -> Vec<PushSubmission> {
    let pushes = items::split_items(bytes).into_iter().enumerate();
    pushes.map(|(index, raw)| decode_push_json(index, raw)).collect()
}

fn concluded(push: Option<Push>, findings: Findings, revision: Option<&str>) -> Result<Push, Refused> {
    let violations = findings.bounded().violations;
    match push {
        Some(push) if violations.is_empty() => Ok(push),
        _ => Err(Refused { claimed: ClaimedIdentity::new(None, revision, None), violations }),
    }
}

// === protobuf ===

fn of_message(push: &proto::Push, path: &str, findings: &mut Findings) -> Option<Push> {
    let size = push.encoded_len();
    if size > limits::SUBMISSION_BYTES {
        let mut violation = findings::too_large(size);
        violation.path = path.to_owned();
        findings.violations.push(violation);
        return None;
    }
    let revision = revision(push.revision.as_deref(), path, findings);
    let time = time(push.push_timestamp.as_ref(), &format!("{path}/pushTimestamp"), findings);
    let author =
        findings.required_text(&format!("{path}/author"), push.author.as_deref(), 1..=limits::AUTHOR);
    if push.revisions.len() > limits::COMMITS {
        let path = format!("{path}/revisions");
        findings.violations.push(findings::too_many(path, push.revisions.len(), limits::COMMITS as u64));
        return None;
    }
    let mut commits = Vec::with_capacity(push.revisions.len());
    for (index, item) in push.revisions.iter().enumerate() {
        commits.extend(commit(item, &format!("{path}/revisions/{index}"), findings));
    }
    Some(Push { revision: revision?, time: time?, author: author?.into(), commits, omitted_commits: 0 })
}

fn commit(item: &proto::Commit, path: &str, findings: &mut Findings) -> Option<Commit> {
    let revision = revision(item.revision.as_deref(), path, findings);
    let author =
        findings.required_text(&format!("{path}/author"), item.author.as_deref(), 0..=limits::AUTHOR);
    let comments =
        findings.required_text(&format!("{path}/comment"), item.comment.as_deref(), 0..=limits::COMMENT);
    Some(Commit { revision: revision?, author: author?.into(), comments: comments?.into() })
}

fn revision(text: Option<&str>, path: &str, findings: &mut Findings) -> Option<Revision> {
    let text = findings.required_text(&format!("{path}/revision"), text, 1..=limits::REVISION)?;
    Revision::try_new(text).ok()
}

fn time(
    timestamp: Option<&prost_types::Timestamp>,
    path: &str,
    findings: &mut Findings,
) -> Option<DateTime<Utc>> {
    let Some(timestamp) = timestamp else {
        findings.violations.push(findings::missing(path));
        return None;
    };
    let time = date_time::from_timestamp(timestamp);
    if time.is_none() {
        findings.violations.push(findings::no_time(path, &date_time::text_of(timestamp)));
    }
    time
}

// === JSON ===

/// Checks and reads an item that stands at `path`.
pub(super) fn of_document(document: &Value, path: &str) -> (Option<Push>, Findings) {
    let mut violations = schema::LEGACY_PUSH.violations(document);
    let mut push = None;
    if violations.is_empty() {
        match PushItem::deserialize(document).map_err(|error| error.to_string()).and_then(translated) {
            Ok(translated) => push = Some(translated),
            // The schema is stricter than the type; were it not, the push would be refused here.
            Err(error) => violations.push(findings::not_json("", error)),
        }
    }
    violations.iter_mut().for_each(|violation| findings::place(violation, "", path));
    (push, Findings { violations, warnings: Vec::<Violation>::new() })
}

fn translated(item: PushItem) -> Result<Push, String> {
    let revision = |text: &str| Revision::try_new(text).map_err(|error| error.to_string());
    let last = item.revisions.last().map(|commit| commit.revision.clone());
    let top = item.revision.or(last).ok_or("it has no revision")?;
    let commits = item.revisions.into_iter().map(|commit| {
        Ok(Commit { revision: revision(&commit.revision)?, author: commit.author, comments: commit.comment })
    });
    Ok(Push {
        revision: revision(&top)?,
        time: item.push_timestamp,
        author: item.author,
        commits: commits.collect::<Result<_, String>>()?,
        omitted_commits: 0,
    })
}

/// Author of a push that names none, as clients of 2016 send it (ingest contract 3.1).
fn unknown_author() -> String {
    "unknown@somewhere.com".into()
}

#[derive(Deserialize)]
struct PushItem {
    /// Clients of 2016 leave it out where it is that of the last commit.
    revision: Option<String>,
    #[serde(deserialize_with = "unix_seconds")]
    push_timestamp: DateTime<Utc>,
    #[serde(default = "unknown_author")]
    author: String,
    revisions: Vec<CommitItem>,
}

#[derive(Deserialize)]
struct CommitItem {
    revision: String,
    author: String,
    comment: String,
}

/// Unix seconds; a fraction is dropped towards the past, as in date-times.
fn unix_seconds<'de, D: Deserializer<'de>>(from: D) -> Result<DateTime<Utc>, D::Error> {
    let number = Number::deserialize(from)?;
    let floor = || Number::from_f64(number.as_f64()?.floor());
    integer::of(&number)
        .or_else(|| integer::of(&floor()?))
        .and_then(date_time::from_unix)
        .ok_or_else(|| D::Error::custom("no time in the years 1 to 9999"))
}
