//! On whose behalf a submission comes.

use crate::domain::{ProjectName, Registration};
use crate::store::model::StoredCredential;
use std::sync::Arc;

/// The one on whose behalf a submission comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Client id of the credential, or the exchange; what held messages and jobs name as their source.
    pub source: Arc<str>,
    /// What it may do.
    pub rights: Rights,
}

/// What a principal may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rights {
    /// Write the projects that one of the globs matches; none matches nothing (R25).
    Projects(Arc<[ProjectGlob]>),
    /// Write every project and administer.
    Administrator,
    /// Write every project, administer nothing: an exchange that is not limited, or `herdgate demo`
    /// without a credential.
    EveryProject,
}

impl Principal {
    /// Whether it may write the project.
    pub fn may_write(&self, project: &ProjectName) -> bool {
        match &self.rights {
            Rights::Projects(globs) => globs.iter().any(|glob| glob.matches(project.as_str())),
            Rights::Administrator | Rights::EveryProject => true,
        }
    }

    /// Whether it may administer.
    pub fn is_administrator(&self) -> bool {
        self.rights == Rights::Administrator
    }
}

impl From<&StoredCredential> for Principal {
    fn from(credential: &StoredCredential) -> Self {
        let globs = credential.projects.iter().filter_map(|glob| ProjectGlob::try_new(glob).ok());
        let rights = if credential.admin { Rights::Administrator } else { Rights::Projects(globs.collect()) };
        Self { source: credential.client_id.as_str().into(), rights }
    }
}

impl From<&Registration> for Principal {
    /// An exchange without globs may write every project: it is limited only if somebody limits it.
    fn from(registration: &Registration) -> Self {
        let rights = if registration.may_write.is_empty() {
            Rights::EveryProject
        } else {
            let globs = registration.may_write.iter().filter_map(|glob| ProjectGlob::try_new(glob).ok());
            Rights::Projects(globs.collect())
        };
        Self { source: registration.exchange.as_str().into(), rights }
    }
}

/// A pattern of project names: `*` stands for any text, `?` for one character.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectGlob(Box<str>);

impl ProjectGlob {
    /// # Errors
    /// If the pattern is empty, over 50 characters, or has a character that is neither a wildcard nor
    /// one of a project name.
    pub fn try_new(pattern: &str) -> Result<Self, InvalidGlob> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "_-*?".contains(c);
        if pattern.is_empty() || pattern.len() > crate::limits::PROJECT || !pattern.chars().all(allowed) {
            return Err(InvalidGlob(pattern.into()));
        }
        Ok(Self(pattern.into()))
    }

    /// The pattern.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a name fits, in time proportional to both lengths multiplied at worst.
    pub fn matches(&self, name: &str) -> bool {
        let (pattern, name) = (self.0.as_bytes(), name.as_bytes());
        let (mut p, mut n) = (0, 0);
        let mut retry: Option<(usize, usize)> = None;
        while n < name.len() {
            match pattern.get(p) {
                Some(b'*') => {
                    retry = Some((p, n));
                    p += 1;
                }
                Some(&c) if c == b'?' || c == name[n] => {
                    p += 1;
                    n += 1;
                }
                _ => match retry {
                    Some((star, start)) => {
                        retry = Some((star, start + 1));
                        p = star + 1;
                        n = start + 1;
                    }
                    None => return false,
                },
            }
        }
        pattern[p..].iter().all(|&c| c == b'*')
    }
}

/// A pattern that may not be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("project glob {0:?} must be 1 to 50 of A-Z a-z 0-9 _ - * ?")]
pub struct InvalidGlob(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_whole_names() {
        for (pattern, name, expected) in [
            ("*", "try", true),
            ("mozilla-*", "mozilla-central", true),
            ("mozilla-*", "comm-central", false),
            ("*-central", "mozilla-central", true),
            ("*-*-x", "a-b-c-x", true),
            ("tr?", "try", true),
            ("tr?", "tryy", false),
            ("try", "try-comm", false),
            ("*a*b", "xaxxb", true),
            ("*a*b", "xaxxbc", false),
        ] {
            assert_eq!(ProjectGlob::try_new(pattern).unwrap().matches(name), expected, "{pattern} {name}");
        }
        assert!(ProjectGlob::try_new("").is_err());
        assert!(ProjectGlob::try_new("a/b").is_err());
    }

    #[test]
    fn no_glob_means_nothing_may_be_written() {
        let nobody = Principal { source: "x".into(), rights: Rights::Projects(Arc::from([])) };
        assert!(!nobody.may_write(&ProjectName::try_new("try").unwrap()));
    }
}
