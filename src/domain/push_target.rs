//! What a host of a repository is to be asked for.

use super::Revision;
use std::fmt;
use std::str::FromStr;

/// What to ask a host for, to get a push with its commits. As text it is what the queue keeps, so that the
/// same is not asked for twice.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PushTarget {
    /// GitHub: the commits between two full revisions.
    Comparison {
        /// Before the push.
        base: Revision,
        /// After it.
        head: Revision,
    },
    /// GitHub: the commits of a pull request.
    PullRequest(u64),
    /// GitHub and Mercurial: the push with this full revision; on GitHub that one commit.
    Revision(Revision),
    /// Mercurial: the entry of the push log with this number.
    LogEntry(u64),
    /// Mercurial: the newest entries of the push log.
    NewestEntries,
}

/// A text that names no target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} names nothing that a host can be asked for")]
pub struct InvalidTarget(String);

impl fmt::Display for PushTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Comparison { base, head } => write!(f, "compare {base}...{head}"),
            Self::PullRequest(number) => write!(f, "pull {number}"),
            Self::Revision(revision) => write!(f, "revision {revision}"),
            Self::LogEntry(id) => write!(f, "push {id}"),
            Self::NewestEntries => f.write_str("newest"),
        }
    }
}

impl FromStr for PushTarget {
    type Err = InvalidTarget;

    fn from_str(text: &str) -> Result<Self, InvalidTarget> {
        let invalid = || InvalidTarget(text.to_owned());
        let revision = |text: &str| full_revision(text).ok_or_else(invalid);
        let number = |text: &str| text.parse().map_err(|_| invalid());
        Ok(match text.split_once(' ') {
            Some(("compare", range)) => {
                let (base, head) = range.split_once("...").ok_or_else(invalid)?;
                Self::Comparison { base: revision(base)?, head: revision(head)? }
            }
            Some(("pull", digits)) => Self::PullRequest(number(digits)?),
            Some(("revision", text)) => Self::Revision(revision(text)?),
            Some(("push", digits)) => Self::LogEntry(number(digits)?),
            None if text == "newest" => Self::NewestEntries,
            _ => return Err(invalid()),
        })
    }
}

/// A revision of 40 hexadecimal digits; only such go into the URLs that hosts are asked by.
pub fn full_revision(text: &str) -> Option<Revision> {
    let is_full = text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    Revision::try_new(text).ok().filter(|_| is_full)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_read_back_from_its_text() {
        let revision = |digit: &str| full_revision(&digit.repeat(40)).unwrap();
        for target in [
            PushTarget::Comparison { base: revision("a"), head: revision("b") },
            PushTarget::PullRequest(7),
            PushTarget::Revision(revision("c")),
            PushTarget::LogEntry(u64::MAX),
            PushTarget::NewestEntries,
        ] {
            let text = target.to_string();
            assert!(text.len() <= 100, "fits its column: {text}");
            assert_eq!(text.parse(), Ok(target));
        }
    }

    #[test]
    fn only_full_revisions_and_numbers_are_targets() {
        let full = "a".repeat(40);
        for text in [
            String::new(),
            "pull x".into(),
            "push -1".into(),
            "revision abc".into(),
            format!("revision {}/", "a".repeat(39)),
            format!("compare {full}"),
            format!("compare {full}...{full}x"),
            "newest 1".into(),
        ] {
            assert!(text.parse::<PushTarget>().is_err(), "{text}");
        }
    }
}
