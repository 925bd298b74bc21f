//! Publishers in other languages, with libraries that nobody here wrote.

use crate::harness::command::run;
use crate::harness::corpus;
use crate::harness::gateway::PROJECT;
use crate::harness::jobs::{new_guid, new_revision, pulse, push};
use crate::harness::pulse::{TAKEN_IN, held_of, new_exchange, publisher_to, registration};
use crate::harness::rabbitmq::Broker;
use crate::harness::reading::state_of;
use crate::harness::submitting::submit_pushes_of;
use crate::harness::{Database, Gateway, eventually, skipped};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use tokio::process::Command;

const KEY: &str = "treeherder.autoland";

/// Real messages of both shapes, or some of our own where there are none. The placeholders of those of
/// 2018 are filled.
fn messages() -> Vec<Value> {
    let revision = new_revision();
    let Some(mut messages) = corpus::messages(corpus::MESSAGES_2026) else {
        return (0..46).map(|_| pulse(&new_guid(), &revision)).collect();
    };
    for mut message in corpus::messages(corpus::MESSAGES_2018).unwrap_or_default() {
        message["origin"]["project"] = PROJECT.into();
        message["origin"]["revision"] = revision.as_str().into();
        messages.push(message);
    }
    messages
}

fn installed(variable: &str) -> Option<PathBuf> {
    let path = std::env::var_os(variable).map(PathBuf::from);
    if path.is_none() {
        skipped(&format!("{variable} is not set; ./test.sh installs the clients and sets it"));
    }
    path
}

fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/pulse").join(name)
}

/// Publishes the messages, with wrong ones among them, and finds each stored or held.
async fn publish_all(database: Database, client: impl Fn(&Broker) -> Command) {
    let Some(broker) = Broker::shared() else { return };
    let mut messages = messages();
    let origins: BTreeSet<(String, String)> = messages
        .iter()
        .map(corpus::origin)
        .map(|(project, revision)| (project.to_owned(), revision.to_owned()))
        .collect();
    let projects: BTreeSet<&str> = origins.iter().map(|(project, _)| project.as_str()).collect();
    let others: Vec<&str> = projects.into_iter().filter(|project| *project != PROJECT).collect();
    let gateway = Gateway::on(&broker.for_gateway_on(&database)).with_repositories(&others).start().await;
    for (project, revision) in &origins {
        submit_pushes_of(&gateway, project, vec![push(revision)]).await;
    }
    let guids: BTreeSet<String> =
        messages.iter().map(|message| message["taskId"].as_str().unwrap().to_owned()).collect();
    let mut wrong = messages[0].clone();
    wrong["taskId"] = "not_a_guid".into();
    let mut nobody = messages[0].clone();
    nobody["taskId"] = new_guid().into();
    nobody["origin"]["project"] = "nobody".into();
    messages.insert(1, wrong);
    messages.push(nobody);

    let exchange = new_exchange();
    publisher_to(&gateway, &broker, &registration(&exchange)).await;
    let file = database.folder.path().join("messages.json");
    std::fs::write(&file, json!(messages).to_string()).unwrap();
    let mut command = client(&broker);
    command.arg(&broker.url).arg(&exchange).arg(KEY).arg(file);
    let printed = run(&mut command).await.done();
    assert!(printed.contains(&format!("{} published", messages.len())), "{printed}");

    for guid in &guids {
        eventually(&format!("{guid} is stored"), TAKEN_IN, async || state_of(&gateway, guid).await).await;
    }
    let held = eventually("the wrong ones are held", TAKEN_IN, async || {
        Some(held_of(&gateway, &exchange).await).filter(|held| held.len() == 2)
    })
    .await;
    let mut reasons: Vec<(&str, &str)> = held
        .iter()
        .map(|one| (one.violations[0].field_path.as_str(), one.violations[0].rule.as_str()))
        .collect();
    reasons.sort_unstable();
    assert_eq!(reasons, [("/origin/project", "unknown_repository"), ("/taskId", "pattern")]);
}

async fn python(database: Database, library: &str) {
    let Some(python) = installed("HERDGATE_TEST_PULSE_PYTHON") else { return };
    publish_all(database, |_| {
        let mut command = Command::new(&python);
        command.arg(source("publish.py")).arg(library);
        command
    })
    .await;
}

async fn kombu_publishes_the_corpus(database: Database) {
    python(database, "kombu").await;
}

async fn kombu_with_zlib_publishes_the_corpus(database: Database) {
    python(database, "kombu-zlib").await;
}

async fn kombu_with_gzip_publishes_the_corpus(database: Database) {
    python(database, "kombu-gzip").await;
}

async fn kombu_with_bzip2_publishes_the_corpus(database: Database) {
    python(database, "kombu-bzip2").await;
}

async fn mozilla_pulse_publishes_the_corpus(database: Database) {
    python(database, "mozillapulse").await;
}

async fn pika_publishes_the_corpus(database: Database) {
    python(database, "pika").await;
}

async fn amqplib_publishes_the_corpus(database: Database) {
    let Some(modules) = installed("HERDGATE_TEST_NODE_MODULES") else { return };
    publish_all(database, |_| {
        let mut command = Command::new("node");
        command.arg(source("publish.cjs")).env("NODE_PATH", &modules);
        command
    })
    .await;
}

/// What the broker takes must not stop the reader: it would come again for ever.
async fn envelopes_that_are_no_text_or_nested_without_end_stop_nothing(database: Database) {
    let Some(python) = installed("HERDGATE_TEST_PULSE_PYTHON") else { return };
    let Some(broker) = Broker::shared() else { return };
    let gateway = Gateway::on(&broker.for_gateway_on(&database)).start().await;
    let revision = new_revision();
    submit_pushes_of(&gateway, PROJECT, vec![push(&revision)]).await;
    let exchange = new_exchange();
    publisher_to(&gateway, &broker, &registration(&exchange)).await;

    let guids: Vec<String> = (0..5).map(|_| new_guid()).collect();
    let messages: Vec<Value> = guids.iter().map(|guid| pulse(guid, &revision)).collect();
    let file = database.folder.path().join("messages.json");
    std::fs::write(&file, json!(messages).to_string()).unwrap();
    let mut command = Command::new(&python);
    command.arg(source("odd.py")).arg(&broker.url).arg(&exchange).arg(KEY).arg(file);
    assert_eq!(run(&mut command).await.done().trim(), "5 published");

    for guid in &guids {
        eventually(&format!("{guid} is stored"), TAKEN_IN, async || state_of(&gateway, guid).await).await;
    }
}

on_both_databases!(
    envelopes_that_are_no_text_or_nested_without_end_stop_nothing,
    kombu_publishes_the_corpus,
    kombu_with_zlib_publishes_the_corpus,
    kombu_with_gzip_publishes_the_corpus,
    kombu_with_bzip2_publishes_the_corpus,
    mozilla_pulse_publishes_the_corpus,
    pika_publishes_the_corpus,
    amqplib_publishes_the_corpus,
);
