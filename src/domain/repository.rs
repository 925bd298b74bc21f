//! Source repositories.

use super::ProjectName;

/// A source repository known to the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// Database id; 0 before it is stored.
    pub id: i32,
    /// Name, "project" on the wire.
    pub name: ProjectName,
    /// Where it is.
    pub url: String,
    /// Version control system.
    pub kind: RepositoryKind,
    /// Branch.
    pub branch: Option<String>,
    /// Name of its group.
    pub group: Option<String>,
    /// Inactive repositories refuse jobs.
    pub active: bool,
    /// Description.
    pub description: String,
    /// Code base, for instance `gecko`.
    pub codebase: String,
    /// Pull requests are pushes of it too (ingest contract 3.5).
    pub accepts_pull_requests: bool,
}

/// Version control system of a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RepositoryKind {
    /// Mercurial.
    Mercurial,
    /// Git.
    Git,
}

impl RepositoryKind {
    /// The word of the repository list.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mercurial => "hg",
            Self::Git => "git",
        }
    }

    /// Reads the word.
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "hg" => Some(Self::Mercurial),
            "git" => Some(Self::Git),
            _ => None,
        }
    }
}
