//! What the gateway needs for itself.

use super::table;
use sea_orm_migration::sea_orm::DbBackend;
use sea_orm_migration::{prelude::*, schema::*};

pub async fn up(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            table("tier_overrides")
                .col(string_len("signature", 40).primary_key().take())
                .col(integer("tier"))
                .take(),
        )
        .await?;
    manager
        .create_table(
            table("credentials")
                .col(pk_auto("id"))
                .col(string_len_uniq("client_id", 32))
                // JSON array of globs.
                .col(text("projects"))
                .col(boolean("admin"))
                .col(blob_uniq("token_hash"))
                // Ciphertext that names its key; null: the credential has none.
                .col(blob_null("hawk_secret"))
                .col(text("description").default("").take())
                .col(big_integer("created_at"))
                .col(big_integer_null("expires_at"))
                .col(big_integer_null("revoked_at"))
                .col(big_integer_null("last_used_at"))
                .take(),
        )
        .await?;
    gateway_state(manager).await?;
    change_sequence(manager).await
}

/// `database_id` tells this database from every other, `directory_version` grows with every change
/// of repositories, credentials and tiers.
async fn gateway_state(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            table("gateway_state").col(string_len("key", 50).primary_key().take()).col(text("value")).take(),
        )
        .await?;
    let random_id = match manager.get_database_backend() {
        DbBackend::Postgres => "replace(gen_random_uuid()::text, '-', '')",
        _ => "lower(hex(randomblob(16)))",
    };
    let rows = Query::insert()
        .into_table("gateway_state")
        .columns(["key", "value"])
        .values_panic([Expr::val("database_id"), Expr::cust(random_id)])
        .values_panic([Expr::val("directory_version"), Expr::val("0")])
        .take();
    manager.execute(rows).await
}

/// SQLite's number of the last change; its single row is (1, value).
async fn change_sequence(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            table("change_sequence").col(integer("id").primary_key().take()).col(big_integer("value")).take(),
        )
        .await?;
    let row = Query::insert()
        .into_table("change_sequence")
        .columns(["id", "value"])
        .values_panic([Expr::val(1), Expr::val(0)])
        .take();
    manager.execute(row).await
}
