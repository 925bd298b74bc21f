//! What jobs are found by when their guid does not name their task: those without a task by their stand-in, and
//! those of legacy submitters, whose guid may be anything. A guid that begins with a UUID and a slash names its
//! task, so that jobs of Taskcluster cost no entry.

use crate::initial::index;
use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let beside_guid = Expr::col("retry_id").is_null().or(Expr::cust("substr(guid, 37, 1) <> '/'"));
        let tasks =
            index("jobs", &["task_id"]).name("jobs_task_beside_guid_idx").and_where(beside_guid).take();
        manager.create_index(tasks).await?;
        manager.drop_index(Index::drop().name("jobs_task_id_idx").table("jobs").to_owned()).await
    }
}
