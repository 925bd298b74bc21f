//! Pushes that hosts told of: what is to be asked for, and how far push logs were read.

use crate::initial::{part_of, table, unique};
use crate::m20261210_000002_follow_up::queue_indexes;
use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // Commits of the push that are counted and not kept: the oldest of very large pushes.
        let omitted = Table::alter().table("pushes").add_column(integer("omitted_commits").default(0)).take();
        manager.alter_table(omitted).await?;
        manager
            .create_table(
                table("push_fetches")
                    .col(big_pk_auto("id"))
                    .col(integer("repository_id"))
                    // What to ask the host for, see `domain::PushTarget`.
                    .col(string_len("target", 100))
                    // Of the host's last answer.
                    .col(string_len_null("etag", 200))
                    .col(big_integer("enqueued_at"))
                    .col(small_integer_null("queue_priority"))
                    .col(integer("attempts").default(0))
                    .col(string_len_null("lease_owner", 100))
                    .col(big_integer_null("lease_until"))
                    .col(big_integer_null("next_attempt_at"))
                    .col(string_len_null("last_error", 500))
                    .col(big_integer_null("dead_at"))
                    .foreign_key(&mut part_of("repository_id", "repositories"))
                    .take(),
            )
            .await?;
        manager.create_index(unique("push_fetches", &["repository_id", "target"])).await?;
        for statement in queue_indexes("push_fetches") {
            manager.get_connection().execute_unprepared(&statement).await?;
        }
        manager
            .create_table(
                table("push_logs")
                    .col(integer("repository_id").primary_key().take())
                    // Newest entry of the server's push log that is stored; null: none is known.
                    .col(big_integer_null("last_push_id"))
                    // When a gateway last undertook to look.
                    .col(big_integer("looked_at"))
                    .foreign_key(&mut part_of("repository_id", "repositories"))
                    .take(),
            )
            .await
    }
}
