//! A repository as an administrator writes it: texts that are not checked yet.

use crate::domain::{ProjectName, Repository, RepositoryKind};
use crate::limits;

/// A repository that somebody wants to add or change.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "named and documented as in `domain::Repository`")]
pub struct RepositoryForm {
    pub name: String,
    pub url: String,
    /// `hg` or `git`.
    pub dvcs_type: String,
    /// Empty: none.
    pub branch: String,
    /// Empty: none.
    pub group: String,
    pub active: bool,
    pub description: String,
    pub codebase: String,
    pub accepts_pull_requests: bool,
}

/// A field that breaks its rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct InvalidRepository {
    /// Its name, as in `AddRepositoryRequest`.
    pub field: &'static str,
    /// The rule.
    pub problem: String,
}

impl RepositoryForm {
    /// Checks every field.
    ///
    /// # Errors
    /// Names the first field that breaks its rule.
    pub fn check(self) -> Result<Repository, InvalidRepository> {
        let invalid = |field, problem: String| InvalidRepository { field, problem };
        let name = ProjectName::try_new(&self.name)
            .map_err(|error| invalid("repository.name", error.to_string()))?;
        let kind = RepositoryKind::from_word(&self.dvcs_type)
            .ok_or_else(|| invalid("repository.dvcs_type", "must be `hg` or `git`".into()))?;
        for (field, text, limit) in [
            ("repository.url", &self.url, limits::REPOSITORY_URL),
            ("repository.branch", &self.branch, limits::REPOSITORY_WORD),
            ("repository.group", &self.group, limits::REPOSITORY_WORD),
            ("repository.codebase", &self.codebase, limits::REPOSITORY_WORD),
            ("repository.description", &self.description, limits::DESCRIPTION),
        ] {
            if text.contains('\0') {
                return Err(invalid(field, "must not contain NUL".into()));
            }
            let length = text.chars().count();
            if length > limit {
                return Err(invalid(field, format!("must have at most {limit} characters, has {length}")));
            }
        }
        if self.url.is_empty() {
            return Err(invalid("repository.url", "must not be empty".into()));
        }
        let optional = |text: String| Some(text).filter(|t| !t.is_empty());
        Ok(Repository {
            id: 0,
            name,
            url: self.url,
            kind,
            branch: optional(self.branch),
            group: optional(self.group),
            active: self.active,
            description: self.description,
            codebase: self.codebase,
            accepts_pull_requests: self.accepts_pull_requests,
        })
    }
}
