//! Listening to an exchange without consuming for anybody else: what `herdgate pulse tail` does.

use super::connection::{Brokers, PulseError, answer};
use super::received::Received;
use super::{properties, topology};
use crate::core::Content;
use crate::domain::{ExchangeKind, Registration, RegistrationOrigin, Violation};
use crate::formats::push_notices::Notice;
use crate::formats::registration::RegistrationForm;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::StreamExt;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicQosOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::FieldTable;
use lapin::{Connection, Consumer};

/// A queue of its own on an exchange, gone when this is dropped.
#[derive(Debug)]
pub struct Tail {
    _connection: Connection,
    stream: Consumer,
    registration: Registration,
    queue: String,
}

/// A message as it was published, and what Herdgate would make of it.
#[derive(Debug)]
pub struct Tailed {
    /// When it came.
    pub received_at: DateTime<Utc>,
    /// Its routing key.
    pub routing_key: String,
    /// Properties and headers, as JSON.
    pub properties: serde_json::Value,
    /// Likewise.
    pub headers: serde_json::Value,
    /// The body, decompressed if that was possible.
    pub body: Bytes,
    /// What is wrong with it; empty: it would be taken in, if its repository is known.
    pub violations: Vec<Violation>,
    /// What would be accepted but looks wrong.
    pub warnings: Vec<Violation>,
}

/// Messages that are here and not shown yet.
const AHEAD: u16 = 100;

impl Tail {
    /// Binds a new exclusive queue, `queue/USER/tail-RANDOM`, to an exchange (R23) of messages of a kind.
    ///
    /// # Errors
    /// If the broker cannot be reached or the exchange is not there.
    pub async fn open(
        brokers: &Brokers,
        broker: &str,
        (exchange, kind): (&str, ExchangeKind),
        routing_key: &str,
    ) -> Result<Self, PulseError> {
        let user = &brokers.url(broker)?.user;
        let form = RegistrationForm {
            exchange: exchange.into(),
            name: Some(format!("tail-{}", uuid::Uuid::new_v4().simple())),
            broker: Some(broker.into()),
            kind: Some(kind.as_str().into()),
            ..RegistrationForm::default()
        };
        let registration =
            form.check(RegistrationOrigin::Command).map_err(|error| PulseError::Lost(error.to_string()))?;
        let queue = registration.queue(user);
        let connection = brokers.connect(broker).await?;
        let channel = answer(connection.create_channel()).await??;
        topology::exchange_exists(&channel, exchange).await?;
        let options = QueueDeclareOptions::exclusive().auto_delete();
        answer(channel.queue_declare(queue.as_str().into(), options, FieldTable::default())).await??;
        let (bind, table) = (QueueBindOptions::default(), FieldTable::default());
        let (name, key) = (queue.as_str().into(), routing_key.into());
        answer(channel.queue_bind(name, exchange.into(), key, bind, table)).await??;
        answer(channel.basic_qos(AHEAD, BasicQosOptions::default())).await??;
        let (consume, table) = (BasicConsumeOptions::default(), FieldTable::default());
        let stream =
            answer(channel.basic_consume(queue.as_str().into(), "".into(), consume, table)).await??;
        Ok(Self { _connection: connection, stream, registration, queue })
    }

    /// The name of its queue.
    pub fn queue(&self) -> &str {
        &self.queue
    }

    /// Waits for the next message.
    ///
    /// # Errors
    /// If the connection is lost.
    pub async fn next(&mut self) -> Result<Tailed, PulseError> {
        let delivery = self.stream.next().await.ok_or(PulseError::Cancelled)??;
        delivery.acker.ack(BasicAckOptions::default()).await?;
        let received_at = Utc::now();
        let routing_key = delivery.routing_key.to_string();
        let (shown, headers) =
            (properties::properties(&delivery.properties), properties::headers(&delivery.properties));
        let received = Received::new(delivery, &self.registration, received_at);
        let (body, violations, warnings) = match received.notice() {
            Some(message) => match message.notice {
                Ok(Notice::Push(_)) => (message.raw, Vec::new(), Vec::new()),
                Ok(Notice::Skipped(reason)) => (message.raw, Vec::new(), vec![reason.warning()]),
                Err(refused) => (message.raw, refused.violations, Vec::new()),
            },
            None => {
                let submission = received.submission();
                let violations = match submission.content {
                    Content::Invalid(refused) => refused.violations,
                    Content::Job(_) | Content::Artifact(_) => Vec::new(),
                };
                (submission.raw, violations, submission.warnings)
            }
        };
        Ok(Tailed { received_at, routing_key, properties: shown, headers, body, violations, warnings })
    }
}
