//! Registered exchanges.

use super::directory::bump_version;
use super::entities::exchanges::{exchange, exchange_binding};
use super::time::to_micros;
use super::{Store, StoreError};
use crate::domain::{ExchangeKind, QueueType, Registration, RegistrationOrigin};
use chrono::Utc;
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, PaginatorTrait,
    QueryFilter, QueryOrder,
};

/// What [`Store::save_registration`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegistrationSaved {
    /// There was none of this name.
    Added,
    /// The one of this name was changed.
    Changed,
}

/// Why a registration stays as it is.
#[derive(Debug, thiserror::Error)]
pub enum RegistrationConflict {
    /// Its queue would have to be another one.
    #[error(
        "the exchange registered as {name:?} has another {field}; remove it first, wait until its queue is \
         drained, then add it anew"
    )]
    OtherQueue {
        /// Name of the registration.
        name: String,
        /// The member that differs.
        field: &'static str,
    },
    /// It comes from the environment of a gateway.
    #[error("the exchange registered as {0:?} comes from the environment; change it there, then restart")]
    FromEnvironment(String),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What [`Store::remove_registration`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// There is none of this name.
    Unknown,
    /// It is gone.
    Gone,
    /// Its bindings go now, and it goes once its queue is empty.
    Draining,
}

impl Store {
    /// Adds a registration, or changes the one of its name; one that drains is taken up again.
    ///
    /// # Errors
    /// [`RegistrationConflict`] if the one of its name has another broker, kind or queue type, or comes
    /// from elsewhere.
    pub async fn save_registration(
        &self,
        registration: &Registration,
    ) -> Result<RegistrationSaved, RegistrationConflict> {
        let transaction = self.begin_write().await?;
        let existing = find(&transaction, &registration.name).await?;
        if let Some(existing) = &existing {
            agree(existing, registration)?;
        }
        upsert(&transaction, registration).await?;
        bump_version(&transaction).await?;
        transaction.commit().await.map_err(StoreError::from)?;
        Ok(if existing.is_some() { RegistrationSaved::Changed } else { RegistrationSaved::Added })
    }

    /// Makes the registrations from the environment exactly these: others that came from there are
    /// drained. A registration by command of the same name becomes one of the environment.
    ///
    /// # Errors
    /// As [`Self::save_registration`]; then nothing has changed.
    pub async fn reconcile_registrations(&self, wanted: &[Registration]) -> Result<(), RegistrationConflict> {
        let transaction = self.begin_write().await?;
        let mut existing = all(&transaction).await?;
        for registration in wanted {
            if let Some(known) = existing.iter_mut().find(|known| known.name == registration.name) {
                known.origin = RegistrationOrigin::Environment;
                agree(known, registration)?;
            }
            upsert(&transaction, registration).await?;
        }
        let is_wanted = |known: &Registration| wanted.iter().any(|wanted| wanted.name == known.name);
        for gone in existing.iter().filter(|known| !is_wanted(known) && !known.draining) {
            if gone.origin == RegistrationOrigin::Environment {
                drain(&transaction, &gone.name).await?;
            }
        }
        bump_version(&transaction).await?;
        transaction.commit().await.map_err(StoreError::from)?;
        Ok(())
    }

    /// All registrations, those that drain too, by name.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn registrations(&self) -> Result<Vec<Registration>, StoreError> {
        all(&self.read_connection()).await
    }

    /// The registration of this name.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn registration(&self, name: &str) -> Result<Option<Registration>, StoreError> {
        find(&self.read_connection(), name).await
    }

    /// Removes a registration: at once if `force` or if nothing was ever bound for it, otherwise once
    /// the gateways have drained its queue.
    ///
    /// # Errors
    /// [`RegistrationConflict::FromEnvironment`].
    pub async fn remove_registration(
        &self,
        name: &str,
        force: bool,
    ) -> Result<Removal, RegistrationConflict> {
        let transaction = self.begin_write().await?;
        let Some(existing) = find(&transaction, name).await? else { return Ok(Removal::Unknown) };
        if existing.origin == RegistrationOrigin::Environment && !existing.draining {
            return Err(RegistrationConflict::FromEnvironment(name.into()));
        }
        let removal = if force {
            forget(&transaction, name).await?;
            Removal::Gone
        } else {
            drain(&transaction, name).await?
        };
        bump_version(&transaction).await?;
        transaction.commit().await.map_err(StoreError::from)?;
        Ok(removal)
    }

    /// Forgets a registration whose queue is drained; one that was taken up again meanwhile stays.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn forget_drained(&self, name: &str) -> Result<(), StoreError> {
        let transaction = self.begin_write().await?;
        let forgotten = exchange::Entity::delete_by_id(name)
            .filter(exchange::Column::Draining.eq(true))
            .exec(&transaction)
            .await?;
        if forgotten.rows_affected > 0 {
            forget_bindings(&transaction, name).await?;
            bump_version(&transaction).await?;
        }
        Ok(transaction.commit().await?)
    }
}

