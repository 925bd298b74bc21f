//! The rules of the ingest contract 1.10 to 1.13 and of its section 7, one by one.

use super::{
    Decoded, Job, Value, broken, broken_in_both, from_json, from_protobuf, job_of, json, message, set,
    through_both, with,
};
use crate::core::Content;
use crate::domain::{
    ContentType, JobResult, LogReference, ParseStatus, Parts, Platform, RawFormat, StepError,
};
use crate::formats::decode;
use crate::{limits, proto};
use prost::Message;

fn with_all<const N: usize>(mut document: Value, members: [(&str, Value); N]) -> Value {
    members.into_iter().for_each(|(pointer, value)| set(&mut document, pointer, value));
    document
}

fn with_artifacts(artifacts: Value) -> Value {
    with(message(), "/extra", json!({ "artifacts": artifacts }))
}

fn warnings(decoded: &Decoded) -> Vec<(&str, &str)> {
    decoded.warnings.iter().map(|warning| (&*warning.path, &*warning.rule)).collect()
}

fn logs(job: &Job) -> Vec<(&str, ParseStatus)> {
    job.parts.logs.iter().map(|log| (&*log.name, log.status)).collect()
}

#[test]
fn the_result_map() {
    for (result, of_test, of_build) in [
        ("success", "success", "success"),
        ("fail", "testfailed", "busted"),
        ("exception", "exception", "exception"),
        ("canceled", "usercancel", "usercancel"),
        ("superseded", "superseded", "superseded"),
        ("unknown", "unknown", "unknown"),
        ("retry", "retry", "retry"),
    ] {
        for (kind, expected) in [("test", of_test), ("build", of_build), ("other", of_build)] {
            let document = with_all(message(), [("/result", json!(result)), ("/jobKind", json!(kind))]);
            assert_eq!(through_both(&document).result.as_str(), expected, "{result} of a {kind}");
            let retried = with(document.clone(), "/isRetried", json!(true));
            assert_eq!(through_both(&retried).result, JobResult::Retry);
            let running = with(retried, "/state", json!("running"));
            assert_eq!(through_both(&running).result, JobResult::Unknown);
        }
    }
    assert_eq!(through_both(&super::without(message(), "/result")).result, JobResult::Unknown);
}

#[test]
fn absent_labels_are_opt_for_an_origin_with_a_kind_only() {
    let revision = message()["origin"]["revision"].clone();
    for (kind, expected) in [(None, ""), (Some("hg.mozilla.org"), "opt"), (Some("github.com"), "opt")] {
        let mut origin = json!({"project": "autoland", "revision": revision});
        if let Some(kind) = kind {
            origin["kind"] = json!(kind);
        }
        let document = with(message(), "/origin", origin);
        assert_eq!(through_both(&document).reference.options.key(), expected, "{kind:?}");
        let empty = with(document.clone(), "/labels", json!([]));
        assert_eq!(through_both(&empty).reference.options.key(), "", "{kind:?}");
        let twice = with(document, "/labels", json!(["b", "a", "b"]));
        assert_eq!(through_both(&twice).reference.options.names().collect::<Vec<_>>(), ["a", "b"]);
    }
}

#[test]
fn machines_stand_in_for_each_other_but_a_build_machine_gives_the_name() {
    let machine = |name: Option<&str>, os: &str| {
        let mut machine = json!({"platform": format!("{os}64"), "os": os, "architecture": "arm"});
        if let Some(name) = name {
            machine["name"] = json!(name);
        }
        machine
    };
    let platform =
        |os: &str| Platform { os_name: os.into(), platform: format!("{os}64"), architecture: "arm".into() };
    let build = ("/buildMachine", machine(None, "linux"));
    let run = ("/runMachine", machine(Some("r-1"), "mac"));

    let both = through_both(&with_all(message(), [build.clone(), run.clone()]));
    assert_eq!(both.reference.build_platform, platform("linux"));
    assert_eq!(both.reference.machine_platform, platform("mac"));
    assert_eq!(both.machine, "unknown", "a build machine without a name hides the run machine's");

    let only_run = through_both(&with_all(message(), [run]));
    assert_eq!(only_run.reference.build_platform, platform("mac"));
    assert_eq!(only_run.machine, "r-1");

    let only_build = through_both(&with_all(message(), [build]));
    assert_eq!(only_build.reference.machine_platform, platform("linux"));
    assert_eq!(through_both(&message()).reference.build_platform, Platform::unknown());
}

