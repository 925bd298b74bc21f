//! Real messages: all of them are valid, and say the same in both encodings.

use super::{Value, as_protobuf, json, through_both};
use crate::formats::{DocumentFormat, parse_push_collection, protobuf, validate};
use bytes::Bytes;
use std::path::{Path, PathBuf};

/// A file of the corpus (`HERDGATE_CORPUS`, by default beside the repository), if it is there.
pub(in crate::formats) fn read(path: &str) -> Option<Bytes> {
    let folder = std::env::var_os("HERDGATE_CORPUS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus"), PathBuf::from);
    match std::fs::read(folder.join(path)) {
        Ok(bytes) => Some(bytes.into()),
        Err(error) => {
            println!("skipped: {path} of the corpus cannot be read: {error}");
            None
        }
    }
}

/// The Pulse messages of a file, none if it is not there.
pub(in crate::formats) fn messages(path: &str, count: usize) -> Vec<Value> {
    let Some(bytes) = read(path) else { return Vec::new() };
    let messages: Vec<Value> = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(messages.len(), count);
    messages
}

#[test]
fn the_messages_of_2026_are_valid_in_both_encodings() {
    for message in messages("jobs/pulse_jobs_2026.json", 46) {
        let job = through_both(&message);
        assert_eq!(job.guid.as_str(), message["taskId"]);
        let protobuf = as_protobuf::job(&message).unwrap();
        assert!(protobuf::is_plainly_valid(&protobuf), "everyday messages take the short way");
    }
}

#[test]
fn the_messages_of_2018_are_valid_in_both_encodings() {
    for mut message in messages("jobs/pulse_jobs_2018.json", 5) {
        message["origin"]["project"] = json!("mozilla-central");
        message["origin"]["revision"] = json!("7d1e5a2c90b34f6688aa1123deadbeef00c0ffee");
        let job = through_both(&message);
        assert_eq!(job.guid.as_str(), message["taskId"]);
    }
}

#[test]
fn the_legacy_jobs_are_valid() {
    let Some(bytes) = read("jobs/legacy_jobs.jsonl") else { return };
    let reports = validate(DocumentFormat::Jobs, &bytes);
    assert_eq!(reports.len(), 152);
    for report in reports {
        assert_eq!(report.violations, [], "{:?}", report.claimed);
    }
}

#[test]
fn the_push_collection_is_valid() {
    let Some(bytes) = read("pushes/push_collection.json") else { return };
    let items: Vec<Value> = serde_json::from_slice(&bytes).unwrap();
    let pushes = parse_push_collection(&bytes);
    assert_eq!(pushes.len(), items.len());
    for (push, item) in pushes.into_iter().zip(items) {
        let push = push.push.unwrap();
        assert_eq!(push.revision.as_str(), item["revision"]);
        assert_eq!(push.time.timestamp(), item["push_timestamp"].as_i64().unwrap());
        assert_eq!(push.commits.len(), item["revisions"].as_array().unwrap().len());
    }
}
