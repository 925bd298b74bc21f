//! The hot path: the statements of one group commit, each for a whole set of rows.
//!
//! A [`BatchTransaction`] is one database transaction. Its statements are used in a fixed order (jobs,
//! then what hangs on them, then held messages, then the ledger), and job rows and ledger lines are
//! taken in the order of their keys, so that concurrent batches hardly ever lock in opposite orders;
//! where they do, the database breaks one off, and that one is run again.

mod bugs;
mod held;
mod jobs;
mod logs;
mod parts;
mod performance;
mod performance_fetches;
mod reference;
mod rows;
mod sightings;

pub(crate) use held::{HeldWrite, LedgerUsage, ReleasedHeld};
pub(crate) use jobs::{DecisionRow, TouchedRow, WrittenRow};
pub(crate) use logs::{FailureLineRow, FlatErrorRow, GroupResultRow, LeasedLog, SUPPLIED, SummaryRow};
pub(crate) use parts::{ArtifactRow, DetailRow, LogRow, PartsRule, StepRow};

pub(crate) use performance::PerformanceRow;
pub(crate) use performance_fetches::PerformanceFetchRow;
pub(crate) use reference::{ReferenceTable, SignatureRow};

use super::{Backend, Store, StoreError};
use rows::RowSet;
use sea_orm::sqlx::postgres::PgRow;
use sea_orm::sqlx::sqlite::SqliteRow;
use sea_orm::sqlx::{self, AssertSqlSafe, Postgres, Sqlite, Transaction};
use std::sync::atomic::{AtomicU64, Ordering};

/// One group commit.
pub(crate) struct BatchTransaction<'s> {
    inner: Inner,
    statements: &'s AtomicU64,
    /// Entered so far, written at the end.
    ledger: held::LedgerChanges,
}

enum Inner {
    Postgres(Transaction<'static, Postgres>),
    Sqlite(Transaction<'static, Sqlite>),
}

/// Rows of either database, with the few accessors that the statements need.
pub(crate) enum Row {
    Postgres(PgRow),
    Sqlite(SqliteRow),
}

macro_rules! column {
    ($(#[$doc:meta])* $name:ident, $type:ty) => {
        $(#[$doc])*
        pub(crate) fn $name(&self, index: usize) -> Result<$type, StoreError> {
            use sqlx::Row as _;
            Ok(match self {
                Self::Postgres(row) => row.try_get(index)?,
                Self::Sqlite(row) => row.try_get(index)?,
            })
        }
    };
}

impl Row {
    column!(text, String);
    column!(optional_text, Option<String>);
    column!(bigint, i64);
    column!(optional_bigint, Option<i64>);
    column!(int, i32);
    column!(bytes, Vec<u8>);
    column!(optional_bytes, Option<Vec<u8>>);
}

impl Store {
    /// Starts a group commit. On SQLite this waits for the write lock.
    pub(crate) async fn begin_batch(&self) -> Result<BatchTransaction<'_>, StoreError> {
        let inner = match self.backend() {
            Backend::Postgres { writers, .. } => Inner::Postgres(writers.begin().await?),
            Backend::Sqlite { writer, .. } => Inner::Sqlite(writer.begin_with("BEGIN IMMEDIATE").await?),
        };
        let statements = self.statements();
        statements.fetch_add(1, Ordering::Relaxed);
        Ok(BatchTransaction { inner, statements, ledger: Default::default() })
    }
}

impl BatchTransaction<'_> {
    /// Whether the database has one writer only, so that nothing changes under the transaction.
    pub(crate) fn is_sqlite(&self) -> bool {
        matches!(self.inner, Inner::Sqlite(_))
    }

    /// Makes everything true. An error leaves it unknown whether the commit happened.
    pub(crate) async fn commit(mut self) -> Result<(), StoreError> {
        self.write_ledger().await?;
        self.statements.fetch_add(1, Ordering::Relaxed);
        match self.inner {
            Inner::Postgres(transaction) => transaction.commit().await?,
            Inner::Sqlite(transaction) => transaction.commit().await?,
        }
        Ok(())
    }

    /// Runs a statement over a set of rows. In `sql`, `{rows}` stands for the set (alias `t`),
    /// `{lock}` for `FOR UPDATE` where it exists, `{max}` for the greater of two values.
    async fn run(&mut self, sql: &str, rows: RowSet<'_>) -> Result<Vec<Row>, StoreError> {
        self.statements.fetch_add(1, Ordering::Relaxed);
        match &mut self.inner {
            Inner::Postgres(transaction) => {
                let sql = sql
                    .replace("{rows}", &rows.unnest())
                    .replace("{lock}", "FOR UPDATE")
                    .replace("{max}", "GREATEST");
                let query = rows.bind_arrays(sqlx::query(AssertSqlSafe(sql)));
                let fetched = query.fetch_all(&mut **transaction).await?;
                Ok(fetched.into_iter().map(Row::Postgres).collect())
            }
            Inner::Sqlite(transaction) => {
                let sql =
                    sql.replace("{rows}", &rows.json_each()).replace("{lock}", "").replace("{max}", "MAX");
                let query: rows::SqliteQuery<'_> = sqlx::query(AssertSqlSafe(sql)).bind(rows.to_json());
                let fetched = query.fetch_all(&mut **transaction).await?;
                Ok(fetched.into_iter().map(Row::Sqlite).collect())
            }
        }
    }
}