#[test]
fn a_task_run_is_a_uuid_and_a_number() {
    for (guid, expected) in [
        ("6c1b1c52-1f0e-4c39-9a40-0c8f5ad2b9f3/2", Some(("bBscUh8OTDmaQAyPWtK58w", 2))),
        ("6c1b1c52-1f0e-4c39-9a40-0c8f5ad2b9f3", None),
        ("6c1b1c52-1f0e-4c39-9a40-0c8f5ad2b9f3/x", None),
        ("6c1b1c52-1f0e-4c39-9a40-0c8f5ad2b9f3/1/2", None),
        ("6c1b1c52-1f0e-4c39-9a40-0c8f5ad2b9f3/-1", None),
        ("nightly/44", None),
    ] {
        let task = through_both(&with(message(), "/taskId", json!(guid))).parts.task;
        assert_eq!(task.as_ref().map(|t| (&*t.task_id, t.retry_id)), expected, "{guid}");
    }
}

#[test]
fn performance_data_links_become_logs_in_the_shape_of_2026_only() {
    let url = "https://a.example/public/perfherder-data-build.json";
    let text = "perfherder data ".repeat(5);
    let links = json!({"links": [{"url": url, "linkText": text, "label": "artifact uploaded"}]});
    let document = with(message(), "/jobInfo", links);
    let job = through_both(&document);
    let expected = LogReference { name: text[..50].into(), url: url.into(), status: ParseStatus::Pending };
    assert_eq!(job.parts.logs, [expected]);
    assert_eq!(through_both(&with(document, "/origin/kind", json!("hg.mozilla.org"))).parts.logs, []);
}

#[test]
fn duplicates_inside_a_message_collapse() {
    let log = |steps: Option<Value>| {
        let mut log = json!({"url": "https://a.example/l", "name": "log"});
        if let Some(steps) = steps {
            log["steps"] = steps;
        }
        log
    };
    let link = |url: &str| json!({"url": url, "linkText": "text", "label": "label"});
    let job = through_both(&with_all(
        message(),
        [
            ("/logs", json!([log(None), log(Some(json!([]))), log(None)])),
            ("/jobInfo", json!({"links": [link("https://a.example/1"), link("https://a.example/2")]})),
            ("/coalesced", json!(["a", "b", "a"])),
        ],
    ));
    assert_eq!(logs(&job), [("log", ParseStatus::Parsed)]);
    assert_eq!(job.parts.details.len(), 1);
    assert_eq!(job.parts.details[0].url.as_deref(), Some("https://a.example/2"));
    assert_eq!(job.parts.superseded.len(), 2);
}

#[test]
fn a_job_that_supersedes_itself_is_warned_and_stored_without() {
    let document = with_all(message(), [("/taskId", json!("a")), ("/coalesced", json!(["a", "b"]))]);
    let decoded = from_json(&document);
    assert_eq!(warnings(&decoded), [("/coalesced/0", "self_reference")]);
    let guids: Vec<_> = job_of(decoded).parts.superseded.iter().map(ToString::to_string).collect();
    assert_eq!(guids, ["b"]);
}

#[test]
fn only_the_first_log_with_steps_gives_the_summary() {
    let step = |name: &str| {
        json!([{"name": name, "timeStarted": "2026-01-01T00:00:00Z", "timeFinished": "2026-01-01T00:00:00Z",
                "lineStarted": 0, "lineFinished": 0, "result": "fail"}])
    };
    let log = |name: &str, steps: Value| json!({"url": "https://a.example/l", "name": name, "steps": steps});
    let logs_of =
        json!([{"url": "https://a.example/l", "name": "first"}, log("b", step("b")), log("c", step("c"))]);
    let job = through_both(&with_all(message(), [("/logs", logs_of), ("/jobKind", json!("test"))]));
    assert_eq!(
        logs(&job),
        [("first", ParseStatus::Pending), ("b", ParseStatus::Parsed), ("c", ParseStatus::Parsed)]
    );
    let summary = job.parts.summary.unwrap();
    assert_eq!((&*summary.steps[0].name, &summary.steps[0].result), ("b", &JobResult::TestFailed));
    assert_eq!(summary.log_name.as_deref(), Some("b"));
}

#[test]
fn job_info_becomes_details_cut_with_warnings() {
    let decoded =
        from_json(&with_artifacts(json!([{"name": "Job Info", "type": "json", "blob": {"job_details": [
            {"value": "v".repeat(126), "title": "t".repeat(71), "content_type": "raw_html"},
            {"value": "x", "title": null, "url": ""},
        ]}}])));
    assert_eq!(
        warnings(&decoded),
        [
            ("/extra/artifacts/0/blob/job_details/0/title", "cut"),
            ("/extra/artifacts/0/blob/job_details/0/value", "cut"),
        ]
    );
    let details = job_of(decoded).parts.details;
    assert_eq!(details[0].title.as_ref().unwrap().len(), limits::DETAIL_TITLE);
    assert_eq!(details[0].value.len(), limits::DETAIL_VALUE);
    assert_eq!(details[0].content_type, ContentType::RawHtml);
    assert_eq!((details[1].title.as_deref(), details[1].url.as_deref()), (None, Some("")));
}

