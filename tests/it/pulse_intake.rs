//! Messages over Pulse: stored, or held with their reasons; nothing blocks a queue.

use crate::harness::command::{herdgate_on, run};
use crate::harness::gateway::PROJECT;
use crate::harness::jobs::{new_guid, new_revision, pulse, push};
use crate::harness::pulse::{
    Publisher, TAKEN_IN, all_stored, held_of, json_properties, new_exchange, publisher_to, queue_of,
    registration,
};
use crate::harness::rabbitmq::Broker;
use crate::harness::reading::{held, state_of, stored};
use crate::harness::submitting::{new_push, submit_pushes};
use crate::harness::{Database, Gateway, eventually};
use flate2::write::{GzEncoder, ZlibEncoder};
use herdgate::proto::{CountHeldMessagesRequest, HeldState};
use lapin::BasicProperties;
use lapin::options::QueueDeleteOptions;
use lapin::types::{AMQPValue, FieldTable};
use sea_orm::ConnectionTrait;
use serde_json::json;
use std::io::Write;

const KEY: &str = "treeherder.quince-central";

fn compressed(word: &str) -> BasicProperties {
    let mut headers = FieldTable::default();
    headers.insert("compression".into(), AMQPValue::LongString(word.into()));
    json_properties().with_headers(headers)
}

