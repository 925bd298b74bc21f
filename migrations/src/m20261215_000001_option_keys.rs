//! Sets of many options. PostgreSQL indexes no text of over 2,704 bytes, and a job may have a hundred options of
//! fifty characters: there the key of a set is unique by its MD5. Whoever makes a collision hinders their own jobs
//! only, since the key itself is compared. SQLite has no such limit.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        if connection.get_database_backend() == DbBackend::Postgres {
            connection
                .execute_unprepared(
                    "CREATE UNIQUE INDEX option_collections_option_key_md5_idx
                         ON option_collections (md5(option_key));
                     ALTER TABLE option_collections DROP CONSTRAINT option_collections_option_key_key",
                )
                .await?;
        }
        Ok(())
    }
}
