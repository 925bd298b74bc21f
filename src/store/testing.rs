//! Fresh databases for tests, the same test on both kinds.

use super::{Store, StoreError, StoreOptions};
use sea_orm::sqlx::{self, AssertSqlSafe, Connection, PgConnection};
use tempfile::TempDir;

/// Names the PostgreSQL server to test on; its user may create databases.
pub const POSTGRES_URL: &str = "HERDGATE_TEST_POSTGRES_URL";

/// A database of its own, gone when dropped.
#[derive(Debug)]
pub struct TestDatabase {
    /// How to connect to it.
    pub options: StoreOptions,
    directory: Option<TempDir>,
    server: Option<String>,
}

impl TestDatabase {
    /// A SQLite file that does not exist yet.
    pub fn sqlite() -> Self {
        let directory = tempfile::tempdir().expect("temporary directory");
        let url = format!("sqlite://{}/test.db", directory.path().display());
        Self { options: options(url), directory: Some(directory), server: None }
    }

    /// An empty database on the server that [`POSTGRES_URL`] names; none if it names none.
    pub async fn postgres() -> Option<Self> {
        let Ok(server) = std::env::var(POSTGRES_URL) else {
            eprintln!("skipped on PostgreSQL: {POSTGRES_URL} is not set");
            return None;
        };
        let name = format!("herdgate_test_{}", uuid::Uuid::new_v4().simple());
        execute(&server, format!("CREATE DATABASE {name}")).await.expect("create a database");
        let url = with_database(&server, &name);
        Some(Self { options: options(url), directory: None, server: Some(server) })
    }

    /// One of each kind that can be tested here.
    pub async fn each() -> Vec<Self> {
        let mut databases = vec![Self::sqlite()];
        databases.extend(Self::postgres().await);
        databases
    }

    /// Connects.
    pub async fn connect(&self) -> Result<Store, StoreError> {
        Store::connect(&self.options).await
    }

    /// Connects and migrates.
    pub async fn store(&self) -> Store {
        let store = self.connect().await.expect("connect");
        store.migrate().await.expect("migrate");
        store
    }

    /// Removes a PostgreSQL database, open connections or not. SQLite files go with the value.
    pub async fn remove(self) {
        if let Some(server) = &self.server {
            let name = self.options.url.rsplit('/').next().unwrap_or_default();
            let name = name.split('?').next().unwrap_or_default();
            execute(server, format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await.expect("drop");
        }
        drop(self.directory);
    }
}

fn options(url: String) -> StoreOptions {
    StoreOptions { url, max_connections: 8, unsafe_durability: false, create: true }
}

fn with_database(server: &str, name: &str) -> String {
    let (address, query) = server.split_once('?').unwrap_or((server, ""));
    let (base, _) = address.rsplit_once('/').expect("the URL ends in /DATABASE");
    let question_mark = if query.is_empty() { "" } else { "?" };
    format!("{base}/{name}{question_mark}{query}")
}

async fn execute(server: &str, sql: String) -> Result<(), sqlx::Error> {
    let mut connection = PgConnection::connect(server).await?;
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await?;
    connection.close().await
}