fn zlib(body: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

async fn start(database: &Database) -> Option<(Gateway, Broker, String)> {
    let broker = Broker::shared()?;
    let gateway = Gateway::on(&broker.for_gateway_on(database)).start().await;
    let revision = new_push(&gateway).await;
    Some((gateway, broker, revision))
}

async fn what_is_published_is_stored_and_leaves_the_queue(database: Database) {
    let Some((gateway, broker, revision)) = start(&database).await else { return };
    let exchange = new_exchange();
    let publisher = publisher_to(&gateway, &broker, &registration(&exchange)).await;
    let guids: Vec<String> = (0..200).map(|_| new_guid()).collect();
    publisher.send_jobs(KEY, &guids, &revision).await;
    all_stored(&gateway, &guids).await;
    let (job, _) = stored(&gateway, &guids[0]).await;
    let provenance = job.provenance.unwrap();
    assert_eq!((provenance.first_door.as_str(), provenance.source.as_str()), ("pulse", exchange.as_str()));
    // Only what is acknowledged is gone once the consumer is.
    gateway.ask_to_stop();
    let mut gateway = gateway;
    assert!(gateway.stopped().await.success(), "{}", gateway.output());
    assert_eq!(publisher.waiting(&queue_of(&exchange)).await, Some(0));
}

async fn every_form_of_a_message_is_read(database: Database) {
    let Some((gateway, broker, revision)) = start(&database).await else { return };
    let publisher = publisher_to(&gateway, &broker, &registration(&new_exchange())).await;
    let guids: Vec<String> = (0..6).map(|_| new_guid()).collect();
    let body = |index: usize| pulse(&guids[index], &revision).to_string().into_bytes();
    let text = BasicProperties::default().with_content_type("text/plain".into());
    publisher.publish(KEY, &body(0), text).await;
    publisher.publish(KEY, &body(1), BasicProperties::default()).await;
    publisher.publish(KEY, &zlib(&body(2)), compressed("application/x-gzip")).await;
    publisher.publish(KEY, &gzip(&body(3)), compressed("application/x-gzip")).await;
    let wrapped = json!({ "payload": pulse(&guids[4], &revision), "_meta": { "routing_key": KEY } });
    publisher.send(KEY, &wrapped).await;
    let encoded = json_properties().with_content_encoding("gzip".into());
    publisher.publish(KEY, &gzip(&body(5)), encoded).await;
    all_stored(&gateway, &guids).await;
}

async fn a_bad_message_is_held_with_its_reason_and_the_next_is_stored(database: Database) {
    let Some((gateway, broker, revision)) = start(&database).await else { return };
    let exchange = new_exchange();
    let limited = json!({ "exchange": exchange, "may_write": ["quince-*", "unknown*"] });
    let publisher = publisher_to(&gateway, &broker, &limited).await;
    let good = || pulse(&new_guid(), &revision);
    let of_project = |project: &str| {
        let mut message = good();
        message["origin"]["project"] = project.into();
        message.to_string().into_bytes()
    };
    let mut wrong_shape = good();
    wrong_shape["state"] = "sleeping".into();
    let large = format!("{{\"a\":\"{}\"}}", "x".repeat(5 * 1024 * 1024)).into_bytes();
    let bomb = zlib(&vec![b' '; 64 * 1024 * 1024]);
    let cases: Vec<(&str, Vec<u8>, BasicProperties, &str)> = vec![
        ("not-json", b"Hello, world".to_vec(), json_properties(), "json"),
        ("pickle", b"\x80\x04\x95".to_vec(), BasicProperties::default(), "json"),
        ("list", b"[]".to_vec(), json_properties(), "type"),
        ("wrong-shape", wrong_shape.to_string().into_bytes(), json_properties(), "enum"),
        ("large", large, json_properties(), "maxBytes"),
        ("bomb", bomb, compressed("application/x-gzip"), "maxBytes"),
        ("broken", b"no zlib".to_vec(), compressed("application/x-gzip"), "compression"),
        ("brotli", b"x".to_vec(), compressed("application/x-brotli"), "compression"),
        ("unknown", of_project("unknown-project"), json_properties(), "unknown_repository"),
        ("forbidden", of_project("autoland"), json_properties(), "forbidden_project"),
    ];
    let mut guids = Vec::new();
    for (key, body, properties, _) in &cases {
        publisher.publish(&format!("bad.{key}"), body, properties.clone()).await;
        let guid = new_guid();
        publisher.send(KEY, &pulse(&guid, &revision)).await;
        guids.push(guid);
    }
    all_stored(&gateway, &guids).await;
    let found = eventually("all bad ones are held", TAKEN_IN, async || {
        Some(held_of(&gateway, &exchange).await).filter(|found| found.len() == cases.len())
    })
    .await;
    for (key, body, _, rule) in &cases {
        let key = format!("bad.{key}");
        let one = found.iter().find(|one| one.routing_key == key).unwrap_or_else(|| panic!("{key} is held"));
        assert_eq!(one.state(), HeldState::Rejected);
        assert_eq!(&one.violations[0].rule, rule, "{key}: {:?}", one.violations);
        assert_eq!(one.raw_size, body.len() as i64, "{key}");
    }
    let counts = CountHeldMessagesRequest { source: exchange, ..Default::default() };
    let counts = gateway.admin().count_held_messages(counts).await.unwrap().into_inner().counts;
    let of_json = counts.iter().find(|count| count.reason == "json").unwrap();
    assert_eq!(of_json.items, 2);
    assert_eq!(counts.iter().map(|count| count.items).sum::<i64>(), cases.len() as i64);
}

async fn a_routing_key_that_names_another_project_is_noticed_and_stored(database: Database) {
    let Some((gateway, broker, revision)) = start(&database).await else { return };
    let publisher = publisher_to(&gateway, &broker, &registration(&new_exchange())).await;
    let guids = [new_guid(), new_guid()];
    publisher.send("treeherder.autoland", &pulse(&guids[0], &revision)).await;
    publisher.send(KEY, &pulse(&guids[1], &revision)).await;
    all_stored(&gateway, &guids).await;
    let metrics = metrics(&gateway).await;
    let disagreed =
        |line: &&str| line.starts_with("herdgate_pulse_routing_key_disagreements_total{registration=");
    let disagreed: Vec<&str> = metrics.lines().filter(disagreed).collect();
    assert!(matches!(disagreed[..], [one] if one.ends_with(" 1")), "{metrics}");
    assert!(metrics.contains("herdgate_pulse_connected{broker=\"default\"} 1"), "{metrics}");
    assert!(metrics.contains("herdgate_submissions_decided_total{door=\"pulse\",verdict=\"stored\"} 2"));
}

async fn metrics(gateway: &Gateway) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let address = gateway.address();
    let mut stream = tokio::net::TcpStream::connect(address.trim_start_matches("http://")).await.unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    text
}

