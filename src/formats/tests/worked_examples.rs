//! The worked examples of the ingest contract, 1.14, as amended by design rule R11, through both
//! encodings of the message and as an item of legacy REST.

use super::{Value, from_json, job_of, json, through_both};
use crate::domain::{
    ContentType, Job, JobDetail, JobResult, JobState, LogReference, NamedSymbol, OpaqueArtifact, ParseStatus,
    Platform, StepError, TaskRun,
};
use crate::formats::legacy::tests::through_pulse::from_rest;

/// The job through Pulse, gRPC and REST, which must agree.
#[track_caller]
fn through_all(message: &Value) -> Job {
    let job = through_both(message);
    assert_eq!(from_rest(message), job);
    job
}

/// What the four have in common.
fn example(mut message: Value) -> Value {
    message["origin"] = json!({
        "kind": "hg.mozilla.org",
        "project": "quince-central",
        "revision": "7d1e5a2c90b34f6688aa1123deadbeef00c0ffee",
    });
    message["version"] = json!(1);
    message["buildSystem"] = json!("mill");
    message
}

fn time(time: Option<chrono::DateTime<chrono::Utc>>) -> String {
    time.map_or_else(|| "unknown".into(), |time| time.format("%F %T").to_string())
}

fn times(job: &Job) -> [String; 3] {
    [job.submit_time, job.start_time, job.end_time].map(time)
}

fn symbol(name: &str, symbol: &str) -> NamedSymbol {
    NamedSymbol { name: name.into(), symbol: symbol.into() }
}

fn platform(os: &str, platform: &str, architecture: &str) -> Platform {
    Platform { os_name: os.into(), platform: platform.into(), architecture: architecture.into() }
}

fn log(name: &str, url: &str, status: ParseStatus) -> LogReference {
    LogReference { name: name.into(), url: url.into(), status }
}

fn task(task_id: &str, retry_id: i32) -> Option<TaskRun> {
    Some(TaskRun { task_id: task_id.into(), retry_id })
}

fn options(job: &Job) -> Vec<&str> {
    job.reference.options.names().collect()
}

fn signature(job: &Job) -> String {
    job.reference.signature(&job.project).to_string()
}

#[test]
fn example_1_a_failed_test_with_one_platform_a_chunk_and_an_error_summary() {
    let job = through_all(&example(json!({
        "taskId": "6c1b1c52-1f0e-4c39-9a40-0c8f5ad2b9f3/2", "retryId": 2, "jobKind": "test",
        "state": "completed", "result": "fail", "tier": 2,
        "display": {"jobSymbol": "uk", "chunkId": 3, "chunkCount": 8, "groupSymbol": "U",
                    "jobName": "unit kiln", "groupName": "Unit"},
        "labels": ["debug", "asan"], "productName": "quince", "owner": "ada@example.org",
        "reason": "scheduled",
        "runMachine": {"name": "kiln-07", "platform": "linux64", "os": "linux", "architecture": "x86_64"},
        "timeScheduled": "2018-07-30T12:00:00Z", "timeStarted": "2018-07-30T14:05:00+02:00",
        "timeCompleted": "2018-07-30T12:35:10.750Z",
        "jobInfo": {"summary": "n/a", "links": [
            {"url": "https://art.example.org/r/unit_errorsummary.log", "linkText": "unit_errorsummary.log",
             "label": "artifact uploaded"},
            {"url": "https://art.example.org/r/shot.png", "linkText": "shot.png",
             "label": "artifact uploaded"}]},
        "logs": [{"name": "builds-4h", "url": "https://art.example.org/r/log.gz"}],
    })));

    assert_eq!((&job.state, &job.result, job.tier), (&JobState::Completed, &JobResult::TestFailed, 2));
    assert_eq!(job.reference.job_type, symbol("unit kiln", "uk3"));
    assert_eq!(job.reference.group, symbol("Unit", "U"));
    assert_eq!(job.reference.build_platform, platform("linux", "linux64", "x86_64"));
    assert_eq!(job.reference.machine_platform, platform("linux", "linux64", "x86_64"));
    assert_eq!((&*job.machine, &*job.product), ("kiln-07", "quince"));
    assert_eq!((&*job.who, &*job.reason), ("ada@example.org", "scheduled"));
    assert_eq!(options(&job), ["asan", "debug"]);
    assert_eq!(job.reference.options.hash(), "5475e096dbdfed812f04c47ffc593eed29b7c112");
    assert_eq!(times(&job), ["2018-07-30 12:00:00", "2018-07-30 12:05:00", "2018-07-30 12:35:10"]);
    assert_eq!(signature(&job), "92257fd89fa6de99331eb378b1c896bf48b6b3c7");
    let detail = |value: &str| JobDetail {
        title: Some("artifact uploaded".into()),
        value: value.into(),
        url: Some(format!("https://art.example.org/r/{value}")),
        content_type: ContentType::Link,
    };
    assert_eq!(job.parts.details, [detail("unit_errorsummary.log"), detail("shot.png")]);
    let url = "https://art.example.org/r/unit_errorsummary.log";
    assert_eq!(
        job.parts.logs,
        [
            log("builds-4h", "https://art.example.org/r/log.gz", ParseStatus::Pending),
            log("errorsummary_json", url, ParseStatus::Pending),
        ]
    );
    assert_eq!(job.parts.task, task("bBscUh8OTDmaQAyPWtK58w", 2));
}

