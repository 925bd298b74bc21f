//! Reading by a set of values in one statement, which both databases take as one JSON text.

use super::batch::Row;
use super::{Backend, Store, StoreError};
use sea_orm::sqlx::{self, AssertSqlSafe};

/// One question in the words of each database. `$1` is the JSON text; numbers follow from `$2` on.
pub(super) struct DialectStatement<P, S> {
    pub postgres: P,
    pub sqlite: S,
}

impl Store {
    /// Asks on a connection that only reads.
    pub(super) async fn read_rows<P, S>(
        &self,
        statement: DialectStatement<P, S>,
        json: &str,
        numbers: &[i64],
    ) -> Result<Vec<Row>, StoreError>
    where
        P: FnOnce() -> String,
        S: FnOnce() -> String,
    {
        Ok(match self.backend() {
            Backend::Postgres { readers, .. } => {
                let mut query = sqlx::query(AssertSqlSafe((statement.postgres)())).bind(json);
                for number in numbers {
                    query = query.bind(number);
                }
                query.fetch_all(readers).await?.into_iter().map(Row::Postgres).collect()
            }
            Backend::Sqlite { readers, .. } => {
                let mut query = sqlx::query(AssertSqlSafe((statement.sqlite)())).bind(json);
                for number in numbers {
                    query = query.bind(number);
                }
                query.fetch_all(readers).await?.into_iter().map(Row::Sqlite).collect()
            }
        })
    }
}