async fn a_job_before_its_push_waits_for_it(database: Database) {
    let Some((gateway, broker, _)) = start(&database).await else { return };
    let exchange = new_exchange();
    let publisher = publisher_to(&gateway, &broker, &registration(&exchange)).await;
    let (guid, revision) = (new_guid(), new_revision());
    publisher.send(KEY, &pulse(&guid, &revision)).await;
    let parked = eventually("it is parked", TAKEN_IN, async || held(&gateway, &guid).await.pop()).await;
    assert_eq!((parked.state(), parked.source.as_str()), (HeldState::Parked, exchange.as_str()));
    assert_eq!(publisher.waiting(&queue_of(&exchange)).await, Some(0), "it is acknowledged");
    submit_pushes(&gateway, vec![push(&revision)]).await;
    all_stored(&gateway, &[guid]).await;
}

async fn a_held_message_shows_how_it_came_and_is_replayed_with_the_rights_of_its_exchange(
    database: Database,
) {
    let Some((gateway, broker, revision)) = start(&database).await else { return };
    let exchange = new_exchange();
    let limited = json!({ "exchange": exchange, "may_write": ["nothing"] });
    let publisher = publisher_to(&gateway, &broker, &limited).await;
    let guid = new_guid();
    let mut headers = FieldTable::default();
    headers.insert("kiln".into(), AMQPValue::LongString("seven".into()));
    let body = pulse(&guid, &revision).to_string();
    publisher.publish(KEY, body.as_bytes(), json_properties().with_headers(headers)).await;
    let id =
        eventually("it is held", TAKEN_IN, async || held(&gateway, &guid).await.pop()).await.id.to_string();

    let herdgate = || {
        let mut command = herdgate_on(&gateway.database);
        command.args(["held"]);
        command
    };
    let server = ["--server", &gateway.address(), "--token", &gateway.token].map(ToOwned::to_owned);
    let shown = run(herdgate().args(["show", &id, "--json"]).args(&server)).await.json();
    assert_eq!(shown["violations"][0]["rule"], "forbidden_project");
    assert_eq!(shown["routing_key"], KEY);
    assert_eq!(shown["context"]["headers"], json!({ "kiln": "seven" }));
    assert_eq!(shown["context"]["properties"]["content_type"], "application/json");
    let listed = ["list", "--exchange", &exchange, "--routing-key", KEY, "--task-id", &guid, "--json"];
    let listed = run(herdgate().args(listed).args(&server)).await.json();
    assert_eq!(listed.as_array().unwrap().len(), 1);
    let none = ["list", "--exchange", &exchange, "--until", "2026-01-01T00:00:00Z", "--json"];
    assert_eq!(run(herdgate().args(none).args(&server)).await.json(), json!([]));

    // A writer of the project replays with the rights of the exchange, which are not enough yet.
    let writer =
        crate::harness::gateway::create_credential(&gateway.database, "w", &["--project", PROJECT]).await;
    let as_writer = ["--server".to_owned(), gateway.address(), "--token".to_owned(), writer];
    let replayed = eventually("the credential works", TAKEN_IN, async || {
        let ran = run(herdgate().args(["replay", &id, "--json"]).args(&as_writer)).await;
        (!ran.stdout.is_empty()).then_some(ran)
    })
    .await;
    assert_eq!(replayed.code, Some(1), "{replayed:?}");
    assert_eq!(state_of(&gateway, &guid).await, None);
    crate::harness::pulse::register(&gateway, &registration(&exchange)).await.done();
    eventually("the exchange may write now", TAKEN_IN, async || {
        let ran = run(herdgate().args(["replay", "--exchange", &exchange, "--json"]).args(&as_writer)).await;
        (ran.code == Some(0)).then_some(())
    })
    .await;
    all_stored(&gateway, &[guid]).await;
}

async fn a_queue_that_somebody_deletes_is_declared_and_consumed_again(database: Database) {
    let Some((gateway, broker, revision)) = start(&database).await else { return };
    let exchange = new_exchange();
    let publisher = publisher_to(&gateway, &broker, &registration(&exchange)).await;
    let options = QueueDeleteOptions::default();
    publisher.channel.queue_delete(queue_of(&exchange).into(), options).await.unwrap();
    let guid = new_guid();
    let message = pulse(&guid, &revision).to_string();
    eventually("messages are routed again", TAKEN_IN, async || {
        let routed = publisher.try_publish(KEY, message.as_bytes(), json_properties()).await.unwrap();
        routed.then_some(())
    })
    .await;
    all_stored(&gateway, &[guid]).await;
}

