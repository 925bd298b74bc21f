//! What is wrong with bad input: path and rule of every violation.

use super::{
    Value, broken, broken_in_both, from_json, from_protobuf, json, message, raw, violations_of, with, without,
};
use crate::core::Content;
use crate::domain::RawFormat;
use crate::formats::decode;
use crate::{limits, proto};
use prost::Message;

const GITHUB: &str = "github.com";
const MERCURIAL: &str = "hg.mozilla.org";

/// A message with every optional part.
fn full() -> Value {
    let mut message = message();
    message["buildMachine"] =
        json!({"name": "b-1", "platform": "linux64", "os": "linux", "architecture": "arm"});
    message["jobInfo"] = json!({"links": [{"url": "https://a.example/x", "linkText": "x", "label": "y"}]});
    message["labels"] = json!(["opt"]);
    message["coalesced"] = json!(["a_1"]);
    message["logs"] = json!([{"url": "https://a.example/log", "name": "log", "steps": [{
        "name": "s", "timeStarted": "2026-01-01T00:00:00Z", "timeFinished": "2026-01-01T00:00:01Z",
        "lineStarted": 0, "lineFinished": 9, "result": "success", "errors": [{"line": "e", "linenumber": 3}],
    }]}]);
    message
}

fn origin(kind: &str, revision: &str) -> Value {
    json!({"kind": kind, "project": "autoland", "revision": revision})
}

#[test]
fn the_full_message_is_valid() {
    assert_eq!(broken_in_both(&full()), []);
}

#[test]
fn one_wrong_value_is_one_violation_at_its_leaf_in_both_encodings() {
    let long = |length: usize| json!("x".repeat(length));
    for (pointer, value, rule) in [
        ("/taskId", json!(""), "minLength"),
        ("/taskId", long(51), "maxLength"),
        ("/taskId", json!("a_b"), "pattern"),
        ("/taskId", json!("abc\n"), "pattern"),
        ("/buildSystem", json!("näh"), "pattern"),
        ("/origin/project", json!("a b"), "pattern"),
        ("/origin/revision", json!("7D1E5A2C90B34F6688AA1123DEADBEEF00C0FFEE"), "pattern"),
        ("/origin/id", json!(limits::FOREIGN_ID + 1), "maximum"),
        ("/display/jobSymbol", long(26), "maxLength"),
        ("/display/chunkId", json!(0), "minimum"),
        ("/display/chunkId", json!(limits::ORDINAL + 1), "maximum"),
        ("/display/chunkCount", json!(0), "minimum"),
        ("/display/groupSymbol", json!(""), "minLength"),
        ("/display/jobName", long(141), "maxLength"),
        ("/display/groupName", long(256), "maxLength"),
        ("/state", json!("exploded"), "enum"),
        ("/result", json!("busted"), "enum"),
        ("/jobKind", json!("toy"), "enum"),
        ("/version", json!(2), "enum"),
        ("/retryId", json!(-1), "minimum"),
        ("/tier", json!(4), "maximum"),
        ("/tier", json!(0), "minimum"),
        ("/coalesced/0", json!("a b"), "pattern"),
        ("/timeStarted", json!("yesterday"), "format"),
        ("/labels/0", json!(""), "minLength"),
        ("/labels/0", long(51), "maxLength"),
        ("/owner", long(51), "maxLength"),
        ("/reason", json!(""), "minLength"),
        ("/productName", long(126), "maxLength"),
        ("/buildMachine/name", json!("b.example"), "pattern"),
        ("/buildMachine/os", long(26), "maxLength"),
        ("/jobInfo/links/0/url", json!("no uri"), "format"),
        ("/jobInfo/links/0/linkText", long(126), "maxLength"),
        ("/jobInfo/links/0/label", long(71), "maxLength"),
        ("/logs/0/url", json!("https://a.example/ä"), "format"),
        ("/logs/0/url", json!(format!("https://a.example/{}", "x".repeat(512))), "maxLength"),
        ("/logs/0/name", long(51), "maxLength"),
        ("/logs/0/steps/0/name", json!(""), "minLength"),
        ("/logs/0/steps/0/timeFinished", json!("2026-13-01T00:00:00Z"), "format"),
        ("/logs/0/steps/0/lineStarted", json!(-1), "minimum"),
        ("/logs/0/steps/0/result", json!("retry"), "enum"),
        ("/logs/0/steps/0/errors/0/line", long(256), "maxLength"),
        ("/logs/0/steps/0/errors/0/linenumber", json!(limits::ORDINAL + 1), "maximum"),
        ("/owner", json!("a\0"), "nul"),
        ("/display/jobName", json!("a\0b"), "nul"),
    ] {
        let wrong = with(full(), pointer, value);
        assert_eq!(broken_in_both(&wrong), [(pointer.to_owned(), rule.to_owned())], "{wrong}");
    }
}

#[test]
fn the_longest_that_is_allowed_is_counted_in_code_points() {
    assert_eq!(broken_in_both(&with(full(), "/display/jobName", json!("ä".repeat(140)))), []);
    let wrong = with(full(), "/display/jobName", json!("ä".repeat(141)));
    assert_eq!(broken_in_both(&wrong), [("/display/jobName".into(), "maxLength".into())]);
}

