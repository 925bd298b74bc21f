//! Artifacts in job items and in collections of their own (ingest contract, section 7 and Appendix C).

use super::{PROJECT, bare, broken, decoded, job, json, warnings, with};
use crate::core::Content;
use crate::domain::{ArtifactSubmission, ContentType, JobResult, ParseStatus, RawFormat};
use crate::formats::{Decoded, decode};
use serde_json::Value;

/// The bare item with these artifacts.
fn carrying(artifacts: Value) -> Value {
    with("artifacts", artifacts)
}

fn alone(item: &Value) -> Decoded {
    decode(RawFormat::LegacyArtifactJson, &item.to_string().into(), Some(PROJECT))
}

#[track_caller]
fn submission(item: &Value) -> ArtifactSubmission {
    match alone(item).content {
        Content::Artifact(artifact) => *artifact,
        other => panic!("no artifact: {other:#?}"),
    }
}

fn details(value: &str) -> Value {
    let detail = json!({"title": "t", "value": value, "url": "https://a.example/", "content_type": "link"});
    json!({"job_details": [detail]})
}

fn summary() -> Value {
    json!({"logurl": "https://a.example/log", "step_data": {"steps": [
        {"name": "one", "started": "2013-06-05 12:51:48.767751", "finished": "2013-06-05 12:51:49.1",
         "started_linenumber": 0, "finished_linenumber": 9, "result": "usercancel", "order": 0,
         "errors": [{"linenumber": 3, "line": "oops"}]},
    ], "errors_truncated": false}})
}

#[test]
fn no_artifacts_can_be_said_in_three_ways_but_null_is_refused() {
    assert_eq!(job(&bare()).parts.details, []);
    for none in [json!(""), json!([])] {
        assert!(job(&carrying(none)).parts.is_empty());
    }
    for wrong in [json!(null), json!({}), json!("x")] {
        assert_eq!(broken(&decoded(&carrying(wrong))), [("/job/artifacts", "type")]);
    }
}

#[test]
fn job_info_becomes_details_whether_its_blob_is_an_object_or_a_text() {
    for blob in [details("v"), json!(details("v").to_string())] {
        let stored =
            job(&carrying(json!([{"name": "Job Info", "type": "json", "blob": blob}]))).parts.details;
        assert_eq!((stored[0].title.as_deref(), &*stored[0].value), (Some("t"), "v"));
        assert_eq!(stored[0].url.as_deref(), Some("https://a.example/"));
        assert_eq!(stored[0].content_type, ContentType::Link);
    }
}

#[test]
fn a_later_detail_of_one_title_and_value_changes_the_link_only() {
    let detail = |url: &str| json!({"title": "t", "value": "v", "url": url});
    let blob = json!({"job_details": [detail("https://a.example/1"), detail("https://a.example/2")]});
    let stored = job(&carrying(json!([{"name": "Job Info", "type": "json", "blob": blob}]))).parts.details;
    assert_eq!(stored.len(), 1);
    assert_eq!(stored[0].url.as_deref(), Some("https://a.example/2"));
}

#[test]
fn a_summary_settles_the_default_log_and_the_one_that_it_names() {
    use ParseStatus::{Failed, Parsed, Pending};
    for (name, sent, logname, expected) in [
        ("buildbot_text", "pending", None, Parsed),
        ("buildbot_text", "error", None, Parsed),
        ("builds-4h", "pending", None, Pending),
        ("mine", "pending", Some("mine"), Parsed),
        ("mine", "failed", Some("mine"), Failed),
    ] {
        let mut blob = summary();
        if let Some(logname) = logname {
            blob["logname"] = json!(logname);
        }
        let mut item = carrying(json!([{"name": "text_log_summary", "type": "json", "blob": blob}]));
        item["job"]["log_references"] = json!([{"name": name, "url": "u", "parse_status": sent}]);
        let parts = job(&item).parts;
        assert_eq!(parts.logs[0].status, expected, "{name} {sent} {logname:?}");
        let steps = parts.summary.unwrap().steps;
        assert_eq!(steps[0].started.unwrap().to_rfc3339(), "2013-06-05T12:51:48+00:00");
        assert_eq!((&steps[0].result, steps[0].errors[0].line_number), (&JobResult::UserCancel, 3));
    }
}

