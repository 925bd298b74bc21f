//! What the dashboard's lists are found by. It polls for the jobs of its pushes that changed lately; the new
//! index serves that and whatever the one that it replaces did, and costs a write no more.

use crate::initial::index;
use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_index(index("jobs", &["push_id", "last_modified"])).await?;
        manager.drop_index(Index::drop().name("jobs_push_id_idx").table("jobs").to_owned()).await?;
        // Tasks that are known are found by the guid, which names them; the others by their stand-in.
        let stand_ins = index("jobs", &["task_id"]).and_where(Expr::col("retry_id").is_null()).take();
        manager.create_index(stand_ins).await
    }
}
