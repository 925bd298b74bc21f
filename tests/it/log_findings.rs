//! What logs say, read over gRPC and REST: failures with the error lines that report them, groups of tests,
//! performance data.

use crate::harness::gateway::PROJECT;
use crate::harness::jobs::{self, new_guid};
use crate::harness::log_server::{ALLOW_THIS_MACHINE, Answer, LogServer};
use crate::harness::reading::{get_job, stored};
use crate::harness::submitting::{new_push, submit_one};
use crate::harness::{Database, Gateway, eventually};
use herdgate::proto::{
    GetPerformanceDataRequest, JobResult, ListFailureLinesRequest, Log, LogError, LogParseStatus, Outcome,
    PerformanceSeries,
};
use serde_json::json;
use std::time::Duration;
use tonic::Code;

const PATIENCE: Duration = Duration::from_secs(60);

const TEXT: &str = "fine\n\
    TEST-UNEXPECTED-FAIL | kiln/heat.html | dial - too hot\n\
    PERFHERDER_DATA: {\"framework\": {\"name\": \"talos\"}, \"suites\": [{\"name\": \"oven\", \
    \"value\": 2.5, \"extraOptions\": [\"e10s\"], \"lowerIsBetter\": false, \"subtests\": []}]}\n";

fn error_summary() -> String {
    let group = |name: &str, status: &str| {
        json!({"action": "group_result", "line": 10,
        "group": name, "status": status})
    };
    let records = [
        json!({"action": "test_groups", "line": 1, "groups": ["kiln/heat.ini", "kiln/glaze.ini"]}),
        json!({"action": "test_result", "line": 7, "test": "kiln/heat.html", "subtest": "dial",
            "status": "FAIL", "expected": "PASS", "message": "too hot", "stack": "at dial",
            "group": "kiln/heat.ini"}),
        json!({"action": "log", "line": 9, "level": "ERROR", "message": "said nowhere else"}),
        group("kiln/heat.ini", "ERROR"),
        group("kiln/glaze.ini", "OK"),
        group("kiln/late.ini", "SKIP"),
    ];
    records.map(|record| format!("{record}\n")).concat()
}

/// A gateway that read both logs of a failed job; the revision of its push and its guid.
async fn with_read_logs(database: &Database) -> (Gateway, String, String) {
    let server = LogServer::start().await;
    let (variable, value) = ALLOW_THIS_MACHINE;
    let gateway = Gateway::on(database).with_variable(variable, value).start().await;
    let revision = new_push(&gateway).await;
    let guid = new_guid();
    let log = |name: &str, text: &str| {
        let url = server.serve(&format!("/{name}"), vec![Answer::ok(text)]);
        Log { name: Some(name.into()), url: Some(url), ..Log::default() }
    };
    let mut job = jobs::completed(&guid, &revision, JobResult::Fail);
    job.logs = vec![log("builds-4h", TEXT), log("errorsummary_json", &error_summary())];
    let verdict = submit_one(&mut gateway.ingest(), job).await;
    assert_eq!(verdict.outcome(), Outcome::Stored, "{verdict:?}");
    eventually("both logs are parsed", PATIENCE, async || {
        let job = get_job(&gateway, &guid).await?;
        job.logs.iter().all(|log| log.parse_status() == LogParseStatus::Parsed).then_some(())
    })
    .await;
    (gateway, revision, guid)
}