#[test]
fn whatever_is_required_is_missed_at_its_own_path() {
    for pointer in [
        "/taskId",
        "/origin",
        "/origin/project",
        "/origin/revision",
        "/buildSystem",
        "/display",
        "/display/jobSymbol",
        "/display/groupSymbol",
        "/display/jobName",
        "/state",
        "/jobKind",
        "/version",
        "/buildMachine/platform",
        "/buildMachine/os",
        "/buildMachine/architecture",
        "/jobInfo/links/0/url",
        "/jobInfo/links/0/linkText",
        "/jobInfo/links/0/label",
        "/logs/0/url",
        "/logs/0/name",
        "/logs/0/steps/0/name",
        "/logs/0/steps/0/timeStarted",
        "/logs/0/steps/0/timeFinished",
        "/logs/0/steps/0/lineStarted",
        "/logs/0/steps/0/lineFinished",
        "/logs/0/steps/0/result",
        "/logs/0/steps/0/errors/0/line",
        "/logs/0/steps/0/errors/0/linenumber",
    ] {
        let wrong = without(full(), pointer);
        assert_eq!(broken_in_both(&wrong), [(pointer.to_owned(), "required".to_owned())], "{wrong}");
    }
}

#[test]
fn a_revision_is_hexadecimal_except_on_github() {
    let odd = "not hexadecimal, but of forty characters";
    let pattern = [("/origin/revision".to_owned(), "pattern".to_owned())];
    assert_eq!(broken_in_both(&with(message(), "/origin", origin(GITHUB, odd))), []);
    assert_eq!(broken_in_both(&with(message(), "/origin", origin(MERCURIAL, odd))), pattern);
    let short = with(message(), "/origin", origin(GITHUB, "abc"));
    assert_eq!(broken_in_both(&short), [("/origin/revision".into(), "minLength".into())]);
}

#[test]
fn members_that_a_form_does_not_have_are_named_one_by_one() {
    let mut wrong = with(message(), "/origin/pushLogID", json!(1));
    wrong["origin"]["owner"] = json!("me");
    wrong["nothing"] = json!(1);
    let unexpected = |path: &str| (path.to_owned(), "additionalProperties".to_owned());
    assert_eq!(
        broken(from_json(&wrong)),
        [unexpected("/nothing"), unexpected("/origin/owner"), unexpected("/origin/pushLogID")]
    );
    let wrong = with(message(), "/origin", origin("svn", &"0".repeat(40)));
    assert_eq!(broken(from_json(&wrong)), [("/origin/kind".into(), "enum".into())]);
}

#[test]
fn all_violations_are_listed_with_limit_value_and_remedy() {
    let mut wrong = with(full(), "/display/jobSymbol", json!("x".repeat(30)));
    wrong["tier"] = json!(9);
    wrong["state"] = json!("exploded");
    let violations = violations_of(from_json(&wrong));
    let of = |path: &str| violations.iter().find(|violation| violation.path == path).unwrap();
    assert_eq!(violations.len(), 3);

    let symbol = of("/display/jobSymbol");
    assert_eq!((symbol.limit.as_deref(), symbol.value.as_deref().unwrap().len()), (Some("25"), 30));
    assert_eq!(symbol.message, "/display/jobSymbol has 30 characters, at most 25 are allowed; shorten it");
    assert_eq!((of("/tier").limit.as_deref(), of("/tier").value.as_deref()), (Some("3"), Some("9")));
    assert_eq!(of("/state").limit.as_deref(), Some("unscheduled, pending, running, completed"));
    assert_eq!(of("/state").value.as_deref(), Some("exploded"));
}

#[test]
fn types_are_those_of_json_schema() {
    for (pointer, value, rule) in [
        ("/taskId", json!(7), Some("type")),
        ("/owner", json!(null), Some("type")),
        ("/origin", json!("autoland"), Some("type")),
        ("/tier", json!("1"), Some("type")),
        ("/tier", json!(true), Some("type")),
        ("/tier", json!(1.5), Some("type")),
        ("/tier", json!(2.0), None),
        ("/logs", json!({}), Some("type")),
        ("/extra", json!([]), Some("type")),
        ("/extra", json!({"anything": [1, null]}), None),
    ] {
        let expected: Vec<_> = rule.map(|rule| (pointer.to_owned(), rule.to_owned())).into_iter().collect();
        assert_eq!(broken(from_json(&with(full(), pointer, value))), expected, "{pointer}");
    }
}

#[test]
fn bytes_that_are_no_json_are_one_violation_of_the_whole() {
    let deep = format!("{{\"extra\": {}{}}}", "[".repeat(1000), "]".repeat(1000));
    for (bytes, hint) in [
        (raw(b""), "line 1 column 0"),
        (raw(b"{\"a\": \n oops}"), "line 2 column 2"),
        (raw(b"{\"taskId\": \"\xff\"}"), "byte 12"),
        (raw(b"{\"taskId\": \"\\ud800\"}"), "line 1"),
        (raw(b"{\"tier\": NaN}"), "line 1 column 10"),
        (deep.into(), "recursion limit"),
    ] {
        let violations = violations_of(decode(RawFormat::PulseJson, &bytes, None));
        assert_eq!((&*violations[0].path, &*violations[0].rule), ("", "json"), "{hint}");
        assert!(violations[0].message.contains(hint), "{}", violations[0].message);
        assert_eq!(violations.len(), 1);
    }
}

