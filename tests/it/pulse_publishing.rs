//! The round trip that publishers are asked to test: publish, tail, stored.

use crate::harness::command::{Ran, herdgate, herdgate_on, run};
use crate::harness::eventually::within;
use crate::harness::jobs::{new_guid, new_revision, pulse};
use crate::harness::pulse::{TAKEN_IN, all_stored, new_exchange, publisher_to, registration};
use crate::harness::rabbitmq::{Broker, PrivateBroker, USER};
use crate::harness::submitting::new_push;
use crate::harness::{Database, Gateway};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};

const KEY: &str = "treeherder.quince-central";

fn file(folder: &Path, name: &str, document: &Value) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, document.to_string()).unwrap();
    path
}

async fn publish(database: &Database, key: &str, path: &Path, options: &[&str]) -> Ran {
    run(herdgate_on(database).arg("publish").arg(key).arg(path).args(options)).await
}

async fn what_is_published_is_seen_by_a_tail_and_stored(database: Database) {
    let Some(broker) = Broker::shared() else { return };
    let database = broker.for_gateway_on(&database);
    let gateway = Gateway::on(&database).start().await;
    let revision = new_push(&gateway).await;
    let exchange = new_exchange();
    publisher_to(&gateway, &broker, &registration(&exchange)).await;

    let mut tail = herdgate_on(&database)
        .args(["pulse", "tail", &exchange, "--validate", "--json", "--count", "2"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut notices = BufReader::new(tail.stderr.take().unwrap()).lines();
    let listening = within("the tail listens", TAKEN_IN, notices.next_line()).await.unwrap().unwrap();
    assert!(listening.contains(&format!("queue/{USER}/tail-")), "{listening}");

    let guids = [new_guid(), new_guid()];
    let messages = json!([pulse(&guids[0], &revision), pulse(&guids[1], &revision)]);
    let path = file(database.folder.path(), "good.json", &messages);
    let published = publish(&database, KEY, &path, &["--exchange", &exchange]).await;
    assert_eq!(published.code, Some(0), "{published:?}");
    assert!(published.stderr.contains("2 published"), "{published:?}");

    let mut shown = String::new();
    within("the tail ends", TAKEN_IN, tail.stdout.take().unwrap().read_to_string(&mut shown)).await.unwrap();
    assert!(tail.wait().await.unwrap().success());
    let shown: Vec<Value> =
        serde_json::Deserializer::from_str(&shown).into_iter().collect::<Result<_, _>>().unwrap();
    assert_eq!(shown.len(), 2);
    for (message, guid) in shown.iter().zip(&guids) {
        assert_eq!((&message["body"]["taskId"], &message["routing_key"]), (&json!(guid), &json!(KEY)));
        assert_eq!((&message["violations"], &message["warnings"]), (&json!([]), &json!([])));
        assert_eq!(message["properties"]["delivery_mode"], 2);
    }
    all_stored(&gateway, &guids).await;
}

async fn a_tail_says_what_herdgate_would_say(database: Database) {
    let Some(broker) = Broker::shared() else { return };
    let database = broker.for_gateway_on(&database);
    let exchange = new_exchange();
    let publisher = crate::harness::pulse::Publisher::open(&broker, &exchange).await;
    let mut tail = herdgate_on(&database)
        .args(["pulse", "tail", &exchange, "*.other", "--validate", "--count", "2"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut notices = BufReader::new(tail.stderr.take().unwrap()).lines();
    within("the tail listens", TAKEN_IN, notices.next_line()).await.unwrap().unwrap();
    let mut wrong = pulse(&new_guid(), &new_revision());
    wrong["state"] = "sleeping".into();
    publisher.send("a.other", &wrong).await;
    assert!(!publisher.try_publish("a.b", b"x", Default::default()).await.unwrap(), "not bound");
    publisher.send("a.other", &pulse(&new_guid(), &new_revision())).await;
    let mut shown = String::new();
    within("the tail ends", TAKEN_IN, tail.stdout.take().unwrap().read_to_string(&mut shown)).await.unwrap();
    for said in ["would be rejected:", "violation /state", "valid", "warning /origin/project"] {
        assert!(shown.contains(said), "{said} is not in\n{shown}");
    }
}

async fn a_tail_on_an_exchange_of_pushes_reads_its_messages_as_such(database: Database) {
    let Some(broker) = Broker::shared() else { return };
    let database = broker.for_gateway_on(&database);
    let exchange = new_exchange();
    let publisher = crate::harness::pulse::Publisher::open(&broker, &exchange).await;
    let mut tail = herdgate_on(&database)
        .args(["pulse", "tail", &exchange, "--validate", "--json", "--kind", "hg-push", "--count", "3"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut notices = BufReader::new(tail.stderr.take().unwrap()).lines();
    within("the tail listens", TAKEN_IN, notices.next_line()).await.unwrap().unwrap();
    let pushes = |pushes: Value| json!({ "repo_url": "https://hg.invalid/quince", "pushlog_pushes": pushes });
    publisher.send("quince", &pushes(json!([{ "pushid": 7 }]))).await;
    publisher.send("quince", &pushes(json!([]))).await;
    publisher.send("quince", &json!({ "taskId": "abc/0" })).await;
    let mut shown = String::new();
    within("the tail ends", TAKEN_IN, tail.stdout.take().unwrap().read_to_string(&mut shown)).await.unwrap();
    let shown: Vec<Value> =
        serde_json::Deserializer::from_str(&shown).into_iter().collect::<Result<_, _>>().unwrap();
    assert_eq!((&shown[0]["violations"], &shown[0]["warnings"]), (&json!([]), &json!([])));
    assert_eq!((&shown[1]["violations"], &shown[1]["warnings"][0]["rule"]), (&json!([]), &json!("skipped")));
    assert_eq!(shown[2]["violations"][0]["rule"], "push_message");
}

async fn what_is_wrong_is_not_published_unless_it_is_wanted(database: Database) {
    let Some(broker) = Broker::shared() else { return };
    let database = broker.for_gateway_on(&database);
    let exchange = new_exchange();
    let mut wrong = pulse(&new_guid(), &new_revision());
    wrong["jobKind"] = "baking".into();
    let path =
        file(database.folder.path(), "mixed.json", &json!([pulse(&new_guid(), &new_revision()), wrong]));
    let refused = publish(&database, KEY, &path, &["--exchange", &exchange]).await;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stdout.contains("mixed.json:1: /jobKind"), "{refused:?}");

    // Nobody listens: what would be lost is a failure.
    let unroutable = publish(&database, KEY, &path, &["--exchange", &exchange, "--no-validate"]).await;
    assert_eq!(unroutable.code, Some(1), "{unroutable:?}");
    assert!(unroutable.stdout.contains("no queue is bound"), "{unroutable:?}");
    assert!(unroutable.stderr.contains("0 published"), "{unroutable:?}");
}

on_both_databases!(
    what_is_published_is_seen_by_a_tail_and_stored,
    a_tail_says_what_herdgate_would_say,
    a_tail_on_an_exchange_of_pushes_reads_its_messages_as_such,
    what_is_wrong_is_not_published_unless_it_is_wanted,
);

#[tokio::test]
async fn without_a_broker_the_key_to_set_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "good.json", &pulse(&new_guid(), &new_revision()));
    for arguments in [vec!["publish", KEY, path.to_str().unwrap()], vec!["pulse", "tail", "exchange/a"]] {
        let ran = run(herdgate(folder.path()).args(arguments)).await;
        assert_eq!(ran.code, Some(64), "{ran:?}");
        assert!(ran.stderr.contains("HERDGATE_PULSE_URL"), "{ran:?}");
    }
}

#[tokio::test]
async fn a_broker_that_does_not_answer_is_a_failure_without_its_password() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), "good.json", &pulse(&new_guid(), &new_revision()));
    let mut command = herdgate(folder.path());
    command.env("HERDGATE_PULSE_URL", "amqp://herd:hunter2@127.0.0.1:1");
    let ran = run(command.arg("publish").arg(KEY).arg(path)).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stderr.contains("amqp://herd:***@127.0.0.1:1 cannot be reached"), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_is_reached_over_tls_if_its_authority_is_trusted() {
    let Some(server) = PrivateBroker::start_new().await else { return };
    let untrusting = server.over_tls().for_gateway_on(&Database::sqlite());
    let trusting = untrusting.clone().with("HERDGATE_PULSE_CA", &server.authority());
    let gateway = Gateway::on(&trusting).start().await;
    let revision = new_push(&gateway).await;
    let exchange = new_exchange();
    publisher_to(&gateway, &server.broker(), &registration(&exchange)).await;
    let guid = new_guid();
    let path = file(trusting.folder.path(), "good.json", &pulse(&guid, &revision));
    let options = ["--exchange", exchange.as_str()];
    let published = publish(&trusting, KEY, &path, &options).await;
    assert_eq!(published.code, Some(0), "{published:?}");
    all_stored(&gateway, &[guid]).await;

    let refused = publish(&untrusting, KEY, &path, &options).await;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("cannot be reached"), "{refused:?}");
}
