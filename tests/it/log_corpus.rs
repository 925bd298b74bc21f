//! Real logs from a server to their rows, through the whole gateway, on both databases.

use crate::harness::command::{herdgate, run};
use crate::harness::corpus;
use crate::harness::jobs::{self, new_guid};
use crate::harness::log_server::{ALLOW_THIS_MACHINE, Answer, LogServer};
use crate::harness::reading::get_job;
use crate::harness::submitting::{new_push, submit_one};
use crate::harness::{Database, Gateway, eventually};
use herdgate::proto::{GetJobResponse, JobResult, Log, LogParseStatus, Outcome, StoredStep};
use herdgate::store::entities::jobs::log_error;
use herdgate::store::{Store, StoreOptions};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

/// All logs of the corpus take a debug build some time.
const PATIENCE: Duration = Duration::from_secs(240);

struct Sample {
    file: String,
    gzipped: Vec<u8>,
    expected: Value,
}

fn samples(folder: &Path, expectation: &str) -> Vec<Sample> {
    let mut samples: Vec<Sample> = std::fs::read_dir(folder)
        .unwrap()
        .filter_map(|entry| {
            let path = entry.unwrap().path();
            let file = path.file_name()?.to_str()?.to_owned();
            let stem = file.strip_suffix(".gz")?.trim_end_matches(".txt").trim_end_matches(".log");
            let expected = std::fs::read(path.with_file_name(format!("{stem}{expectation}"))).ok()?;
            let expected = serde_json::from_slice(&expected).unwrap();
            Some(Sample { gzipped: std::fs::read(&path).unwrap(), expected, file })
        })
        .collect();
    samples.sort_by(|one, other| one.file.cmp(&other.file));
    assert!(!samples.is_empty(), "there are logs at {}", folder.display());
    samples
}

/// The steps as the corpus expects them, times and logurl aside.
fn shown(steps: &[StoredStep]) -> Value {
    let error =
        |error: &herdgate::proto::LogError| json!({"linenumber": error.linenumber, "line": error.line});
    let step = |step: &StoredStep| {
        json!({
            "name": step.name, "result": step.result,
            "started_linenumber": step.started_line_number, "finished_linenumber": step.finished_line_number,
            "errors": step.errors.iter().map(error).collect::<Vec<_>>(),
        })
    };
    steps.iter().map(step).collect()
}

fn expected_steps(sample: &Sample) -> Value {
    let mut steps = sample.expected["text_log_summary"]["step_data"]["steps"].clone();
    for step in steps.as_array_mut().unwrap() {
        let step = step.as_object_mut().unwrap();
        step.remove("started");
        step.remove("finished");
    }
    steps
}

async fn submit(gateway: &Gateway, revision: &str, name: &str, url: String) -> String {
    let guid = new_guid();
    let mut job = jobs::completed(&guid, revision, JobResult::Fail);
    job.job_info = None;
    job.logs = vec![Log { name: Some(name.into()), url: Some(url), ..Log::default() }];
    let verdict = submit_one(&mut gateway.ingest(), job).await;
    assert_eq!(verdict.outcome(), Outcome::Stored, "{verdict:?}");
    guid
}

async fn parsed(gateway: &Gateway, guid: &str, file: &str) -> GetJobResponse {
    eventually(&format!("{file} is parsed"), PATIENCE, async || {
        let job = get_job(gateway, guid).await?;
        (job.logs[0].parse_status() == LogParseStatus::Parsed).then_some(job)
    })
    .await
}

async fn real_logs_are_stored_as_they_are_expected(database: Database) {
    let Some(folder) = corpus::folder() else { return };
    let server = LogServer::start().await;
    let (variable, value) = ALLOW_THIS_MACHINE;
    let gateway = Gateway::on(&database).with_variable(variable, value).start().await;
    let revision = new_push(&gateway).await;
    let mut submitted = Vec::new();
    let kinds = [("logs", "builds-4h", ".expected.json"), ("logs-2026", "live_backing_log", ".logview.json")];
    for (kind, name, expectation) in kinds {
        for sample in samples(&folder.join(kind), expectation) {
            let gzip = "Content-Encoding: gzip\r\n";
            let answer = Answer::status("200 OK", gzip, sample.gzipped.clone());
            let url = server.serve(&format!("/{kind}/{}", sample.file), vec![answer]);
            submitted.push((name, submit(&gateway, &revision, name, url).await, sample));
        }
    }
    for (name, guid, sample) in &submitted {
        let job = parsed(&gateway, guid, &sample.file).await;
        if *name == "builds-4h" {
            assert!(!job.parts_left_out, "{}", sample.file);
            assert_eq!(shown(&job.steps), expected_steps(sample), "{}", sample.file);
            let performance = sample.expected.get("performance_data").is_some();
            let kept = job.artifact_names.iter().any(|name| name == "performance_data");
            assert_eq!(kept, performance, "{}: performance data", sample.file);
        } else {
            let id = stored_id(&job);
            assert_eq!(flat_errors(&database, id).await, sample.expected["errors"], "{}", sample.file);
        }
    }
}

fn stored_id(job: &GetJobResponse) -> i64 {
    match &job.found {
        Some(herdgate::proto::get_job_response::Found::Job(job)) => job.id,
        other => panic!("{other:?}"),
    }
}

/// The error lines of a job that stand in no step.
async fn flat_errors(database: &Database, job_id: i64) -> Value {
    let options = StoreOptions {
        url: database.url.clone(),
        max_connections: 2,
        unsafe_durability: true,
        create: false,
    };
    let store = Store::connect(&options).await.unwrap();
    let rows = log_error::Entity::find()
        .filter(log_error::Column::JobId.eq(job_id))
        .filter(log_error::Column::StepId.is_null())
        .order_by_asc(log_error::Column::LineNumber)
        .all(&store.read_connection())
        .await
        .unwrap();
    store.close().await;
    rows.iter().map(|row| json!({"linenumber": row.line_number, "line": row.line})).collect()
}

#[tokio::test]
async fn a_log_is_parsed_from_its_url_as_from_its_file() {
    let Some(folder) = corpus::folder() else { return };
    let sample = samples(&folder.join("logs"), ".expected.json").remove(0);
    let server = LogServer::start().await;
    let url = server.serve("/log.gz", vec![Answer::ok(sample.gzipped)]);
    let working = tempfile::tempdir().unwrap();
    let command = ["log", "parse", "--profile", "2018", "--json", &url];
    let printed = run(herdgate(working.path()).args(command)).await.json();
    let steps = &printed["text_log_summary"]["step_data"];
    assert_eq!(steps, &sample.expected["text_log_summary"]["step_data"]);
    let missing = server.serve("/none", vec![Answer::status("404 Not Found", "", "")]);
    let refused = run(herdgate(working.path()).args(["log", "parse", &missing])).await;
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("404"), "{refused:?}");
}

on_both_databases!(real_logs_are_stored_as_they_are_expected);
