//! Sets of rows as parameters of one statement: arrays for `UNNEST` on PostgreSQL, one JSON text for
//! `json_each` on SQLite. With them a statement is written once and runs on both.

use crate::domain::stored_error_line;
use sea_orm::sqlx::postgres::PgArguments;
use sea_orm::sqlx::query::Query;
use sea_orm::sqlx::{Postgres, Sqlite};
use std::borrow::Cow;
use std::fmt::{Display, Write};

/// The values of one column.
#[derive(Debug)]
enum Column<'a> {
    Text(Vec<Option<Cow<'a, str>>>),
    BigInt(Vec<Option<i64>>),
    Int(Vec<Option<i32>>),
    SmallInt(Vec<Option<i16>>),
    Double(Vec<Option<f64>>),
    Bytes(Vec<Option<Cow<'a, [u8]>>>),
}

/// Rows of named, typed columns; in a statement the placeholder `{rows}` stands for them, under the
/// alias `t`.
#[derive(Debug, Default)]
pub(super) struct RowSet<'a> {
    columns: Vec<(&'static str, Column<'a>)>,
}

impl<'a> RowSet<'a> {
    pub(super) fn new() -> Self {
        Self::default()
    }

    pub(super) fn text(self, name: &'static str, values: impl Iterator<Item = &'a str>) -> Self {
        self.push(name, Column::Text(values.map(|v| Some(Cow::Borrowed(v))).collect()))
    }

    /// Texts of error lines, as they are stored.
    pub(super) fn error_lines(self, name: &'static str, lines: impl Iterator<Item = &'a str>) -> Self {
        self.push(name, Column::Text(lines.map(|line| Some(stored_error_line(line))).collect()))
    }

    pub(super) fn optional_text(
        self,
        name: &'static str,
        values: impl Iterator<Item = Option<&'a str>>,
    ) -> Self {
        self.push(name, Column::Text(values.map(|v| v.map(Cow::Borrowed)).collect()))
    }

    pub(super) fn bigint(self, name: &'static str, values: impl Iterator<Item = i64>) -> Self {
        self.push(name, Column::BigInt(values.map(Some).collect()))
    }

    pub(super) fn optional_bigint(
        self,
        name: &'static str,
        values: impl Iterator<Item = Option<i64>>,
    ) -> Self {
        self.push(name, Column::BigInt(values.collect()))
    }

    pub(super) fn int(self, name: &'static str, values: impl Iterator<Item = i32>) -> Self {
        self.push(name, Column::Int(values.map(Some).collect()))
    }

    pub(super) fn optional_int(self, name: &'static str, values: impl Iterator<Item = Option<i32>>) -> Self {
        self.push(name, Column::Int(values.collect()))
    }

    pub(super) fn optional_smallint(
        self,
        name: &'static str,
        values: impl Iterator<Item = Option<i16>>,
    ) -> Self {
        self.push(name, Column::SmallInt(values.collect()))
    }

    /// Finite numbers.
    pub(super) fn double(self, name: &'static str, values: impl Iterator<Item = f64>) -> Self {
        self.push(name, Column::Double(values.map(Some).collect()))
    }

    pub(super) fn bytes(self, name: &'static str, values: impl Iterator<Item = &'a [u8]>) -> Self {
        self.push(name, Column::Bytes(values.map(|v| Some(Cow::Borrowed(v))).collect()))
    }

    pub(super) fn owned_bytes(self, name: &'static str, values: impl Iterator<Item = Vec<u8>>) -> Self {
        self.push(name, Column::Bytes(values.map(|v| Some(Cow::Owned(v))).collect()))
    }

    fn push(mut self, name: &'static str, column: Column<'a>) -> Self {
        debug_assert!(
            self.columns.first().is_none_or(|(_, first)| first.len() == column.len()),
            "column {name} has another length"
        );
        self.columns.push((name, column));
        self
    }

