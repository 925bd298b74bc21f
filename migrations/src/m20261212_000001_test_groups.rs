//! How the groups of tests of a job ended, as its error summaries say it (logs contract 7.3).

use crate::initial::{index, part_of, table};
use sea_orm_migration::{prelude::*, schema::*};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                table("group_results")
                    .col(big_integer("log_id"))
                    .col(string_len("name", 255))
                    .col(big_integer("job_id"))
                    // 1: OK, 2: ERROR, 3: SKIP, 10: any other.
                    .col(small_integer("status"))
                    // 0: unknown.
                    .col(integer("seconds"))
                    .primary_key(Index::create().col("log_id").col("name"))
                    .foreign_key(&mut part_of("log_id", "job_logs"))
                    .foreign_key(&mut part_of("job_id", "jobs"))
                    .take(),
            )
            .await?;
        manager.create_index(index("group_results", &["job_id"])).await
    }
}
