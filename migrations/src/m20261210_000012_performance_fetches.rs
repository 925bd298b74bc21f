//! Documents of performance data that jobs link to: to be fetched, each its own entry in the follow-up queue.

use crate::initial::{part_of, table, unique};
use crate::m20261210_000002_follow_up::queue_indexes;
use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                table("performance_fetches")
                    .col(big_pk_auto("id"))
                    .col(big_integer("job_id"))
                    .col(string_len("url", 512))
                    .col(small_integer_null("queue_priority"))
                    .col(integer("attempts").default(0).take())
                    .col(string_len_null("lease_owner", 64))
                    .col(big_integer_null("lease_until"))
                    .col(big_integer_null("next_attempt_at"))
                    .col(string_len_null("last_error", 500))
                    .col(big_integer_null("dead_at"))
                    .foreign_key(&mut part_of("job_id", "jobs"))
                    .take(),
            )
            .await?;
        manager.create_index(unique("performance_fetches", &["job_id", "url"])).await?;
        for statement in queue_indexes("performance_fetches") {
            manager.get_connection().execute_unprepared(&statement).await?;
        }
        Ok(())
    }
}
