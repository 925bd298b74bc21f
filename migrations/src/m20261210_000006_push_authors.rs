//! The dashboard asks for the pushes of an author in capitals or not. The index of authors as they are stays
//! for binaries that still look for those.

use sea_orm_migration::prelude::*;

/// The builder of statements knows no indexes on expressions for SQLite; both databases take this one.
const AUTHORS: &str = "CREATE INDEX pushes_repository_id_lower_author_idx \
     ON pushes (repository_id, lower(author), time, id)";

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(AUTHORS).await?;
        Ok(())
    }
}
