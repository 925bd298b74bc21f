//! Nonces of signed requests, shared by all gateways of a database (design rule R24).

use super::entities::gateway::hawk_nonce;
use super::time::to_micros;
use super::{Backend, Store, StoreError};
use chrono::{DateTime, Utc};
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use std::collections::HashSet;

/// What may be used once.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Nonce {
    /// Of the credential.
    pub client_id: String,
    /// The client's random text.
    pub nonce: String,
    /// The client's time, seconds since 1970.
    pub ts: i64,
}

impl Store {
    /// Remembers nonces; gives those that were not remembered before. Not flushed on PostgreSQL: a crash
    /// forgets them. A request of the minute before could then be repeated, which changes nothing: what was
    /// submitted before is a duplicate.
    ///
    /// # Errors
    /// If the database fails; then none is remembered.
    pub async fn remember_nonces(
        &self,
        nonces: &[Nonce],
        now: DateTime<Utc>,
    ) -> Result<HashSet<Nonce>, StoreError> {
        if nonces.is_empty() {
            return Ok(HashSet::new());
        }
        let transaction = self.begin_write().await?;
        if matches!(self.backend(), Backend::Postgres { .. }) {
            transaction.execute_unprepared("SET LOCAL synchronous_commit = off").await?;
        }
        // In one order everywhere: two gateways must not wait for each other's rows.
        let mut rows: Vec<&Nonce> = nonces.iter().collect();
        rows.sort_unstable_by_key(|nonce| (&nonce.client_id, &nonce.nonce, nonce.ts));
        rows.dedup();
        let rows = rows.into_iter().map(|nonce| hawk_nonce::ActiveModel {
            client_id: Set(nonce.client_id.clone()),
            nonce: Set(nonce.nonce.clone()),
            ts: Set(nonce.ts),
            seen_at: Set(to_micros(now)),
        });
        let new = hawk_nonce::Entity::insert_many(rows)
            .on_conflict(OnConflict::new().do_nothing().to_owned())
            .exec_with_returning(&transaction)
            .await?;
        transaction.commit().await?;
        let nonce = |row: hawk_nonce::Model| Nonce { client_id: row.client_id, nonce: row.nonce, ts: row.ts };
        Ok(new.into_iter().map(nonce).collect())
    }

    /// Forgets nonces seen before a time.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn forget_nonces(&self, before: DateTime<Utc>) -> Result<(), StoreError> {
        hawk_nonce::Entity::delete_many()
            .filter(hawk_nonce::Column::SeenAt.lt(to_micros(before)))
            .exec(&self.write_connection())
            .await?;
        Ok(())
    }
}
