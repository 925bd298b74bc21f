//! What the unmodified dashboard takes from answers, field by field, and what it sends, parameter by
//! parameter (dashboard contract, 2), against the real binary.

use crate::harness::command::{herdgate_on, run};
use crate::harness::gateway::PROJECT;
use crate::harness::jobs::{NOON, at, completed, new_guid, new_revision, running};
use crate::harness::log_server::{ALLOW_THIS_MACHINE, Answer, LogServer};
use crate::harness::reading::stored;
use crate::harness::submitting::{new_push, stream_all, submit_pushes};
use crate::harness::{Database, Gateway, eventually};
use herdgate::proto::{Commit, JobResult, Log, Outcome, Push};
use http::StatusCode;
use serde_json::{Value, json};
use std::time::Duration;

/// A log is read within this time, by a debug build on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Three pushes an hour apart, the first with two jobs.
struct Visited {
    gateway: Gateway,
    revisions: Vec<String>,
}

const AUTHORS: [&str; 3] = ["ada@example.org", "ben@example.org", "Ada@example.org"];

impl Visited {
    async fn start(database: &Database) -> Self {
        let gateway = Gateway::on(database).start().await;
        let revisions: Vec<String> = AUTHORS.iter().map(|_| new_revision()).collect();
        let pushes = revisions.iter().zip(AUTHORS).enumerate().map(|(number, (revision, author))| Push {
            revision: Some(revision.clone()),
            push_timestamp: Some(at(3600 * number as i64)),
            author: Some(author.into()),
            revisions: vec![Commit {
                revision: Some(revision.clone()),
                author: Some(format!("A <{author}>")),
                comment: Some("Bug 1 - prune\n\nwith care".into()),
            }],
        });
        for verdict in submit_pushes(&gateway, pushes.collect()).await {
            assert_eq!(verdict.outcome(), Outcome::Stored, "{verdict:?}");
        }
        let jobs =
            vec![completed(&new_guid(), &revisions[0], JobResult::Fail), running(&new_guid(), &revisions[0])];
        stream_all(gateway.ingest(), jobs).await;
        Self { gateway, revisions }
    }

    async fn read(&self, path: &str) -> Value {
        let answer = self.gateway.get(path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {answer:?}");
        answer.json()
    }

    async fn pushes(&self, query: &str) -> Value {
        self.read(&format!("/api/project/{PROJECT}/push/?full=true&{query}")).await["results"].take()
    }
}

/// What the page makes of a value.
#[derive(Debug, Clone, Copy)]
enum Form {
    Text,
    /// Also missing: the page shows nothing for it.
    TextOrNull,
    Integer,
    IntegerOrNull,
    Number,
    YesOrNo,
    /// Naive UTC: the page adds the zone.
    NaiveTime,
    /// 22 characters of the URL alphabet, or a job cannot be selected.
    Slug,
    List,
    /// A list of one thing at least.
    Full,
    OneOf(&'static [&'static str]),
}

impl Form {
    fn is_of(self, value: &Value) -> bool {
        let slug = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        match (self, value) {
            (Self::Text, Value::String(_)) | (Self::TextOrNull, Value::String(_) | Value::Null) => true,
            (Self::IntegerOrNull, Value::Null)
            | (Self::YesOrNo, Value::Bool(_))
            | (Self::List, Value::Array(_)) => true,
            (Self::Integer | Self::IntegerOrNull, number) => number.is_i64(),
            (Self::Number, number) => number.is_number(),
            (Self::NaiveTime, Value::String(time)) => {
                chrono::NaiveDateTime::parse_from_str(time, "%Y-%m-%dT%H:%M:%S%.f").is_ok()
            }
            (Self::Slug, Value::String(id)) => id.len() == 22 && id.chars().all(slug),
            (Self::Full, Value::Array(list)) => !list.is_empty(),
            (Self::OneOf(words), Value::String(word)) => words.contains(&&**word),
            _ => false,
        }
    }
}

/// Groups that the page has a menu for.
const GROUPS: Form = Form::OneOf(&[
    "development",
    "release-stabilization",
    "enterprise-firefox",
    "project repositories",
    "comm-repositories",
    "ci",
    "servo",
    "mobile",
    "other",
]);
const STATES: Form = Form::OneOf(&["pending", "running", "completed", "unscheduled"]);
const RESULTS: Form = Form::OneOf(&[
    "success",
    "testfailed",
    "busted",
    "exception",
    "retry",
    "usercancel",
    "superseded",
    "skipped",
    "unknown",
]);

