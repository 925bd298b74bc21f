//! Exchanges over Pulse: what is registered, what was bound, and what failed for reasons of ours.

use crate::initial::table;
use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                table("exchanges")
                    .col(string_len("name", 100).primary_key().take())
                    .col(string_len("exchange", 100))
                    .col(string_len("broker", 50))
                    .col(string_len("kind", 20))
                    // JSON arrays of text.
                    .col(text("destinations"))
                    .col(text("projects"))
                    .col(text("routing_keys"))
                    .col(text("may_write"))
                    .col(string_len("queue_type", 10))
                    // 'command' or 'environment'.
                    .col(string_len("origin", 12))
                    // Removed, and consumed until its queue is empty.
                    .col(boolean("draining"))
                    .col(big_integer("registered_at"))
                    .take(),
            )
            .await?;
        // What a queue was bound by, so that stale bindings are known without asking the broker.
        manager
            .create_table(
                table("exchange_bindings")
                    .col(string_len("registration", 100))
                    .col(string_len("broker", 50))
                    .col(string_len("queue", 255))
                    .col(string_len("exchange", 100))
                    .col(string_len("routing_key", 255))
                    .primary_key(
                        Index::create().col("registration").col("queue").col("exchange").col("routing_key"),
                    )
                    .take(),
            )
            .await?;
        // Failures of ours by digest of the message (R22).
        manager
            .create_table(
                table("delivery_attempts")
                    .col(ColumnDef::new("content_digest").blob().not_null().primary_key().take())
                    .col(big_integer("attempts"))
                    .col(big_integer("last_attempt_at"))
                    .take(),
            )
            .await?;
        let routing_key =
            Table::alter().table("held_messages").add_column(string_len_null("routing_key", 255)).take();
        manager.alter_table(routing_key).await
    }
}
