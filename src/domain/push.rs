//! Pushes and their commits.

use super::Revision;
use chrono::{DateTime, Utc};

/// A set of commits landed together, as submitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Push {
    /// Top revision.
    pub revision: Revision,
    /// When it was pushed.
    pub time: DateTime<Utc>,
    /// Who pushed.
    pub author: String,
    /// Commits, oldest first.
    pub commits: Vec<Commit>,
    /// Older commits of it that are counted and not kept.
    pub omitted_commits: u32,
}

/// One commit of a push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Its revision.
    pub revision: Revision,
    /// Its author.
    pub author: String,
    /// Its message.
    pub comments: String,
}