#[test]
fn supplied_suggestions_and_unknown_names_are_kept_and_the_first_of_a_name_wins() {
    let item = carrying(json!([
        {"name": "Bug suggestions", "type": "json", "blob": "[{\"search\": \"x\"}]"},
        {"name": "wishlist", "type": "text", "blob": "plain"},
        {"name": "wishlist", "type": "text", "blob": "again"},
    ]));
    let found = decoded(&item);
    assert_eq!(warnings(&found), [("/job/artifacts/2/blob", "repeated", "")]);
    let kept = job(&item).parts.artifacts;
    let kept: Vec<_> = kept.iter().map(|a| (&*a.name, &*a.kind, &*a.blob)).collect();
    let suggestions = ("Bug suggestions", "json", r#"[{"search":"x"}]"#);
    assert_eq!(kept, [suggestions, ("wishlist", "text", "\"plain\"")]);
}

#[test]
fn an_artifact_of_no_name_or_no_job_is_ignored_with_a_warning() {
    let item = carrying(json!([
        {"name": "", "type": "", "blob": ""},
        {"name": "mine", "type": "json", "blob": 1, "job_guid": null},
    ]));
    let found = decoded(&item);
    let expected = [("/job/artifacts/0", "replaced", ""), ("/job/artifacts/1", "replaced", "")];
    assert_eq!(warnings(&found), expected);
    assert!(job(&item).parts.is_empty());
}

#[test]
fn what_is_wrong_in_an_artifact_is_named_by_its_path() {
    let mut wrong_step = summary();
    wrong_step["step_data"]["steps"][0]["result"] = json!("exploded");
    let found = decoded(&carrying(json!([
        {"type": "json", "blob": {}},
        {"name": "a", "blob": {}},
        {"name": "a", "type": "json"},
        7,
        {"name": "Job Info", "type": "json", "blob": {"job_details": [{"title": "no value"}]}},
        {"name": "text_log_summary", "type": "json", "blob": wrong_step},
        {"name": "text_log_summary", "type": "json", "blob": "{oops"},
        {"name": "n".repeat(129), "type": "t".repeat(51), "blob": {}, "job_guid": ""},
    ])));
    assert_eq!(
        broken(&found),
        [
            ("/job/artifacts/0/name", "required"),
            ("/job/artifacts/1/type", "required"),
            ("/job/artifacts/2/blob", "required"),
            ("/job/artifacts/3", "type"),
            ("/job/artifacts/4/blob/job_details/0/value", "required"),
            ("/job/artifacts/5/blob/step_data/steps/0/result", "enum"),
            ("/job/artifacts/6/blob", "json"),
            ("/job/artifacts/7/job_guid", "minLength"),
            ("/job/artifacts/7/name", "maxLength"),
            ("/job/artifacts/7/type", "maxLength"),
        ]
    );
}

#[test]
fn an_artifact_that_names_its_own_job_stays_with_it_even_if_the_guid_is_cut() {
    let long = "g".repeat(60);
    let mut item = carrying(json!([{"name": "a", "type": "json", "blob": 1, "job_guid": long}]));
    item["job"]["job_guid"] = json!(long);
    let found = decoded(&item);
    assert_eq!(found.for_other_jobs, []);
    let expected = [("/job/job_guid", "cut", "50"), ("/job/artifacts/0/job_guid", "cut", "50")];
    assert_eq!(warnings(&found), expected);
    assert_eq!(job(&item).parts.artifacts.len(), 1);
}

#[test]
fn an_artifact_that_names_another_job_is_handed_out_as_a_submission_of_its_own() {
    let item = carrying(json!([
        {"name": "mine", "type": "json", "blob": 1},
        {"name": "yours", "type": "json", "blob": 2, "job_guid": "another"},
    ]));
    let found = decoded(&item);
    let [other] = &*found.for_other_jobs else { panic!("one is of another job") };
    assert_eq!(other.path, "/job/artifacts/1");
    let Content::Artifact(yours) = decode(RawFormat::LegacyArtifactJson, &other.raw, Some(PROJECT)).content
    else {
        panic!("it is an artifact")
    };
    assert_eq!((yours.project.as_str(), yours.guid.as_str()), (PROJECT, "another"));
    assert_eq!(yours.parts.artifacts[0].name, "yours");
    let own: Vec<_> = job(&item).parts.artifacts.into_iter().map(|artifact| artifact.name).collect();
    assert_eq!(own, ["mine"]);
}

fn standalone() -> Value {
    json!({"name": "Job Info", "type": "json", "blob": details("v"), "job_guid": "guid"})
}

#[test]
fn an_artifact_on_its_own_adds_parts_to_the_job_that_it_names() {
    let artifact = submission(&standalone());
    assert_eq!((artifact.project.as_str(), artifact.guid.as_str()), (PROJECT, "guid"));
    assert_eq!(artifact.parts.details.len(), 1);
}

#[test]
fn the_guid_of_an_artifact_on_its_own_is_cut_with_a_warning() {
    let mut item = standalone();
    item["job_guid"] = json!("g".repeat(51));
    assert_eq!(warnings(&alone(&item)), [("/job_guid", "cut", "50")]);
    assert_eq!(submission(&item).guid.as_str(), "g".repeat(50));
}

#[test]
fn what_is_wrong_with_an_artifact_on_its_own_is_listed_with_its_claims() {
    for (member, empty) in
        [("name", Some("minLength")), ("type", None), ("job_guid", Some("minLength")), ("blob", Some("json"))]
    {
        let path = format!("/{member}");
        let mut item = standalone();
        item[member] = json!("");
        let expected: Vec<_> = empty.into_iter().map(|rule| (&*path, rule)).collect();
        assert_eq!(broken(&alone(&item)), expected, "{item}");
        item.as_object_mut().unwrap().remove(member);
        assert_eq!(broken(&alone(&item)), [(&*path, "required")]);
    }
    for wrong in [json!(null), json!([]), json!(7)] {
        assert_eq!(broken(&alone(&wrong)), [("", "type")]);
    }
    let mut item = standalone();
    item["blob"] = json!({});
    let found = alone(&item);
    assert_eq!(broken(&found), [("/blob/job_details", "required")]);
    let Content::Invalid(refused) = found.content else { panic!("it is refused") };
    assert_eq!(refused.claimed.project.as_deref(), Some(PROJECT));
    assert_eq!(refused.claimed.guid.as_deref(), Some("guid"));
}
