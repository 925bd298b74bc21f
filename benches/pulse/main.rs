//! Measures the draining of a queue over Pulse: messages wait at a broker before the exchange is registered,
//! then a running gateway takes them all in. `HERDGATE_BENCH_AMQP_URL=amqp://USER:PASSWORD@HOST:PORT cargo
//! bench --bench pulse` does everything, on a broker of its own: it leaves an exchange behind.
//!
//! `HERDGATE_BENCH_MESSAGES` sets how many wait (default 100000), `HERDGATE_BENCH_DATABASES` the databases
//! (default `postgres,sqlite`).

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    missing_docs,
    reason = "a benchmark that cannot go on says so and ends"
)]

#[path = "../load/mod.rs"]
#[allow(dead_code, reason = "each benchmark uses a part, and the tests others of what is shared with them")]
mod load;

use futures::StreamExt;
use lapin::options::{
    BasicPublishOptions, ConfirmSelectOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Confirmation, Connection, ConnectionProperties, ExchangeKind};
use load::database::Database;
use load::gateway::Gateway;
use load::grpc;
use load::jobs::{Jobs, PROJECT};
use serde_json::json;
use std::time::{Duration, Instant};

const NAME: &str = "herdgate-bench";
/// Messages that are published and not confirmed yet.
const IN_FLIGHT: usize = 1000;
/// A gateway that takes longer than this has failed.
const PATIENCE: Duration = Duration::from_secs(1800);
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// What the replaced system reaches with both cores busy (design section 14), messages a second.
const REPLACED: f64 = 51.0;
const GOAL: f64 = 150.0;

fn main() {
    rustls::crypto::ring::default_provider().install_default().expect("nothing else installs a provider");
    let Ok(broker) = std::env::var("HERDGATE_BENCH_AMQP_URL") else {
        eprintln!("SKIPPED: HERDGATE_BENCH_AMQP_URL names no broker");
        return;
    };
    let messages = load::number("HERDGATE_BENCH_MESSAGES", 100_000);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        println!("{}", load::machine());
        println!("load: {messages} messages of {} bytes wait in one classic queue", message(0).len());
        for name in Database::names() {
            if let Some(database) = Database::start(&name).await {
                measure(&broker, &database, messages).await;
            }
        }
    });
}

async fn measure(broker: &str, database: &Database, messages: usize) {
    let exchange = format!("exchange/{}/{NAME}", user(broker));
    let gateway = Gateway::start_with(&database.url(), &[("HERDGATE_PULSE_URL", broker)]);
    grpc::pushes(&gateway, &Jobs::new("pulse", 1)).await;
    fill(broker, &exchange, messages).await;
    let before = gateway.usage(database.process()).await;
    gateway.forget_peak();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("exchange.json");
    std::fs::write(&file, json!({"exchange": exchange, "name": NAME}).to_string()).expect("a file");
    load::gateway::command(&database.url(), &["exchange", "add", file.to_str().expect("UTF-8")]);

    let started = decided_beyond(&gateway, 0).await;
    let ended = decided_beyond(&gateway, messages - 1).await;
    let seconds = (ended - started).as_secs_f64();
    let rate = messages as f64 / seconds;
    let used = gateway.usage(database.process()).await.since(&before).per(messages as f64);
    println!(
        "{}: {messages} in {seconds:.1} s, {rate:.0} a second, {:.0} x the replaced system (goal {GOAL:.0} x); \
         {:.0} us of the gateway's CPU and {:.0} of the database's a message; {:.3} statements a message; \
         {:.0} MiB at most",
        database.title(),
        rate / REPLACED,
        used.gateway_cpu * 1e6,
        used.database_cpu * 1e6,
        used.statements,
        gateway.peak_memory()
    );
    load::gateway::command(&database.url(), &["exchange", "remove", NAME]);
    // The gateway deletes the queue once it sees that it is empty.
    tokio::time::sleep(Duration::from_secs(3)).await;
    gateway.stop();
}