/// Whether one may take the place of the other.
fn agree(existing: &Registration, new: &Registration) -> Result<(), RegistrationConflict> {
    if existing.origin != new.origin && !existing.draining {
        return Err(RegistrationConflict::FromEnvironment(existing.name.clone()));
    }
    let same = [
        ("broker", existing.broker == new.broker),
        ("kind", existing.kind == new.kind),
        ("queue_type", existing.queue_type == new.queue_type),
    ];
    match same.into_iter().find(|(_, same)| !same) {
        Some((field, _)) => Err(RegistrationConflict::OtherQueue { name: existing.name.clone(), field }),
        None => Ok(()),
    }
}

async fn find(connection: &impl ConnectionTrait, name: &str) -> Result<Option<Registration>, StoreError> {
    exchange::Entity::find_by_id(name).one(connection).await?.map(Registration::try_from).transpose()
}

async fn all(connection: &impl ConnectionTrait) -> Result<Vec<Registration>, StoreError> {
    let rows = exchange::Entity::find().order_by_asc(exchange::Column::Name).all(connection).await?;
    rows.into_iter().map(Registration::try_from).collect()
}

async fn upsert(transaction: &DatabaseTransaction, new: &Registration) -> Result<(), StoreError> {
    use exchange::Column;
    let list = |words: &[String]| serde_json::Value::from(words.to_vec()).to_string();
    let row = exchange::ActiveModel {
        name: Set(new.name.clone()),
        exchange: Set(new.exchange.clone()),
        broker: Set(new.broker.clone()),
        kind: Set(new.kind.as_str().into()),
        destinations: Set(list(&new.destinations)),
        projects: Set(list(&new.projects)),
        routing_keys: Set(list(&new.routing_keys)),
        may_write: Set(list(&new.may_write)),
        queue_type: Set(new.queue_type.as_str().into()),
        origin: Set(new.origin.as_str().into()),
        draining: Set(false),
        registered_at: Set(to_micros(Utc::now())),
    };
    let or_change = OnConflict::column(Column::Name)
        .update_columns([
            Column::Exchange,
            Column::Destinations,
            Column::Projects,
            Column::RoutingKeys,
            Column::MayWrite,
            Column::Origin,
            Column::Draining,
        ])
        .to_owned();
    exchange::Entity::insert(row).on_conflict(or_change).exec_without_returning(transaction).await?;
    Ok(())
}

/// Nothing is left at the broker of what was never bound.
async fn drain(transaction: &DatabaseTransaction, name: &str) -> Result<Removal, StoreError> {
    let bound = exchange_binding::Entity::find()
        .filter(exchange_binding::Column::Registration.eq(name))
        .count(transaction)
        .await?;
    if bound == 0 {
        forget(transaction, name).await?;
        return Ok(Removal::Gone);
    }
    exchange::Entity::update_many()
        .col_expr(exchange::Column::Draining, Expr::value(true))
        .filter(exchange::Column::Name.eq(name))
        .exec(transaction)
        .await?;
    Ok(Removal::Draining)
}

async fn forget(transaction: &DatabaseTransaction, name: &str) -> Result<(), StoreError> {
    exchange::Entity::delete_by_id(name).exec(transaction).await?;
    forget_bindings(transaction, name).await
}

async fn forget_bindings(transaction: &DatabaseTransaction, name: &str) -> Result<(), StoreError> {
    exchange_binding::Entity::delete_many()
        .filter(exchange_binding::Column::Registration.eq(name))
        .exec(transaction)
        .await?;
    Ok(())
}

impl TryFrom<exchange::Model> for Registration {
    type Error = StoreError;

    fn try_from(row: exchange::Model) -> Result<Self, StoreError> {
        let broken = |what: &str| StoreError::Internal(format!("exchange {:?}: unknown {what}", row.name));
        let list = |text: &str| serde_json::from_str(text).map_err(|_| broken("list"));
        Ok(Self {
            destinations: list(&row.destinations)?,
            projects: list(&row.projects)?,
            routing_keys: list(&row.routing_keys)?,
            may_write: list(&row.may_write)?,
            kind: ExchangeKind::from_word(&row.kind).ok_or_else(|| broken("kind"))?,
            queue_type: QueueType::from_word(&row.queue_type).ok_or_else(|| broken("queue type"))?,
            origin: RegistrationOrigin::from_word(&row.origin).ok_or_else(|| broken("origin"))?,
            draining: row.draining,
            exchange: row.exchange,
            broker: row.broker,
            name: row.name,
        })
    }
}