#[test]
fn example_2_a_pending_build_with_defaults() {
    let job = through_all(&example(json!({
        "taskId": "6c1b1c52-1f0e-4c39-9a40-0c8f5ad2b9f3/3", "jobKind": "build", "state": "pending",
        "result": "success", "isRetried": true,
        "display": {"jobSymbol": "", "groupSymbol": "?", "jobName": "mill build"},
        "buildMachine": {"platform": "win64", "os": "windows", "architecture": "x86_64"},
        "timeScheduled": "2018-07-30T13:00:00",
    })));

    assert_eq!((&job.state, &job.result, job.tier), (&JobState::Pending, &JobResult::Unknown, 1));
    assert_eq!(job.reference.job_type, symbol("mill build", "unknown"));
    assert_eq!(job.reference.group, symbol("unknown", "?"));
    assert_eq!(
        [&job.product, &job.who, &job.reason, &job.machine],
        ["unknown", "unknown", "unknown", "unknown"]
    );
    assert_eq!(job.reference.build_platform, platform("windows", "win64", "x86_64"));
    assert_eq!(job.reference.machine_platform, platform("windows", "win64", "x86_64"));
    assert_eq!(options(&job), ["opt"]);
    assert_eq!(times(&job), ["2018-07-30 13:00:00", "unknown", "unknown"]);
    assert_eq!(signature(&job), "0c2a6ac026d0a323f616fd72cc37e556add3793d");
    assert!(job.parts.logs.is_empty() && job.parts.details.is_empty());
    assert_eq!(job.parts.task, task("bBscUh8OTDmaQAyPWtK58w", 3));
}

