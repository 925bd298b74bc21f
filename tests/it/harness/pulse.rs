//! Publishers of the tests, and exchanges of their own for each.

use super::Gateway;
use super::command::{Ran, herdgate_on, run};
use super::eventually;
use super::jobs::pulse;
use super::rabbitmq::Broker;
use super::reading::state_of;
use herdgate::proto::{Exchange, HeldMessage, ListExchangesRequest, ListHeldMessagesRequest};
use lapin::options::{
    BasicPublishOptions, ConfirmSelectOptions, ExchangeDeclareOptions, QueueDeclareOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Confirmation, Connection, ExchangeKind};
use serde_json::{Value, json};
use std::time::Duration;

/// From a message to the job in the database, on a busy machine.
pub const TAKEN_IN: Duration = Duration::from_secs(30);
/// Changes of registrations take effect within 5 s.
pub const BOUND: Duration = Duration::from_secs(5);

/// An exchange that no other test has.
pub fn new_exchange() -> String {
    format!("exchange/kiln-{:08x}/v1/jobs", rand::random::<u32>())
}

/// The name of its registration.
pub fn name_of(exchange: &str) -> &str {
    exchange.strip_prefix("exchange/").unwrap()
}

/// A registration that takes everything.
pub fn registration(exchange: &str) -> Value {
    json!({ "exchange": exchange, "destinations": ["#"], "projects": ["#"] })
}

/// Registers by the command line, on the database.
pub async fn register(gateway: &Gateway, registration: &Value) -> Ran {
    let file = gateway.database.folder.path().join(format!("exchange-{:08x}.json", rand::random::<u32>()));
    std::fs::write(&file, registration.to_string()).unwrap();
    run(herdgate_on(&gateway.database).args(["exchange", "add"]).arg(file)).await
}

/// How a registration does at a gateway; `None`: it is not registered.
pub async fn exchange(gateway: &Gateway, name: &str) -> Option<Exchange> {
    let listed = gateway.admin().list_exchanges(ListExchangesRequest {}).await.unwrap().into_inner();
    listed.exchanges.into_iter().find(|exchange| exchange.name == name)
}

/// Waits until the gateway consumes it.
pub async fn consumed(gateway: &Gateway, exchange_name: &str) {
    in_phase(gateway, exchange_name, "consuming", TAKEN_IN).await;
}

/// Waits until it is in a phase; gives the detail.
pub async fn in_phase(gateway: &Gateway, exchange_name: &str, phase: &str, patience: Duration) -> String {
    let name = name_of(exchange_name);
    eventually(&format!("{name} is {phase}"), patience, async || {
        exchange(gateway, name).await.filter(|shown| shown.phase == phase).map(|shown| shown.detail)
    })
    .await
}

/// Declares an exchange, registers it and waits until it is consumed.
pub async fn publisher_to(gateway: &Gateway, broker: &Broker, registration: &Value) -> Publisher {
    let exchange = registration["exchange"].as_str().unwrap();
    let publisher = Publisher::open(broker, exchange).await;
    register(gateway, registration).await.done();
    consumed(gateway, exchange).await;
    publisher
}

/// Publishes to one exchange with confirms.
#[derive(Debug)]
pub struct Publisher {
    /// The exchange.
    pub exchange: String,
    /// Its channel, for whatever else a test wants.
    pub channel: Channel,
    _connection: Connection,
}

impl Publisher {
    /// Declares the exchange.
    pub async fn open(broker: &Broker, exchange: &str) -> Self {
        let connection = broker.connect().await;
        let channel = connection.create_channel().await.unwrap();
        let durable = ExchangeDeclareOptions { durable: true, ..Default::default() };
        channel
            .exchange_declare(exchange.into(), ExchangeKind::Topic, durable, FieldTable::default())
            .await
            .unwrap();
        channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
        Self { exchange: exchange.into(), channel, _connection: connection }
    }

    /// Publishes bytes; true if they went into a queue, an error if that is not known.
    pub async fn try_publish(
        &self,
        key: &str,
        body: &[u8],
        properties: BasicProperties,
    ) -> Result<bool, lapin::Error> {
        let mandatory = BasicPublishOptions { mandatory: true, immediate: false };
        let properties = properties.with_delivery_mode(2);
        let (exchange, key) = (self.exchange.as_str().into(), key.into());
        let confirming = self.channel.basic_publish(exchange, key, mandatory, body, properties).await?;
        Ok(matches!(confirming.await?, Confirmation::Ack(None)))
    }

    /// Publishes bytes that must go into a queue.
    pub async fn publish(&self, key: &str, body: &[u8], properties: BasicProperties) {
        assert!(self.try_publish(key, body, properties).await.unwrap(), "{key} is routed");
    }

    /// Publishes a message that must go into a queue.
    pub async fn send(&self, key: &str, message: &Value) {
        self.publish(key, message.to_string().as_bytes(), json_properties()).await;
    }

    /// Publishes pending jobs of these guids.
    pub async fn send_jobs(&self, key: &str, guids: &[String], revision: &str) {
        for guid in guids {
            self.send(key, &pulse(guid, revision)).await;
        }
    }

    /// How many messages wait in a queue; `None`: there is none.
    pub async fn waiting(&self, queue: &str) -> Option<u32> {
        // The broker closes a channel that asks for what is not there.
        let channel = self._connection.create_channel().await.unwrap();
        let passive = QueueDeclareOptions::durable().passive();
        let declared = channel.queue_declare(queue.into(), passive, FieldTable::default()).await;
        declared.ok().map(|queue| queue.message_count())
    }
}

/// What a JSON message is published with.
pub fn json_properties() -> BasicProperties {
    BasicProperties::default().with_content_type("application/json".into())
}

/// The queue of an exchange's registration.
pub fn queue_of(exchange: &str) -> String {
    format!("queue/{}/{}", super::rabbitmq::USER, name_of(exchange))
}

/// Waits until all of these jobs are stored.
pub async fn all_stored(gateway: &Gateway, guids: &[String]) {
    for guid in guids {
        eventually(&format!("{guid} is stored"), TAKEN_IN, async || state_of(gateway, guid).await).await;
    }
}

/// What is held of an exchange, newest first, at most 1000.
pub async fn held_of(gateway: &Gateway, exchange: &str) -> Vec<HeldMessage> {
    let request = ListHeldMessagesRequest { source: exchange.into(), page_size: 1000, ..Default::default() };
    gateway.admin().list_held_messages(request).await.unwrap().into_inner().messages
}
