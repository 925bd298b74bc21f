//! How often a message failed for a reason of ours (R22). Counted here and not by the broker, which
//! also counts every restart.

use super::entities::exchanges::delivery_attempt;
use super::time::to_micros;
use super::{Store, StoreError};
use crate::domain::ContentDigest;
use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter};

impl Store {
    /// Counts one more failed attempt; gives how many there are now.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn count_attempt(&self, digest: ContentDigest, now: DateTime<Utc>) -> Result<i64, StoreError> {
        use delivery_attempt::Column;
        let row = delivery_attempt::ActiveModel {
            content_digest: Set(digest.as_bytes().to_vec()),
            attempts: Set(1),
            last_attempt_at: Set(to_micros(now)),
        };
        let one_more: Expr = Expr::col((delivery_attempt::Entity, Column::Attempts));
        let or_count = OnConflict::column(Column::ContentDigest)
            .value(Column::Attempts, one_more.add(1))
            .update_column(Column::LastAttemptAt)
            .to_owned();
        let counted = delivery_attempt::Entity::insert(row)
            .on_conflict(or_count)
            .exec_with_returning(&self.write_connection())
            .await?;
        Ok(counted.attempts)
    }

    /// Forgets the attempts of a message that is decided.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn forget_attempts(&self, digest: ContentDigest) -> Result<(), StoreError> {
        delivery_attempt::Entity::delete_by_id(digest.as_bytes().to_vec())
            .exec(&self.write_connection())
            .await?;
        Ok(())
    }

    /// Forgets attempts of messages that were not seen again; gives how many messages.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn expire_attempts(&self, before: DateTime<Utc>) -> Result<u64, StoreError> {
        let expired = delivery_attempt::Entity::delete_many()
            .filter(delivery_attempt::Column::LastAttemptAt.lt(to_micros(before)))
            .exec(&self.write_connection())
            .await?;
        Ok(expired.rows_affected)
    }
}