fn summary_blob(result: &str) -> Value {
    json!({"logurl": "https://a.example/l", "step_data": {"errors_truncated": true, "steps": [
        {"name": "one", "started": "2018-07-30T14:00:00+02:00", "finished": null, "started_linenumber": 0,
         "finished_linenumber": 4, "result": "success", "order": 0},
        {"name": "two", "started_linenumber": 5, "finished_linenumber": 9, "result": result,
         "errors": [{"linenumber": 7, "line": "oops"}]},
    ]}})
}

#[test]
fn a_text_log_summary_is_read_as_object_or_text_and_cancelled_has_two_words() {
    for word in ["canceled", "usercancel"] {
        for blob in [summary_blob(word), json!(summary_blob(word).to_string())] {
            let artifact = json!([{"name": "text_log_summary", "type": "anything", "blob": blob}]);
            let summary = through_both(&with_artifacts(artifact)).parts.summary.unwrap();
            assert!(summary.errors_truncated);
            assert_eq!(summary.steps[0].started.unwrap().to_rfc3339(), "2018-07-30T12:00:00+00:00");
            assert_eq!(summary.steps[0].finished, None);
            assert_eq!(summary.steps[1].result, JobResult::UserCancel);
            assert_eq!(summary.steps[1].errors[0].line_number, 7);
        }
    }
}

#[test]
fn what_is_wrong_in_a_known_artifact_is_named_by_its_path() {
    let details = json!({"job_details": [{"title": "no value"}]});
    let document = with_artifacts(json!([
        {"name": "text_log_summary", "type": "json", "blob": summary_blob("exploded")},
        {"name": "Job Info", "type": "json", "blob": details.to_string()},
        {"name": "Job Info", "type": "json", "blob": "{oops"},
        {"name": "mine", "type": "json", "blob": "{oops"},
        {"name": "mine", "type": "json", "blob": {}, "job_guid": "another"},
        {"name": "mine", "type": "json"},
        7,
    ]));
    let path = |rest: &str, rule: &str| (format!("/extra/artifacts/{rest}"), rule.to_owned());
    assert_eq!(
        broken_in_both(&document),
        [
            path("0/blob/step_data/steps/1/result", "enum"),
            path("1/blob/job_details/0/value", "required"),
            path("2/blob", "json"),
            path("3/blob", "json"),
            path("4/job_guid", "other_job"),
            path("5/blob", "required"),
            path("6", "type"),
        ]
    );
}

#[test]
fn a_summary_may_have_error_lines_without_steps_and_is_then_of_the_live_log() {
    let blob = json!({"logurl": "https://art.example.org/l", "errors": [{"linenumber": 3, "line": "bad"}]});
    let artifact = json!([{"name": "text_log_summary", "type": "json", "blob": blob}]);
    let summary = through_both(&with_artifacts(artifact)).parts.summary.unwrap();
    assert_eq!(summary.log_name.as_deref(), Some("live_backing_log"));
    assert_eq!(summary.errors, [StepError { line_number: 3, line: "bad".into() }]);
    assert!(summary.steps.is_empty());
}

#[test]
fn a_supplied_summary_settles_the_log_that_it_is_of() {
    use ParseStatus::{Failed, Parsed, Pending};
    // (log name, status sent, logname of the summary, status stored): logs contract 1.8.
    for (name, sent, logname, expected) in [
        ("buildbot_text", Pending, None, Parsed),
        ("buildbot_text", Failed, None, Parsed),
        ("builds-4h", Pending, None, Pending),
        ("mine", Pending, Some("mine"), Parsed),
        ("mine", Failed, Some("mine"), Failed),
        ("mine", Parsed, None, Parsed),
    ] {
        let mut blob = summary_blob("success");
        if let Some(logname) = logname {
            blob["logname"] = json!(logname);
        }
        let mut job = super::as_protobuf::job(&message()).unwrap();
        job.logs = vec![proto::Log {
            url: Some("https://a.example/l".into()),
            name: Some(name.into()),
            parse_status: Some(i32::from(sent.code()) + 1),
            ..proto::Log::default()
        }];
        job.artifacts = vec![artifact("text_log_summary", &blob.to_string())];
        assert_eq!(job_of(from_protobuf(&job)).parts.logs[0].status, expected, "{name} {sent:?} {logname:?}");
    }
}

