//! What many jobs share: interned once, never deleted (R33).

use super::{index, reference, table, unique};
use sea_orm_migration::{prelude::*, schema::*};

pub async fn up(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    for platforms in ["build_platforms", "machine_platforms"] {
        manager
            .create_table(
                table(platforms)
                    .col(pk_auto("id"))
                    .col(string_len("os_name", 25))
                    .col(string_len("platform", 100))
                    .col(string_len("architecture", 25))
                    .take(),
            )
            .await?;
        manager.create_index(unique(platforms, &["os_name", "platform", "architecture"])).await?;
    }
    for (names, length) in [("machines", 100), ("products", 125), ("options", 100)] {
        manager
            .create_table(table(names).col(pk_auto("id")).col(string_len_uniq("name", length)).take())
            .await?;
    }
    for (named_symbols, name_length) in [("job_types", 140), ("job_groups", 255)] {
        manager
            .create_table(
                table(named_symbols)
                    .col(pk_auto("id"))
                    .col(string_len("name", name_length))
                    .col(string_len("symbol", 40))
                    .col(text("description").default("").take())
                    .take(),
            )
            .await?;
        manager.create_index(unique(named_symbols, &["name", "symbol"])).await?;
    }
    option_collections(manager).await?;
    signatures(manager).await
}

/// Sets of options. `option_key` spells the set out and is its identity; `hash` is the name under
/// which other systems know it.
async fn option_collections(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            table("option_collections")
                .col(pk_auto("id"))
                .col(string_len("hash", 40))
                .col(text_uniq("option_key"))
                .take(),
        )
        .await?;
    manager.create_index(index("option_collections", &["hash"])).await?;
    manager
        .create_table(
            table("option_collection_options")
                .col(integer("option_collection_id"))
                .col(integer("option_id"))
                .primary_key(Index::create().col("option_collection_id").col("option_id"))
                .foreign_key(&mut reference("option_collection_id", "option_collections"))
                .foreign_key(&mut reference("option_id", "options"))
                .take(),
        )
        .await
}

/// All reference data of a job in one row. `key` is a digest over every field and is its identity;
/// `signature` is the SHA-1 known to other systems, which leaves some fields out.
async fn signatures(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            table("signatures")
                .col(pk_auto("id"))
                .col(blob_uniq("key"))
                .col(string_len("signature", 40))
                .col(string_len("name", 255))
                .col(string_len("build_system", 25))
                .col(integer("repository_id"))
                .col(integer("build_platform_id"))
                .col(integer("machine_platform_id"))
                .col(integer("job_group_id"))
                .col(integer("job_type_id"))
                .col(integer("option_collection_id"))
                .col(string_len_null("reference_data_name", 255))
                .col(big_integer("first_submission_at"))
                .foreign_key(&mut reference("repository_id", "repositories"))
                .foreign_key(&mut reference("build_platform_id", "build_platforms"))
                .foreign_key(&mut reference("machine_platform_id", "machine_platforms"))
                .foreign_key(&mut reference("job_group_id", "job_groups"))
                .foreign_key(&mut reference("job_type_id", "job_types"))
                .foreign_key(&mut reference("option_collection_id", "option_collections"))
                .take(),
        )
        .await?;
    manager.create_index(index("signatures", &["signature"])).await
}
