//! What the gateway remembers, on SQLite or PostgreSQL, through sea-orm.

pub mod model;

use crate::domain::{Repository, Signature};
use model::{
    ChangePage, ChangePosition, HeldFilter, HeldMessage, JobFilter, JobWithParts, StoredCredential,
    StoredJob, StoredPush,
};

/// What can go wrong in the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database is away or too busy: the same call may work later.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// The database refuses the data (SQLSTATE classes 22, 23, 54; R20).
    #[error("the database refuses the data: {0}")]
    Data(String),
    /// A row that other rows name is gone (SQLSTATE 23503).
    #[error("a referenced row is missing: {0}")]
    ForeignKey(String),
    /// The database or its settings cannot be used.
    #[error("{0}")]
    Unusable(String),
    /// Anything else: a bug of ours.
    #[error("unexpected database error: {0}")]
    Internal(String),
}

/// How a database is opened.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct StoreOptions {
    pub url: String,
    pub max_connections: u32,
    pub unsafe_durability: bool,
    pub create: bool,
}

/// Stand-in.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum ImportError {
    #[error("stand-in")]
    Form,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Stand-in.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct Imported {
    pub groups: usize,
    pub repositories: usize,
    pub without_known_group: usize,
}

/// Stand-in.
#[derive(Debug)]
pub struct FileLock {}

#[allow(missing_docs, unused_variables)]
impl FileLock {
    pub fn acquire(database: &std::path::Path) -> Result<Self, StoreError> {
        unimplemented!()
    }
}

/// An open database.
#[derive(Debug, Clone)]
pub struct Store {}

#[allow(missing_docs, unused_variables, clippy::unused_async)]
impl Store {
    pub async fn connect(options: &StoreOptions) -> Result<Self, StoreError> {
        unimplemented!()
    }
    pub async fn import_repositories(&self, files: &[&str]) -> Result<Imported, ImportError> {
        unimplemented!()
    }
    pub async fn migrate(&self) -> Result<(), StoreError> {
        unimplemented!()
    }
    pub async fn job(&self, guid: &str) -> Result<Option<JobWithParts>, StoreError> {
        unimplemented!()
    }
    /// By id, ascending.
    pub async fn jobs(
        &self,
        filter: &JobFilter,
        after_id: i64,
        limit: u64,
    ) -> Result<Vec<StoredJob>, StoreError> {
        unimplemented!()
    }
    /// Newest first, after (time in µs, id).
    pub async fn pushes(
        &self,
        project: &str,
        revision: Option<&str>,
        before: Option<(i64, i64)>,
        limit: u64,
    ) -> Result<Vec<StoredPush>, StoreError> {
        unimplemented!()
    }
    pub async fn changes(
        &self,
        filter: &JobFilter,
        after: ChangePosition,
        limit: u64,
    ) -> Result<ChangePage, StoreError> {
        unimplemented!()
    }
    /// The position that everything committed before now lies below.
    pub async fn change_horizon(&self) -> Result<ChangePosition, StoreError> {
        unimplemented!()
    }
    /// Random id of this database; cursors of another one are refused.
    pub fn database_id(&self) -> &str {
        unimplemented!()
    }
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
