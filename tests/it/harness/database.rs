//! A database of its own for each test.

use super::postgres::create_database;
use super::skipped;
use std::sync::Arc;
use tempfile::TempDir;

/// An empty database. SQLite: a file in a folder that goes with the last clone.
#[derive(Debug, Clone)]
pub struct Database {
    /// What `HERDGATE_DATABASE_URL` is set to.
    pub url: String,
    /// Folder that the gateway runs in.
    pub folder: Arc<TempDir>,
    /// Variables that every command on it is run with.
    pub environment: Vec<(String, String)>,
}

impl Database {
    /// A new SQLite file.
    pub fn sqlite() -> Self {
        let folder = folder();
        let url = format!("sqlite://{}?mode=rwc", folder.path().join("herdgate.db").display());
        Self { url, folder, environment: Vec::new() }
    }

    /// A new database on the server of the test run; `None`, said aloud, if there is none.
    pub async fn postgres() -> Option<Self> {
        match std::env::var("HERDGATE_TEST_POSTGRES_URL") {
            Ok(server) => Some(Self::on_server(&server).await),
            Err(_) => {
                skipped("HERDGATE_TEST_POSTGRES_URL is not set; ./test.sh sets it");
                None
            }
        }
    }

    /// A new database on a server.
    pub async fn on_server(server: &str) -> Self {
        Self { url: create_database(server).await, folder: folder(), environment: Vec::new() }
    }

    /// The same with one more variable for every command.
    pub fn with(mut self, variable: &str, value: &str) -> Self {
        self.environment.push((variable.into(), value.into()));
        self
    }

    /// Another empty database of the same kind.
    pub async fn another(&self) -> Self {
        if self.is_sqlite() { Self::sqlite() } else { Self::on_server(&self.url).await }
    }

    /// Whether this is SQLite, which one gateway at a time may serve.
    pub fn is_sqlite(&self) -> bool {
        self.url.starts_with("sqlite:")
    }
}

fn folder() -> Arc<TempDir> {
    Arc::new(tempfile::Builder::new().prefix("herdgate-it-").tempdir().unwrap())
}
