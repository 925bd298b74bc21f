//! Opening the configured database for a command (design rule R27).

use super::failure::Failure;
use super::output::notice;
use crate::config::{Configuration, DatabasePlace};
use crate::store::{FileLock, Store, StoreError, StoreOptions};
use std::path::Path;

/// Whether a command may create the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Create {
    /// It may not: the database must be there.
    Never,
    /// An SQLite file that is missing is created.
    IfMissing,
}

/// Opens the database and says on standard error which SQLite file that is.
///
/// # Errors
/// If it is missing and may not be created, or cannot be opened.
pub async fn open(configuration: &Configuration, create: Create) -> Result<Store, Failure> {
    if let DatabasePlace::SqliteFile(path) = configuration.database.url.place() {
        if create == Create::Never && !path.exists() {
            return Err(missing(path));
        }
        notice(&format!("database: {}", path.display()));
    }
    let options = StoreOptions {
        url: configuration.database.url.as_str().to_owned(),
        max_connections: configuration.database.max_connections,
        unsafe_durability: configuration.database.allow_unsafe,
        create: create == Create::IfMissing,
    };
    Ok(Store::connect(&options).await?)
}

/// Whether the database is an SQLite file that does not exist yet.
pub fn is_missing(configuration: &Configuration) -> bool {
    match configuration.database.url.place() {
        DatabasePlace::SqliteFile(path) => !path.exists(),
        DatabasePlace::Postgres => false,
    }
}

/// Makes sure that no other process runs the pipeline on an SQLite file; PostgreSQL needs no lock.
///
/// # Errors
/// The store's, if another one does.
pub fn lock(configuration: &Configuration) -> Result<Option<FileLock>, StoreError> {
    match configuration.database.url.place() {
        DatabasePlace::SqliteFile(path) => FileLock::acquire(path).map(Some),
        DatabasePlace::Postgres => Ok(None),
    }
}

fn missing(path: &Path) -> Failure {
    Failure::Refused(format!(
        "there is no database at {}; `herdgate migrate` or `herdgate serve` creates it, and \
         --database-url names another",
        path.display()
    ))
}
