//! The follow-up queue: why an attempt failed, what was given up, and an index by which the next entry
//! is found however many wait for another attempt.

use crate::initial::{index, part_of, table, unique};
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
        failure_lines(manager).await?;
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
                .foreign_key(&mut part_of("job_id", "jobs"))
                .take(),
        )
        .await
}

/// What error summaries say (logs contract 7.2).
async fn failure_lines(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            table("failure_lines")
                .col(big_pk_auto("id"))
                .col(big_integer("job_id"))
                .col(big_integer("log_id"))
                .col(string_len("action", 25))
                // Ordinal of the message in the harness's run.
                .col(big_integer("line"))
                .col(text_null("test"))
                .col(text_null("subtest"))
                .col(string_len_null("status", 25))
                .col(string_len_null("expected", 25))
                .col(text_null("message"))
                .col(text_null("signature"))
                .col(string_len_null("level", 25))
                .col(text_null("stack"))
                .col(text_null("stackwalk_stdout"))
                .col(text_null("stackwalk_stderr"))
                .col(string_len_null("group_name", 255))
                .foreign_key(&mut part_of("job_id", "jobs"))
                .foreign_key(&mut part_of("log_id", "job_logs"))
                .take(),
        )
        .await?;
    manager.create_index(unique("failure_lines", &["log_id", "line"])).await?;
    manager.create_index(index("failure_lines", &["job_id"])).await
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
