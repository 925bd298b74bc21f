//! The first migration by subject. Frozen once released: later changes are migrations of their own.

pub mod gateway;
pub mod held;
pub mod job_parts;
pub mod jobs;
pub mod reference_data;
pub mod repositories;

use sea_orm_migration::sea_orm::DbBackend;
use sea_orm_migration::{prelude::*, schema::*};

/// A table that must not exist yet.
pub(crate) fn table(name: &'static str) -> TableCreateStatement {
    Table::create().table(name).take()
}

/// `column` names a row of `parent`; the row stays as long as it is named.
fn reference(column: &'static str, parent: &'static str) -> ForeignKeyCreateStatement {
    ForeignKey::create().from_col(column).to(parent, "id").take()
}

/// `column` names a row of `parent` and goes with it.
pub(crate) fn part_of(column: &'static str, parent: &'static str) -> ForeignKeyCreateStatement {
    reference(column, parent).on_delete(ForeignKeyAction::Cascade).take()
}

pub(crate) fn index(table: &'static str, columns: &[&'static str]) -> IndexCreateStatement {
    named_index(table, columns, "idx")
}

pub(crate) fn unique(table: &'static str, columns: &[&'static str]) -> IndexCreateStatement {
    named_index(table, columns, "key").unique().take()
}

fn named_index(table: &'static str, columns: &[&'static str], kind: &str) -> IndexCreateStatement {
    let mut index = Index::create().name(format!("{table}_{}_{kind}", columns.join("_"))).table(table).take();
    for column in columns {
        index.col(*column);
    }
    index
}

/// A text that is looked up by equality or prefix: compared byte by byte, so that an index serves
/// both whatever the locale of the database. SQLite always compares so.
fn key_text(manager: &SchemaManager<'_>, name: &'static str, length: u32) -> ColumnDef {
    in_byte_order(manager, string_len(name, length))
}

fn key_text_null(manager: &SchemaManager<'_>, name: &'static str, length: u32) -> ColumnDef {
    in_byte_order(manager, string_len_null(name, length))
}

fn in_byte_order(manager: &SchemaManager<'_>, mut column: ColumnDef) -> ColumnDef {
    if manager.get_database_backend() == DbBackend::Postgres {
        column.extra("COLLATE \"C\"");
    }
    column
}
