//! Texts with a rule: once made, they are known to keep it.

use crate::limits;
use std::fmt;

/// Why a text may not be a guid, project name or revision.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidText {
    /// Nothing there.
    #[error("must not be empty")]
    Empty,
    /// More code points than allowed.
    #[error("must have at most {limit} characters, has {actual}")]
    TooLong {
        /// Most code points allowed.
        limit: usize,
        /// Code points given.
        actual: usize,
    },
    /// A character that may not occur.
    #[error("must not contain {0:?}")]
    Character(char),
}

fn check(text: &str, limit: usize, allowed: impl Fn(char) -> bool) -> Result<(), InvalidText> {
    if text.is_empty() {
        return Err(InvalidText::Empty);
    }
    if let Some(character) = text.chars().find(|&c| c == '\0' || !allowed(c)) {
        return Err(InvalidText::Character(character));
    }
    let actual = text.chars().count();
    if actual > limit {
        return Err(InvalidText::TooLong { limit, actual });
    }
    Ok(())
}

macro_rules! text_newtype {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Box<str>);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}

text_newtype! {
    /// Identifies a job over all repositories: 1 to 50 code points without NUL.
    JobGuid
}
text_newtype! {
    /// Name of a repository: 1 to 50 of `A-Z a-z 0-9 _ -`.
    ProjectName
}
text_newtype! {
    /// A revision, or a prefix of one: 1 to 40 code points without NUL. Those of 40 are exact.
    Revision
}

impl JobGuid {
    /// # Errors
    /// If the text is empty, over 50 code points or has a NUL.
    pub fn try_new(text: &str) -> Result<Self, InvalidText> {
        check(text, limits::JOB_GUID, |_| true)?;
        Ok(Self(text.into()))
    }

    /// The part before the first `_`, or all of it (ingest contract 2.5). A guid that starts with
    /// `_` is its own root.
    pub fn root(&self) -> &str {
        match self.0.split_once('_') {
            Some((root, _)) if !root.is_empty() => root,
            _ => &self.0,
        }
    }
}

impl ProjectName {
    /// # Errors
    /// If the text is empty, over 50 characters or has one that is not allowed.
    pub fn try_new(text: &str) -> Result<Self, InvalidText> {
        check(text, limits::PROJECT, |c| c.is_ascii_alphanumeric() || c == '_' || c == '-')?;
        Ok(Self(text.into()))
    }
}

impl Revision {
    /// # Errors
    /// If the text is empty, over 40 code points or has a NUL.
    pub fn try_new(text: &str) -> Result<Self, InvalidText> {
        check(text, limits::REVISION, |_| true)?;
        Ok(Self(text.into()))
    }

    /// Whether this names one revision rather than all that start with it (ingest contract, Appendix C).
    pub fn is_exact(&self) -> bool {
        self.0.chars().count() == limits::REVISION
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_of_a_guid_ends_before_its_first_underscore() {
        for (guid, root) in [("abc", "abc"), ("abc_1", "abc"), ("a_b_c", "a"), ("_x", "_x"), ("u/2", "u/2")] {
            assert_eq!(JobGuid::try_new(guid).unwrap().root(), root);
        }
    }

    #[test]
    fn lengths_are_code_points() {
        assert!(JobGuid::try_new(&"é".repeat(50)).is_ok());
        assert_eq!(JobGuid::try_new(&"é".repeat(51)), Err(InvalidText::TooLong { limit: 50, actual: 51 }));
    }

    #[test]
    fn a_project_name_is_ascii() {
        assert_eq!(ProjectName::try_new("näh"), Err(InvalidText::Character('ä')));
        assert_eq!(ProjectName::try_new(""), Err(InvalidText::Empty));
        assert!(ProjectName::try_new("mozilla-central_2").is_ok());
    }

    #[test]
    fn nul_is_refused_everywhere() {
        assert_eq!(JobGuid::try_new("a\0"), Err(InvalidText::Character('\0')));
        assert_eq!(Revision::try_new("\0"), Err(InvalidText::Character('\0')));
    }
}
