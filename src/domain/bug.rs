//! A bug of the tracker, as far as failures are matched with it (logs contract 8.6).

use chrono::{DateTime, Utc};

/// A bug, each text within the limits of the contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bug {
    /// The tracker's number.
    pub id: i64,
    /// Such as `NEW`.
    pub status: String,
    /// Such as `FIXED`; empty: the bug is open.
    pub resolution: String,
    /// What it is about.
    pub summary: String,
    /// Signatures of crashes.
    pub crash_signature: String,
    /// Joined by commas.
    pub keywords: String,
    /// Operating system.
    pub os: String,
    /// When it last changed.
    pub modified: DateTime<Utc>,
    /// Free text of those who sort bugs.
    pub whiteboard: String,
    /// The bug that this one is a duplicate of.
    pub dupe_of: Option<i64>,
}

impl Bug {
    /// Whether it is not resolved.
    pub fn is_open(&self) -> bool {
        self.resolution.is_empty()
    }
}
