//! Design section 3, row by row: how each situation shows over gRPC and over HTTP.

use crate::harness::gateway::{Bearer, PROJECT, create_credential};
use crate::harness::http::Answer;
use crate::harness::jobs::{Submittable, new_guid, new_revision, pending, push};
use crate::harness::postgres::PrivatePostgres;
use crate::harness::submitting::{new_push, submit_batch};
use crate::harness::{Database, Gateway, eventually};
use herdgate::proto::{JobSubmission, Outcome, SubmitPushesRequest, Verdict, job_submission::Encoding};
use serde_json::{Value, json};
use std::time::Duration;
use tonic::{Code, Status};
use tonic_types::StatusExt;

on_both_databases!(
    what_is_taken_care_of_is_ok_and_listed_item_by_item,
    a_rejected_item_leaves_its_neighbours_stored,
    a_request_that_is_malformed_as_a_whole_is_the_submitters_fault,
    what_is_too_large_is_not_to_be_sent_again,
    nobody_writes_without_a_working_credential,
    a_credential_writes_its_projects_only,
    an_unknown_repository_is_told,
    a_quota_says_when_to_come_again,
);

fn item(guid: &str, revision: &str) -> Value {
    json!({"revision": revision, "project": PROJECT,
        "job": {"job_guid": guid, "name": "kiln", "state": "pending"}})
}

fn nonsense() -> JobSubmission {
    JobSubmission { encoding: Some(Encoding::PulseJson("{}".into())) }
}

/// The verdicts of an answer over HTTP.
fn words(answer: &Answer) -> Vec<String> {
    let body = answer.json();
    let results = body["results"].as_array().unwrap_or_else(|| panic!("{body}"));
    results.iter().map(|result| result["verdict"].as_str().unwrap().to_owned()).collect()
}

/// Status and code of an error over HTTP, which always has a `detail`.
fn told(answer: &Answer) -> (u16, String) {
    let body = answer.json();
    assert!(body["detail"].is_string(), "{body}");
    (answer.status.as_u16(), body["code"].as_str().unwrap_or_else(|| panic!("{body}")).to_owned())
}

fn has_delay(status: &Status) -> bool {
    status.get_details_retry_info().and_then(|info| info.retry_delay).is_some_and(|delay| !delay.is_zero())
}

async fn what_is_taken_care_of_is_ok_and_listed_item_by_item(database: Database) {
    let gateway = Gateway::on(&database).start().await;
    let revision = new_push(&gateway).await;
    let (once, twice, early) = (new_guid(), new_guid(), new_revision());

    let jobs = [(&once, &revision), (&twice, &revision), (&twice, &revision), (&new_guid(), &early)];
    let submissions = jobs.iter().map(|(guid, revision)| pending(guid, revision).submission()).collect();
    let verdicts = submit_batch(&mut gateway.ingest(), submissions).await.unwrap();
    let outcomes: Vec<_> = verdicts.iter().map(Verdict::outcome).collect();
    assert_eq!(outcomes, [Outcome::Stored, Outcome::Stored, Outcome::Unchanged, Outcome::Parked]);

    let (once, twice) = ("legacy-once/1", "legacy-twice/1");
    let items = json!([
        item(once, &revision),
        item(twice, &revision),
        item(twice, &revision),
        item("legacy-early/1", &early)
    ]);
    let answer = gateway.post(&gateway.token, "jobs/", items).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json()["message"], "Job successfully updated");
    assert_eq!(words(&answer), ["stored", "stored", "unchanged", "parked"]);
}

