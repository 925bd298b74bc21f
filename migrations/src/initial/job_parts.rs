//! What hangs on a job and goes with it.

use super::{index, part_of, table, unique};
use sea_orm_migration::{prelude::*, schema::*};

pub async fn up(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    job_logs(manager).await?;
    manager
        .create_table(
            table("job_details")
                .col(big_pk_auto("id"))
                .col(big_integer("job_id"))
                // Empty: none. Not null, for a null would make equal details different.
                .col(string_len("title", 70).default("").take())
                .col(string_len("value", 125))
                .col(string_len_null("url", 512))
                .col(string_len("content_type", 10))
                .foreign_key(&mut part_of("job_id", "jobs"))
                .take(),
        )
        .await?;
    manager.create_index(unique("job_details", &["job_id", "title", "value"])).await?;
    manager
        .create_table(
            table("job_artifacts")
                .col(big_pk_auto("id"))
                .col(big_integer("job_id"))
                .col(string_len("name", 128))
                .col(string_len("kind", 50))
                .col(text("blob"))
                .foreign_key(&mut part_of("job_id", "jobs"))
                .take(),
        )
        .await?;
    manager.create_index(unique("job_artifacts", &["job_id", "name"])).await?;
    log_summaries(manager).await
}

/// A log is also its own entry in the queue of logs to parse, so that neither exists without the
/// other (R16).
async fn job_logs(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            table("job_logs")
                .col(big_pk_auto("id"))
                .col(big_integer("job_id"))
                .col(string_len("name", 50))
                .col(string_len("url", 512))
                .col(small_integer("status"))
                // 0: of a failed job, first; 1: of any other; null: not queued.
                .col(small_integer_null("queue_priority"))
                .col(integer("attempts").default(0).take())
                .col(string_len_null("lease_owner", 64))
                .col(big_integer_null("lease_until"))
                .col(big_integer_null("next_attempt_at"))
                .col(big_integer("created_at"))
                .foreign_key(&mut part_of("job_id", "jobs"))
                .take(),
        )
        .await?;
    manager.create_index(unique("job_logs", &["job_id", "name", "url"])).await?;
    manager
        .create_index(
            index("job_logs", &["queue_priority", "id"])
                .and_where(Expr::col("queue_priority").is_not_null())
                .take(),
        )
        .await
}

async fn log_summaries(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            table("log_steps")
                .col(big_pk_auto("id"))
                .col(big_integer("job_id"))
                .col(integer("position"))
                .col(string_len("name", 255))
                .col(big_integer_null("started_at"))
                .col(big_integer_null("finished_at"))
                .col(integer("started_line"))
                .col(integer("finished_line"))
                .col(string_len("result", 25))
                .foreign_key(&mut part_of("job_id", "jobs"))
                .take(),
        )
        .await?;
    manager.create_index(unique("log_steps", &["job_id", "started_line", "finished_line"])).await?;
    manager
        .create_table(
            table("log_errors")
                .col(big_pk_auto("id"))
                .col(big_integer("job_id"))
                .col(big_integer_null("step_id"))
                .col(integer("line_number"))
                .col(text("line"))
                .foreign_key(&mut part_of("job_id", "jobs"))
                .foreign_key(&mut part_of("step_id", "log_steps"))
                .take(),
        )
        .await?;
    manager.create_index(unique("log_errors", &["step_id", "line_number"])).await?;
    manager.create_index(index("log_errors", &["job_id"])).await
}