/// Waits until more than so many messages are decided; gives when that was seen.
async fn decided_beyond(gateway: &Gateway, count: usize) -> Instant {
    let deadline = Instant::now() + PATIENCE;
    while gateway.decided("pulse").await <= count as f64 {
        assert!(Instant::now() < deadline, "{count} messages are not decided within {PATIENCE:?}");
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    Instant::now()
}

/// Declares the queue as the gateway will, and fills it.
async fn fill(broker: &str, exchange: &str, messages: usize) {
    let connection = Connection::connect(broker, ConnectionProperties::default()).await.expect("a broker");
    let channel = connection.create_channel().await.expect("a channel");
    let durable = ExchangeDeclareOptions { durable: true, ..Default::default() };
    let table = FieldTable::default;
    channel
        .exchange_declare(exchange.into(), ExchangeKind::Topic, durable, table())
        .await
        .expect("an exchange");
    let queue = format!("queue/{}/{NAME}", user(broker));
    let as_it_will_be = QueueDeclareOptions::durable();
    channel.queue_declare(queue.as_str().into(), as_it_will_be, table()).await.expect("a queue");
    let bound = channel.queue_bind(
        queue.as_str().into(),
        exchange.into(),
        "#.#".into(),
        QueueBindOptions::default(),
        table(),
    );
    bound.await.expect("a binding");
    channel.confirm_select(ConfirmSelectOptions::default()).await.expect("confirms");
    let publishing = (0..messages).map(|index| {
        let channel = channel.clone();
        async move {
            let properties =
                BasicProperties::default().with_content_type("application/json".into()).with_delivery_mode(2);
            let key = format!("treeherder.{PROJECT}");
            let body = message(index);
            let options = BasicPublishOptions::default();
            let sent = channel.basic_publish(
                exchange.into(),
                key.as_str().into(),
                options,
                body.as_bytes(),
                properties,
            );
            sent.await.expect("published").await.expect("confirmed")
        }
    });
    let mut confirmed = futures::stream::iter(publishing).buffered(IN_FLIGHT);
    while let Some(confirmation) = confirmed.next().await {
        assert!(matches!(confirmation, Confirmation::Ack(_)), "{confirmation:?}");
    }
    drop(confirmed);
    connection.close(200, "OK".into()).await.expect("closed");
}

fn user(broker: &str) -> String {
    let user = broker.split("://").nth(1).and_then(|rest| rest.split(':').next());
    user.expect("HERDGATE_BENCH_AMQP_URL is amqp://USER:PASSWORD@HOST:PORT").to_owned()
}

/// A completed job with a log and a link.
fn message(index: usize) -> String {
    let guid = Jobs::new("pulse", usize::MAX).guid(index);
    let (kind, platform) = (index % 600, format!("linux{}", index % 40));
    let machine = json!({"platform": platform, "os": "linux", "architecture": "x86_64"});
    json!({
        "taskId": guid, "origin": {"project": PROJECT, "revision": Jobs::revision(0)},
        "buildSystem": "taskcluster", "state": "completed", "result": "success", "jobKind": "test",
        "display": {"jobSymbol": format!("mda{}", kind % 20), "groupSymbol": format!("M-{}", kind % 30),
            "jobName": format!("test-linux64-{kind}/debug-mochitest-media-spi-e10s-{kind}"),
            "groupName": "Mochitests with socket process"},
        "buildMachine": machine, "runMachine": machine,
        "timeScheduled": "2026-09-21T10:00:00Z", "timeStarted": "2026-09-21T10:01:00Z",
        "timeCompleted": "2026-09-21T10:11:00Z",
        "logs": [{"name": "live_backing_log",
            "url": format!("https://artifacts.example.org/api/queue/v1/task/{guid}/runs/0/live_backing.log")}],
        "jobInfo": {"links": [{"linkText": "errorsummary.log", "label": "artifact uploaded",
            "url": format!("https://artifacts.example.org/api/queue/v1/task/{guid}/runs/0/errorsummary.log")}]},
        "version": 1,
    })
    .to_string()
}