async fn memory_does_not_grow_with_the_number_of_large_messages(database: Database) {
    let database = database.with("HERDGATE_PULSE_PREFETCH", "8");
    let Some((gateway, broker, revision)) = start(&database).await else { return };
    let exchange = new_exchange();
    let publisher = publisher_to(&gateway, &broker, &registration(&exchange)).await;
    let mut after = Vec::new();
    for round in 0..5 {
        for number in 0..25 {
            // All different, or they would be held once.
            let body = format!("{round} {number}{}", "x".repeat(3 * 1024 * 1024));
            publisher.publish("bad.large", body.as_bytes(), json_properties()).await;
        }
        let guid = new_guid();
        publisher.send(KEY, &pulse(&guid, &revision)).await;
        let patience = TAKEN_IN * 4;
        eventually("what is behind them is stored", patience, async || state_of(&gateway, &guid).await).await;
        after.push(gateway.resident_memory() / (1024 * 1024));
    }
    // The first rounds fill the pools of the allocator and the cache of the database.
    let grown = after[4].saturating_sub(after[2]);
    assert!(grown < 75, "MiB after each round of 75: {after:?}");
}

async fn compressed_messages_are_taken_by_what_they_are_decompressed(database: Database) {
    let Some((mut gateway, broker, revision)) = start(&database).await else { return };
    let exchange = new_exchange();
    let publisher = publisher_to(&gateway, &broker, &registration(&exchange)).await;
    gateway.ask_to_stop();
    gateway.stopped().await;
    // 400 MiB that are less than one on their way.
    let guids: Vec<String> = (0..100).map(|_| new_guid()).collect();
    for guid in &guids {
        let mut body = pulse(guid, &revision).to_string().into_bytes();
        body.resize(4 * 1024 * 1024, b' ');
        publisher.publish(KEY, &zlib(&body), compressed("application/x-gzip")).await;
    }
    gateway.restart().await;
    let last = guids.last().unwrap();
    eventually("the last is stored", TAKEN_IN * 4, async || state_of(&gateway, last).await).await;
    all_stored(&gateway, &guids).await;
    let peak = gateway.peak_memory() / (1024 * 1024);
    assert!(peak < 350, "{peak} MiB at most at a time");
}

on_both_databases!(
    what_is_published_is_stored_and_leaves_the_queue,
    every_form_of_a_message_is_read,
    a_bad_message_is_held_with_its_reason_and_the_next_is_stored,
    a_routing_key_that_names_another_project_is_noticed_and_stored,
    a_job_before_its_push_waits_for_it,
    a_held_message_shows_how_it_came_and_is_replayed_with_the_rights_of_its_exchange,
    a_queue_that_somebody_deletes_is_declared_and_consumed_again,
    memory_does_not_grow_with_the_number_of_large_messages,
    compressed_messages_are_taken_by_what_they_are_decompressed,
);

