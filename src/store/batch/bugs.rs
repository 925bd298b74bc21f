//! The bug list, changed by sets.

use super::{BatchTransaction, RowSet, StoreError};
use crate::domain::Bug;
use crate::store::time::to_micros;
use crate::suggestions::folded;
use std::iter::once;

/// What a bug is found again by and what of it is shown.
const COLUMNS: [&str; 10] = [
    "status",
    "resolution",
    "summary",
    "folded",
    "crash_signature",
    "keywords",
    "os",
    "modified",
    "whiteboard",
    "dupe_of",
];

impl BatchTransaction<'_> {
    /// Adds bugs, each with an id of its own, and changes those that differ from what is there. Gives back
    /// how many were added or changed.
    pub(crate) async fn save_bugs(&mut self, bugs: &[&Bug]) -> Result<usize, StoreError> {
        let columns = COLUMNS.join(", ");
        let set = COLUMNS.map(|column| format!("{column} = excluded.{column}")).join(", ");
        let differs =
            COLUMNS.map(|column| format!("bugs.{column} IS DISTINCT FROM excluded.{column}")).join(" OR ");
        let sql = format!(
            "INSERT INTO bugs (id, {columns}) SELECT id, {columns} FROM {{rows}} WHERE true ORDER BY id \
             ON CONFLICT (id) DO UPDATE SET {set} WHERE {differs} RETURNING id"
        );
        let summaries: Vec<String> = bugs.iter().map(|bug| folded(&bug.summary)).collect();
        let rows = RowSet::new()
            .bigint("id", bugs.iter().map(|bug| bug.id))
            .text("status", bugs.iter().map(|bug| &*bug.status))
            .text("resolution", bugs.iter().map(|bug| &*bug.resolution))
            .text("summary", bugs.iter().map(|bug| &*bug.summary))
            .text("folded", summaries.iter().map(String::as_str))
            .text("crash_signature", bugs.iter().map(|bug| &*bug.crash_signature))
            .text("keywords", bugs.iter().map(|bug| &*bug.keywords))
            .text("os", bugs.iter().map(|bug| &*bug.os))
            .bigint("modified", bugs.iter().map(|bug| to_micros(bug.modified)))
            .text("whiteboard", bugs.iter().map(|bug| &*bug.whiteboard))
            .optional_bigint("dupe_of", bugs.iter().map(|bug| bug.dupe_of));
        Ok(self.run(&sql, rows).await?.len())
    }

    /// Removes every bug that is not among these. Gives back how many went.
    pub(crate) async fn remove_other_bugs(&mut self, ids: &[i64]) -> Result<usize, StoreError> {
        let sql = "DELETE FROM bugs WHERE id NOT IN (SELECT t.id FROM {rows}) RETURNING id";
        let rows = RowSet::new().bigint("id", ids.iter().copied());
        Ok(self.run(sql, rows).await?.len())
    }

    /// Raises a number of `gateway_state`.
    pub(crate) async fn raise_version(&mut self, key: &str) -> Result<(), StoreError> {
        let sql = "UPDATE gateway_state SET value = CAST(CAST(value AS bigint) + 1 AS text) \
             WHERE key IN (SELECT t.name FROM {rows})";
        self.run(sql, RowSet::new().text("name", once(key))).await?;
        Ok(())
    }
}
