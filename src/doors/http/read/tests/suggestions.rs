//! Error lines of jobs and the bugs that may be about them.

use super::world::{World, artifact, job, on_each_database, submit};
use crate::domain::{Bug, Job, JobResult, LogSummary, OpaqueArtifact, Parts, Step, StepError};
use crate::store::BugListPart;
use chrono::{TimeDelta, Utc};
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};

const GAUGE: &str =
    "08:00:07  WARNING -  TEST-UNEXPECTED-FAIL | widgets/test_gauge.html | dial reads 7, expected 9";
const FOLD: &str = "PROCESS-CRASH | suite/test_fold.js | application crashed [@ demo::Fold]";

fn bug(id: i64, summary: &str, resolution: &str) -> Bug {
    Bug {
        id,
        status: if resolution.is_empty() { "NEW" } else { "RESOLVED" }.into(),
        resolution: resolution.into(),
        summary: summary.into(),
        crash_signature: String::new(),
        keywords: "intermittent-failure".into(),
        os: "Unspecified".into(),
        modified: Utc::now() - TimeDelta::days(1),
        whiteboard: "[demo]".into(),
        dupe_of: None,
    }
}

/// A failed job with one step that has these lines.
fn failed(guid: &str, push: char, lines: &[&str], artifacts: Vec<OpaqueArtifact>) -> Job {
    let errors = (10..)
        .zip(lines)
        .map(|(line_number, line)| StepError { line_number, line: (*line).into() })
        .collect();
    let step = Step {
        name: "run tests".into(),
        started: Some("2026-11-22T10:00:00Z".parse().unwrap()),
        finished: None,
        started_line: 0,
        finished_line: 99,
        result: JobResult::from_word("testfailed"),
        errors,
    };
    let summary = LogSummary {
        log_name: None,
        log_url: None,
        steps: vec![step],
        errors: Vec::new(),
        errors_truncated: false,
    };
    Job {
        parts: Parts { summary: Some(summary), artifacts, ..Parts::default() },
        ..job(guid, push, "completed", "testfailed")
    }
}

async fn import(world: &World, bugs: &[Bug]) {
    world.store.import_bugs(bugs, BugListPart::Some).await.unwrap();
}