async fn a_rejected_item_leaves_its_neighbours_stored(database: Database) {
    let gateway = Gateway::on(&database).start().await;
    let revision = new_push(&gateway).await;

    let submissions = vec![nonsense(), pending(&new_guid(), &revision).submission()];
    let verdicts = submit_batch(&mut gateway.ingest(), submissions).await.unwrap();
    let outcomes: Vec<_> = verdicts.iter().map(Verdict::outcome).collect();
    assert_eq!(outcomes, [Outcome::Rejected, Outcome::Stored]);

    let items = json!([{"revision": revision, "job": {}}, item("legacy-good/1", &revision)]);
    let answer = gateway.post(&gateway.token, "jobs/", items).await;
    assert_eq!(told(&answer), (400, "items_rejected".into()));
    assert_eq!(words(&answer), ["rejected", "stored"]);
}

async fn a_request_that_is_malformed_as_a_whole_is_the_submitters_fault(database: Database) {
    let gateway = Gateway::on(&database).start().await;
    let submissions = vec![JobSubmission::default(); 1001];
    let status = submit_batch(&mut gateway.ingest(), submissions).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(status.get_details_bad_request().is_some(), "{status:?}");

    let answer = gateway.post(&gateway.token, "jobs/", "[{").await;
    assert_eq!(told(&answer), (400, "malformed_request".into()));
}

async fn what_is_too_large_is_not_to_be_sent_again(database: Database) {
    let gateway = Gateway::on(&database).start().await;
    let large = JobSubmission { encoding: Some(Encoding::PulseJson(vec![b' '; 4 << 20].into())) };
    let mut client = gateway.ingest().max_encoding_message_size(usize::MAX);
    let status = submit_batch(&mut client, vec![large]).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert!(!has_delay(&status), "{status:?}");

    let answer = gateway.post(&gateway.token, "jobs/", " ".repeat((20 << 20) + 1)).await;
    assert_eq!(told(&answer), (413, "too_large".into()));
    assert_eq!(answer.header("retry-after"), "");
}

async fn nobody_writes_without_a_working_credential(database: Database) {
    let gateway = Gateway::on(&database).start().await;
    for bearer in [Bearer::none(), Bearer::token("hgt_wrong")] {
        let status = submit_batch(&mut gateway.ingest_as(bearer), vec![nonsense()]).await.unwrap_err();
        assert_eq!(status.code(), Code::Unauthenticated);
    }
    let path = format!("/api/project/{PROJECT}/jobs/");
    // Who writes comes before how (ingest contract, 4.1).
    for method in ["POST", "PUT"] {
        let request = http::Request::builder().method(method).uri(&path);
        let answer = gateway.send(request.body("[]").unwrap()).await;
        assert_eq!(told(&answer), (403, "unauthenticated".into()));
        assert_eq!(answer.json()["detail"], "Authentication credentials were not provided.");
    }
    let request = http::Request::put(&path).header("authorization", format!("Bearer {}", gateway.token));
    let answer = gateway.send(request.body("[]").unwrap()).await;
    assert_eq!(told(&answer), (405, "method_not_allowed".into()));
    assert_eq!(told(&gateway.post("hgt_wrong", "jobs/", "[]").await), (403, "unauthenticated".into()));
}

async fn a_credential_writes_its_projects_only(database: Database) {
    let gateway = Gateway::on(&database).with_repositories(&["damson"]).start().await;
    let token = create_credential(&database, "damson-ci", &["--project", "damson"]).await;
    let revision = new_revision();
    let pushes = || SubmitPushesRequest { project: PROJECT.into(), pushes: vec![push(&revision)] };
    eventually("the gateway knows the credential", Duration::from_secs(10), async || {
        let answer = gateway.post(&token, "jobs/", "[]").await;
        (told(&answer) == (403, "forbidden".into())).then_some(())
    })
    .await;

    let mut client = gateway.ingest_as(Bearer::token(&token));
    let status = client.submit_pushes(pushes()).await.unwrap_err();
    assert_eq!(status.code(), Code::PermissionDenied, "a whole request");
    let job = pending(&new_guid(), &revision).submission();
    let verdicts = submit_batch(&mut client, vec![job]).await.unwrap();
    assert_eq!(verdicts[0].outcome(), Outcome::Rejected, "one of several items");
}