const REPOSITORY: &[(&str, Form)] = &[
    ("/name", Form::Text),
    ("/repository_group/name", GROUPS),
    ("/dvcs_type", Form::OneOf(&["hg", "git"])),
    ("/url", Form::Text),
    ("/tc_root_url", Form::Text),
];
const CLASSIFICATION: &[(&str, Form)] = &[("/id", Form::Integer), ("/name", Form::Text)];
const PUSH: &[(&str, Form)] = &[
    ("/id", Form::Integer),
    ("/revision", Form::Text),
    ("/author", Form::Text),
    ("/push_timestamp", Form::Number),
    ("/revisions", Form::Full),
    ("/revisions/0/comments", Form::Text),
    ("/revisions/0/revision", Form::Text),
    ("/revisions/0/author", Form::Text),
    ("/revision_count", Form::Integer),
];
const LISTED_JOB: &[(&str, Form)] = &[
    ("/id", Form::Integer),
    ("/push_id", Form::Integer),
    ("/job_type_name", Form::Text),
    ("/job_type_symbol", Form::Text),
    ("/job_group_symbol", Form::Text),
    ("/job_group_name", Form::Text),
    ("/platform", Form::Text),
    ("/platform_option", Form::Text),
    ("/state", STATES),
    ("/result", RESULTS),
    ("/tier", Form::Integer),
    ("/failure_classification_id", Form::Integer),
    ("/task_id", Form::Slug),
    ("/retry_id", Form::Integer),
    ("/last_modified", Form::NaiveTime),
    ("/duration", Form::Integer),
    ("/push_revision", Form::Text),
    ("/signature", Form::Text),
];
const JOB: &[(&str, Form)] = &[
    ("/id", Form::Integer),
    ("/job_type_name", Form::Text),
    ("/job_type_symbol", Form::Text),
    ("/job_group_name", Form::Text),
    ("/result", RESULTS),
    ("/state", STATES),
    ("/task_id", Form::Slug),
    ("/retry_id", Form::Integer),
    ("/push_id", Form::Integer),
    ("/submit_timestamp", Form::Number),
    ("/start_timestamp", Form::Number),
    ("/end_timestamp", Form::Number),
    ("/platform", Form::TextOrNull),
    ("/platform_option", Form::TextOrNull),
    ("/build_platform", Form::Text),
    ("/build_architecture", Form::TextOrNull),
    ("/build_os", Form::TextOrNull),
    ("/tier", Form::Integer),
    ("/failure_classification_id", Form::Integer),
    ("/logs", Form::Full),
    ("/logs/0/name", Form::Text),
    ("/logs/0/url", Form::Text),
];
const LOG: &[(&str, Form)] = &[
    ("/id", Form::Integer),
    ("/job_id", Form::Integer),
    ("/name", Form::Text),
    ("/url", Form::Text),
    ("/parse_status", Form::OneOf(&["pending", "parsed", "failed", "skipped-size"])),
];

fn check(what: &str, value: &Value, fields: &[(&str, Form)]) {
    for (pointer, form) in fields {
        let field = value.pointer(pointer).unwrap_or(&Value::Null);
        assert!(form.is_of(field), "{pointer} of {what} is not {form:?}: {value}");
    }
}

fn rows(list: &Value) -> &Vec<Value> {
    let rows = list.as_array().unwrap_or_else(|| panic!("no list: {list}"));
    assert!(!rows.is_empty(), "an empty list shows nothing");
    rows
}

async fn every_field_that_the_page_reads_has_its_form(database: Database) {
    let visited = Visited::start(&database).await;
    for repository in rows(&visited.read("/api/repository/").await) {
        check("a repository", repository, REPOSITORY);
    }
    let classifications = visited.read("/api/failureclassification/").await;
    for classification in rows(&classifications) {
        check("a classification", classification, CLASSIFICATION);
    }
    let pushes = visited.pushes("count=10").await;
    for push in rows(&pushes) {
        check("a push", push, PUSH);
        check("one push", &visited.read(&format!("/api/project/{PROJECT}/push/{}/", push["id"])).await, PUSH);
    }
    let list = visited.read(&format!("/api/jobs/?push_id={}", pushes[2]["id"])).await;
    assert!(list["next"].is_null(), "{list}");
    let names = rows(&list["job_property_names"]);
    for row in rows(&list["results"]) {
        let pairs = names.iter().map(|name| name.as_str().unwrap().to_owned());
        let job: Value = pairs.zip(row.as_array().unwrap().iter().cloned()).collect();
        check("a listed job", &job, LISTED_JOB);
        let id = &job["id"];
        let detail = visited.read(&format!("/api/project/{PROJECT}/jobs/{id}/")).await;
        // A running job has no logs yet.
        let parts = if detail["state"] == "completed" { JOB.len() } else { JOB.len() - 3 };
        check("a job", &detail, &JOB[..parts]);
        for name in ["task_id", "retry_id", "push_id", "state", "result"] {
            assert_eq!(detail[name], job[name], "{name} in the list and by itself");
        }
        let of_job = &detail["failure_classification_id"];
        assert!(
            rows(&classifications).iter().any(|known| known["id"] == *of_job),
            "{of_job} blanks the page"
        );
        for log in visited
            .read(&format!("/api/project/{PROJECT}/job-log-url/?job_id={id}"))
            .await
            .as_array()
            .expect("a list, of a job without logs an empty one")
        {
            check("a log", log, LOG);
        }
    }
}

