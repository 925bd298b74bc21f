//! Lists of bugs, imported by command and asked for at a bug tracker, and the failures that are matched
//! with them, over gRPC and REST.

use crate::harness::command::{herdgate_on, run};
use crate::harness::gateway::PROJECT;
use crate::harness::jobs::{self, new_guid};
use crate::harness::log_server::{ALLOW_THIS_MACHINE, Answer, LogServer};
use crate::harness::reading::stored;
use crate::harness::submitting::{new_push, submit_one};
use crate::harness::{Database, Gateway, eventually};
use herdgate::proto::{BugSuggestion, JobResult, ListBugSuggestionsRequest, Outcome};
use serde_json::{Value, json};
use std::time::Duration;
use tonic::Code;

const PATIENCE: Duration = Duration::from_secs(60);
const FAILURE: &str = "TEST-UNEXPECTED-FAIL | kiln/test_glaze_runs.js | the glaze runs";

/// A list as Bugzilla gives it: one bug is about [`FAILURE`], one is not.
fn bug_list() -> String {
    let bug = |id: u32, summary: &str| {
        json!({"id": id, "status": "NEW", "resolution": "", "summary": summary, "cf_crash_signature": "",
            "keywords": ["intermittent-failure"], "op_sys": "All", "whiteboard": "",
            "last_change_time": "2026-11-20T00:00:00Z"})
    };
    let bugs = [bug(71, "Intermittent test_glaze_runs.js | the glaze runs"), bug(72, "test_oven.js is slow")];
    json!({"bugs": bugs}).to_string()
}

/// A failed job with that error line, by its guid.
async fn with_failure(gateway: &Gateway) -> String {
    let guid = new_guid();
    let step = json!({
        "name": "bake", "started": "2018-06-26 09:30:00", "finished": "2018-06-26 09:31:00",
        "started_linenumber": 0, "finished_linenumber": 3, "result": "busted",
        "errors": [{"line": FAILURE, "linenumber": 1}],
    });
    let summary = json!({"step_data": {"steps": [step], "errors_truncated": false}});
    let mut job = jobs::completed(&guid, &new_push(gateway).await, JobResult::Fail);
    job.logs.clear();
    job.artifacts = vec![jobs::artifact(&guid, "text_log_summary", &summary)];
    let verdict = submit_one(&mut gateway.ingest(), job).await;
    assert_eq!(verdict.outcome(), Outcome::Stored, "{verdict:?}");
    guid
}

async fn suggestion(gateway: &Gateway, guid: &str) -> BugSuggestion {
    let request = ListBugSuggestionsRequest { job_guid: guid.into() };
    let answer = gateway.query().list_bug_suggestions(request).await.unwrap().into_inner();
    let [suggestion] = &answer.suggestions[..] else { panic!("{answer:?}") };
    suggestion.clone()
}

fn bugs(suggestion: &BugSuggestion) -> Vec<i64> {
    suggestion.open_recent.iter().chain(&suggestion.all_others).map(|bug| bug.id).collect()
}

async fn failures_are_matched_with_the_bugs_of_an_imported_list(database: Database) {
    let gateway = Gateway::on(&database).start().await;
    let guid = with_failure(&gateway).await;
    let before = suggestion(&gateway, &guid).await;
    assert_eq!((&*before.search, before.line_number, bugs(&before)), (FAILURE, 1, vec![]));

    let file = database.folder.path().join("bugs.json");
    std::fs::write(&file, bug_list()).unwrap();
    let imported = run(herdgate_on(&database).args(["bugs", "import"]).arg(&file)).await.done();
    assert!(imported.contains("2 of 2 bugs are new or changed, 0 were removed"), "{imported}");
    let after = eventually("the bug is suggested", PATIENCE, async || {
        let suggestion = suggestion(&gateway, &guid).await;
        (!bugs(&suggestion).is_empty()).then_some(suggestion)
    })
    .await;
    assert_eq!(bugs(&after), [71]);

    let (job, _) = stored(&gateway, &guid).await;
    let path = format!("/api/project/{PROJECT}/jobs/{}/bug_suggestions/", job.id);
    let rest = gateway.get(&path).await.json();
    assert_eq!((&rest[0]["search"], &rest[0]["line_number"]), (&json!(FAILURE), &json!(1)));
    let lists = &rest[0]["bugs"];
    let ids: Vec<&Value> = ["open_recent", "all_others"]
        .iter()
        .flat_map(|list| lists[list].as_array().unwrap())
        .map(|bug| &bug["id"])
        .collect();
    assert_eq!(ids, [&json!(71)]);

    let nobody = ListBugSuggestionsRequest { job_guid: "nobody/0".into() };
    let refused = gateway.query().list_bug_suggestions(nobody).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound, "{refused:?}");
}

async fn failures_are_matched_with_the_bugs_of_a_tracker_that_is_asked_for_them(database: Database) {
    let tracker = LogServer::start().await;
    let url = tracker.serve("/tracker/rest/bug", vec![Answer::ok(bug_list())]);
    let (variable, value) = ALLOW_THIS_MACHINE;
    let gateway = Gateway::on(&database)
        .with_variable(variable, value)
        .with_variable("HERDGATE_BUGS_BUGZILLA_URL", url.strip_suffix("/rest/bug").unwrap())
        .start()
        .await;
    let guid = with_failure(&gateway).await;
    let found = eventually("the bug is suggested", PATIENCE, async || {
        let bugs = bugs(&suggestion(&gateway, &guid).await);
        (!bugs.is_empty()).then_some(bugs)
    })
    .await;
    assert_eq!((found, tracker.asked("/tracker/rest/bug")), (vec![71], 1));
}

on_both_databases!(
    failures_are_matched_with_the_bugs_of_an_imported_list,
    failures_are_matched_with_the_bugs_of_a_tracker_that_is_asked_for_them,
);
