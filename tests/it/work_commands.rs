//! `herdgate work`: what waits and what was given up, on the database and through a running gateway.

use crate::harness::command::{herdgate_on, run};
use crate::harness::jobs::{self, new_guid};
use crate::harness::log_server::{ALLOW_THIS_MACHINE, Answer, LogServer};
use crate::harness::submitting::{new_push, submit_one};
use crate::harness::{Database, Gateway, eventually};
use herdgate::proto::{JobResult, Log};
use serde_json::Value;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);

async fn work_that_was_given_up_is_listed_with_its_reason_and_done_when_tried_again(database: Database) {
    let server = LogServer::start().await;
    let url = server.serve("/late", vec![Answer::status("404 Not Found", "", "")]);
    let (variable, value) = ALLOW_THIS_MACHINE;
    let gateway = Gateway::on(&database).with_variable(variable, value).start().await;
    let revision = new_push(&gateway).await;
    let mut job = jobs::completed(&new_guid(), &revision, JobResult::Fail);
    job.logs = vec![Log { name: Some("builds-4h".into()), url: Some(url.clone()), ..Log::default() }];
    submit_one(&mut gateway.ingest(), job).await;

    let on_gateway = ["--server".to_owned(), gateway.address(), "--token".into(), gateway.token.clone()];
    let list = async |target: &[String]| -> Vec<Value> {
        let mut command = herdgate_on(&database);
        let listed = run(command.args(["work", "list", "--dead", "--json"]).args(target)).await.json();
        listed.as_array().unwrap().clone()
    };
    let dead = eventually("the log is given up", PATIENCE, async || list(&on_gateway).await.pop()).await;
    assert_eq!(dead["subject"], url);
    assert_eq!(dead["attempts"], 1);
    assert_eq!(dead["last_error"], "the server answered 404 Not Found");
    assert_eq!(list(&[]).await, std::slice::from_ref(&dead), "the database says the same");

    server.serve("/late", vec![Answer::ok("fine\n")]);
    let piece = dead["work"].as_str().unwrap();
    let retried = run(herdgate_on(&database).args(["work", "retry", piece]).args(&on_gateway)).await;
    assert!(retried.text().contains("1 pieces"), "{retried:?}");
    eventually("it was tried again", PATIENCE, async || (server.asked("/late") == 2).then_some(())).await;
    let waiting = async || {
        run(herdgate_on(&database).args(["work", "list", "--json"])).await.json().as_array().unwrap().len()
    };
    eventually("nothing waits", PATIENCE, async || (waiting().await == 0).then_some(())).await;
    assert_eq!(list(&[]).await, [] as [Value; 0]);

    let none = run(herdgate_on(&database).args(["work", "retry", "bake/1"])).await;
    assert_eq!(none.code, Some(1));
    assert!(none.stderr.contains("parse_log"), "the kinds there are: {none:?}");
}

on_both_databases!(work_that_was_given_up_is_listed_with_its_reason_and_done_when_tried_again);
