//! What can go wrong in the store, and which database errors mean what (R20).

use sea_orm::sqlx::error::DatabaseError;
use sea_orm::sqlx::postgres::PgDatabaseError;
use sea_orm::sqlx::sqlite::SqliteError;
use sea_orm::{ConnAcquireErr, DbErr, RuntimeErr, sqlx};

/// What can go wrong in the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database is away or too busy: the same call may work later.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// Another transaction was in the way: the same call may work at once.
    #[error("another transaction was in the way: {0}")]
    Conflict(String),
    /// The database refuses the data (SQLSTATE classes 22, 23, 54; R20).
    #[error("the database refuses the data: {0}")]
    Data(String),
    /// A row that other rows name is gone (SQLSTATE 23503).
    #[error("a referenced row is missing: {0}")]
    ForeignKey(String),
    /// The database or its settings cannot be used.
    #[error("{0}")]
    Unusable(String),
    /// A bug of ours that a submission set off: see [`crate::core`].
    #[error("a batch panicked")]
    Panicked,
    /// Anything else: a bug of ours.
    #[error("unexpected database error: {0}")]
    Internal(String),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::classify(&error)
    }
}

impl From<DbErr> for StoreError {
    fn from(error: DbErr) -> Self {
        match &error {
            DbErr::Conn(RuntimeErr::SqlxError(source))
            | DbErr::Exec(RuntimeErr::SqlxError(source))
            | DbErr::Query(RuntimeErr::SqlxError(source)) => Self::classify(source),
            DbErr::ConnectionAcquire(ConnAcquireErr::Timeout | ConnAcquireErr::ConnectionClosed)
            | DbErr::Conn(RuntimeErr::Internal(_)) => Self::Unavailable(error.to_string()),
            _ => Self::Internal(error.to_string()),
        }
    }
}

impl StoreError {
    fn classify(error: &sqlx::Error) -> Self {
        let text = error.to_string();
        match error {
            sqlx::Error::Database(source) => Self::of_database(source.as_ref(), text),
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            // The connection broke off in the middle of an answer.
            | sqlx::Error::Protocol(_)
            | sqlx::Error::BeginFailed => Self::Unavailable(text),
            sqlx::Error::Configuration(_) => Self::Unusable(text),
            _ => Self::Internal(text),
        }
    }

    fn of_database(source: &dyn DatabaseError, text: String) -> Self {
        let code = source.code().unwrap_or_default();
        if source.try_downcast_ref::<PgDatabaseError>().is_some() {
            Self::of_sqlstate(&code, text)
        } else if source.try_downcast_ref::<SqliteError>().is_some() {
            Self::of_sqlite(code.parse().unwrap_or_default(), text)
        } else {
            Self::Internal(text)
        }
    }

    fn of_sqlstate(code: &str, text: String) -> Self {
        match code {
            "23503" => Self::ForeignKey(text),
            // A unique key taken by a transaction that came first: run again, the row is found then.
            "40001" | "40P01" | "23505" => Self::Conflict(text),
            // A statement or lock that took too long, and a session that was ended.
            "57014" | "55P03" | "25P03" => Self::Unavailable(text),
            // The server is of an earlier standby, or turned read-only while it fails over.
            "25006" => Self::Unavailable(text),
            _ => match code.get(..2) {
                Some("22" | "23" | "54") => Self::Data(text),
                Some("08" | "53" | "57" | "58") => Self::Unavailable(text),
                Some("28" | "3D") => Self::Unusable(text),
                _ => Self::Internal(text),
            },
        }
    }

    /// `code` is an extended result code; its low byte is the primary one.
    fn of_sqlite(code: i32, text: String) -> Self {
        const FOREIGN_KEY: i32 = 787;
        match (code, code & 0xff) {
            (FOREIGN_KEY, _) => Self::ForeignKey(text),
            // CONSTRAINT, MISMATCH, TOOBIG.
            (_, 18..=20) => Self::Data(text),
            // BUSY, LOCKED.
            (_, 5 | 6) => Self::Conflict(text),
            // IOERR, FULL, NOMEM, INTERRUPT, PROTOCOL.
            (_, 10 | 13 | 7 | 9 | 15) => Self::Unavailable(text),
            // CANTOPEN, NOTADB, READONLY, CORRUPT, PERM, AUTH.
            (_, 14 | 26 | 8 | 11 | 3 | 23) => Self::Unusable(text),
            _ => Self::Internal(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(error: &StoreError) -> &'static str {
        match error {
            StoreError::Unavailable(_) => "unavailable",
            StoreError::Conflict(_) => "conflict",
            StoreError::Data(_) => "data",
            StoreError::ForeignKey(_) => "foreign key",
            StoreError::Unusable(_) => "unusable",
            StoreError::Internal(_) | StoreError::Panicked => "internal",
        }
    }

    #[test]
    fn each_sqlstate_says_who_has_to_do_what() {
        for (code, expected) in [
            ("22001", "data"),        // string too long
            ("22021", "data"),        // NUL in a text
            ("23502", "data"),        // null
            ("23505", "conflict"),    // unique
            ("23503", "foreign key"), // foreign key
            ("54000", "data"),        // program limit
            ("40001", "conflict"),    // serialization failure
            ("40P01", "conflict"),    // deadlock
            ("08006", "unavailable"), // connection failure
            ("57P01", "unavailable"), // administrator stops the server
            ("57P03", "unavailable"), // server starts up
            ("57014", "unavailable"), // statement timeout
            ("53300", "unavailable"), // too many connections
            ("53100", "unavailable"), // disk full
            ("58030", "unavailable"), // I/O error
            ("25006", "unavailable"), // read-only
            ("28P01", "unusable"),    // wrong password
            ("3D000", "unusable"),    // no such database
            ("42P01", "internal"),    // no such table
            ("42601", "internal"),    // syntax
            ("25P02", "internal"),    // transaction already failed
            ("XX000", "internal"),
            ("", "internal"),
        ] {
            assert_eq!(kind(&StoreError::of_sqlstate(code, String::new())), expected, "{code}");
        }
    }

    #[test]
    fn each_sqlite_code_says_who_has_to_do_what() {
        for (code, expected) in [
            (19, "data"),
            (2067, "data"),       // CONSTRAINT_UNIQUE
            (1299, "data"),       // CONSTRAINT_NOTNULL
            (787, "foreign key"), // CONSTRAINT_FOREIGNKEY
            (20, "data"),
            (18, "data"),
            (5, "conflict"),
            (517, "conflict"), // BUSY_SNAPSHOT
            (6, "conflict"),
            (10, "unavailable"),
            (1034, "unavailable"), // IOERR_FSYNC
            (13, "unavailable"),
            (14, "unusable"),
            (26, "unusable"),
            (1, "internal"),
        ] {
            assert_eq!(kind(&StoreError::of_sqlite(code, String::new())), expected, "{code}");
        }
    }

    #[test]
    fn a_database_that_cannot_be_reached_is_unavailable() {
        let refused = || std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        for error in [
            StoreError::from(sqlx::Error::Io(refused())),
            sqlx::Error::PoolTimedOut.into(),
            sqlx::Error::PoolClosed.into(),
            DbErr::ConnectionAcquire(ConnAcquireErr::Timeout).into(),
            DbErr::Conn(RuntimeErr::SqlxError(sqlx::Error::Io(refused()).into())).into(),
        ] {
            assert_eq!(kind(&error), "unavailable", "{error}");
        }
        assert_eq!(kind(&StoreError::from(sqlx::Error::RowNotFound)), "internal");
    }
}