async fn an_unknown_repository_is_told(database: Database) {
    let gateway = Gateway::on(&database).start().await;
    let request = SubmitPushesRequest { project: "nowhere".into(), pushes: vec![push(&new_revision())] };
    let verdicts = gateway.ingest().submit_pushes(request).await.unwrap().into_inner().verdicts;
    assert_eq!(verdicts[0].outcome(), Outcome::Rejected);

    let request = http::Request::post("/api/project/nowhere/jobs/")
        .header("authorization", format!("Bearer {}", gateway.token))
        .header("content-type", "application/json");
    let answer = gateway.send(request.body("[]").unwrap()).await;
    assert_eq!(told(&answer), (404, "unknown_project".into()));
    assert_eq!(answer.json()["detail"], "No repository with name: nowhere");
}

async fn a_quota_says_when_to_come_again(database: Database) {
    let gateway = Gateway::on(&database)
        .with_variable("HERDGATE_QUOTA_HTTP_WRITES", 1)
        .with_variable("HERDGATE_QUOTA_GRPC_WRITES", 1)
        .start()
        .await;
    let mut client = gateway.ingest();
    submit_batch(&mut client, vec![nonsense()]).await.unwrap();
    let status = submit_batch(&mut client, vec![nonsense()]).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert!(has_delay(&status), "{status:?}");

    assert_eq!(gateway.post(&gateway.token, "jobs/", "[]").await.status, 200, "each door has its own");
    let answer = gateway.post(&gateway.token, "jobs/", "[]").await;
    assert_eq!(told(&answer), (429, "quota_exceeded".into()));
    assert!((1..=60).contains(&answer.header("retry-after").parse().unwrap()), "{answer:?}");
    assert_eq!(gateway.get("/healthz").await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_database_is_away_everything_is_to_be_sent_again() {
    let Some(server) = PrivatePostgres::start_new().await else { return };
    let gateway = Gateway::on(&Database::on_server(&server.url()).await).start().await;
    let revision = new_push(&gateway).await;
    server.stop();
    let job = pending(&new_guid(), &revision).submission();
    let status = submit_batch(&mut gateway.ingest(), vec![job]).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(has_delay(&status), "{status:?}");
    for (path, items) in [
        ("jobs/", json!([item("legacy-away/1", &revision)])),
        ("push/", json!([{"revision": revision, "push_timestamp": 1, "author": "a", "revisions": []}])),
        ("jobs/", json!("no collection")),
    ] {
        let answer = gateway.post(&gateway.token, path, &items).await;
        assert_eq!(told(&answer), (503, "database_unavailable".into()), "{path} {items}");
        assert_ne!(answer.header("retry-after"), "");
    }
    let items = json!([item("legacy-away/1", &revision), item("legacy-away/2", &revision)]);
    assert_eq!(words(&gateway.post(&gateway.token, "jobs/", items).await), ["retry_later", "retry_later"]);
    let not_ready = gateway.get("/readyz").await;
    assert_eq!(told(&not_ready), (503, "not_ready".into()));
    assert_eq!(gateway.get("/healthz").await.status, 200);
    server.start().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_any_origin_may_read_and_answers_are_compressed_on_request() {
    let gateway = Gateway::on(&Database::sqlite()).start().await;
    let preflight = http::Request::options("/api/openapi.json")
        .header("origin", "https://kiln.example.org")
        .header("access-control-request-method", "GET");
    let answer = gateway.send(preflight.body("").unwrap()).await;
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    assert_eq!(answer.header("access-control-allow-methods"), "GET,HEAD,OPTIONS");
    let zipped = http::Request::get("/api/openapi.json").header("accept-encoding", "gzip");
    let answer = gateway.send(zipped.body("").unwrap()).await;
    assert_eq!(answer.header("content-encoding"), "gzip");
    let vary = answer.headers.get_all("vary").iter().any(|v| v.to_str().unwrap().contains("accept-encoding"));
    assert!(vary, "{answer:?}");
}
