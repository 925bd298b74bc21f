//! The bug list: importing it, and its version.

use super::directory::state_number;
use super::{Store, StoreError};
use crate::domain::Bug;
use std::collections::BTreeMap;

/// Grows with every change of the bug list.
const BUG_LIST_VERSION: &str = "bug_list_version";
/// Bugs that one statement saves.
const BUGS_PER_STATEMENT: usize = 2000;

/// What imported bugs are of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BugListPart<'a> {
    /// Some: the others stay.
    Some,
    /// All: the others go, but those that are in the list and could not be used stay as they were.
    Whole {
        /// Numbers of those.
        unusable: &'a [i64],
    },
}

/// What an import did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BugListChange {
    /// Bugs that were added, or were different before.
    pub saved: usize,
    /// Bugs that went.
    pub removed: usize,
}

impl Store {
    /// Adds or changes bugs, all or none; of those with one number the last counts. If anything changes, so
    /// does the version of the bug list. An empty list changes nothing, whatever part it is: a tracker that
    /// shows no bugs has a fault (logs contract 8.6).
    ///
    /// # Errors
    /// If the database fails.
    pub async fn import_bugs(
        &self,
        bugs: &[Bug],
        part: BugListPart<'_>,
    ) -> Result<BugListChange, StoreError> {
        // In the order of their keys, which is that in which rows are locked.
        let bugs: BTreeMap<i64, &Bug> = bugs.iter().map(|bug| (bug.id, bug)).collect();
        let mut change = BugListChange::default();
        if bugs.is_empty() {
            return Ok(change);
        }
        let mut transaction = self.begin_batch().await?;
        if let BugListPart::Whole { unusable } = part {
            let ids: Vec<i64> = bugs.keys().chain(unusable).copied().collect();
            change.removed = transaction.remove_other_bugs(&ids).await?;
        }
        let bugs: Vec<&Bug> = bugs.into_values().collect();
        for chunk in bugs.chunks(BUGS_PER_STATEMENT) {
            change.saved += transaction.save_bugs(chunk).await?;
        }
        if change != BugListChange::default() {
            transaction.raise_version(BUG_LIST_VERSION).await?;
        }
        transaction.commit().await?;
        Ok(change)
    }

    /// The version of the bug list: what was found in a list of this version is still true.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn bug_list_version(&self) -> Result<i64, StoreError> {
        state_number(&self.read_connection(), BUG_LIST_VERSION).await
    }
}
