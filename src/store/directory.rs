//! The version of what gateways keep in memory: repositories, credentials, tiers and exchanges.

use super::entities::gateway::gateway_state;
use super::{Store, StoreError};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};

const DIRECTORY_VERSION: &str = "directory_version";
/// The row that a probe writes; nobody else waits for it.
const COMMIT_PROBE: &str = "database_id";

impl Store {
    /// Grows with every change of repositories, credentials, tiers and exchanges; cheap to ask for.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn directory_version(&self) -> Result<i64, StoreError> {
        state_number(&self.read_connection(), DIRECTORY_VERSION).await
    }

    /// Commits something that changes nothing: whether that can be done is known no other way.
    ///
    /// # Errors
    /// If it cannot.
    pub async fn probe_commit(&self) -> Result<(), StoreError> {
        let transaction = self.begin_write().await?;
        gateway_state::Entity::update_many()
            .col_expr(gateway_state::Column::Value, Expr::col(gateway_state::Column::Value))
            .filter(gateway_state::Column::Key.eq(COMMIT_PROBE))
            .exec(&transaction)
            .await?;
        Ok(transaction.commit().await?)
    }
}

/// A number that `gateway_state` has under this key.
pub(super) async fn state_number(connection: &impl ConnectionTrait, key: &str) -> Result<i64, StoreError> {
    let row = gateway_state::Entity::find_by_id(key).one(connection).await?;
    row.and_then(|row| row.value.parse().ok())
        .ok_or_else(|| StoreError::Internal(format!("gateway_state has no number {key}")))
}

/// To be called in the transaction of every change.
pub(super) async fn bump_version(connection: &impl ConnectionTrait) -> Result<(), StoreError> {
    gateway_state::Entity::update_many()
        .col_expr(gateway_state::Column::Value, Expr::cust("CAST(CAST(value AS bigint) + 1 AS text)"))
        .filter(gateway_state::Column::Key.eq(DIRECTORY_VERSION))
        .exec(connection)
        .await?;
    Ok(())
}
