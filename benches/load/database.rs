//! The databases that benchmarks fill, each of its own and gone afterwards.

use super::postgres::PrivatePostgres;
use super::setting;
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};
use std::path::PathBuf;
use tempfile::TempDir;

/// A database that was empty at first.
pub enum Database {
    /// On a server of its own with default settings.
    Postgres(PrivatePostgres),
    /// In a folder of its own.
    Sqlite(TempDir),
}

impl Database {
    /// What `HERDGATE_BENCH_DATABASES` names.
    pub fn names() -> Vec<String> {
        setting("HERDGATE_BENCH_DATABASES", "postgres,sqlite").split(',').map(str::to_owned).collect()
    }

    /// Makes one; `None`, said aloud, where it is not installed.
    pub async fn start(name: &str) -> Option<Self> {
        match name {
            "postgres" => PrivatePostgres::start_new().await.map(Self::Postgres),
            "sqlite" => Some(Self::Sqlite(tempfile::tempdir().expect("a folder"))),
            other => panic!("HERDGATE_BENCH_DATABASES names {other:?}; it takes postgres and sqlite"),
        }
    }

    /// As reports name it.
    pub fn title(&self) -> &'static str {
        match self {
            Self::Postgres(_) => "PostgreSQL",
            Self::Sqlite(_) => "SQLite",
        }
    }

    pub fn url(&self) -> String {
        match self {
            Self::Postgres(server) => server.url(),
            Self::Sqlite(folder) => format!("sqlite://{}?mode=rwc", sqlite_file(folder).display()),
        }
    }

    /// The process of the server, if it is one.
    pub fn process(&self) -> Option<u32> {
        match self {
            Self::Postgres(server) => server.process(),
            Self::Sqlite(_) => None,
        }
    }

    /// Takes the logs of all jobs for parsed: nobody keeps them, and trying to fetch them is not to be measured.
    pub async fn take_logs_for_parsed(&self) {
        let parsed = "UPDATE job_logs SET status = 1, queue_priority = NULL, lease_owner = NULL, \
                      lease_until = NULL, next_attempt_at = NULL WHERE queue_priority IS NOT NULL";
        self.execute(parsed).await;
    }

    /// Executes a statement; gives how many rows it changed.
    pub async fn execute(&self, statement: &str) -> u64 {
        self.connect().await.execute_unprepared(statement).await.expect(statement).rows_affected()
    }

    /// A connection of its own.
    pub async fn connect(&self) -> DatabaseConnection {
        sea_orm::Database::connect(self.url()).await.expect("the database answers")
    }

    /// Has the database do what it would have done in the days that so many jobs take (autovacuum,
    /// checkpoints); gives its size in bytes.
    pub async fn settle(&self) -> u64 {
        match self {
            Self::Postgres(server) => settle_postgres(&server.url()).await,
            Self::Sqlite(folder) => std::fs::metadata(sqlite_file(folder)).map_or(0, |file| file.len()),
        }
    }
}

/// The number that a question is answered by; `None` if there is no row, or NULL.
pub async fn number(connection: &DatabaseConnection, question: &str) -> Option<i64> {
    let statement = Statement::from_string(connection.get_database_backend(), question);
    let row = connection.query_one_raw(statement).await.expect(question)?;
    row.try_get_by_index(0).expect("a number")
}

/// The database file in its folder.
pub fn sqlite_file(folder: &TempDir) -> PathBuf {
    folder.path().join("bench.db")
}

async fn settle_postgres(url: &str) -> u64 {
    let connection = sea_orm::Database::connect(url).await.expect("PostgreSQL answers");
    for statement in ["VACUUM ANALYZE", "CHECKPOINT"] {
        connection.execute_unprepared(statement).await.expect(statement);
    }
    number(&connection, "SELECT pg_database_size(current_database())").await.expect("a size") as u64
}