/// A failure that is none of the message's: a trigger that only an operator can have made.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_that_fails_for_a_reason_of_ours_is_held_after_some_attempts() {
    let Some(database) = Database::postgres().await else { return };
    let Some((gateway, broker, revision)) = start(&database).await else { return };
    let guid = new_guid();
    let server = sea_orm::Database::connect(&database.url).await.unwrap();
    server
        .execute_unprepared(&format!(
            "CREATE FUNCTION break() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                 IF NEW.guid = '{guid}' THEN RAISE EXCEPTION 'broken' USING ERRCODE = 'XX000'; END IF;
                 RETURN NEW; END $$;
             CREATE TRIGGER break BEFORE INSERT ON jobs FOR EACH ROW EXECUTE FUNCTION break();"
        ))
        .await
        .unwrap();
    let publisher = publisher_to(&gateway, &broker, &registration(&new_exchange())).await;
    let neighbours = [new_guid(), new_guid()];
    publisher.send(KEY, &pulse(&neighbours[0], &revision)).await;
    publisher.send(KEY, &pulse(&guid, &revision)).await;
    publisher.send(KEY, &pulse(&neighbours[1], &revision)).await;
    all_stored(&gateway, &neighbours).await;
    let patience = TAKEN_IN * 2;
    let one = eventually("it is held", patience, async || held(&gateway, &guid).await.pop()).await;
    assert_eq!(one.violations[0].rule, "internal", "{one:?}");

    server.execute_unprepared("DROP TRIGGER break ON jobs").await.unwrap();
    let command =
        ["held", "replay", &one.id.to_string(), "--server", &gateway.address(), "--token", &gateway.token]
            .map(ToOwned::to_owned);
    run(herdgate_on(&gateway.database).args(command)).await.done();
    all_stored(&gateway, &[guid]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_gateways_share_the_work_of_one_queue() {
    let Some(database) = Database::postgres().await else { return };
    let Some((gateway, broker, revision)) = start(&database).await else { return };
    let exchange = new_exchange();
    let publisher = publisher_to(&gateway, &broker, &registration(&exchange)).await;
    let other = gateway.beside().await;
    crate::harness::pulse::consumed(&other, &exchange).await;
    let guids: Vec<String> = (0..2000).map(|_| new_guid()).collect();
    let publishers: Vec<Publisher> =
        futures::future::join_all((0..4).map(|_| Publisher::open(&broker, &exchange))).await;
    let sending =
        publishers.iter().zip(guids.chunks(500)).map(|(one, some)| one.send_jobs(KEY, some, &revision));
    futures::future::join_all(sending).await;
    all_stored(&gateway, &guids).await;
    for one in [&gateway, &other] {
        let metrics = metrics(one).await;
        assert!(metrics.contains("herdgate_submissions_received_total{door=\"pulse\"}"), "{metrics}");
    }
    assert_eq!(held_of(&gateway, &exchange).await, []);
    drop(publisher);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_while_postgresql_is_away() {
    let Some(server) = crate::harness::postgres::PrivatePostgres::start_new().await else { return };
    let Some((gateway, broker, revision)) = start(&Database::on_server(&server.url()).await).await else {
        return;
    };
    let exchange = new_exchange();
    let publisher = publisher_to(&gateway, &broker, &registration(&exchange)).await;
    server.stop();
    let guids: Vec<String> = (0..100).map(|_| new_guid()).collect();
    publisher.send_jobs(KEY, &guids, &revision).await;
    eventually("it says that it waits", TAKEN_IN, async || {
        gateway.output().contains("the database is away").then_some(())
    })
    .await;
    server.start().await;
    all_stored(&gateway, &guids).await;
    assert_eq!(held_of(&gateway, &exchange).await, []);
    assert_eq!(publisher.waiting(&queue_of(&exchange)).await, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_about_pushes_wait_at_once_when_postgresql_is_away() {
    let Some(server) = crate::harness::postgres::PrivatePostgres::start_new().await else { return };
    let Some((gateway, broker, _)) = start(&Database::on_server(&server.url()).await).await else { return };
    let repository = ["repository", "add", "hg-quince", "--dvcs", "hg", "--url", "https://hg.invalid/quince"];
    run(herdgate_on(&gateway.database).args(repository)).await.done();
    let exchange = new_exchange();
    let registration = json!({ "exchange": exchange, "kind": "hg-push" });
    let publisher = publisher_to(&gateway, &broker, &registration).await;
    server.stop();
    for id in 0..100 {
        let push = json!({ "repo_url": "https://hg.invalid/quince", "pushlog_pushes": [{ "pushid": id }] });
        publisher.send("quince", &json!({ "payload": push })).await;
    }
    // Each alone would wait 3 s for a connection.
    eventually("it says that it waits", TAKEN_IN, async || {
        gateway.output().contains("the database is away").then_some(())
    })
    .await;
    assert_eq!(publisher.waiting(&queue_of(&exchange)).await, Some(0), "they are delivered");
    server.start().await;
    eventually("all are acknowledged", TAKEN_IN * 2, async || {
        let metrics = metrics(&gateway).await;
        let stored = "herdgate_submissions_decided_total{door=\"pulse\",verdict=\"stored\"} 100";
        metrics.contains(stored).then_some(())
    })
    .await;
}
