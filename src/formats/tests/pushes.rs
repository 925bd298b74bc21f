//! Pushes in protobuf and in JSON (ingest contract 3.1).

use super::{Value, json, with, without};
use crate::core::PushSubmission;
use crate::domain::RawFormat;
use crate::formats::{DocumentFormat, decode_push, decode_push_json, parse_push_collection, validate};
use crate::{limits, proto};
use prost::Message;
use prost_types::Timestamp;

fn item() -> Value {
    json!({
        "revision": "7d1e5a2c90b34f6688aa1123deadbeef00c0ffee",
        "push_timestamp": 1_384_353_511,
        "author": "ada@example.org",
        "type": "push",
        "revisions": [{"revision": "abc", "author": "Ada", "comment": "", "repository": "x"}],
    })
}

fn message() -> proto::Push {
    proto::Push {
        revision: Some("7d1e5a2c90b34f6688aa1123deadbeef00c0ffee".into()),
        push_timestamp: Some(Timestamp { seconds: 1_384_353_511, nanos: 0 }),
        author: Some("ada@example.org".into()),
        revisions: vec![proto::Commit {
            revision: Some("abc".into()),
            author: Some("Ada".into()),
            comment: Some(String::new()),
        }],
    }
}

fn of_json(index: usize, item: &Value) -> PushSubmission {
    decode_push_json(index, item.to_string().into())
}

fn broken(submission: PushSubmission) -> Vec<(String, String)> {
    let violations = submission.push.err().map(|refused| refused.violations).unwrap_or_default();
    let mut broken: Vec<_> = violations.into_iter().map(|v| (v.path, v.rule.into_owned())).collect();
    broken.sort();
    broken
}

#[test]
fn both_encodings_say_the_same_push_and_keep_their_bytes() {
    let (one, other) = (of_json(0, &item()), decode_push(0, &message()));
    assert_eq!(one.push.as_ref().unwrap(), other.push.as_ref().unwrap());
    assert_eq!((one.format, other.format), (RawFormat::LegacyPushJson, RawFormat::ProtobufPush));
    assert_eq!(one.raw, item().to_string());
    assert_eq!(other.raw, message().encode_to_vec());
}

#[test]
fn a_fraction_of_a_push_time_is_dropped() {
    for (time, expected) in [(json!(1.9), 1), (json!(-0.5), -1), (json!(7.0), 7)] {
        let push = of_json(0, &with(item(), "/push_timestamp", time)).push.unwrap();
        assert_eq!(push.time.timestamp(), expected);
    }
}

#[test]
fn what_is_wrong_in_json_is_named_after_its_place_in_the_collection() {
    let long = |length: usize| json!("x".repeat(length));
    for (pointer, value, rule) in [
        ("/revision", json!(""), "minLength"),
        ("/revision", long(41), "maxLength"),
        ("/push_timestamp", json!("yesterday"), "type"),
        ("/push_timestamp", json!(1e18), "maximum"),
        ("/author", long(151), "maxLength"),
        ("/author", json!("a\0"), "nul"),
        ("/revisions", json!(null), "type"),
        ("/revisions/0/comment", json!(7), "type"),
        ("/revisions/0/author", long(151), "maxLength"),
    ] {
        let wrong = of_json(3, &with(item(), pointer, value));
        assert_eq!(broken(wrong), [(format!("/3{pointer}"), rule.to_owned())]);
    }
    for pointer in ["/push_timestamp", "/revisions", "/revisions/0/comment"] {
        let wrong = of_json(3, &without(item(), pointer));
        assert_eq!(broken(wrong), [(format!("/3{pointer}"), "required".to_owned())]);
    }
}

