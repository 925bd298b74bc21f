//! Specifications of the formats that are about more than one of their files.

mod as_protobuf;
pub(super) mod corpus;
mod equivalence;
mod published_limits;
mod pushes;
pub(super) mod random_job;
mod translation;
mod violations;
mod worked_examples;

use super::{Decoded, decode};
use crate::core::Content;
use crate::domain::{Job, RawFormat, Violation};
use crate::proto;
use bytes::Bytes;
use prost::Message;
use serde_json::{Value, json};

/// What a decoder made of a job message.
fn from_json(document: &Value) -> Decoded {
    decode(RawFormat::PulseJson, &document.to_string().into(), None)
}

fn from_protobuf(job: &proto::Job) -> Decoded {
    decode(RawFormat::ProtobufJob, &job.encode_to_vec().into(), None)
}

fn raw(bytes: &'static [u8]) -> Bytes {
    Bytes::from_static(bytes)
}

#[track_caller]
fn job_of(decoded: Decoded) -> Job {
    match decoded.content {
        Content::Job(job) => *job,
        other => panic!("no job: {other:#?}"),
    }
}

fn violations_of(decoded: Decoded) -> Vec<Violation> {
    match decoded.content {
        Content::Invalid(refused) => refused.violations,
        _ => Vec::new(),
    }
}

/// (path, rule), sorted.
fn broken(decoded: Decoded) -> Vec<(String, String)> {
    let mut broken: Vec<_> =
        violations_of(decoded).into_iter().map(|v| (v.path, v.rule.into_owned())).collect();
    broken.sort();
    broken
}

/// The job through both encodings, which must agree.
#[track_caller]
fn through_both(document: &Value) -> Job {
    let one = job_of(from_json(document));
    let other = job_of(from_protobuf(&as_protobuf::job(document).expect("it can be said in protobuf")));
    assert_eq!(one, other);
    one
}

/// What both encodings find broken, which must agree.
#[track_caller]
fn broken_in_both(document: &Value) -> Vec<(String, String)> {
    let one = broken(from_json(document));
    let other = broken(from_protobuf(&as_protobuf::job(document).expect("it can be said in protobuf")));
    assert_eq!(one, other, "JSON and protobuf disagree about {document}");
    one
}

/// A small valid message of the current shape.
fn message() -> Value {
    json!({
        "taskId": "6c1b1c52-1f0e-4c39-9a40-0c8f5ad2b9f3/2",
        "origin": {"project": "autoland", "revision": "7d1e5a2c90b34f6688aa1123deadbeef00c0ffee"},
        "buildSystem": "taskcluster",
        "display": {"jobSymbol": "B", "groupSymbol": "?", "jobName": "build"},
        "state": "completed",
        "result": "success",
        "jobKind": "build",
        "version": 1,
    })
}

/// The message with one value replaced or added at a pointer.
fn with(mut document: Value, pointer: &str, value: Value) -> Value {
    set(&mut document, pointer, value);
    document
}

fn set(document: &mut Value, pointer: &str, value: Value) {
    let (parent, name) = pointer.rsplit_once('/').expect("a pointer to a member");
    let parent = document.pointer_mut(parent).unwrap_or_else(|| panic!("no parent of {pointer}"));
    match parent {
        Value::Array(items) => items[name.parse::<usize>().expect("an index")] = value,
        _ => parent[name] = value,
    }
}

fn without(mut document: Value, pointer: &str) -> Value {
    let (parent, name) = pointer.rsplit_once('/').expect("a pointer to a member");
    let members = document.pointer_mut(parent).and_then(Value::as_object_mut).expect("an object");
    members.remove(name).expect("the member is there");
    document
}

#[test]
fn a_submission_that_makes_its_decoder_panic_is_refused_for_an_internal_error() {
    let decoded = super::caught(Some("try"), || unreachable!("a bug"));
    let Content::Invalid(refused) = decoded.content else { panic!("it is refused") };
    assert_eq!((&*refused.violations[0].rule, refused.claimed.project.as_deref()), ("internal", Some("try")));
}
