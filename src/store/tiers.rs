//! Tiers that win over submitted ones.

use super::directory::bump_version;
use super::entities::gateway::tier_override;
use super::{Store, StoreError};
use crate::domain::Signature;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, EntityTrait, QueryOrder};

impl Store {
    /// Gives all later jobs of a signature this tier.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn set_tier(&self, signature: Signature, tier: i32) -> Result<(), StoreError> {
        let transaction = self.begin_write().await?;
        let row = tier_override::ActiveModel { signature: Set(signature.to_string()), tier: Set(tier) };
        let or_change = OnConflict::column(tier_override::Column::Signature)
            .update_column(tier_override::Column::Tier)
            .to_owned();
        tier_override::Entity::insert(row)
            .on_conflict(or_change)
            .exec_without_returning(&transaction)
            .await?;
        bump_version(&transaction).await?;
        Ok(transaction.commit().await?)
    }

    /// All overrides, by signature.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn tiers(&self) -> Result<Vec<(Signature, i32)>, StoreError> {
        let rows = tier_override::Entity::find()
            .order_by_asc(tier_override::Column::Signature)
            .all(&self.read_connection())
            .await?;
        let read = |row: tier_override::Model| match Signature::parse(&row.signature) {
            Some(signature) => Ok((signature, row.tier)),
            None => Err(StoreError::Internal(format!("{:?} is no signature", row.signature))),
        };
        rows.into_iter().map(read).collect()
    }

    /// Removes an override; false if there was none.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn clear_tier(&self, signature: Signature) -> Result<bool, StoreError> {
        let transaction = self.begin_write().await?;
        let removed = tier_override::Entity::delete_by_id(signature.to_string()).exec(&transaction).await?;
        bump_version(&transaction).await?;
        transaction.commit().await?;
        Ok(removed.rows_affected > 0)
    }
}
