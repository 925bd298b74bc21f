//! What a submitter is answered, on both databases.

use super::super::HttpOptions;
use super::*;
use crate::access::{ProjectGlob, Rights};
use crate::config::PartialStatus;
use crate::core::{Gateway, GatewayOptions};
use crate::domain::{HeldState, Repository, RepositoryKind};
use crate::doors::authentication::Caller;
use crate::doors::budget::ByteBudget;
use crate::limits;
use crate::store::entities::jobs::job;
use crate::store::model::HeldFilter;
use crate::store::testing::TestDatabase;
use axum::body::Body;
use axum::{Extension, Router};
use http::StatusCode;
use http::header::{ALLOW, CONTENT_TYPE};
use http_body_util::BodyExt;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tower::ServiceExt;

const PROJECT: &str = "quince";
const REVISION: &str = "7d1e5a2c90b34f6688aa1123deadbeef00c0ffee";

/// A submitter of one project at a gateway of its own.
struct Submitter {
    gateway: Gateway,
    router: Router,
}

impl Submitter {
    fn new(gateway: Gateway, caller: Option<Principal>, partial_status: PartialStatus) -> Self {
        let options = HttpOptions { partial_status, ..HttpOptions::default() };
        let budget = ByteBudget::new(limits::IN_FLIGHT_BYTES);
        let door = HttpDoor {
            gateway: gateway.clone(),
            options,
            budget,
            fetcher: None,
            log_readers: Arc::new(Semaphore::new(1)),
        };
        let (router, _) = super::super::api(door).split_for_parts();
        Self { gateway, router: router.layer(Extension(Caller(caller))) }
    }

    async fn post(&self, path: &str, body: impl ToString) -> (u16, Value) {
        self.send("POST", path, "application/json", body.to_string()).await
    }

