//! Performance data: series and their values (logs contract 6.3).

use crate::initial::{index, part_of, table, unique};
use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                table("performance_series")
                    .col(big_pk_auto("id"))
                    .col(integer("repository_id"))
                    .col(text("framework"))
                    // SHA-1 in hex.
                    .col(string_len("hash", 40))
                    .col(text("suite"))
                    // Empty: the suite as a whole.
                    .col(text("test"))
                    .col(string_len("option_collection_hash", 40))
                    .col(text("machine_platform"))
                    // JSON array of texts, sorted.
                    .col(text("extra_options"))
                    .col(boolean("lower_is_better"))
                    .col(boolean("has_subtests"))
                    .col(string_len_null("parent_hash", 40))
                    // The latest push that has a value.
                    .col(big_integer("last_push_time"))
                    .foreign_key(&mut part_of("repository_id", "repositories"))
                    .take(),
            )
            .await?;
        manager.create_index(unique("performance_series", &["repository_id", "framework", "hash"])).await?;
        manager
            .create_table(
                table("performance_data")
                    .col(big_pk_auto("id"))
                    .col(big_integer("job_id"))
                    .col(big_integer("series_id"))
                    .col(big_integer("push_id"))
                    .col(big_integer("push_time"))
                    .col(double("value"))
                    .foreign_key(&mut part_of("job_id", "jobs"))
                    .foreign_key(&mut part_of("series_id", "performance_series"))
                    .take(),
            )
            .await?;
        manager.create_index(unique("performance_data", &["job_id", "push_id", "series_id"])).await?;
        manager.create_index(index("performance_data", &["series_id", "push_time"])).await
    }
}
