//! What the gateway remembers, on SQLite or PostgreSQL, through sea-orm.

pub(crate) mod batch;
mod bug_probes;
mod bug_search;
mod bugs;
mod changes;
mod credentials;
mod delivery_attempts;
mod directory;
pub mod entities;
mod error;
mod exchange_bindings;
mod exchanges;
mod expiry;
mod finding;
pub mod follow_up;
mod held;
pub(crate) mod intern;
mod job_rows;
mod json_rows;
mod ledger;
pub mod lists;
mod log_references;
mod migrate;
pub mod model;
mod nonces;
mod postgres;
mod push_fetches;
mod pushes;
mod reads;
mod repositories;
mod repository_import;
mod retention;
mod sightings;
mod sqlite;
#[doc(hidden)]
pub mod testing;
#[cfg(test)]
mod tests;
mod tiers;
mod time;
pub(crate) mod violations;
mod waiting;

pub use bug_search::BugQuery;
pub use bugs::{BugListChange, BugListPart};
pub use credentials::Creation;
pub use error::StoreError;
pub use exchange_bindings::Binding;
pub use exchanges::{RegistrationConflict, RegistrationSaved, Removal};
pub use expiry::Expired;
pub use finding::FoundPush;
pub use ledger::{Disposition, HeldSummary, LedgerBalance};
pub use log_references::LogToRead;
pub use nonces::Nonce;
pub use push_fetches::{Poll, PushFetch};
pub use pushes::{PushChange, PushStored};
pub use repository_import::{ImportError, Imported};
pub use retention::Due;
pub use sqlite::{FileLock, path as sqlite_path};
pub use waiting::HeldSubmission;

use sea_orm::sqlx::{PgPool, SqlitePool};
use sea_orm::{
    DatabaseConnection, DatabaseTransaction, SqliteTransactionMode, SqlxPostgresConnector,
    SqlxSqliteConnector, TransactionOptions, TransactionTrait,
};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// Which database, and how.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// `sqlite://...` or `postgres://...`.
    pub url: String,
    /// Connections to PostgreSQL at most; SQLite has one that writes and a few that read.
    pub max_connections: u32,
    /// Work with a PostgreSQL server that may lose commits when its machine fails (R35).
    pub unsafe_durability: bool,
    /// Create the SQLite file if there is none (R27).
    pub create: bool,
}

/// Whether commits survive a failure of the database's machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// They do.
    Safe,
    /// They may not: `fsync` or `full_page_writes` is off, and the operator said so.
    Unsafe,
}

/// The pools behind the store, for hot statements.
#[derive(Debug, Clone)]
pub enum Backend {
    /// PostgreSQL: writes have connections of their own, so that many reads cannot pass for a server
    /// that is away.
    Postgres {
        /// Connections that write.
        writers: PgPool,
        /// Connections that read.
        readers: PgPool,
    },
    /// SQLite: reads never wait for writes.
    Sqlite {
        /// The one connection that writes.
        writer: SqlitePool,
        /// Connections that only read.
        readers: SqlitePool,
    },
}

/// An open database. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    backend: Backend,
    durability: Durability,
    sqlite_path: Option<Arc<PathBuf>>,
    /// Set once the schema is there.
    database_id: Arc<OnceLock<String>>,
    /// Statements of the hot path since they were last counted.
    statements: Arc<AtomicU64>,
    /// Names by signature, which never change.
    shown_signatures: Arc<lists::ShownSignatures>,
    /// What is rare in the bug list.
    sampled_words: Arc<bug_probes::SampledWords>,
}

impl Store {
    /// Opens a database. Its schema may be missing or old: see [`Store::migrate`].
    ///
    /// # Errors
    /// [`StoreError::Unusable`] if the URL, the file or the server's settings will not do,
    /// [`StoreError::Unavailable`] if the server does not answer.
    pub async fn connect(options: &StoreOptions) -> Result<Self, StoreError> {
        let (backend, durability, path) = match options.url.split(':').next() {
            Some("postgres" | "postgresql") => {
                let opened = postgres::open(options).await?;
                let backend = Backend::Postgres { writers: opened.writers, readers: opened.readers };
                (backend, opened.durability, None)
            }
            Some("sqlite") => {
                let opened = sqlite::open(options).await?;
                let backend = Backend::Sqlite { writer: opened.writer, readers: opened.readers };
                (backend, Durability::Safe, Some(Arc::new(opened.path)))
            }
            _ => {
                return Err(StoreError::Unusable(
                    "a database URL begins with sqlite:// or postgres://".into(),
                ));
            }
        };
        let store = Self {
            backend,
            durability,
            sqlite_path: path,
            database_id: Arc::default(),
            statements: Arc::default(),
            shown_signatures: Arc::default(),
            sampled_words: Arc::default(),
        };
        store.recognise_database().await?;
        Ok(store)
    }

    /// The pools, for hot statements.
    pub fn backend(&self) -> &Backend {
        &self.backend
    }

    /// Whether commits are safe.
    pub fn durability(&self) -> Durability {
        self.durability
    }

    /// Absolute path of a SQLite database.
    pub fn sqlite_path(&self) -> Option<&Path> {
        self.sqlite_path.as_deref().map(PathBuf::as_path)
    }

    /// Random id of this database; cursors of another one are refused. Empty while there is no schema.
    pub fn database_id(&self) -> &str {
        self.database_id.get().map_or("", String::as_str)
    }

    /// Counts statements of the hot path.
    pub(crate) fn statements(&self) -> &AtomicU64 {
        &self.statements
    }

    /// Statements of the hot path since this was last called.
    pub(crate) fn take_statements(&self) -> u64 {
        self.statements.swap(0, Ordering::Relaxed)
    }

    /// For reading; on SQLite it cannot write.
    pub fn read_connection(&self) -> DatabaseConnection {
        match &self.backend {
            Backend::Postgres { readers, .. } => {
                SqlxPostgresConnector::from_sqlx_postgres_pool(readers.clone())
            }
            Backend::Sqlite { readers, .. } => SqlxSqliteConnector::from_sqlx_sqlite_pool(readers.clone()),
        }
    }

    /// For writing; on SQLite there is one for the whole process.
    pub fn write_connection(&self) -> DatabaseConnection {
        match &self.backend {
            Backend::Postgres { writers, .. } => {
                SqlxPostgresConnector::from_sqlx_postgres_pool(writers.clone())
            }
            Backend::Sqlite { writer, .. } => SqlxSqliteConnector::from_sqlx_sqlite_pool(writer.clone()),
        }
    }

    /// Begins a transaction that will write. On SQLite it takes the write lock at once, so that it
    /// cannot fail half way for want of it (R27).
    pub(crate) async fn begin_write(&self) -> Result<DatabaseTransaction, StoreError> {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        Ok(self.write_connection().begin_with_options(options).await?)
    }

    /// Closes all connections, after the statements under way.
    pub async fn close(&self) {
        match &self.backend {
            Backend::Postgres { writers, readers } => {
                readers.close().await;
                writers.close().await;
            }
            Backend::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
        }
    }
}
