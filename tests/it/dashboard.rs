//! The requests of the unmodified dashboard, as its contract lists them, against the real binary.

use crate::harness::command::{herdgate_on, run};
use crate::harness::gateway::PROJECT;
use crate::harness::http::Answer;
use crate::harness::jobs::{completed, log, new_guid, running};
use crate::harness::submitting::{new_push, stream_all};
use crate::harness::{Database, Gateway};
use herdgate::proto::JobResult;
use http::{Request, StatusCode};
use serde_json::{Value, json};

/// A gateway with a built dashboard, and one push with two jobs.
async fn with_dashboard(database: &Database) -> (Gateway, String) {
    let folder = database.folder.path().join("dashboard");
    std::fs::create_dir_all(folder.join("assets")).unwrap();
    std::fs::write(folder.join("index.html"), "<title>dashboard</title>").unwrap();
    std::fs::write(folder.join("revision.txt"), "5a1f0c9e\n").unwrap();
    std::fs::write(folder.join("assets/main.js"), "start()").unwrap();
    let gateway = Gateway::on(database).with_variable("HERDGATE_UI_DIR", folder.display()).start().await;
    let revision = new_push(&gateway).await;
    let mut failed = completed(&new_guid(), &revision, JobResult::Fail);
    failed.logs = vec![log(failed.task_id.as_deref().unwrap(), "custom_log")];
    stream_all(gateway.ingest(), vec![failed, running(&new_guid(), &revision)]).await;
    (gateway, revision)
}

async fn read(gateway: &Gateway, path: &str) -> Value {
    let answer = gateway.get(path).await;
    assert_eq!(answer.status, StatusCode::OK, "{path}: {answer:?}");
    assert_eq!(answer.header("content-type"), "application/json", "{path}");
    answer.json()
}

async fn every_request_of_a_visit_is_answered_with_what_it_needs(database: Database) {
    let (gateway, revision) = with_dashboard(&database).await;
    // The page starts.
    for path in ["/api/user/", "/api/performance/framework/", "/api/failureclassification/"] {
        assert!(read(&gateway, path).await.is_array(), "{path}");
    }
    let repositories = read(&gateway, "/api/repository/").await;
    let repository = &repositories[0];
    assert_eq!((&repository["name"], &repository["tc_root_url"]), (&PROJECT.into(), &"".into()));
    assert!(repository["repository_group"]["name"].is_string(), "{repository}");
    let pushes = read(&gateway, &format!("/api/project/{PROJECT}/push/?full=true&count=10")).await;
    let push = &pushes["results"][0];
    assert_eq!(push["revision"], *revision);
    assert!(push["revisions"][0]["comments"].is_string() && push["push_timestamp"].is_i64(), "{push}");
    let jobs = read(&gateway, &format!("/api/jobs/?push_id={}", push["id"])).await;
    assert_eq!(jobs["results"].as_array().unwrap().len(), 2);

    // It polls.
    let polled = format!("/api/project/{PROJECT}/push/?full=true&count=100&fromchange={revision}");
    assert_eq!(read(&gateway, &polled).await["results"][0]["id"], push["id"]);
    let place = |name: &str| {
        let names = jobs["job_property_names"].as_array().unwrap();
        names.iter().position(|known| known == name).unwrap()
    };
    let rows = jobs["results"].as_array().unwrap();
    let failed = rows.iter().find(|row| row[place("state")] == "completed").unwrap();
    let of_failed = |name: &str| failed[place(name)].clone();
    let modified = of_failed("last_modified");
    let since = modified.as_str().unwrap();
    for (since, expected) in [("2001-01-01T00:00:00.000", 2), ("2999-01-01T00:00:00.000", 0)] {
        let poll = format!("/api/jobs/?push_id__in={},999&last_modified__gt={since}", push["id"]);
        assert_eq!(read(&gateway, &poll).await["results"].as_array().unwrap().len(), expected);
    }
    assert!(!since.ends_with('Z'), "{since}");

    // A job is selected.
    let (id, task) = (of_failed("id"), of_failed("task_id"));
    let detail = read(&gateway, &format!("/api/project/{PROJECT}/jobs/{id}/")).await;
    assert_eq!(detail["task_id"], task);
    for name in ["job_group_name", "job_type_name", "job_type_symbol", "build_platform", "state", "result"] {
        assert!(detail[name].is_string(), "{name} of {detail}");
    }
    let logs = read(&gateway, &format!("/api/project/{PROJECT}/job-log-url/?job_id={id}")).await;
    assert_eq!((&logs[0]["name"], &logs[0]["job_id"]), (&"custom_log".into(), &id));
    for list in ["note", "bug-job-map"] {
        assert_eq!(
            read(&gateway, &format!("/api/project/{PROJECT}/{list}/?job_id={id}")).await,
            Value::Array(vec![])
        );
    }
    let similar = format!("/api/project/{PROJECT}/jobs/{id}/similar_jobs/?count=21&offset=0&nosuccess=");
    assert!(read(&gateway, &similar).await["results"].is_array());
    let selected = format!("/api/jobs/?task_id={}&retry_id=undefined", task.as_str().unwrap());
    assert_eq!(read(&gateway, &selected).await["results"][0][place("id")], id);
    let artifacts =
        gateway.get(&format!("/api/queue/v1/task/{}/runs/0/artifacts", task.as_str().unwrap())).await;
    assert_eq!(artifacts.status, StatusCode::NOT_FOUND, "at once, and no page");
    assert_eq!(artifacts.json()["code"], "not_found");

    // Its log is viewed.
    let text = detail["logs"][0]["url"].as_str().unwrap();
    assert!(text.starts_with("/api/"), "of the same origin: {text}");
    let push = read(&gateway, &format!("/api/project/{PROJECT}/push/{}/", push["id"])).await;
    assert_eq!(push["revision"], *revision);
}

