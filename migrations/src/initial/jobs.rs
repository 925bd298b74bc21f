//! Jobs.

use super::{index, key_text, reference, table};
use sea_orm_migration::{prelude::*, schema::*};

pub async fn up(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            table("jobs")
                .col(big_pk_auto("id"))
                .col(key_text(manager, "guid", 50).unique_key().take())
                // Differs from `guid` only for a retry that took its row over.
                .col(key_text(manager, "root_guid", 50))
                .col(integer("repository_id"))
                .col(big_integer("push_id"))
                .col(integer("signature_id"))
                .col(integer("machine_id"))
                .col(integer("product_id"))
                .col(string_len("state", 25))
                .col(string_len("result", 25))
                .col(small_integer("tier"))
                .col(string_len("who", 50))
                .col(string_len("reason", 125))
                .col(big_integer_null("submit_time"))
                .col(big_integer_null("start_time"))
                .col(big_integer_null("end_time"))
                .col(big_integer("last_modified"))
                .col(string_len_null("superseded_by", 50))
                .col(text_null("description"))
                .col(string_len_null("task_id", 22))
                .col(integer_null("retry_id"))
                .col(small_integer("failure_classification_id").default(1).take())
                // The submission that the row shows, and the last few applied to it (R7, R8).
                .col(blob("digest"))
                .col(blob("applied_digests"))
                // Provenance (R17).
                .col(string_len("first_door", 12))
                .col(string_len("last_door", 12))
                .col(string_len("source", 100))
                .col(big_integer("received_at"))
                .col(big_integer("committed_at"))
                .col(big_integer_null("held_at"))
                .col(big_integer_null("released_at"))
                .col(big_integer("repeat_count").default(0).take())
                // PostgreSQL: id of the transaction of the last change; SQLite: its number in
                // `change_sequence` (R2).
                .col(big_integer("change_transaction"))
                .foreign_key(&mut reference("push_id", "pushes"))
                .foreign_key(&mut reference("signature_id", "signatures"))
                .foreign_key(&mut reference("machine_id", "machines"))
                .foreign_key(&mut reference("product_id", "products"))
                .take(),
        )
        .await?;
    manager.create_index(index("jobs", &["push_id"])).await?;
    manager.create_index(index("jobs", &["repository_id", "id"])).await?;
    manager.create_index(index("jobs", &["change_transaction", "id"])).await?;
    manager
        .create_index(
            index("jobs", &["root_guid"]).and_where(Expr::col("root_guid").not_equals("guid")).take(),
        )
        .await
}
