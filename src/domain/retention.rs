//! How long jobs are kept (design rule R33).

use super::ProjectName;
use chrono::TimeDelta;
use std::collections::BTreeMap;
use std::num::NonZeroU32;

/// For how many days after their receipt jobs are kept; none: for ever.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Retention {
    /// Of every repository that `repositories` does not name.
    pub days: Option<NonZeroU32>,
    /// By name of the repository.
    pub repositories: BTreeMap<ProjectName, Option<NonZeroU32>>,
}

impl Retention {
    /// How long jobs of a repository are kept; none: for ever.
    pub fn age(&self, repository: &ProjectName) -> Option<TimeDelta> {
        let days = self.repositories.get(repository).copied().unwrap_or(self.days)?;
        Some(TimeDelta::days(days.get().into()))
    }

    /// Whether everything is kept for ever.
    pub fn is_off(&self) -> bool {
        self.days.is_none() && self.repositories.values().all(Option::is_none)
    }
}