#[test]
fn a_push_without_a_revision_has_that_of_its_last_commit() {
    let commit = |revision: &str| json!({"revision": revision, "author": "", "comment": ""});
    let item = with(item(), "/revisions", json!([commit("aaaaaaaaaaaa"), commit("bbbbbbbbbbbb")]));
    let push = of_json(0, &without(item.clone(), "/revision")).push.unwrap();
    assert_eq!(push.revision.as_str(), "bbbbbbbbbbbb", "tips of 12 characters are taken as they are");

    let nameless = without(with(item.clone(), "/revisions", json!([])), "/revision");
    assert_eq!(broken(of_json(3, &nameless)), [("/3/revision".to_owned(), "required".to_owned())]);
    let null = with(item.clone(), "/revision", json!(null));
    assert_eq!(broken(of_json(3, &null)), [("/3/revision".to_owned(), "type".to_owned())]);
    let other_fault = without(with(item, "/author", json!(7)), "/revision");
    let refused = of_json(3, &other_fault).push.unwrap_err();
    assert_eq!(refused.claimed.revision.as_deref(), Some("bbbbbbbbbbbb"));
}

#[test]
fn a_push_without_an_author_has_an_unknown_one() {
    let push = of_json(0, &without(item(), "/author")).push.unwrap();
    assert_eq!(push.author, "unknown@somewhere.com");
}

#[test]
fn what_is_wrong_in_protobuf_is_named_after_its_place_in_the_request() {
    let with = |change: fn(&mut proto::Push)| {
        let mut push = message();
        change(&mut push);
        decode_push(2, &push)
    };
    for (submission, path, rule) in [
        (with(|p| p.revision = None), "/2/revision", "required"),
        (with(|p| p.revision = Some("x".repeat(41))), "/2/revision", "maxLength"),
        (with(|p| p.push_timestamp = None), "/2/pushTimestamp", "required"),
        (
            with(|p| p.push_timestamp = Some(Timestamp { seconds: i64::MAX, nanos: 0 })),
            "/2/pushTimestamp",
            "format",
        ),
        (with(|p| p.author = Some(String::new())), "/2/author", "minLength"),
        (with(|p| p.author = Some("a\0".into())), "/2/author", "nul"),
        (with(|p| p.revisions[0].comment = None), "/2/revisions/0/comment", "required"),
        (with(|p| p.revisions[0].author = Some("x".repeat(151))), "/2/revisions/0/author", "maxLength"),
        (
            with(|p| p.revisions = vec![proto::Commit::default(); limits::COMMITS + 1]),
            "/2/revisions",
            "maxItems",
        ),
    ] {
        assert_eq!(broken(submission), [(path.to_owned(), rule.to_owned())]);
    }
}

#[test]
fn one_bad_push_does_not_spoil_its_neighbours() {
    let collection = format!("[{}, NaN, {}]", item(), item());
    let pushes = parse_push_collection(&collection.into());
    let valid: Vec<_> = pushes.iter().map(|submission| submission.push.is_ok()).collect();
    assert_eq!(valid, [true, false, true]);
    let paths: Vec<_> = pushes.into_iter().flat_map(broken).collect();
    assert_eq!(paths, [("/1".to_owned(), "json".to_owned())]);
}

#[test]
fn files_are_reported_document_by_document() {
    let jobs = json!([
        {"revision": "7d1e5a2c90b3", "job": {"job_guid": "g", "result": 0, "desc": null}},
        {"revision": "7d1e", "job": {"job_guid": ""}},
    ]);
    let reports = validate(DocumentFormat::Jobs, &jobs.to_string().into());
    assert_eq!((reports[0].index, reports[0].violations.len()), (0, 0));
    assert_eq!(reports[0].claimed.guid.as_deref(), Some("g"));
    let mut paths: Vec<_> = reports[1].violations.iter().map(|v| &*v.path).collect();
    paths.sort_unstable();
    assert_eq!(paths, ["/1/job/job_guid", "/1/revision"]);

    let lines = format!("{}\n{}\n", super::message(), json!({"taskId": "a"}));
    let reports = validate(DocumentFormat::Pulse, &lines.into());
    assert_eq!(reports[0].violations, []);
    assert_eq!(reports[1].claimed.guid.as_deref(), Some("a"));
    assert!(reports[1].violations.iter().any(|v| v.path == "/origin" && v.rule == "required"));

    let reports = validate(DocumentFormat::Pushes, &item().to_string().into());
    assert_eq!((reports.len(), reports[0].violations.len()), (1, 0));
}