async fn every_query_for_pushes_that_the_page_sends_finds_its_pushes(database: Database) {
    let visited = Visited::start(&database).await;
    let [first, second, third] = &visited.revisions[..] else { panic!("three pushes") };
    let time = |hours: i64| NOON + 3600 * hours;
    let all = visited.pushes("count=10").await;
    let ids: Vec<i64> = rows(&all).iter().rev().map(|push| push["id"].as_i64().unwrap()).collect();
    for (query, expected) in [
        ("count=10".to_owned(), vec![third, second, first]),
        (format!("count=10&revision={second}"), vec![second]),
        (format!("count=10&revision={}", &second[..12]), vec![second]),
        ("count=10&author=ben%40example.org".to_owned(), vec![second]),
        ("count=10&author=ada%40example.org".to_owned(), vec![third, first]),
        ("count=10&author=-ada%40example.org".to_owned(), vec![second]),
        (format!("count=100&tochange={second}&fromchange={first}"), vec![second, first]),
        (format!("count=10&tochange={}", &second[..12]), vec![second, first]),
        (format!("count=100&fromchange={second}"), vec![third, second]),
        (format!("count=100&fromchange={third}&author=ben%40example.org"), vec![]),
        (format!("count=100&push_timestamp__gte={}&push_timestamp__lt={}", time(1), time(2)), vec![second]),
        (format!("count=2&push_timestamp__lte={}", time(1)), vec![second, first]),
        (format!("count=100&id__in={},{}", ids[0], ids[2]), vec![third, first]),
        (format!("count=100&id__in={}%2C{}", ids[0], ids[1]), vec![second, first]),
    ] {
        let found = visited.pushes(&query).await;
        let found: Vec<_> = found.as_array().unwrap().iter().map(|push| push["revision"].clone()).collect();
        assert_eq!(
            found,
            expected.iter().map(|revision| Value::from(revision.as_str())).collect::<Vec<_>>(),
            "{query}"
        );
    }
}

const LOG_TEXT: &str = "\
========= Started bake (results: 0, elapsed: 1 secs) (at 2018-06-26 09:30:00) =========\n\
TEST-UNEXPECTED-FAIL | kiln/test_glaze_runs.js | the glaze runs\n\
========= Finished bake (results: 2, elapsed: 1 secs) (at 2018-06-26 09:31:00) =========\n";
const SUGGESTION: &[(&str, Form)] = &[
    ("/search", Form::Text),
    ("/path_end", Form::TextOrNull),
    ("/line_number", Form::Integer),
    ("/failure_new_in_rev", Form::YesOrNo),
    ("/counter", Form::Integer),
    ("/bugs/open_recent", Form::Full),
    ("/bugs/all_others", Form::List),
    ("/bugs/open_recent/0/id", Form::Integer),
    ("/bugs/open_recent/0/internal_id", Form::IntegerOrNull),
    ("/bugs/open_recent/0/summary", Form::Text),
    ("/bugs/open_recent/0/resolution", Form::Text),
    ("/bugs/open_recent/0/dupe_of", Form::IntegerOrNull),
    ("/bugs/open_recent/0/occurrences", Form::IntegerOrNull),
];
const ERROR_LINE: &[(&str, Form)] = &[("/line", Form::Text), ("/line_number", Form::Integer)];

