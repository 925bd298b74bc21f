//! Exchanges come and go while the gateway runs.

use crate::harness::command::{herdgate_on, run};
use crate::harness::jobs::{new_guid, pulse};
use crate::harness::pulse::{
    BOUND, Publisher, TAKEN_IN, all_stored, consumed, exchange, held_of, in_phase, json_properties, name_of,
    new_exchange, publisher_to, queue_of, register, registration,
};
use crate::harness::rabbitmq::Broker;
use crate::harness::reading::state_of;
use crate::harness::submitting::new_push;
use crate::harness::{Database, Gateway, eventually};
use futures::StreamExt;
use lapin::options::{BasicCancelOptions, BasicConsumeOptions, BasicPublishOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use serde_json::json;
use std::time::Duration;

const KEY: &str = "treeherder.quince-central";
/// From a removal to the end of an empty queue: it must have been quiet for 18 s, on a busy machine.
const DRAINED: Duration = Duration::from_secs(60);

async fn start(database: &Database) -> Option<(Gateway, Broker, String)> {
    let broker = Broker::shared()?;
    let gateway = Gateway::on(&broker.for_gateway_on(database)).start().await;
    let revision = new_push(&gateway).await;
    Some((gateway, broker, revision))
}

/// Whether the broker finds a queue for a key.
async fn is_bound(publisher: &Publisher, key: &str) -> bool {
    publisher.try_publish(key, b"probe", json_properties()).await.unwrap()
}

async fn bindings_change_within_5_s_and_no_message_is_lost(database: Database) {
    let Some((gateway, broker, revision)) = start(&database).await else { return };
    let exchange_name = new_exchange();
    let bound_by = |destinations: &[&str]| {
        let mut registration = registration(&exchange_name);
        registration["destinations"] = json!(destinations);
        registration
    };
    let publisher = publisher_to(&gateway, &broker, &bound_by(&["stays", "goes"])).await;
    // On a channel of its own: what is returned there is not taken for a message of the other.
    let probe = Publisher::open(&broker, &exchange_name).await;
    assert!(is_bound(&probe, "goes.quince-central").await);
    assert!(!is_bound(&probe, "comes.quince-central").await);

    let guids: Vec<String> = (0..400).map(|_| new_guid()).collect();
    let sending = async {
        for guid in &guids {
            publisher.send("stays.quince-central", &pulse(guid, &revision)).await;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let changing = async {
        register(&gateway, &bound_by(&["stays", "comes"])).await.done();
        eventually("the new key is bound and the old one is not", BOUND, async || {
            let changed = is_bound(&probe, "comes.quince-central").await
                && !is_bound(&probe, "goes.quince-central").await;
            changed.then_some(())
        })
        .await;
    };
    tokio::join!(sending, changing);
    all_stored(&gateway, &guids).await;
}

async fn a_changed_registration_says_what_it_was_bound_by(database: Database) {
    let Some(broker) = Broker::shared() else { return };
    let gateway = Gateway::on(&broker.for_gateway_on(&database)).start().await;
    let exchange_name = new_exchange();
    let bound_by = |key: &str| json!({ "exchange": exchange_name, "kind": "hg-push", "routing_keys": [key] });
    let first = register(&gateway, &bound_by("integration/autoland")).await;
    let again = register(&gateway, &bound_by("integration/autoland")).await;
    assert!(!first.stderr.contains("was changed") && !again.stderr.contains("was changed"), "{again:?}");
    let second = register(&gateway, &bound_by("mozilla-central")).await;
    assert!(second.stderr.contains("bound by integration/autoland to"), "{second:?}");
}

async fn a_missing_exchange_is_said_and_stops_no_other(database: Database) {
    let Some((gateway, broker, revision)) = start(&database).await else { return };
    let (missing, there) = (new_exchange(), new_exchange());
    register(&gateway, &registration(&missing)).await.done();
    let publisher = publisher_to(&gateway, &broker, &registration(&there)).await;
    let guid = new_guid();
    publisher.send(KEY, &pulse(&guid, &revision)).await;
    all_stored(&gateway, &[guid]).await;
    let detail = in_phase(&gateway, &missing, "failing", TAKEN_IN).await;
    assert!(detail.contains(&missing) && detail.contains("no exchange"), "{detail}");

    let publisher = Publisher::open(&broker, &missing).await;
    consumed(&gateway, &missing).await;
    let guid = new_guid();
    publisher.send(KEY, &pulse(&guid, &revision)).await;
    all_stored(&gateway, &[guid]).await;
}

async fn rights_are_taken_away_even_while_the_exchange_is_gone(database: Database) {
    let Some((gateway, broker, revision)) = start(&database).await else { return };
    let exchange_name = new_exchange();
    let publisher = publisher_to(&gateway, &broker, &registration(&exchange_name)).await;
    publisher.channel.exchange_delete(exchange_name.as_str().into(), Default::default()).await.unwrap();
    let mut narrow = registration(&exchange_name);
    narrow["may_write"] = json!(["nothing"]);
    register(&gateway, &narrow).await.done();
    let detail = in_phase(&gateway, &exchange_name, "failing", BOUND).await;
    assert!(detail.contains("no exchange"), "{detail}");
    // The queue is still there, and consumed.
    let queue = queue_of(&exchange_name);
    let body = pulse(&new_guid(), &revision).to_string();
    let sent = publisher.channel.basic_publish(
        "".into(),
        queue.as_str().into(),
        BasicPublishOptions::default(),
        body.as_bytes(),
        json_properties(),
    );
    sent.await.unwrap().await.unwrap();
    let held =
        eventually("it is held", TAKEN_IN, async || held_of(&gateway, &exchange_name).await.pop()).await;
    assert_eq!(held.violations[0].rule, "forbidden_project", "{held:?}");
}

async fn a_removed_exchange_is_drained_before_its_queue_goes(database: Database) {
    let Some((mut gateway, broker, revision)) = start(&database).await else { return };
    let exchange_name = new_exchange();
    let publisher = publisher_to(&gateway, &broker, &registration(&exchange_name)).await;
    gateway.ask_to_stop();
    gateway.stopped().await;
    let guids: Vec<String> = (0..20).map(|_| new_guid()).collect();
    publisher.send_jobs(KEY, &guids, &revision).await;
    let remove = ["exchange", "remove", name_of(&exchange_name)];
    run(herdgate_on(&gateway.database).args(remove)).await.done();
    gateway.restart().await;
    all_stored(&gateway, &guids).await;
    eventually("the queue is gone", DRAINED, async || {
        publisher.waiting(&queue_of(&exchange_name)).await.is_none().then_some(())
    })
    .await;
    eventually("the registration is gone", DRAINED, async || {
        exchange(&gateway, name_of(&exchange_name)).await.is_none().then_some(())
    })
    .await;
    assert!(!is_bound(&publisher, KEY).await);
    let again = run(herdgate_on(&gateway.database).args(remove)).await;
    assert_eq!(again.code, Some(1), "{again:?}");
}

async fn a_drained_queue_is_not_deleted_under_deliveries_that_others_hold(database: Database) {
    let Some((gateway, broker, revision)) = start(&database).await else { return };
    let exchange_name = new_exchange();
    let replicated = json!({ "exchange": exchange_name, "queue_type": "quorum" });
    let publisher = publisher_to(&gateway, &broker, &replicated).await;
    // Another consumer of the same queue: which of the two gets a message, the broker decides.
    let connection = broker.connect().await;
    let channel = connection.create_channel().await.unwrap();
    let (options, arguments) = (BasicConsumeOptions::default(), FieldTable::default());
    let queue = queue_of(&exchange_name);
    let mut other =
        channel.basic_consume(queue.as_str().into(), "".into(), options, arguments).await.unwrap();
    let guids: Vec<String> = (0..20).map(|_| new_guid()).collect();
    publisher.send_jobs(KEY, &guids, &revision).await;
    let held = other.next().await.unwrap().unwrap();
    // Cancelled, as by a gateway that stops: no consumer, nothing ready, and deliveries still held.
    channel.basic_cancel(other.tag(), BasicCancelOptions::default()).await.unwrap();
    let remove = ["exchange", "remove", name_of(&exchange_name)];
    run(herdgate_on(&gateway.database).args(remove)).await.done();
    tokio::time::sleep(Duration::from_secs(8)).await;
    assert!(!held.data.is_empty());
    assert_eq!(
        publisher.waiting(&queue).await,
        Some(0),
        "the queue is there, and empty but for what is held"
    );
    connection.close(200, "OK".into()).await.unwrap();
    all_stored(&gateway, &guids).await;
    eventually("the queue is gone", DRAINED, async || {
        publisher.waiting(&queue).await.is_none().then_some(())
    })
    .await;
}

async fn staging_and_production_of_one_exchange_have_queues_of_their_own(database: Database) {
    let Some((gateway, broker, revision)) = start(&database).await else { return };
    let exchange_name = new_exchange();
    let named = |name: &str| {
        let name_and_exchange = format!("{}-{name}", name_of(&exchange_name));
        json!({ "name": name_and_exchange, "exchange": exchange_name, "destinations": [name] })
    };
    let publisher = Publisher::open(&broker, &exchange_name).await;
    register(&gateway, &json!([named("staging"), named("production")])).await.done();
    for name in ["staging", "production"] {
        let name = format!("{}-{name}", name_of(&exchange_name));
        in_phase(&gateway, &format!("exchange/{name}"), "consuming", TAKEN_IN).await;
    }
    let guids = [new_guid(), new_guid()];
    publisher.send("staging.quince-central", &pulse(&guids[0], &revision)).await;
    publisher.send("production.quince-central", &pulse(&guids[1], &revision)).await;
    all_stored(&gateway, &guids).await;
    assert!(!is_bound(&publisher, "elsewhere.quince-central").await);
}

async fn a_queue_with_other_properties_is_said_and_stops_no_other(database: Database) {
    let Some((gateway, broker, revision)) = start(&database).await else { return };
    let (classic, quorum) = (new_exchange(), new_exchange());
    let publisher = Publisher::open(&broker, &classic).await;
    let mut arguments = FieldTable::default();
    arguments.insert("x-max-length".into(), AMQPValue::LongInt(10));
    let queue = queue_of(&classic);
    publisher.channel.queue_declare(queue.into(), QueueDeclareOptions::durable(), arguments).await.unwrap();
    register(&gateway, &registration(&classic)).await.done();
    let detail = in_phase(&gateway, &classic, "failing", TAKEN_IN).await;
    assert!(detail.contains("other properties") && detail.contains("x-max-length"), "{detail}");

    let replicated = json!({ "exchange": quorum, "queue_type": "quorum" });
    let publisher = publisher_to(&gateway, &broker, &replicated).await;
    let guid = new_guid();
    publisher.send(KEY, &pulse(&guid, &revision)).await;
    all_stored(&gateway, &[guid]).await;
}

async fn nothing_is_lost_while_connections_are_recycled(database: Database) {
    let database = database.with("HERDGATE_PULSE_CONNECTION_AGE_SECONDS", "1");
    let Some((gateway, broker, revision)) = start(&database).await else { return };
    let publisher = publisher_to(&gateway, &broker, &registration(&new_exchange())).await;
    let guids: Vec<String> = (0..500).map(|_| new_guid()).collect();
    for some in guids.chunks(50) {
        publisher.send_jobs(KEY, some, &revision).await;
        tokio::time::sleep(Duration::from_millis(400)).await;
    }
    all_stored(&gateway, &guids).await;
    let recycled = gateway.output().matches("the connection is old and is replaced").count();
    assert!(recycled >= 3, "recycled {recycled} times");
}

async fn sources_of_the_environment_are_reconciled_and_not_removable(database: Database) {
    let Some(broker) = Broker::shared() else { return };
    let (first, second) = (new_exchange(), new_exchange());
    let publishers = [Publisher::open(&broker, &first).await, Publisher::open(&broker, &second).await];
    let source = |exchange: &str| json!([{ "exchange": exchange, "destinations": ["#"], "projects": ["#"] }]);
    let variable = "PULSE_DATA_INGESTION_SOURCES";
    let on = broker.for_gateway_on(&database).with(variable, &source(&first).to_string());
    let mut gateway = Gateway::on(&on).start().await;
    consumed(&gateway, &first).await;
    let removed = run(herdgate_on(&on).args(["exchange", "remove", name_of(&first)])).await;
    assert_eq!(removed.code, Some(1), "{removed:?}");
    assert!(removed.stderr.contains("environment"), "{removed:?}");

    gateway.ask_to_stop();
    gateway.stopped().await;
    gateway.database = broker.for_gateway_on(&database).with(variable, &source(&second).to_string());
    gateway.restart().await;
    consumed(&gateway, &second).await;
    eventually("the first is gone", DRAINED, async || {
        exchange(&gateway, name_of(&first)).await.is_none().then_some(())
    })
    .await;
    assert!(!is_bound(&publishers[0], KEY).await && is_bound(&publishers[1], KEY).await);
}

async fn an_exchange_of_pushes_is_consumed_whatever_the_routing_key(database: Database) {
    let Some((gateway, broker, _)) = start(&database).await else { return };
    let exchange_name = new_exchange();
    let publisher = Publisher::open(&broker, &exchange_name).await;
    register(&gateway, &json!({ "exchange": exchange_name, "kind": "hg-push" })).await.done();
    in_phase(&gateway, &exchange_name, "consuming", TAKEN_IN).await;
    assert!(is_bound(&publisher, KEY).await);
}

async fn registrations_are_administered_over_grpc_too(database: Database) {
    let Some((gateway, broker, revision)) = start(&database).await else { return };
    let exchange_name = new_exchange();
    let publisher = Publisher::open(&broker, &exchange_name).await;
    let file = gateway.database.folder.path().join("exchange.json");
    std::fs::write(&file, registration(&exchange_name).to_string()).unwrap();
    let server = ["--server", &gateway.address(), "--token", &gateway.token].map(ToOwned::to_owned);
    run(herdgate_on(&gateway.database).args(["exchange", "add"]).arg(&file).args(&server)).await.done();
    consumed(&gateway, &exchange_name).await;
    let guid = new_guid();
    publisher.send(KEY, &pulse(&guid, &revision)).await;
    all_stored(&gateway, std::slice::from_ref(&guid)).await;
    let listed =
        run(herdgate_on(&gateway.database).args(["exchange", "list", "--json"]).args(&server)).await.json();
    let one = listed.as_array().unwrap().iter().find(|one| one["exchange"] == exchange_name).unwrap().clone();
    assert_eq!((&one["phase"], &one["kind"]), (&json!("consuming"), &json!("jobs")));
    let remove = ["exchange", "remove", name_of(&exchange_name)];
    run(herdgate_on(&gateway.database).args(remove).args(&server)).await.done();
    eventually("the registration is gone", DRAINED, async || {
        exchange(&gateway, name_of(&exchange_name)).await.is_none().then_some(())
    })
    .await;
    assert!(state_of(&gateway, &guid).await.is_some());

    std::fs::write(&file, r#"{"exchange": "exchange/a", "kind": "x"}"#).unwrap();
    let wrong = run(herdgate_on(&gateway.database).args(["exchange", "add"]).arg(&file)).await;
    assert_eq!(wrong.code, Some(1));
    assert!(wrong.stderr.contains("`kind`"), "{wrong:?}");
}

on_both_databases!(
    bindings_change_within_5_s_and_no_message_is_lost,
    a_changed_registration_says_what_it_was_bound_by,
    a_missing_exchange_is_said_and_stops_no_other,
    rights_are_taken_away_even_while_the_exchange_is_gone,
    a_removed_exchange_is_drained_before_its_queue_goes,
    a_drained_queue_is_not_deleted_under_deliveries_that_others_hold,
    staging_and_production_of_one_exchange_have_queues_of_their_own,
    a_queue_with_other_properties_is_said_and_stops_no_other,
    nothing_is_lost_while_connections_are_recycled,
    sources_of_the_environment_are_reconciled_and_not_removable,
    an_exchange_of_pushes_is_consumed_whatever_the_routing_key,
    registrations_are_administered_over_grpc_too,
);
