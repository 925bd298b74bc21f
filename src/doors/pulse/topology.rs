//! Queue and bindings of a registration, made what they are to be. Done again after every reconnection
//! and change; what was bound before and no longer is wanted is unbound (contract-ingest 8.4).

use super::connection::{NOT_FOUND, PRECONDITION_FAILED, PulseError, answer, reply};
use crate::domain::{QueueType, Registration};
use crate::limits;
use crate::store::{Binding, Store};
use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection, ExchangeKind};
use std::collections::BTreeSet;

/// What is there once all is declared.
#[derive(Debug)]
pub(super) struct Declared {
    /// As stored when it was declared.
    pub(super) registration: Registration,
    /// Messages that wait in its queue; those that are delivered and not acknowledged are not among them.
    pub(super) waiting: u32,
    /// Consumers of its queue, anybody's.
    pub(super) consumers: u32,
}

/// Declares the queue of the registration of this name, binds it, and unbinds what is stale. `None`:
/// there is no such registration any more, or it is drained and has no queue any more.
///
/// # Errors
/// Why it cannot be done now; what was bound stays remembered.
pub(super) async fn declare(
    connection: &Connection,
    store: &Store,
    name: &str,
    user: &str,
) -> Result<Option<Declared>, PulseError> {
    let channel = answer(connection.create_channel()).await??;
    let declared = declare_on(&channel, store, name, user).await;
    // A channel that the broker closed needs no closing; one that is dropped closes by itself.
    drop(channel);
    declared
}

async fn declare_on(
    channel: &Channel,
    store: &Store,
    name: &str,
    user: &str,
) -> Result<Option<Declared>, PulseError> {
    let queue = format!("queue/{user}/{name}");
    loop {
        // Bindings first: whatever another gateway bound before this read belongs to a registration that
        // is read after it, so that none of its new bindings is taken for a stale one.
        let remembered: BTreeSet<Binding> = store.bindings(name, &queue).await?.into_iter().collect();
        let Some(registration) = store.registration(name).await? else { return Ok(None) };
        let wanted = bindings_of(&registration);
        if !registration.draining {
            exchange_exists(channel, &registration.exchange).await?;
        }
        let Some(declared) = declare_queue(channel, &registration, &queue).await? else { return Ok(None) };
        bind(channel, store, (&registration, &queue), &remembered, &wanted).await?;
        if store.registration(name).await?.as_ref() == Some(&registration) {
            let (waiting, consumers) = (declared.message_count(), declared.consumer_count());
            return Ok(Some(Declared { registration, waiting, consumers }));
        }
        // It changed meanwhile. Another gateway may have unbound and forgotten what was bound here after
        // that: it is remembered again, so that the next round, or any later one, finds it stale.
        let bound: Vec<Binding> = wanted.into_iter().collect();
        store.remember_bindings((name, &registration.broker, &queue), &bound).await?;
    }
}

fn bindings_of(registration: &Registration) -> BTreeSet<Binding> {
    let binding = |routing_key| Binding { exchange: registration.exchange.clone(), routing_key };
    registration.binding_keys().into_iter().map(binding).collect()
}

/// Makes the bindings of a queue those that are wanted, and remembers them.
async fn bind(
    channel: &Channel,
    store: &Store,
    (registration, queue): (&Registration, &str),
    remembered: &BTreeSet<Binding>,
    wanted: &BTreeSet<Binding>,
) -> Result<(), PulseError> {
    let name = registration.name.as_str();
    let stale: Vec<Binding> = remembered.difference(wanted).cloned().collect();
    let new: Vec<Binding> = wanted.difference(remembered).cloned().collect();
    store.remember_bindings((name, &registration.broker, queue), &new).await?;
    for Binding { exchange, routing_key } in wanted {
        let (exchange, key) = (exchange.as_str().into(), routing_key.as_str().into());
        let (options, table) = (QueueBindOptions::default(), FieldTable::default());
        answer(channel.queue_bind(queue.into(), exchange, key, options, table)).await??;
    }
    for Binding { exchange, routing_key } in &stale {
        let (exchange, key) = (exchange.as_str().into(), routing_key.as_str().into());
        answer(channel.queue_unbind(queue.into(), exchange, key, FieldTable::default())).await??;
    }
    store.forget_bindings(name, queue, &stale).await?;
    if !new.is_empty() || !stale.is_empty() {
        let (bound, unbound) = (new.len(), stale.len());
        tracing::info!(registration = name, queue, bound, unbound, "bindings changed");
    }
    Ok(())
}

/// # Errors
/// [`PulseError::NoExchange`] if it does not.
pub(super) async fn exchange_exists(channel: &Channel, exchange: &str) -> Result<(), PulseError> {
    let passive = ExchangeDeclareOptions { passive: true, durable: true, ..Default::default() };
    let declaring =
        channel.exchange_declare(exchange.into(), ExchangeKind::Topic, passive, FieldTable::default());
    match answer(declaring).await? {
        Ok(()) => Ok(()),
        Err(error) => Err(match reply(&error) {
            Some((NOT_FOUND, _)) => PulseError::NoExchange(exchange.into()),
            _ => error.into(),
        }),
    }
}

/// Gives what the broker says of it; `None`: there is none, and none is to be made.
async fn declare_queue(
    channel: &Channel,
    registration: &Registration,
    queue: &str,
) -> Result<Option<lapin::Queue>, PulseError> {
    let mut options = QueueDeclareOptions::durable();
    options.passive = registration.draining;
    let declaring = channel.queue_declare(queue.into(), options, arguments(registration.queue_type));
    match answer(declaring).await? {
        Ok(declared) => Ok(Some(declared)),
        Err(error) => match reply(&error) {
            Some((NOT_FOUND, _)) if registration.draining => Ok(None),
            Some((PRECONDITION_FAILED, reason)) => {
                Err(PulseError::OtherQueue { queue: queue.into(), reason })
            }
            _ => Err(error.into()),
        },
    }
}

/// A classic queue is declared as the consumers of old did; a quorum queue has a delivery limit that no
/// number of restarts reaches (R22).
fn arguments(queue_type: QueueType) -> FieldTable {
    let mut arguments = FieldTable::default();
    if queue_type == QueueType::Quorum {
        arguments.insert("x-queue-type".into(), AMQPValue::LongString(queue_type.as_str().into()));
        arguments
            .insert("x-delivery-limit".into(), AMQPValue::LongLongInt(limits::PULSE_DELIVERY_LIMIT.into()));
    }
    arguments
}