    /// Source of the rows for PostgreSQL.
    pub(super) fn unnest(&self) -> String {
        let mut arrays = String::new();
        let mut names = String::new();
        for (index, (name, column)) in self.columns.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            let _ = write!(arrays, "{separator}${}::{}[]", index + 1, column.postgres_type());
            let _ = write!(names, "{separator}{name}");
        }
        format!("UNNEST({arrays}) AS t({names})")
    }

    /// Source of the rows for SQLite.
    pub(super) fn json_each(&self) -> String {
        let mut fields = String::new();
        for (index, (name, column)) in self.columns.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            let field = match column {
                Column::Bytes(_) => format!("unhex(value ->> {index})"),
                _ => format!("value ->> {index}"),
            };
            let _ = write!(fields, "{separator}{field} AS {name}");
        }
        format!("(SELECT {fields} FROM json_each(?1)) AS t")
    }

    /// The rows as the JSON text that [`Self::json_each`] reads.
    pub(super) fn to_json(&self) -> String {
        let count = self.columns.first().map_or(0, |(_, column)| column.len());
        let mut json = String::with_capacity(count * self.columns.len() * 16 + 2);
        json.push('[');
        for row in 0..count {
            json.push_str(if row == 0 { "[" } else { ",[" });
            for (index, (_, column)) in self.columns.iter().enumerate() {
                if index > 0 {
                    json.push(',');
                }
                column.write_json(row, &mut json);
            }
            json.push(']');
        }
        json.push(']');
        json
    }

    /// Binds the arrays that [`Self::unnest`] names.
    pub(super) fn bind_arrays<'q>(
        self,
        mut query: Query<'q, Postgres, PgArguments>,
    ) -> Query<'q, Postgres, PgArguments>
    where
        'a: 'q,
    {
        for (_, column) in self.columns {
            query = match column {
                Column::Text(values) => query.bind(values),
                Column::BigInt(values) => query.bind(values),
                Column::Int(values) => query.bind(values),
                Column::SmallInt(values) => query.bind(values),
                Column::Double(values) => query.bind(values),
                Column::Bytes(values) => {
                    query.bind(values.into_iter().map(|v| v.map(Cow::into_owned)).collect::<Vec<_>>())
                }
            };
        }
        query
    }
}

/// SQLite's arguments are of one kind only; named here for the statements' signatures.
pub(super) type SqliteQuery<'q> = Query<'q, Sqlite, sea_orm::sqlx::sqlite::SqliteArguments>;

impl Column<'_> {
    fn len(&self) -> usize {
        match self {
            Self::Text(values) => values.len(),
            Self::BigInt(values) => values.len(),
            Self::Int(values) => values.len(),
            Self::SmallInt(values) => values.len(),
            Self::Double(values) => values.len(),
            Self::Bytes(values) => values.len(),
        }
    }

    fn postgres_type(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::BigInt(_) => "bigint",
            Self::Int(_) => "int",
            Self::SmallInt(_) => "smallint",
            Self::Double(_) => "float8",
            Self::Bytes(_) => "bytea",
        }
    }

    /// Written by hand, for this is the hot path of SQLite; strings by serde_json.
    fn write_json(&self, row: usize, to: &mut String) {
        fn number(value: Option<impl Display>, to: &mut String) {
            match value {
                Some(value) => {
                    let _ = write!(to, "{value}");
                }
                None => to.push_str("null"),
            }
        }
        match self {
            Self::Text(values) => match values[row].as_deref() {
                Some(text) => push_json_string(text, to),
                None => to.push_str("null"),
            },
            Self::BigInt(values) => number(values[row], to),
            Self::Int(values) => number(values[row], to),
            Self::SmallInt(values) => number(values[row], to),
            Self::Double(values) => number(values[row], to),
            Self::Bytes(values) => match values[row].as_deref() {
                Some(bytes) => {
                    to.push('"');
                    for byte in bytes {
                        let _ = write!(to, "{byte:02x}");
                    }
                    to.push('"');
                }
                None => to.push_str("null"),
            },
        }
    }
}

fn push_json_string(text: &str, to: &mut String) {
    // Almost no text needs an escape.
    if text.bytes().all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\') {
        to.push('"');
        to.push_str(text);
        to.push('"');
    } else {
        to.push_str(&serde_json::Value::from(text).to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_json_of_a_set_is_read_back_as_its_values() {
        let set = RowSet::new()
            .text("a", ["plain", "\"quoted\" \\ \n é", "\u{1}"].into_iter())
            .optional_text("b", [None, Some(""), Some("x")].into_iter())
            .optional_bigint("c", [Some(i64::MIN), None, Some(i64::MAX)].into_iter())
            .bytes("d", [&[][..], &[0, 255], &[16]].into_iter());
        let rows: serde_json::Value = serde_json::from_str(&set.to_json()).unwrap();
        assert_eq!(
            rows,
            serde_json::json!([
                ["plain", null, i64::MIN, ""],
                ["\"quoted\" \\ \n é", "", null, "00ff"],
                ["\u{1}", "x", i64::MAX, "10"],
            ])
        );
    }
}
