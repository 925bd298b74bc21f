//! Opening SQLite: one writer, several readers that never wait for it, and one gateway at a time.

use super::{StoreError, StoreOptions};
use crate::limits;
use sea_orm::sqlx::ConnectOptions;
use sea_orm::sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::str::FromStr;

const READERS: u32 = 4;
/// Page caches of all connections together stay within [`limits::SQLITE_CACHE_KIB`].
const WRITER_CACHE_KIB: u32 = limits::SQLITE_CACHE_KIB / 2;
const READER_CACHE_KIB: u32 = WRITER_CACHE_KIB / READERS;

/// An open file.
pub(super) struct Opened {
    /// The only connection that writes.
    pub writer: SqlitePool,
    /// Connections that cannot write.
    pub readers: SqlitePool,
    /// Absolute path of the file.
    pub path: PathBuf,
}

pub(super) async fn open(options: &StoreOptions) -> Result<Opened, StoreError> {
    let path = path(&options.url)?;
    if !options.create && !path.exists() {
        return Err(StoreError::Unusable(format!("there is no database at {}", path.display())));
    }
    let connect = SqliteConnectOptions::from_str(&options.url)?
        .create_if_missing(options.create)
        .foreign_keys(true)
        .busy_timeout(limits::SQLITE_BUSY_TIMEOUT)
        .disable_statement_logging();
    let writer = SqlitePoolOptions::new()
        .max_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .acquire_timeout(limits::DATABASE_ACQUIRE_TIMEOUT + limits::SQLITE_BUSY_TIMEOUT)
        .connect_with(
            connect
                .clone()
                .journal_mode(SqliteJournalMode::Wal)
                // In WAL mode only FULL flushes at each commit.
                .synchronous(SqliteSynchronous::Full)
                .pragma("cache_size", format!("-{WRITER_CACHE_KIB}")),
        )
        .await?;
    let readers = SqlitePoolOptions::new()
        .max_connections(READERS)
        .idle_timeout(None)
        .max_lifetime(None)
        .acquire_timeout(limits::DATABASE_ACQUIRE_TIMEOUT)
        .connect_with(
            connect
                .create_if_missing(false)
                .pragma("cache_size", format!("-{READER_CACHE_KIB}"))
                .pragma("query_only", "on"),
        )
        .await?;
    Ok(Opened { writer, readers, path })
}

/// Absolute path of the file that a `sqlite:` URL names; it need not exist.
///
/// # Errors
/// If the URL is not one, or names a database in memory, which two connections cannot share.
pub fn path(url: &str) -> Result<PathBuf, StoreError> {
    let options = SqliteConnectOptions::from_str(url)?;
    let name = options.get_filename();
    if url.contains(":memory:") || url.contains("mode=memory") || name.as_os_str().is_empty() {
        return Err(StoreError::Unusable(
            "a database in memory cannot keep what it acknowledges; name a file".into(),
        ));
    }
    std::path::absolute(name).map_err(|error| StoreError::Unusable(format!("{}: {error}", name.display())))
}

/// Held by the one gateway that serves from a SQLite file, until dropped (R27).
#[derive(Debug)]
pub struct FileLock {
    _file: File,
}

impl FileLock {
    /// Locks `<database>.lock`. Not the database itself: closing any handle on that would release
    /// SQLite's own locks.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] if another gateway holds the lock or the file cannot be made.
    pub fn acquire(database: &Path) -> Result<Self, StoreError> {
        let mut path = database.as_os_str().to_owned();
        path.push(".lock");
        let path = PathBuf::from(path);
        let unusable = |error: std::io::Error| StoreError::Unusable(format!("{}: {error}", path.display()));
        let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(unusable)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(StoreError::Unusable(format!(
                "another gateway already serves from {}; SQLite is for one gateway at a time",
                database.display()
            ))),
            Err(TryLockError::Error(error)) => Err(unusable(error)),
        }
    }
}