/// Legacy submitters name a task beside a guid of any form.
async fn a_job_is_selected_and_found_by_a_task_that_its_guid_does_not_name(database: Database) {
    let gateway = Gateway::on(&database).start().await;
    let revision = new_push(&gateway).await;
    let run_of_another = format!("{}/1", new_guid().split('/').next().unwrap());
    let guids = [
        "5a1f0c9e7d3b24681357ace02468bdf013579ace",
        "0F3A6D2E-8C41-4B7A-9D10-5E2B7C9A1F01/2",
        &run_of_another,
    ];
    let tasks = ["A1b2C3d4E5f6G7h8I9j0Kw", "DzptLoxBS3qdEF4rfJofAQ", "B1b2C3d4E5f6G7h8I9j0Kw"];
    let items = guids.iter().zip(tasks).map(|(guid, task)| {
        json!({
            "project": PROJECT, "revision": revision, "job": {
                "job_guid": guid, "name": "press", "state": "running", "result": "unknown",
                "taskcluster_task_id": task, "taskcluster_retry_id": 2,
            }
        })
    });
    let posted = gateway.post(&gateway.token, "jobs/", items.collect::<Value>()).await;
    assert_eq!(posted.status, StatusCode::OK, "{posted:?}");
    for (guid, task) in guids.iter().zip(tasks) {
        for (run, jobs) in [("", 1), ("&retry_id=2", 1), ("&retry_id=0", 0)] {
            let selected = read(&gateway, &format!("/api/jobs/?task_id={task}{run}")).await;
            assert_eq!(selected["results"].as_array().unwrap().len(), jobs, "{guid} {run}: {selected}");
        }
        for (sought, found) in
            [(task.to_owned(), true), (format!("{task}.2"), true), (format!("{task}.0"), false)]
        {
            let page = gateway.get(&format!("/console/find?q={sought}")).await;
            let text = String::from_utf8(page.body.to_vec()).unwrap();
            assert_eq!(text.contains(*guid), found, "{sought}: {text}");
        }
    }
}

async fn the_built_dashboard_is_served_beside_everything_else(database: Database) {
    let (gateway, _) = with_dashboard(&database).await;
    let text = |answer: &Answer| String::from_utf8_lossy(&answer.body).into_owned();
    for (path, expected) in [
        ("/", "<title>dashboard</title>"),
        ("/jobs?repo=try", "<title>dashboard</title>"),
        ("/logviewer", "<title>dashboard</title>"),
        ("/revision.txt", "5a1f0c9e\n"),
        ("/assets/main.js", "start()"),
        ("/../Cargo.toml", "<title>dashboard</title>"),
    ] {
        let answer = gateway.get(path).await;
        assert_eq!((answer.status, &*text(&answer)), (StatusCode::OK, expected), "{path}");
        assert_eq!(answer.header("cache-control"), "no-cache", "{path}");
    }
    let first = gateway.get("/assets/main.js").await;
    let again = Request::get("/assets/main.js").header("if-modified-since", first.header("last-modified"));
    assert_eq!(gateway.send(again.body("").unwrap()).await.status, StatusCode::NOT_MODIFIED);
    for path in ["/api/nothing/", "/console/nothing", "/schemas/nothing"] {
        let answer = gateway.get(path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}: {}", text(&answer));
    }
    assert_eq!(text(&gateway.get("/healthz").await), "ok\n");
}

#[tokio::test]
async fn a_folder_without_a_dashboard_is_refused_by_its_key() {
    let database = Database::sqlite();
    let ran = run(herdgate_on(&database).arg("serve").env("HERDGATE_UI_DIR", "/nowhere")).await;
    assert_eq!(ran.code, Some(64), "{ran:?}");
    assert!(ran.stderr.contains("ui_dir") && ran.stderr.contains("index.html"), "{}", ran.stderr);
}

on_both_databases!(
    every_request_of_a_visit_is_answered_with_what_it_needs,
    a_job_is_selected_and_found_by_a_task_that_its_guid_does_not_name,
    the_built_dashboard_is_served_beside_everything_else,
);
