//! Schema of Herdgate's database, the same for PostgreSQL and SQLite. The rules for changing it are
//! in `README.md` beside this crate.

mod apply;
mod initial;
mod m20261122_000001_initial;
mod m20261201_000001_list_indexes;
mod m20261202_000001_access;
mod m20261206_000001_exchanges;
mod m20261210_000001_push_fetches;
mod m20261210_000002_follow_up;
mod m20261210_000003_bugs;
mod m20261210_000004_dashboard;
mod m20261210_000006_push_authors;
mod m20261210_000012_performance_fetches;
mod m20261211_000003_performance;
mod m20261212_000001_test_groups;
mod m20261213_000001_log_times;
mod m20261214_000001_task_ids;
mod m20261215_000001_option_keys;

pub use apply::{Applied, ApplyError, apply};

use sea_orm_migration::prelude::{MigrationTrait, MigratorTrait};

/// How the name of a migration ends that takes something away which earlier binaries need (R21).
pub const CONTRACTING_SUFFIX: &str = "_contracting";

fn is_contracting(migration_name: &str) -> bool {
    migration_name.ends_with(CONTRACTING_SUFFIX)
}

/// All migrations, oldest first.
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261122_000001_initial::Migration),
            Box::new(m20261201_000001_list_indexes::Migration),
            Box::new(m20261202_000001_access::Migration),
            Box::new(m20261206_000001_exchanges::Migration),
            Box::new(m20261210_000001_push_fetches::Migration),
            Box::new(m20261210_000002_follow_up::Migration),
            Box::new(m20261210_000003_bugs::Migration),
            Box::new(m20261210_000004_dashboard::Migration),
            Box::new(m20261210_000006_push_authors::Migration),
            Box::new(m20261210_000012_performance_fetches::Migration),
            Box::new(m20261211_000003_performance::Migration),
            Box::new(m20261212_000001_test_groups::Migration),
            Box::new(m20261213_000001_log_times::Migration),
            Box::new(m20261214_000001_task_ids::Migration),
            Box::new(m20261215_000001_option_keys::Migration),
        ]
    }
}
