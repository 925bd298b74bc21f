//! When a log was last begun to be read, and when it had been read: for the story of its job.

use sea_orm_migration::{prelude::*, schema::big_integer_null};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns = [
            // Of the last attempt; null: none was begun, or by an earlier binary.
            big_integer_null("begun_at"),
            // Null: what was found in it is not stored, or the submitter said that it is parsed.
            big_integer_null("read_at"),
        ];
        for column in columns {
            manager.alter_table(Table::alter().table("job_logs").add_column(column).take()).await?;
        }
        Ok(())
    }
}
