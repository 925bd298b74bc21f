//! Bringing the schema up to date, and telling one database from another.

use super::{Backend, Store, StoreError};
use migrations::{Applied, ApplyError};
use sea_orm::sqlx;
use sea_orm::{ConnectionTrait, DatabaseTransaction};

/// Key of the advisory lock that one migrating process holds: "herdgate" in ASCII.
const MIGRATION_LOCK: i64 = 0x6865_7264_6761_7465;

impl Store {
    /// Applies pending migrations, all or none, while no other gateway does (R21). What it does not
    /// know is left alone and named in the answer.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] if a later release contracted the schema.
    pub async fn migrate(&self) -> Result<Applied, StoreError> {
        let transaction = self.begin_write().await?;
        if let Backend::Postgres { .. } = self.backend {
            wait_for_migration_lock(&transaction).await?;
        }
        let applied = migrations::apply(&transaction).await?;
        transaction.commit().await?;
        if !applied.unknown.is_empty() {
            tracing::warn!(migrations = ?applied.unknown, "a later release migrated the database before");
        }
        self.recognise_database().await?;
        Ok(applied)
    }

    /// Reads the id of the database, once there is one.
    pub(super) async fn recognise_database(&self) -> Result<(), StoreError> {
        if self.database_id.get().is_some() || !self.has_schema().await? {
            return Ok(());
        }
        if let Backend::Postgres { writers, .. } = &self.backend {
            forget_changes_of_another_cluster(writers).await?;
        }
        let id = self.state("database_id").await?;
        // Another clone of the store may have been as quick; it read the same row.
        let _ = self.database_id.set(id);
        Ok(())
    }

    async fn has_schema(&self) -> Result<bool, StoreError> {
        let exists = match &self.backend {
            Backend::Postgres { readers, .. } => {
                sqlx::query_scalar("SELECT to_regclass('gateway_state') IS NOT NULL")
                    .fetch_one(readers)
                    .await?
            }
            Backend::Sqlite { readers, .. } => {
                sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE name = 'gateway_state')")
                    .fetch_one(readers)
                    .await?
            }
        };
        Ok(exists)
    }

    async fn state(&self, key: &str) -> Result<String, StoreError> {
        const SELECT: &str = "SELECT value FROM gateway_state WHERE key = $1";
        let value = match &self.backend {
            Backend::Postgres { readers, .. } => {
                sqlx::query_scalar(SELECT).bind(key).fetch_optional(readers).await?
            }
            Backend::Sqlite { readers, .. } => {
                sqlx::query_scalar(SELECT).bind(key).fetch_optional(readers).await?
            }
        };
        value.ok_or_else(|| StoreError::Internal(format!("gateway_state has no {key}")))
    }
}

impl From<ApplyError> for StoreError {
    fn from(error: ApplyError) -> Self {
        match error {
            ApplyError::TooNew(_) => Self::Unusable(error.to_string()),
            ApplyError::Database(error) => error.into(),
        }
    }
}

/// Waits as long as another process migrates, and lets migrations take their time.
async fn wait_for_migration_lock(transaction: &DatabaseTransaction) -> Result<(), StoreError> {
    let sql = format!(
        "SET LOCAL statement_timeout = 0;
         SET LOCAL idle_in_transaction_session_timeout = 0;
         SELECT pg_advisory_xact_lock({MIGRATION_LOCK})"
    );
    transaction.execute_unprepared(&sql).await?;
    Ok(())
}

/// Transaction ids of a cluster mean nothing in another one. A database restored into a younger
/// cluster holds ids that are yet to come there, and watchers would never reach them: its changes
/// are numbered anew from 0, and it becomes a database of its own, whose cursors begin again.
async fn forget_changes_of_another_cluster(pool: &sqlx::PgPool) -> Result<(), StoreError> {
    let mut transaction = pool.begin().await?;
    let foreign: bool = sqlx::query_scalar(
        "SELECT coalesce(max(change_transaction), 0) >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint
         FROM jobs",
    )
    .fetch_one(&mut *transaction)
    .await?;
    if foreign {
        tracing::warn!("the database was restored into another cluster: watchers have to begin again");
        sqlx::query("SET LOCAL statement_timeout = 0").execute(&mut *transaction).await?;
        sqlx::query("UPDATE jobs SET change_transaction = 0").execute(&mut *transaction).await?;
        sqlx::query(
            "UPDATE gateway_state SET value = replace(gen_random_uuid()::text, '-', '') WHERE key = 'database_id'",
        )
        .execute(&mut *transaction)
        .await?;
    }
    transaction.commit().await?;
    Ok(())
}
