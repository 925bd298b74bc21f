//! Random values and bytes: nothing panics, what is refused is named, and the same bytes always give the
//! same answer (they are decoded anew at every release and replay).

use super::{PROJECT, broken, decode, warnings};
use crate::core::Content;
use crate::domain::RawFormat;
use crate::formats::{decode_collection, decode_push_json, split_collection};
use crate::limits;
use bytes::Bytes;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;

/// An item with every member that is read.
fn full() -> Value {
    let text = r#"{
        "revision": "7d1e5a2c90b34f6688aa1123deadbeef00c0ffee", "project": "quince-central",
        "superseded": ["a"], "coalesced": ["b"],
        "job": {
            "job_guid": "guid", "name": "n", "job_symbol": "s", "group_name": "g", "group_symbol": "gs",
            "product_name": "p", "state": "completed", "result": "success", "reason": "r", "who": "w",
            "machine": "m", "build_system_type": "b", "reference_data_name": "rdn", "tier": 1, "desc": "d",
            "build_platform": {"os_name": "linux", "platform": "linux64", "architecture": "x86_64"},
            "machine_platform": {"os_name": "linux", "platform": "linux64", "architecture": "x86_64"},
            "option_collection": {"opt": true},
            "submit_timestamp": 1, "start_timestamp": 2, "end_timestamp": 3,
            "log_references": [{"name": "buildbot_text", "url": "u", "parse_status": "pending"}],
            "artifacts": [
                {"name": "Job Info", "type": "json", "job_guid": "guid", "blob": {"job_details": [
                    {"title": "t", "value": "v", "url": "u", "content_type": "text"}]}},
                {"name": "text_log_summary", "type": "json", "blob": {"logurl": "u", "logname": "n",
                    "step_data": {"errors_truncated": false, "steps": [
                        {"name": "s", "started": "2013-06-05 12:51:48", "finished": null,
                         "started_linenumber": 0, "finished_linenumber": 1, "result": "success",
                         "errors": [{"linenumber": 1, "line": "l"}]}]}}},
                {"name": "buildapi", "type": "json", "blob": {"request_id": 7}},
                {"name": "other", "type": "text", "blob": "x"}
            ],
            "superseded": ["c"], "coalesced": ["d"],
            "taskcluster_task_id": "bBscUh8OTDmaQAyPWtK58w", "taskcluster_retry_id": 0
        }
    }"#;
    serde_json::from_str(text).unwrap()
}

#[test]
fn the_full_item_is_a_job() {
    let found = decode(RawFormat::LegacyJobJson, &full().to_string().into(), Some(PROJECT));
    assert_eq!((broken(&found), warnings(&found)), (Vec::new(), Vec::new()));
}

fn any_json() -> BoxedStrategy<Value> {
    let texts = [
        "",
        "unknown",
        "\0",
        "a\u{1f}b",
        "0",
        "-1",
        "99999",
        "20130411165317",
        "{\"job_details\": []}",
        "[",
        "pending",
        "🧱",
        "Job Info",
        "2013-06-05T12:51:48Z",
        "é",
        "\u{feff}",
    ];
    let lengths = [11, 12, 22, 23, 25, 26, 35, 36, 40, 41, 50, 51, 125, 126, 140, 141, 512, 513];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-2_i64..40_000).prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        select(texts.to_vec()).prop_map(Value::from),
        select(lengths.to_vec()).prop_map(|length| Value::from("x".repeat(length))),
        ".{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::hash_map(".{0,9}", inner, 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
    .boxed()
}

/// JSON Pointers of every value in a document, itself not counted.
fn pointers(value: &Value, path: &str) -> Vec<String> {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(members) => members.iter().map(|(n, v)| (format!("{path}/{n}"), v)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(n, v)| (format!("{path}/{n}"), v)).collect(),
        _ => Vec::new(),
    };
    children
        .into_iter()
        .flat_map(|(path, child)| {
            let mut all = pointers(child, &path);
            all.push(path);
            all
        })
        .collect()
}

fn any_pointer() -> BoxedStrategy<String> {
    select(pointers(&full(), "")).boxed()
}

/// Whether `place` is `pointer`, inside it, or the member it lacks.
fn is_at(place: &str, pointer: &str) -> bool {
    place.strip_prefix(pointer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 3000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_random_value_in_any_member_is_read_or_named(pointer in any_pointer(), value in any_json()) {
        let mut item = full();
        *item.pointer_mut(&pointer).unwrap() = value;
        let raw: Bytes = item.to_string().into();
        let found = decode(RawFormat::LegacyJobJson, &raw, Some(PROJECT));
        let again = decode(RawFormat::LegacyJobJson, &raw, Some(PROJECT));
        prop_assert_eq!(format!("{found:?}"), format!("{again:?}"));
        match found.content {
            Content::Job(job) => {
                prop_assert!(job.guid.as_str().chars().count() <= limits::JOB_GUID);
                prop_assert!(job.who.chars().count() <= limits::OWNER);
                prop_assert!(job.state.as_str().chars().count() <= limits::OTHER_WORD);
                prop_assert!(job.result.as_str().chars().count() <= limits::OTHER_WORD);
            }
            Content::Invalid(refused) => {
                prop_assert!((1..=limits::VIOLATIONS).contains(&refused.violations.len()));
                for violation in refused.violations {
                    // An artifact given another known name is judged by the rules of that one.
                    let renamed = pointer.ends_with("/name") && violation.path.contains("/blob");
                    let place = &*violation.path;
                    prop_assert!(is_at(place, &pointer) || renamed, "{place} is not at {pointer}");
                }
            }
            Content::Artifact(_) => prop_assert!(false, "a job item is no artifact"),
        }
    }

    #[test]
    fn a_random_item_of_any_collection_never_panics(item in any_json()) {
        let raw: Bytes = item.to_string().into();
        for format in [RawFormat::LegacyJobJson, RawFormat::LegacyArtifactJson] {
            let found = decode(format, &raw, Some(PROJECT));
            prop_assert!(matches!(found.content, Content::Invalid(_)), "{item} is no item");
        }
        prop_assert!(decode_push_json(0, raw).push.is_err());
    }

    #[test]
    fn random_bytes_never_panic_and_lose_no_item(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut body = b"[".to_vec();
        body.extend(bytes);
        for body in [Bytes::from(body.clone()), Bytes::copy_from_slice(&body[1..])] {
            let items = split_collection(&body).map(|items| items.len());
            let decoded = decode_collection(RawFormat::LegacyJobJson, &body, PROJECT);
            prop_assert_eq!(decoded.map(|items| items.len()), items);
        }
    }
}