async fn a_failed_job_is_read_with_its_log_error_lines_and_bugs(database: Database) {
    let server = LogServer::start().await;
    let (variable, value) = ALLOW_THIS_MACHINE;
    // In front of a dashboard, the text of a log comes from the same origin.
    let page = database.folder.path().join("ui");
    std::fs::create_dir(&page).unwrap();
    std::fs::write(page.join("index.html"), "<title>dashboard</title>").unwrap();
    let builder = Gateway::on(&database).with_variable(variable, value);
    let gateway = builder.with_variable("HERDGATE_UI_DIR", page.to_str().unwrap()).start().await;
    let bugs = database.folder.path().join("bugs.json");
    let bug = json!({"id": 71, "status": "NEW", "resolution": "", "summary": "test_glaze_runs.js | the glaze runs",
        "cf_crash_signature": "", "keywords": [], "op_sys": "All", "whiteboard": "",
        "last_change_time": "2026-11-20T00:00:00Z"});
    std::fs::write(&bugs, json!({"bugs": [bug]}).to_string()).unwrap();
    run(herdgate_on(&database).args(["bugs", "import"]).arg(&bugs)).await.done();
    let (guid, revision) = (new_guid(), new_push(&gateway).await);
    let mut job = completed(&guid, &revision, JobResult::Fail);
    let url = server.serve("/log", vec![Answer::ok(LOG_TEXT)]);
    job.logs = vec![Log { name: Some("builds-4h".into()), url: Some(url), ..Log::default() }];
    stream_all(gateway.ingest(), vec![job]).await;
    let id = stored(&gateway, &guid).await.0.id;
    let visited = Visited { gateway, revisions: vec![revision] };
    let job = format!("/api/project/{PROJECT}/jobs/{id}");

    let errors = eventually("its log is read", PATIENCE, async || {
        let errors = visited.read(&format!("{job}/text_log_errors/")).await;
        (!errors.as_array().expect("a list from the beginning").is_empty()).then_some(errors)
    })
    .await;
    for error in rows(&errors) {
        check("an error line", error, ERROR_LINE);
        assert_eq!(error["line_number"], 1);
    }
    for suggestion in rows(&visited.read(&format!("{job}/bug_suggestions/")).await) {
        check("a suggestion", suggestion, SUGGESTION);
        assert_eq!(suggestion["bugs"]["open_recent"][0]["id"], 71);
    }
    let text = visited.read(&format!("{job}/")).await["logs"][0]["url"].take();
    let answer = visited.gateway.get(text.as_str().unwrap()).await;
    assert_eq!((answer.status, &*answer.body), (StatusCode::OK, LOG_TEXT.as_bytes()));
    assert!(answer.header("content-type").starts_with("text/plain"));
}

async fn the_jobs_of_a_push_come_page_by_page_and_one_by_its_number(database: Database) {
    let visited = Visited::start(&database).await;
    let push = visited.pushes("count=10").await[2]["id"].clone();
    let list = visited.read(&format!("/api/jobs/?push_id={push}")).await;
    let names = rows(&list["job_property_names"]);
    let place = names.iter().position(|name| name == "id").unwrap();
    let first = &rows(&list["results"])[0];
    let one = visited.read(&format!("/api/jobs/?id={}", first[place])).await;
    assert_eq!(one["results"], json!([first]));
    assert_eq!(visited.read(&format!("/api/jobs/?push_id={push}&page=1")).await["results"], list["results"]);
    let beyond = visited.read(&format!("/api/jobs/?push_id={push}&page=2")).await;
    assert_eq!((&beyond["results"], &beyond["next"]), (&json!([]), &Value::Null));
}

async fn a_page_loaded_again_is_told_that_nothing_changed(database: Database) {
    let visited = Visited::start(&database).await;
    let push = visited.pushes("count=10").await[2]["id"].clone();
    let path = format!("/api/jobs/?push_id={push}");
    let first = visited.gateway.get(&path).await;
    let tag = first.header("etag").to_owned();
    let again = async || {
        let request = http::Request::get(&path).header("if-none-match", &tag).body("").unwrap();
        visited.gateway.send(request).await.status
    };
    assert_eq!(again().await, StatusCode::NOT_MODIFIED);
    stream_all(visited.gateway.ingest(), vec![running(&new_guid(), &visited.revisions[0])]).await;
    assert_eq!(again().await, StatusCode::OK);
}

on_both_databases!(
    every_field_that_the_page_reads_has_its_form,
    every_query_for_pushes_that_the_page_sends_finds_its_pushes,
    a_failed_job_is_read_with_its_log_error_lines_and_bugs,
    the_jobs_of_a_push_come_page_by_page_and_one_by_its_number,
    a_page_loaded_again_is_told_that_nothing_changed,
);