/// The `id` of the job that was submitted last.
async fn newest(world: &World) -> i64 {
    world.read("/api/project/quince/jobs/?count=2000").await["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|job| job["id"].as_i64().unwrap())
        .max()
        .unwrap()
}

async fn suggestions(world: &World, job: i64) -> Value {
    world.read(&format!("/api/project/quince/jobs/{job}/bug_suggestions/")).await
}

#[tokio::test]
async fn the_form_of_what_failed_in_a_job_is_that_of_the_contracts() {
    on_each_database(async |world| {
        let summary = "Intermittent widgets/test_gauge.html | dial reads 7, expected 9";
        let bugs = [
            bug(1_400_001, summary, ""),
            bug(1_300_002, "Test_Gauge.html sometimes times out", "FIXED"),
            bug(1_300_003, "crash in [@ demo::Fold]", ""),
        ];
        import(&world, &bugs).await;
        let lines = [GAUGE, FOLD, "08:00:09    ERROR - Return code: 1"];
        submit(&world.gateway, failed("failed-1", 'a', &lines, vec![])).await;
        let job = newest(&world).await;
        insta::assert_json_snapshot!("bug_suggestions", suggestions(&world, job).await);
        for list in ["text_log_steps", "text_log_errors"] {
            let rows = world.read(&format!("/api/project/quince/jobs/{job}/{list}/")).await;
            insta::assert_json_snapshot!(list, rows);
        }
    })
    .await;
}

#[tokio::test]
async fn failure_lines_are_those_of_the_error_summaries_each_with_its_error_line() {
    on_each_database(async |world| {
        let path = "/api/project/quince/jobs/1/failure_lines/";
        assert_eq!(world.read(path).await, json!([]));
        let line = "INSERT INTO failure_lines (job_id, log_id, action, line, test, subtest, status, expected, \
             message, group_name) VALUES (1, 1, 'test_result', 7, 'a.html', 'b', 'FAIL', 'PASS', 'c', 'a')";
        let error = "INSERT INTO log_errors (id, job_id, line_number, line) \
             VALUES (999, 1, 40, '10:00 INFO - TEST-UNEXPECTED-FAIL | a.html | b - c')";
        for row in [line, error] {
            world.store.write_connection().execute_unprepared(row).await.unwrap();
        }
        insta::assert_json_snapshot!("failure_lines", world.read(path).await);
    })
    .await;
}

#[tokio::test]
async fn error_lines_that_came_with_a_job_and_stand_in_no_step_are_listed_once() {
    on_each_database(async |world| {
        let line = |line_number, line: &str| StepError { line_number, line: line.into() };
        let failed = |lines| {
            let mut job = failed("failed-1", 'a', &[], vec![]);
            if let Some(summary) = &mut job.parts.summary {
                (summary.steps, summary.errors) = (Vec::new(), lines);
            }
            job
        };
        submit(&world.gateway, failed(vec![line(7, GAUGE), line(9, "ERROR - 🧱"), line(7, "again")])).await;
        submit(&world.gateway, failed(vec![line(7, GAUGE), line(12, "ERROR - late")])).await;
        let job = newest(&world).await;
        let errors = world.read(&format!("/api/project/quince/jobs/{job}/text_log_errors/")).await;
        let lines: Vec<_> = errors
            .as_array()
            .unwrap()
            .iter()
            .map(|e| (e["line_number"].as_i64(), e["line"].as_str()))
            .collect();
        let expected = [(7, GAUGE), (9, "ERROR - <U+01F9F1>"), (12, "ERROR - late")];
        assert_eq!(lines, expected.map(|(number, line)| (Some(number), Some(line))));
    })
    .await;
}

#[tokio::test]
async fn a_job_without_error_lines_has_no_suggestions() {
    on_each_database(async |world| {
        assert_eq!(suggestions(&world, 2).await, json!([]));
    })
    .await;
}

#[tokio::test]
async fn bugs_are_those_of_the_list_as_it_is_now() {
    on_each_database(async |world| {
        submit(&world.gateway, failed("failed-1", 'a', &[GAUGE], vec![])).await;
        let job = newest(&world).await;
        let ids = async || -> Vec<i64> {
            let found = suggestions(&world, job).await;
            super::world::ids(&found[0]["bugs"]["open_recent"])
        };
        assert_eq!(ids().await, [0_i64; 0]);
        import(&world, &[bug(7, "test_gauge.html fails", "")]).await;
        assert_eq!(ids().await, [7]);
        import(&world, &[bug(7, "test_gauge.html fails", "FIXED")]).await;
        assert_eq!(ids().await, [0_i64; 0]);
    })
    .await;
}

#[tokio::test]
async fn a_failure_is_new_in_its_first_push_and_counts_the_other_jobs_that_have_it() {
    on_each_database(async |world| {
        let seen = async |job: i64| {
            let suggestion = &suggestions(&world, job).await[0];
            (suggestion["counter"].as_i64().unwrap(), suggestion["failure_new_in_rev"].as_bool().unwrap())
        };
        submit(&world.gateway, failed("failed-1", 'a', &[GAUGE, GAUGE], vec![])).await;
        let first = newest(&world).await;
        assert_eq!(seen(first).await, (0, true), "twice in one job is once");
        submit(&world.gateway, failed("failed-2", 'b', &[GAUGE], vec![])).await;
        let second = newest(&world).await;
        assert_eq!(seen(second).await, (1, false));
        assert_eq!(seen(first).await, (1, true));
    })
    .await;
}

#[tokio::test]
async fn supplied_suggestions_of_the_form_of_ours_are_given_as_they_came_and_others_computed() {
    on_each_database(async |world| {
        import(&world, &[bug(7, "test_gauge.html fails", "")]).await;
        let ours =
            r#"[{"search": "mine", "search_terms": [], "bugs": {"open_recent": [], "all_others": []}}]"#;
        let theirs = r#"[{"search": "it broke"}]"#;
        for (guid, blob, expected) in [
            ("failed-1", ours, json!("mine")),
            ("failed-2", theirs, json!(GAUGE.trim_start_matches("08:00:07  WARNING -  "))),
        ] {
            let supplied = vec![artifact("Bug suggestions", "json", blob)];
            submit(&world.gateway, failed(guid, 'a', &[GAUGE], supplied)).await;
            let found = suggestions(&world, newest(&world).await).await;
            assert_eq!((&found[0]["search"], &found[0]["line_number"]), (&expected, &json!(10)));
        }
    })
    .await;
}
