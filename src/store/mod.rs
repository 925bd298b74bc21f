//! What the gateway remembers, on SQLite or PostgreSQL, through sea-orm.

pub(crate) mod batch;
mod changes;
pub mod entities;
mod error;
pub(crate) mod intern;
mod job_rows;
mod migrate;
pub mod model;
mod postgres;
mod reads;
mod sqlite;
mod time;

pub use error::StoreError;
pub use sqlite::{FileLock, path as sqlite_path};

use sea_orm::sqlx::{PgPool, SqlitePool};
use sea_orm::{
    DatabaseConnection, DatabaseTransaction, SqliteTransactionMode, SqlxPostgresConnector,
    SqlxSqliteConnector, TransactionOptions, TransactionTrait,
};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use crate::domain::{Repository, Signature};
use model::{
    ChangePage, ChangePosition, HeldFilter, HeldMessage, JobFilter, JobWithParts, StoredCredential,
    StoredJob, StoredPush,
};

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
    /// PostgreSQL.
    Postgres(PgPool),
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
                let (pool, durability) = postgres::open(options).await?;
                (Backend::Postgres(pool), durability, None)
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
            Backend::Postgres(pool) => SqlxPostgresConnector::from_sqlx_postgres_pool(pool.clone()),
            Backend::Sqlite { readers, .. } => SqlxSqliteConnector::from_sqlx_sqlite_pool(readers.clone()),
        }
    }

    /// For writing; on SQLite there is one for the whole process.
    pub fn write_connection(&self) -> DatabaseConnection {
        match &self.backend {
            Backend::Postgres(pool) => SqlxPostgresConnector::from_sqlx_postgres_pool(pool.clone()),
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
            Backend::Postgres(pool) => pool.close().await,
            Backend::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
        }
    }
}

#[allow(missing_docs, unused_variables, clippy::unused_async)]
impl Store {
    /// Newest first, with an id below `before`.
    pub async fn held_messages(
        &self,
        filter: &HeldFilter,
        before: Option<i64>,
        limit: u64,
    ) -> Result<Vec<HeldMessage>, StoreError> {
        unimplemented!()
    }
    pub async fn held_message(&self, id: i64) -> Result<Option<(HeldMessage, Vec<u8>)>, StoreError> {
        unimplemented!()
    }
    /// Adds the repository or changes the one of its name.
    pub async fn save_repository(&self, repository: &Repository) -> Result<Repository, StoreError> {
        unimplemented!()
    }
    pub async fn repositories(&self) -> Result<Vec<Repository>, StoreError> {
        unimplemented!()
    }
    /// False if the client id is taken.
    pub async fn create_credential(&self, credential: &StoredCredential) -> Result<bool, StoreError> {
        unimplemented!()
    }
    pub async fn credentials(&self) -> Result<Vec<StoredCredential>, StoreError> {
        unimplemented!()
    }
    /// False if there is none, or it is revoked already.
    pub async fn revoke_credential(&self, client_id: &str) -> Result<bool, StoreError> {
        unimplemented!()
    }
    pub async fn set_tier(&self, signature: Signature, tier: i32) -> Result<(), StoreError> {
        unimplemented!()
    }
    pub async fn tiers(&self) -> Result<Vec<(Signature, i32)>, StoreError> {
        unimplemented!()
    }
    /// False if there was none.
    pub async fn clear_tier(&self, signature: Signature) -> Result<bool, StoreError> {
        unimplemented!()
    }
}

/// How a push was stored. STUB
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum StoredAs {
    Created,
    Changed,
    Unchanged,
}
#[allow(missing_docs, unused_variables, clippy::unused_async)]
impl Store {
    pub async fn directory_version(&self) -> Result<i64, StoreError> {
        unimplemented!()
    }
    pub async fn stored_pushes_among(
        &self,
        possible: &[(i32, String)],
    ) -> Result<Vec<(i32, String)>, StoreError> {
        unimplemented!()
    }
    pub async fn parked_pushes_now_known(&self) -> Result<Vec<(i32, String)>, StoreError> {
        unimplemented!()
    }
    pub async fn expire_held(
        &self,
        now: chrono::DateTime<chrono::Utc>,
        age: chrono::TimeDelta,
    ) -> Result<u64, StoreError> {
        unimplemented!()
    }
    pub async fn waiting_for_push(
        &self,
        repository_id: i32,
        revision: &str,
        after: i64,
        limit: u64,
    ) -> Result<Vec<(HeldMessage, Vec<u8>)>, StoreError> {
        unimplemented!()
    }
    pub async fn waiting_for_stored_jobs(
        &self,
        after: i64,
        limit: u64,
    ) -> Result<Vec<(HeldMessage, Vec<u8>)>, StoreError> {
        unimplemented!()
    }
    pub async fn apply_remembered_supersedes(
        &self,
        now: chrono::DateTime<chrono::Utc>,
    ) -> Result<u64, StoreError> {
        unimplemented!()
    }
    pub async fn store_push(
        &self,
        repository_id: i32,
        push: &crate::domain::Push,
        now: chrono::DateTime<chrono::Utc>,
    ) -> Result<StoredAs, StoreError> {
        unimplemented!()
    }
    pub async fn discard_held(&self, ids: &[i64]) -> Result<u64, StoreError> {
        unimplemented!()
    }
}