    async fn send(&self, method: &str, path: &str, media_type: &str, body: String) -> (u16, Value) {
        let request = http::Request::builder().method(method).uri(path).header(CONTENT_TYPE, media_type);
        let response = self.router.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    async fn held(&self, state: HeldState) -> usize {
        let filter = HeldFilter { state: Some(state), ..HeldFilter::default() };
        self.gateway.store().held_messages(&filter, None, 100).await.unwrap().len()
    }
}

fn of_project() -> Principal {
    let globs = [ProjectGlob::try_new("qu*").unwrap()];
    Principal { source: "mill".into(), rights: Rights::Projects(globs.into()) }
}

async fn on_each_database<F: AsyncFn(Submitter)>(test: F) {
    on_each_database_as(Some(of_project()), PartialStatus::BadRequest, test).await;
}

async fn on_each_database_as<F: AsyncFn(Submitter)>(
    caller: Option<Principal>,
    partial: PartialStatus,
    test: F,
) {
    for database in TestDatabase::each().await {
        let store = database.store().await;
        let repository = Repository {
            id: 0,
            name: ProjectName::try_new(PROJECT).unwrap(),
            url: format!("https://hg.example.org/{PROJECT}"),
            kind: RepositoryKind::Mercurial,
            branch: None,
            group: None,
            active: true,
            description: String::new(),
            codebase: String::new(),
            accepts_pull_requests: false,
        };
        store.save_repository(&repository).await.unwrap();
        let gateway = Gateway::start(store.clone(), GatewayOptions::default()).await.unwrap();
        gateway.refresh_directory().await.unwrap();
        test(Submitter::new(gateway.clone(), caller.clone(), partial)).await;
        gateway.drain().await;
        store.close().await;
        database.remove().await;
    }
}

fn push() -> Value {
    let commit = json!({"revision": REVISION, "author": "Ada <ada@example.org>", "comment": "Fire the kiln"});
    json!({"revision": REVISION, "push_timestamp": 1_384_353_511, "author": "ada@example.org",
        "revisions": [commit]})
}

fn job(guid: &str) -> Value {
    json!({"revision": REVISION, "project": PROJECT, "job": {"job_guid": guid, "name": "kiln",
        "state": "completed", "result": "success"}})
}

fn words(results: &Value) -> Vec<&str> {
    results.as_array().unwrap().iter().map(|result| result["verdict"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn every_endpoint_answers_a_good_collection_with_its_old_message_and_results() {
    on_each_database(async |submitter| {
        let artifact = json!({"name": "kiln_log", "type": "json", "blob": "{}", "job_guid": "guid/1"});
        for (path, body, message) in [
            ("resultset/", json!([push()]), "well-formed JSON stored"),
            ("push/", json!([push()]), "well-formed JSON stored"),
            ("push", json!([push()]), "well-formed JSON stored"),
            ("jobs/", json!([job("guid/1")]), "Job successfully updated"),
            ("jobs", json!([job("guid/1")]), "Job successfully updated"),
            ("artifact/", json!([artifact]), "Artifacts stored successfully"),
        ] {
            let (status, answer) = submitter.post(&format!("/api/project/{PROJECT}/{path}"), &body).await;
            assert_eq!((status, &answer["message"]), (200, &json!(message)), "{path}: {answer}");
            assert_eq!(answer["results"].as_array().unwrap().len(), 1, "{path}: {answer}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_collection_costs_a_transaction_and_a_large_one_a_handful() {
    on_each_database(async |submitter| {
        submitter.post(&format!("/api/project/{PROJECT}/push/"), json!([push()])).await;
        for (count, most) in [(50, 1), (2000, 8)] {
            let jobs: Vec<Value> = (0..count).map(|number| job(&format!("{count}/{number}"))).collect();
            let (status, _) = submitter.post(&format!("/api/project/{PROJECT}/jobs/"), json!(jobs)).await;
            assert_eq!(status, 200);
            let prefix = job::Column::Guid.starts_with(format!("{count}/"));
            let rows = job::Entity::find().filter(prefix);
            let rows = rows.all(&submitter.gateway.store().read_connection()).await.unwrap();
            let transactions: BTreeSet<i64> = rows.iter().map(|row| row.change_transaction).collect();
            assert_eq!(rows.len(), count);
            assert!(transactions.len() <= most, "{count} jobs in {} transactions", transactions.len());
        }
    })
    .await;
}

#[tokio::test]
async fn a_job_supersedes_one_of_the_same_collection_at_once() {
    on_each_database(async |submitter| {
        submitter.post(&format!("/api/project/{PROJECT}/push/"), json!([push()])).await;
        let mut pending = job("pending/1");
        (pending["job"]["state"], pending["job"]["result"]) = (json!("pending"), json!(""));
        let mut superseding = job("later/1");
        superseding["superseded"] = json!(["pending/1"]);
        submitter.post(&format!("/api/project/{PROJECT}/jobs/"), json!([pending, superseding])).await;
        let found = submitter.gateway.store().job("pending/1").await.unwrap().unwrap().job;
        assert_eq!(found.superseded_by.as_deref(), Some("later/1"));
    })
    .await;
}

#[tokio::test]
async fn parked_rejected_stale_and_stored_items_are_told_apart() {
    on_each_database(async |submitter| {
        submitter.post(&format!("/api/project/{PROJECT}/push/"), json!([push()])).await;
        let jobs = format!("/api/project/{PROJECT}/jobs/");
        submitter.post(&jobs, json!([job("done/1")])).await;
        let mut stale = job("done/1");
        stale["job"]["state"] = json!("pending");
        let mut parked = job("early/1");
        parked["revision"] = json!("a".repeat(40));
        let body = json!([job("good/1"), stale, parked, {"revision": REVISION, "job": {}}, 7]);
        let (status, answer) = submitter.post(&jobs, body).await;
        assert_eq!((status, &answer["code"]), (400, &json!("items_rejected")), "{answer}");
        let results = &answer["results"];
        assert_eq!(words(results), ["stored", "unchanged", "parked", "rejected", "rejected"], "{answer}");
        assert_eq!(results[1]["reason"], "stale_state");
        assert_eq!(results[2]["reason"], "waiting_for_push");
        assert!(results[2]["expires_at"].is_string());
        assert_eq!(results[3]["violations"][0]["path"], "/3/job/job_guid", "{answer}");
        assert_eq!(results[4]["violations"][0]["path"], "/4", "{answer}");
        assert_eq!(submitter.held(HeldState::Rejected).await, 2);
        assert_eq!(submitter.held(HeldState::Parked).await, 1);
    })
    .await;
}

#[tokio::test]
async fn a_good_push_is_stored_though_its_neighbour_is_rejected() {
    on_each_database(async |submitter| {
        let mut bad = push();
        bad["push_timestamp"] = json!("yesterday");
        let path = format!("/api/project/{PROJECT}/resultset/");
        let (status, answer) = submitter.post(&path, json!([bad, push()])).await;
        assert_eq!(status, 400, "{answer}");
        assert_eq!(words(&answer["results"]), ["rejected", "stored"], "{answer}");
        assert_eq!(answer["results"][0]["violations"][0]["path"], "/0/push_timestamp");
        assert_eq!(answer["results"][1]["revision"], REVISION);
    })
    .await;
}

#[tokio::test]
async fn an_artifact_of_another_job_has_a_result_of_its_own() {
    on_each_database(async |submitter| {
        submitter.post(&format!("/api/project/{PROJECT}/push/"), json!([push()])).await;
        let mut item = job("one/1");
        let artifact = json!({"name": "kiln_log", "type": "json", "blob": "{}", "job_guid": "two/1"});
        item["job"]["artifacts"] = json!([artifact]);
        let (status, answer) =
            submitter.post(&format!("/api/project/{PROJECT}/jobs/"), json!([item, job("two/1")])).await;
        assert_eq!(status, 200, "{answer}");
        let parts: Vec<_> = answer["results"].as_array().unwrap().iter().map(|r| &r["part"]).collect();
        assert_eq!(parts, [&Value::Null, &json!("/job/artifacts/0"), &Value::Null], "{answer}");
        assert_eq!(answer["results"][1]["job_guid"], "two/1");
    })
    .await;
}

#[tokio::test]
async fn a_body_without_items_is_well() {
    on_each_database(async |submitter| {
        for body in ["", "[]", "{}", "null", "\"\""] {
            for path in ["jobs/", "resultset/", "artifact/"] {
                let (status, answer) = submitter.post(&format!("/api/project/{PROJECT}/{path}"), body).await;
                assert_eq!((status, &answer["results"]), (200, &json!([])), "{path} {body}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_body_that_is_no_collection_is_held_whole_and_refused() {
    on_each_database(async |submitter| {
        for (body, detail) in [("[{", "JSON parse error - "), ("{\"a\": 1}", "the body is an object")] {
            let (status, answer) = submitter.post(&format!("/api/project/{PROJECT}/jobs/"), body).await;
            assert_eq!((status, &answer["code"]), (400, &json!("malformed_request")), "{answer}");
            assert!(answer["detail"].as_str().unwrap().starts_with(detail), "{answer}");
        }
        assert_eq!(submitter.held(HeldState::Rejected).await, 2);
    })
    .await;
}

#[tokio::test]
async fn a_collection_with_too_many_items_is_too_large() {
    on_each_database(async |submitter| {
        let items = vec!["0"; limits::COLLECTION_ITEMS + 1].join(",");
        let (status, answer) =
            submitter.post(&format!("/api/project/{PROJECT}/jobs/"), format!("[{items}]")).await;
        assert_eq!((status, &answer["code"]), (413, &json!("too_large")), "{answer}");
        assert_eq!(submitter.held(HeldState::Rejected).await, 0);
    })
    .await;
}

#[tokio::test]
async fn an_unknown_project_is_not_found_whatever_the_body() {
    on_each_database(async |submitter| {
        for (path, detail) in [
            ("/api/project/quinoa/jobs/", "No repository with name: quinoa"),
            ("/api/project/quinoa/artifact/", "No repository with name: quinoa"),
            ("/api/project/quinoa/resultset/", "No project with name quinoa"),
            ("/api/project/a%20b/jobs/", "No repository with name: a b"),
            ("/api/project/%ff/jobs/", "No repository with name: "),
        ] {
            let (status, answer) = submitter.send("POST", path, "text/plain", "[".into()).await;
            assert_eq!((status, &answer["detail"]), (404, &json!(detail)), "{path}");
        }
    })
    .await;
}

#[tokio::test]
async fn what_the_request_as_a_whole_may_not_do_is_refused_before_its_body_is_read() {
    on_each_database(async |submitter| {
        let (status, answer) = submitter.post("/api/project/damson/jobs/", "[").await;
        assert_eq!((status, &answer["code"]), (403, &json!("forbidden")), "{answer}");
        let path = format!("/api/project/{PROJECT}/jobs/");
        let (status, answer) = submitter.send("POST", &path, "text/plain", "[".into()).await;
        assert_eq!(
            (status, &answer["detail"]),
            (415, &json!("Unsupported media type \"text/plain\" in request."))
        );
    })
    .await;
    on_each_database_as(None, PartialStatus::BadRequest, async |submitter| {
        let (status, answer) = submitter.post("/api/project/quinoa/jobs/", "[").await;
        let detail = json!("Authentication credentials were not provided.");
        assert_eq!((status, &answer["detail"], &answer["code"]), (403, &detail, &json!("unauthenticated")));
    })
    .await;
}

#[tokio::test]
async fn the_old_status_can_be_had_back() {
    on_each_database_as(Some(of_project()), PartialStatus::Ok, async |submitter| {
        let (status, answer) = submitter.post(&format!("/api/project/{PROJECT}/jobs/"), "[7]").await;
        assert_eq!((status, words(&answer["results"])), (200, vec!["rejected"]), "{answer}");
        assert_eq!(answer["message"], "Job successfully updated");
    })
    .await;
}

#[tokio::test]
async fn a_collection_of_two_thousand_jobs_is_stored_whole() {
    on_each_database(async |submitter| {
        submitter.post(&format!("/api/project/{PROJECT}/push/"), json!([push()])).await;
        let jobs: Vec<Value> = (0..2000).map(|number| job(&format!("many{number}/1"))).collect();
        let (status, answer) =
            submitter.post(&format!("/api/project/{PROJECT}/jobs/"), Value::from(jobs)).await;
        assert_eq!(status, 200);
        assert_eq!(words(&answer["results"]), vec!["stored"; 2000]);
    })
    .await;
}

#[tokio::test]
async fn other_methods_are_told_which_are_allowed() {
    on_each_database(async |submitter| {
        let path = format!("/api/project/{PROJECT}/artifact/");
        let request = http::Request::put(path).body(Body::empty()).unwrap();
        let response = submitter.router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert!(response.headers()[ALLOW].to_str().unwrap().contains("POST"));
    })
    .await;
}
