//! Client certificates of credentials, and the nonces of signed requests.

use crate::initial::table;
use sea_orm_migration::sea_orm::DbBackend;
use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // SHA-256 of the certificate; null: none is bound.
        let certificate = Table::alter().table("credentials").add_column(blob_null("certificate")).take();
        manager.alter_table(certificate).await?;
        let one_credential = Index::create()
            .name("credentials_certificate_key")
            .table("credentials")
            .col("certificate")
            .unique()
            .take();
        manager.create_index(one_credential).await?;
        nonces(manager).await
    }
}

/// Each is used once. What is lost with the server's memory is older than its restart took, so that
/// nothing is flushed for it.
async fn nonces(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            table("hawk_nonces")
                .col(string_len("client_id", 32))
                .col(string_len("nonce", 128))
                // Seconds, as the client sent them.
                .col(big_integer("ts"))
                // Microseconds of the gateway's clock.
                .col(big_integer("seen_at"))
                .primary_key(Index::create().col("client_id").col("nonce").col("ts"))
                .take(),
        )
        .await?;
    let by_age = Index::create().name("hawk_nonces_seen_at_idx").table("hawk_nonces").col("seen_at").take();
    manager.create_index(by_age).await?;
    if manager.get_database_backend() == DbBackend::Postgres {
        manager.get_connection().execute_unprepared("ALTER TABLE hawk_nonces SET UNLOGGED").await?;
    }
    Ok(())
}
