//! Applying what is missing, beside migrations that a later release applied (R21).

use crate::{Migrator, is_contracting};
use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbErr};
use sea_orm_migration::{IntoSchemaManagerConnection, MigrationStatus, MigratorTraitSelf};

/// What [`apply`] did and found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Applied {
    /// Migrations applied now, oldest first.
    pub now: Vec<String>,
    /// Migrations that a later release applied and this one does not know.
    pub unknown: Vec<String>,
}

/// Why the schema was left as it is.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// A later release took away what this one needs; the names of its migrations.
    #[error("a later release changed the database in a way that this one cannot work with ({0})")]
    TooNew(String),
    /// A statement failed.
    #[error(transparent)]
    Database(#[from] DbErr),
}

/// Applies all pending migrations. The caller keeps others from doing the same meanwhile.
///
/// # Errors
/// [`ApplyError::TooNew`] if a migration that this binary does not know is marked as contracting.
pub async fn apply<C>(connection: &C) -> Result<Applied, ApplyError>
where
    C: ConnectionTrait,
    for<'c> &'c C: IntoSchemaManagerConnection<'c>,
{
    let unknown = unknown_migrations(connection).await?;
    let contracting: Vec<&str> =
        unknown.iter().map(String::as_str).filter(|name| is_contracting(name)).collect();
    if !contracting.is_empty() {
        return Err(ApplyError::TooNew(contracting.join(", ")));
    }
    let migrator = TolerantMigrator { unknown };
    let status = migrator.get_migration_with_status(connection).await?;
    let pending = status.iter().filter(|migration| migration.status() == MigrationStatus::Pending);
    let now = pending.map(|migration| migration.name().to_owned()).collect();
    migrator.up(connection, None).await?;
    Ok(Applied { now, unknown: migrator.unknown })
}

async fn unknown_migrations<C: ConnectionTrait>(connection: &C) -> Result<Vec<String>, DbErr> {
    let known = <Migrator as MigratorTrait>::migrations();
    let recorded = <Migrator as MigratorTrait>::get_migration_models(connection).await?;
    let is_unknown = |name: &String| !known.iter().any(|migration| migration.name() == name.as_str());
    Ok(recorded.into_iter().map(|record| record.version).filter(is_unknown).collect())
}

/// The known migrations and, so that their records are no error, stand-ins for the unknown ones.
struct TolerantMigrator {
    unknown: Vec<String>,
}

impl MigratorTraitSelf for TolerantMigrator {
    fn migrations(&self) -> Vec<Box<dyn MigrationTrait>> {
        let mut migrations = <Migrator as MigratorTrait>::migrations();
        migrations.extend(self.unknown.iter().map(|name| Box::new(StandIn(name.clone())) as _));
        migrations
    }
}

/// A migration of a later release, which is recorded as applied and therefore never run.
struct StandIn(String);

impl MigrationName for StandIn {
    fn name(&self) -> &str {
        &self.0
    }
}

#[async_trait::async_trait]
impl MigrationTrait for StandIn {
    async fn up(&self, _: &SchemaManager) -> Result<(), DbErr> {
        Err(DbErr::Migration(format!("{} belongs to a later release", self.0)))
    }
}
