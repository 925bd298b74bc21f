//! The schema that the first release starts with.

use crate::initial::{gateway, held, job_parts, jobs, reference_data, repositories};
use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        repositories::up(manager).await?;
        reference_data::up(manager).await?;
        jobs::up(manager).await?;
        job_parts::up(manager).await?;
        held::up(manager).await?;
        gateway::up(manager).await
    }
}
