//! The follow-up queue: why an attempt failed, what was given up, and an index by which the next entry
//! is found however many wait for another attempt.

use crate::initial::table;
use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns = [
            // Of the last attempt that failed; null: none did.
            string_len_null("last_error", 500),
            // When the entry was given up; null: it was not.
            big_integer_null("dead_at"),
        ];
        for column in columns {
            manager.alter_table(Table::alter().table("job_logs").add_column(column).take()).await?;
        }
        summaries(manager).await?;
        for statement in queue_indexes("job_logs") {
            manager.get_connection().execute_unprepared(&statement).await?;
        }
        // Took the place of this one.
        let earlier = "DROP INDEX IF EXISTS job_logs_queue_priority_id_idx";
        manager.get_connection().execute_unprepared(earlier).await?;
        Ok(())
    }
}

/// One row for each summary of a job, so that a supplied one is known even if it has no steps.
async fn summaries(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            table("log_summaries")
                .col(big_integer("job_id"))
                // 0: the submitter supplied it.
                .col(big_integer("log_id"))
                .col(boolean("errors_truncated"))
                .primary_key(Index::create().col("job_id").col("log_id"))
                .foreign_key(&mut crate::initial::part_of("job_id", "jobs"))
                .take(),
        )
        .await
}

/// Indexes of a table whose rows are entries of the follow-up queue: by them the next entry is found,
/// and what was given up. By hand, for the one has an expression.
pub(crate) fn queue_indexes(table: &str) -> [String; 2] {
    [
        format!(
            "CREATE INDEX {table}_due ON {table} (queue_priority, (COALESCE(next_attempt_at, 0)), id) \
             WHERE queue_priority IS NOT NULL"
        ),
        format!("CREATE INDEX {table}_dead ON {table} (dead_at, id) WHERE dead_at IS NOT NULL"),
    ]
}
