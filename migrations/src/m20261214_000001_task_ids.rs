//! What jobs are found by when their guid is not made of their task: those without a task by their stand-in, and
//! those of legacy submitters, whose guid may be anything. A guid of a UUID, a slash and the run names its task,
//! so that jobs of Taskcluster cost no entry.

use crate::initial::index;
use sea_orm_migration::prelude::*;

/// In the words of `herdgate`'s `store::finding`: an index fits only a condition that says the same.
const BESIDE_GUID: &str =
    "retry_id IS NULL OR substr(guid, 37) <> '/' || CAST(retry_id AS TEXT) OR guid <> lower(guid)";

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let tasks = index("jobs", &["task_id"])
            .name("jobs_task_beside_guid_idx")
            .and_where(Expr::cust(BESIDE_GUID))
            .take();
        manager.create_index(tasks).await?;
        manager.drop_index(Index::drop().name("jobs_task_id_idx").table("jobs").to_owned()).await
    }
}
