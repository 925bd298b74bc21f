//! Publishing: what `herdgate publish` does, and a publisher's first test.

use super::connection::{Brokers, PRECONDITION_FAILED, PulseError, answer, reply};
use crate::limits;
use futures::StreamExt;
use lapin::options::{
    BasicPublishOptions, ConfirmSelectOptions, ExchangeDeclareOptions, ExchangeDeleteOptions,
    QueueDeleteOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Confirmation, Connection, Event, ExchangeKind};
use tokio::time::timeout;

/// Publishes to one exchange, persistent and confirmed.
#[derive(Debug)]
pub struct Publisher {
    connection: Connection,
    channel: Channel,
    exchange: String,
}

/// What the broker did with a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Published {
    /// It is in at least one queue.
    Routed,
    /// No queue is bound for its routing key: nobody will ever see it.
    Unroutable,
    /// The broker could not take it.
    Refused,
}

impl Publisher {
    /// Connects to a broker and declares the exchange, a durable topic exchange.
    ///
    /// # Errors
    /// If the broker cannot be reached or does not let us declare it.
    pub async fn open(brokers: &Brokers, broker: &str, exchange: &str) -> Result<Self, PulseError> {
        let connection = brokers.connect(broker).await?;
        let channel = answer(connection.create_channel()).await??;
        let options = ExchangeDeclareOptions { durable: true, ..Default::default() };
        let table = FieldTable::default();
        let declaring = channel.exchange_declare(exchange.into(), ExchangeKind::Topic, options, table);
        if let Err(error) = answer(declaring).await? {
            return Err(match reply(&error) {
                Some((PRECONDITION_FAILED, reason)) => {
                    PulseError::OtherExchange { exchange: exchange.into(), reason }
                }
                _ => error.into(),
            });
        }
        answer(channel.confirm_select(ConfirmSelectOptions::default())).await??;
        Ok(Self { connection, channel, exchange: exchange.into() })
    }

    /// Publishes a JSON document and waits for the broker's word, at most [`limits::PUBLISH_CONFIRM`].
    ///
    /// # Errors
    /// If there is no word: then the message may be published or not.
    pub async fn publish(&self, routing_key: &str, body: &[u8]) -> Result<Published, PulseError> {
        let mut events = self.connection.events_listener();
        let publishing = async {
            let options = BasicPublishOptions { mandatory: true, immediate: false };
            let properties = BasicProperties::default()
                .with_content_type("application/json".into())
                .with_content_encoding("utf-8".into())
                .with_delivery_mode(PERSISTENT);
            let (exchange, key) = (self.exchange.as_str().into(), routing_key.into());
            self.channel.basic_publish(exchange, key, options, body, properties).await?.await
        };
        let blocked = async {
            loop {
                match events.next().await {
                    Some(Event::ConnectionBlocked(reason)) => break reason,
                    Some(_) => {}
                    None => std::future::pending().await,
                }
            }
        };
        tokio::select! {
            confirmed = timeout(limits::PUBLISH_CONFIRM, publishing) => match confirmed {
                Ok(confirmation) => Ok(outcome(confirmation?)),
                Err(_) => Err(PulseError::Silent),
            },
            reason = blocked => {
                Err(PulseError::Lost(format!("the broker takes nothing from publishers now: {reason}")))
            }
        }
    }

    /// Deletes a queue, whatever is in it, and the exchange unless others have bound queues to it.
    ///
    /// # Errors
    /// If the broker does not let us.
    pub async fn remove_with(&self, queue: &str) -> Result<(), PulseError> {
        let of_queue = QueueDeleteOptions::default();
        answer(self.channel.queue_delete(queue.into(), of_queue)).await??;
        let of_exchange = ExchangeDeleteOptions { if_unused: true, ..Default::default() };
        match answer(self.channel.exchange_delete(self.exchange.as_str().into(), of_exchange)).await? {
            Err(error) if reply(&error).is_some_and(|(code, _)| code == PRECONDITION_FAILED) => Ok(()),
            other => Ok(other?),
        }
    }

    /// Closes the connection.
    pub async fn close(self) {
        // The broker has confirmed everything already.
        let _ = timeout(limits::PULSE_ANSWER, self.connection.close(200, "OK".into())).await;
    }
}

/// Delivery mode of messages that survive a restart of the broker.
const PERSISTENT: u8 = 2;

fn outcome(confirmation: Confirmation) -> Published {
    match confirmation {
        Confirmation::Ack(None) => Published::Routed,
        Confirmation::Ack(Some(_)) => Published::Unroutable,
        // Without confirmations there would be no promise; they were asked for.
        Confirmation::Nack(_) | Confirmation::NotRequested => Published::Refused,
    }
}