#[test]
fn other_artifacts_are_kept_as_json_text_and_the_first_of_a_name_wins() {
    let decoded = from_json(&with_artifacts(json!([
        {"name": "Bug suggestions", "type": "json", "blob": [{"search": "x"}]},
        {"name": "ready", "type": "JSON", "blob": "{ \"a\" : 1 }"},
        {"name": "text", "type": "text", "blob": "plain"},
        {"name": "text", "type": "text", "blob": "again"},
        {"name": "performance_data", "type": "json", "blob": {}},
    ])));
    assert_eq!(warnings(&decoded), [("/extra/artifacts/3/blob", "repeated")]);
    let parts = job_of(decoded).parts;
    let kept: Vec<_> = parts.artifacts.iter().map(|a| (&*a.name, &*a.blob)).collect();
    assert_eq!(
        kept,
        [
            ("Bug suggestions", r#"[{"search":"x"}]"#),
            ("ready", r#"{"a":1}"#),
            ("text", r#""plain""#),
            ("performance_data", "{}"),
        ]
    );
}

#[test]
fn links_and_artifacts_together_give_a_bounded_number_of_details() {
    let with_details = |from_links: usize, from_artifacts: usize| {
        let link = |n| json!({"url": "https://a.example/x", "linkText": format!("link {n}"), "label": "y"});
        let links: Vec<Value> = (0..from_links).map(link).collect();
        let details: Vec<Value> = (0..from_artifacts).map(|n| json!({"value": format!("{n}")})).collect();
        // One artifact has room for fewer.
        let artifacts = details
            .chunks(limits::PARTS)
            .map(|some| json!({"name": "Job Info", "type": "json", "blob": {"job_details": some}}));
        with(with_artifacts(artifacts.collect()), "/jobInfo", json!({"links": links}))
    };
    let most = through_both(&with_details(limits::PARTS, limits::DETAILS - limits::PARTS));
    assert_eq!(most.parts.details.len(), limits::DETAILS);
    let beyond = with_details(limits::PARTS, limits::DETAILS - limits::PARTS + 1);
    assert_eq!(broken_in_both(&beyond), [(String::new(), "maxItems".to_owned())]);
}

#[test]
fn a_build_request_becomes_a_detail() {
    for (id, expected) in
        [(json!(17), Some("17")), (json!("a"), Some("a")), (json!(0), None), (json!(""), None)]
    {
        let blob = json!({"request_id": id, "other": 1});
        let parts =
            through_both(&with_artifacts(json!([{"name": "buildapi", "type": "json", "blob": blob}]))).parts;
        let values: Vec<_> = parts.details.iter().map(|d| (d.title.as_deref(), &*d.value)).collect();
        assert_eq!(
            values,
            expected.map(|id| (Some("buildbot_request_id"), id)).into_iter().collect::<Vec<_>>()
        );
        assert_eq!(parts.artifacts, []);
    }
}

#[test]
fn artifacts_in_protobuf_say_the_same_as_those_in_extra() {
    let blob = json!({"job_details": [{"value": "x"}]});
    let in_extra = with_artifacts(json!([{"name": "Job Info", "type": "json", "blob": blob}]));
    let mut job = super::as_protobuf::job(&message()).unwrap();
    job.artifacts = vec![artifact("Job Info", &blob.to_string())];
    job.artifacts[0].job_guid = job.task_id.clone();
    assert_eq!(job_of(from_protobuf(&job)).parts, job_of(from_json(&in_extra)).parts);
}

#[test]
fn description_and_reference_data_name_are_kept() {
    let mut job = super::as_protobuf::job(&message()).unwrap();
    job.description = Some("what it does".into());
    job.reference_data_name = Some("name".into());
    let job = job_of(from_protobuf(&job));
    assert_eq!(job.description.as_deref(), Some("what it does"));
    assert_eq!(job.reference.reference_data_name.as_deref(), Some("name"));
}

fn artifact(name: &str, blob: &str) -> proto::Artifact {
    proto::Artifact {
        name: Some(name.into()),
        r#type: Some("json".into()),
        blob_json: Some(blob.into()),
        job_guid: None,
    }
}

fn submitted(artifact: &proto::Artifact, project: Option<&str>) -> Decoded {
    decode(RawFormat::ProtobufArtifact, &artifact.encode_to_vec().into(), project)
}

#[test]
fn an_artifact_of_its_own_names_its_job() {
    let mut own = artifact("mine", "{\"a\": 1}");
    let nameless = submitted(&own, Some("autoland"));
    assert_eq!(broken(nameless), [("/jobGuid".into(), "required".into())]);
    own.job_guid = Some("a_1".into());
    assert_eq!(broken(submitted(&own, None)), [("/project".into(), "required".into())]);

    let Content::Artifact(submission) = submitted(&own, Some("autoland")).content else {
        panic!("it is valid")
    };
    assert_eq!((submission.guid.as_str(), submission.project.as_str()), ("a_1", "autoland"));
    assert_eq!(submission.parts.artifacts[0].blob, r#"{"a":1}"#);
    assert_eq!(submission.parts, Parts { artifacts: submission.parts.artifacts.clone(), ..Parts::default() });
}
