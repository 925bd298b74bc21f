//! Submissions that are not stored yet, and what became of those that were.

use super::{index, key_text, key_text_null, table, unique};
use sea_orm_migration::{prelude::*, schema::*};

pub async fn up(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    held_messages(manager).await?;
    // Cumulative counts by disposition, and the current ones that limits are checked against (R1, R13).
    manager
        .create_table(
            table("held_ledger")
                .col(string_len("source", 100))
                .col(string_len("project", 50))
                .col(string_len("disposition", 10))
                .col(string_len("reason", 50))
                .col(big_integer("items"))
                .col(big_integer("bytes"))
                .primary_key(Index::create().col("source").col("project").col("disposition").col("reason"))
                .take(),
        )
        .await?;
    // "This guid, should it ever come, was superseded by that one" (R6).
    manager
        .create_table(
            table("pending_supersedes")
                .col(integer("repository_id"))
                .col(key_text(manager, "guid", 50))
                .col(string_len("superseded_by", 50))
                .col(big_integer("expires_at"))
                .primary_key(Index::create().col("repository_id").col("guid"))
                .take(),
        )
        .await?;
    manager.create_index(index("pending_supersedes", &["expires_at"])).await
}

async fn held_messages(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            table("held_messages")
                .col(big_pk_auto("id"))
                .col(string_len("state", 10))
                .col(string_len("door", 12))
                .col(string_len("source", 100))
                .col(string_len("format", 20))
                .col(blob("content_digest"))
                .col(string_len_null("project", 50))
                .col(key_text_null(manager, "revision", 40))
                .col(key_text_null(manager, "guid", 50))
                // 'push' or 'job'; null unless parked.
                .col(string_len_null("waiting_for", 4))
                .col(integer_null("repository_id"))
                .col(blob("raw"))
                .col(big_integer("raw_size"))
                .col(boolean("raw_truncated"))
                // JSON.
                .col(text_null("violations"))
                // Rule of the first violation; empty while parked.
                .col(string_len("reason", 50).default("").take())
                // JSON: what the door knew beside the bytes and a replay needs.
                .col(text_null("context"))
                .col(big_integer("received_at"))
                .col(big_integer("last_received_at"))
                .col(big_integer("expires_at"))
                .col(big_integer("repeat_count").default(0).take())
                .take(),
        )
        .await?;
    manager.create_index(unique("held_messages", &["source", "content_digest"])).await?;
    manager.create_index(index("held_messages", &["state", "expires_at"])).await?;
    manager.create_index(index("held_messages", &["source", "state", "id"])).await?;
    manager.create_index(index("held_messages", &["guid"])).await?;
    for (column, waiting_for) in [("revision", "push"), ("guid", "job")] {
        manager
            .create_index(
                index("held_messages", &["repository_id", column, "id"])
                    .and_where(Expr::col("state").eq("parked"))
                    .and_where(Expr::col("waiting_for").eq(waiting_for))
                    .take(),
            )
            .await?;
    }
    Ok(())
}
