//! What queues were bound by: remembered before it is bound and forgotten after it is unbound, so that
//! no binding at a broker is ever unknown here.

use super::entities::exchanges::exchange_binding;
use super::{Store, StoreError};
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, ColumnTrait, Condition, EntityTrait, QueryFilter};

/// A queue is bound to an exchange by a routing key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Binding {
    /// The exchange.
    pub exchange: String,
    /// The routing key.
    pub routing_key: String,
}

impl Store {
    /// What the queue of a registration was bound by.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn bindings(&self, registration: &str, queue: &str) -> Result<Vec<Binding>, StoreError> {
        let rows = exchange_binding::Entity::find()
            .filter(of_queue(registration, queue))
            .all(&self.read_connection())
            .await?;
        let binding =
            |row: exchange_binding::Model| Binding { exchange: row.exchange, routing_key: row.routing_key };
        Ok(rows.into_iter().map(binding).collect())
    }

    /// Remembers bindings that are about to be made.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn remember_bindings(
        &self,
        (registration, broker, queue): (&str, &str, &str),
        bindings: &[Binding],
    ) -> Result<(), StoreError> {
        if bindings.is_empty() {
            return Ok(());
        }
        let rows = bindings.iter().map(|binding| exchange_binding::ActiveModel {
            registration: Set(registration.into()),
            broker: Set(broker.into()),
            queue: Set(queue.into()),
            exchange: Set(binding.exchange.clone()),
            routing_key: Set(binding.routing_key.clone()),
        });
        use exchange_binding::Column;
        let unless_known =
            OnConflict::columns([Column::Registration, Column::Queue, Column::Exchange, Column::RoutingKey])
                .do_nothing()
                .to_owned();
        exchange_binding::Entity::insert_many(rows)
            .on_conflict(unless_known)
            .exec_without_returning(&self.write_connection())
            .await?;
        Ok(())
    }

    /// Forgets bindings that are no more.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn forget_bindings(
        &self,
        registration: &str,
        queue: &str,
        bindings: &[Binding],
    ) -> Result<(), StoreError> {
        use exchange_binding::Column;
        for some in bindings.chunks(100) {
            let named = some.iter().fold(Condition::any(), |any, binding| {
                any.add(
                    Condition::all()
                        .add(Column::Exchange.eq(&binding.exchange))
                        .add(Column::RoutingKey.eq(&binding.routing_key)),
                )
            });
            exchange_binding::Entity::delete_many()
                .filter(of_queue(registration, queue))
                .filter(named)
                .exec(&self.write_connection())
                .await?;
        }
        Ok(())
    }
}

fn of_queue(registration: &str, queue: &str) -> Condition {
    Condition::all()
        .add(exchange_binding::Column::Registration.eq(registration))
        .add(exchange_binding::Column::Queue.eq(queue))
}