#[test]
fn a_document_that_is_no_object_is_of_the_wrong_type() {
    for bytes in [raw(b"[]"), raw(b"null"), raw(b"7"), raw(b"\"x\"")] {
        let broken = broken(decode(RawFormat::PulseJson, &bytes, None));
        assert_eq!(broken, [(String::new(), "type".to_owned())], "{bytes:?}");
    }
}

#[test]
fn more_bytes_than_the_limit_are_refused_in_every_format() {
    let large = bytes::Bytes::from(vec![b' '; limits::SUBMISSION_BYTES + 1]);
    for format in [RawFormat::PulseJson, RawFormat::ProtobufJob, RawFormat::ProtobufArtifact] {
        let broken = broken(decode(format, &large, Some("autoland")));
        assert_eq!(broken, [(String::new(), "maxBytes".to_owned())], "{format:?}");
    }
}

#[test]
fn bytes_that_are_no_protobuf_message_are_one_violation_of_the_whole() {
    for format in [RawFormat::ProtobufJob, RawFormat::ProtobufArtifact, RawFormat::UndecodableFrame] {
        let broken = broken(decode(format, &raw(b"\xff\xff\xff"), Some("autoland")));
        assert_eq!(broken, [(String::new(), "protobuf".to_owned())], "{format:?}");
    }
}

#[test]
fn nul_is_found_inside_extra_too() {
    let wrong = with(full(), "/extra", json!({"a": [{"b": "x\0"}]}));
    assert_eq!(broken_in_both(&wrong), [("/extra/a/0/b".into(), "nul".into())]);
}

#[test]
fn extra_that_is_no_json_object_is_refused_in_protobuf_as_in_json() {
    let job = |extra: &str| {
        let mut job = super::as_protobuf::job(&message()).unwrap();
        job.extra_json = Some(extra.into());
        broken(from_protobuf(&job))
    };
    assert_eq!(job("{oops"), [("/extra".into(), "json".into())]);
    assert_eq!(job("[]"), [("/extra".into(), "type".into())]);
    assert_eq!(job("{}"), []);
}

#[test]
fn fields_beyond_the_pulse_schema_are_checked_beside_it() {
    let artifact = |name: &str, blob: &str| proto::Artifact {
        name: Some(name.into()),
        r#type: Some("json".into()),
        blob_json: Some(blob.into()),
        job_guid: None,
    };
    let mut job = super::as_protobuf::job(&with(full(), "/tier", json!(4))).unwrap();
    job.description = Some("x".repeat(limits::DESCRIPTION + 1));
    job.reference_data_name = Some(String::new());
    job.logs[0].parse_status = Some(42);
    job.artifacts = vec![
        artifact("", "{}"),
        artifact("a", "{oops"),
        artifact("b", "{\"x\": \"\\u0000\"}"),
        proto::Artifact { job_guid: Some("another".into()), ..artifact("c", "{}") },
        proto::Artifact::default(),
    ];
    let expected = [
        ("/artifacts/0/name", "minLength"),
        ("/artifacts/1/blobJson", "json"),
        ("/artifacts/2/blobJson/x", "nul"),
        ("/artifacts/3/jobGuid", "other_job"),
        ("/artifacts/4/blobJson", "required"),
        ("/artifacts/4/name", "required"),
        ("/artifacts/4/type", "required"),
        ("/description", "maxLength"),
        ("/logs/0/parseStatus", "enum"),
        ("/referenceDataName", "minLength"),
        ("/tier", "maximum"),
    ];
    assert_eq!(broken(from_protobuf(&job)), expected.map(|(p, r)| (p.to_owned(), r.to_owned())));
}

#[test]
fn what_can_be_read_of_an_invalid_submission_is_claimed() {
    let wrong = with(full(), "/tier", json!(4));
    let job = super::as_protobuf::job(&wrong).unwrap();
    let by_schema = from_json(&wrong);
    let by_message = from_protobuf(&job);
    for decoded in [by_schema, by_message] {
        let Content::Invalid(refused) = decoded.content else { panic!("it is invalid") };
        assert_eq!(refused.claimed.project.as_deref(), Some("autoland"));
        assert_eq!(refused.claimed.revision.as_deref(), wrong["origin"]["revision"].as_str());
        assert_eq!(refused.claimed.guid.as_deref(), wrong["taskId"].as_str());
    }
}

#[test]
fn a_push_is_not_taken_for_a_job() {
    let push = proto::Push::default().encode_to_vec();
    let broken = broken(decode(RawFormat::ProtobufPush, &push.into(), Some("autoland")));
    assert_eq!(broken, [(String::new(), "format".to_owned())]);
}