async fn failures_are_read_over_grpc_each_with_the_error_line_that_reports_it(database: Database) {
    let (gateway, _, guid) = with_read_logs(&database).await;
    let request = |guid: &str| ListFailureLinesRequest { job_guid: guid.into() };
    let answer = gateway.query().list_failure_lines(request(&guid)).await.unwrap().into_inner();
    assert!(!answer.failure_lines_left_out);
    let [result, message] = &answer.failure_lines[..] else { panic!("{answer:?}") };
    assert_eq!((&*result.action, result.line), ("test_result", 7));
    assert_eq!((&*result.test, &*result.subtest, &*result.group), ("kiln/heat.html", "dial", "kiln"));
    assert_eq!((&*result.status, &*result.expected, &*result.message), ("FAIL", "PASS", "too hot"));
    assert_eq!((&*result.stack, &*result.signature), ("at dial", ""));
    let reported = LogError {
        line: Some("TEST-UNEXPECTED-FAIL | kiln/heat.html | dial - too hot".into()),
        linenumber: Some(1),
    };
    assert_eq!(result.text_log_error, Some(reported));
    let (_, parts) = stored(&gateway, &guid).await;
    let summary = parts.logs.iter().find(|log| log.name == "errorsummary_json").unwrap();
    assert_eq!(result.log_id, summary.id);
    assert_eq!((&*message.action, &*message.level, &message.text_log_error), ("log", "ERROR", &None));

    for (guid, code) in [("nobody/0", Code::NotFound), ("a\0b", Code::InvalidArgument)] {
        let refused = gateway.query().list_failure_lines(request(guid)).await.unwrap_err();
        assert_eq!(refused.code(), code, "{guid:?}: {refused:?}");
    }
}

async fn groups_of_a_push_are_read_by_the_task_ids_that_the_dashboard_knows(database: Database) {
    let (gateway, revision, guid) = with_read_logs(&database).await;
    let (job, _) = stored(&gateway, &guid).await;
    let listed = gateway.get(&format!("/api/jobs/?push_id={}", job.push_id)).await.json();
    let names = listed["job_property_names"].as_array().unwrap();
    let place = names.iter().position(|name| name == "task_id").unwrap();
    let task = listed["results"][0][place].as_str().unwrap();
    let answer =
        gateway.get(&format!("/api/project/{PROJECT}/push/group_results/?revision={revision}")).await;
    assert_eq!(answer.json(), json!({task: {"kiln/heat.ini": false, "kiln/glaze.ini": true}}));
}

async fn performance_data_of_a_job_is_read_over_grpc_and_by_the_dashboard(database: Database) {
    let (gateway, _, guid) = with_read_logs(&database).await;
    let (job, _) = stored(&gateway, &guid).await;
    let request = |guid: &str| GetPerformanceDataRequest { job_guid: guid.into() };
    let answer = gateway.query().get_performance_data(request(&guid)).await.unwrap().into_inner();
    assert!(!answer.data_left_out);
    let [datum] = &answer.data[..] else { panic!("{answer:?}") };
    assert_eq!((datum.value, datum.push_id), (2.5, job.push_id));
    assert_eq!(datum.push_timestamp, Some(jobs::at(-60)));
    let series = datum.series.clone().unwrap();
    assert_eq!(series.hash.len(), 40);
    let expected = PerformanceSeries {
        id: series.id,
        hash: series.hash.clone(),
        framework: "talos".into(),
        suite: "oven".into(),
        extra_options: vec!["e10s".into()],
        option_collection_hash: job.option_collection_hash,
        machine_platform: series.machine_platform.clone(),
        ..PerformanceSeries::default()
    };
    assert_eq!(series, expected);

    let path = format!("/api/project/{PROJECT}/performance/job-data/?job_id={}", job.id);
    let rows = gateway.get(&path).await.json();
    assert_eq!((&rows[0]["id"], &rows[0]["value"]), (&json!(datum.id), &json!(2.5)));
    assert_eq!(rows[0]["signature_data"]["signature_hash"], json!(series.hash));

    let refused = gateway.query().get_performance_data(request("nobody/0")).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound, "{refused:?}");
}

on_both_databases!(
    failures_are_read_over_grpc_each_with_the_error_line_that_reports_it,
    groups_of_a_push_are_read_by_the_task_ids_that_the_dashboard_knows,
    performance_data_of_a_job_is_read_over_grpc_and_by_the_dashboard,
);
