//! What the lists over HTTP are found by. Pushes and commits are few beside jobs, so that their indexes
//! cost nothing worth counting. Jobs get one more: who polls asks for what changed lately.

use crate::initial::index;
use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_index(index("commits", &["revision"])).await?;
        manager.create_index(index("pushes", &["repository_id", "author", "time", "id"])).await?;
        manager.create_index(index("jobs", &["repository_id", "last_modified"])).await
    }
}
