//! Fresh databases for tests, the same test on both kinds. Panics where a test would.

#![allow(clippy::expect_used, reason = "for tests only: a test that cannot start must end")]

use super::{Store, StoreError, StoreOptions};
use sea_orm::sqlx::{self, AssertSqlSafe, Connection, PgConnection};
use std::path::PathBuf;

/// Names the PostgreSQL server to test on; its user may create databases.
pub const POSTGRES_URL: &str = "HERDGATE_TEST_POSTGRES_URL";

/// A database of its own.
#[derive(Debug)]
pub struct TestDatabase {
    /// How to connect to it.
    pub options: StoreOptions,
    place: Place,
}

#[derive(Debug)]
enum Place {
    /// A folder that goes when the value is dropped.
    Folder(PathBuf),
    Server {
        url: String,
        database: String,
    },
}

impl TestDatabase {
    /// A SQLite file that does not exist yet.
    pub fn sqlite() -> Self {
        let folder = std::env::temp_dir().join(format!("herdgate-test-{}", uuid::Uuid::new_v4().simple()));
        std::fs::create_dir(&folder).expect("a folder for the database");
        Self {
            options: options(format!("sqlite://{}/test.db", folder.display())),
            place: Place::Folder(folder),
        }
    }

    /// An empty database on the server that [`POSTGRES_URL`] names; none, with a note, if it names none.
    pub async fn postgres() -> Option<Self> {
        let Ok(url) = std::env::var(POSTGRES_URL) else {
            eprintln!("not tested on PostgreSQL: {POSTGRES_URL} is not set");
            return None;
        };
        let database = format!("herdgate_test_{}", uuid::Uuid::new_v4().simple());
        execute(&url, format!("CREATE DATABASE {database}")).await.expect("a database of its own");
        let options = options(with_database(&url, &database));
        Some(Self { options, place: Place::Server { url, database } })
    }

    /// One of each kind that can be tested here.
    pub async fn each() -> Vec<Self> {
        let mut databases = vec![Self::sqlite()];
        databases.extend(Self::postgres().await);
        databases
    }

    /// Connects.
    ///
    /// # Errors
    /// As [`Store::connect`].
    pub async fn connect(&self) -> Result<Store, StoreError> {
        Store::connect(&self.options).await
    }

    /// Connects and migrates.
    pub async fn store(&self) -> Store {
        let store = self.connect().await.expect("a connection");
        store.migrate().await.expect("a schema");
        store
    }

    /// Removes a PostgreSQL database, whoever is connected to it. A SQLite file goes by itself.
    pub async fn remove(self) {
        if let Place::Server { url, database } = &self.place {
            let sql = format!("DROP DATABASE IF EXISTS {database} WITH (FORCE)");
            execute(url, sql).await.expect("the database removed");
        }
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if let Place::Folder(folder) = &self.place {
            // What stays behind is in a folder for temporary files.
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

fn options(url: String) -> StoreOptions {
    StoreOptions { url, max_connections: 8, unsafe_durability: false, create: true }
}

/// The server's URL with another database.
fn with_database(server: &str, database: &str) -> String {
    let (address, query) = match server.split_once('?') {
        Some((address, query)) => (address, format!("?{query}")),
        None => (server, String::new()),
    };
    let (base, _) = address.rsplit_once('/').expect("a URL that ends in a database");
    format!("{base}/{database}{query}")
}

async fn execute(server: &str, sql: String) -> Result<(), sqlx::Error> {
    let mut connection = PgConnection::connect(server).await?;
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await?;
    connection.close().await
}