#[test]
fn example_3_a_retried_job_with_both_machines_steps_and_artifacts() {
    let job = through_all(&example(json!({
        "taskId": "0b8a7d3e-55aa-41f7-8b1d-2a1c9e0d4f10/0", "jobKind": "other", "state": "completed",
        "result": "exception", "isRetried": true,
        "display": {"jobSymbol": "L", "groupSymbol": "lint", "jobName": "lint all"}, "labels": [],
        "buildMachine": {"name": "b-1", "platform": "linux64", "os": "linux", "architecture": "x86_64"},
        "runMachine": {"name": "r-9", "platform": "android-arm", "os": "android", "architecture": "arm"},
        "logs": [
            {"name": "buildbot_text", "url": "https://art.example.org/l.txt", "errorsTruncated": true,
             "steps": [
                {"name": "prepare", "timeStarted": "2018-07-30T12:00:00Z",
                 "timeFinished": "2018-07-30T12:00:05Z", "lineStarted": 0, "lineFinished": 40,
                 "result": "success"},
                {"name": "lint", "timeStarted": "2018-07-30T12:00:05+02:00",
                 "timeFinished": "2018-07-30T12:01:00+02:00", "lineStarted": 41, "lineFinished": 99,
                 "result": "fail", "errors": [{"line": "ERROR bad 🧱", "linenumber": 77}]}]},
            {"name": "aux", "url": "https://art.example.org/aux.txt"}],
        "extra": {"artifacts": [
            {"type": "json", "name": "Job Info", "blob": {"job_details": [
                {"title": "Report", "value": "open", "url": "https://art.example.org/report"}]}},
            {"type": "json", "name": "wishlist", "blob": {"a": 1}}]},
    })));

    assert_eq!((&job.state, &job.result), (&JobState::Completed, &JobResult::Retry));
    assert_eq!(job.machine, "b-1");
    assert_eq!(job.reference.build_platform, platform("linux", "linux64", "x86_64"));
    assert_eq!(job.reference.machine_platform, platform("android", "android-arm", "arm"));
    assert_eq!(job.reference.options.hash(), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
    assert_eq!(times(&job), ["unknown", "unknown", "unknown"]);
    assert_eq!(signature(&job), "0f4f03b5cfbf663097ecc062bf88c51043ae512c");
    let summary = job.parts.summary.unwrap();
    assert_eq!(summary.log_name.as_deref(), Some("buildbot_text"));
    assert_eq!(summary.log_url.as_deref(), Some("https://art.example.org/l.txt"));
    assert!(summary.errors_truncated);
    let steps: Vec<_> = summary
        .steps
        .iter()
        .map(|s| {
            (&*s.name, s.result.as_str(), time(s.started), time(s.finished), s.started_line..s.finished_line)
        })
        .collect();
    let at = |time: &str| format!("2018-07-30 {time}");
    // R11: the offset of +02:00 is converted, text is kept as it is and unknown artifacts are kept.
    assert_eq!(
        steps,
        [
            ("prepare", "success", at("12:00:00"), at("12:00:05"), 0..40),
            ("lint", "busted", at("10:00:05"), at("10:01:00"), 41..99),
        ]
    );
    assert_eq!(summary.steps[1].errors, [StepError { line_number: 77, line: "ERROR bad 🧱".into() }]);
    assert_eq!(
        job.parts.details,
        [JobDetail {
            title: Some("Report".into()),
            value: "open".into(),
            url: Some("https://art.example.org/report".into()),
            content_type: ContentType::Text,
        }]
    );
    assert_eq!(
        job.parts.artifacts,
        [OpaqueArtifact { name: "wishlist".into(), kind: "json".into(), blob: r#"{"a":1}"#.into() }]
    );
    assert_eq!(
        job.parts.logs,
        [
            log("buildbot_text", "https://art.example.org/l.txt", ParseStatus::Parsed),
            log("aux", "https://art.example.org/aux.txt", ParseStatus::Pending),
        ]
    );
    assert_eq!(job.parts.task, task("C4p9PlWqQfeLHSocng1PEA", 0));
}

#[test]
fn example_4_superseding_without_task_or_machines() {
    let message = example(json!({
        "taskId": "nightly-44", "jobKind": "test", "state": "completed", "result": "success",
        "coalesced": ["6c1b1c52-1f0e-4c39-9a40-0c8f5ad2b9f3/3", "unknown-guid"],
        "display": {"jobSymbol": "N", "groupSymbol": "nt", "jobName": "nightly", "groupName": "Nightly"},
    }));
    let job = through_all(&message);

    assert_eq!((&job.state, &job.result), (&JobState::Completed, &JobResult::Success));
    assert_eq!(job.guid.as_str(), "nightly-44");
    assert_eq!(job.reference.build_platform, Platform::unknown());
    assert_eq!(job.reference.machine_platform, Platform::unknown());
    assert_eq!(options(&job), ["opt"]);
    assert_eq!(signature(&job), "4c0805f4d41a10003b0875a44488f6a9af9d2778");
    assert_eq!(job.parts.task, None);
    let superseded: Vec<_> = job.parts.superseded.iter().map(AsRef::as_ref).collect();
    assert_eq!(superseded, ["6c1b1c52-1f0e-4c39-9a40-0c8f5ad2b9f3/3", "unknown-guid"]);
}

#[test]
fn the_wrapper_of_mozilla_pulse_makes_no_difference() {
    let bare = super::message();
    let wrapped =
        json!({"payload": bare, "_meta": {"exchange": "exchange/ci/v1/jobs", "serializer": "json"}});
    assert_eq!(job_of(from_json(&wrapped)), job_of(from_json(&bare)));
}
