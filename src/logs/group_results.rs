//! How groups of tests ended, as error summaries say it (logs contract 7.3, 2026).

use serde_json::Value;

/// Code points of the name of a group.
const NAME: usize = 255;
/// Milliseconds that a group runs at most.
const LONGEST: f64 = 7_200_000.0;
/// Code points of a name that a problem quotes.
const QUOTED: usize = 100;

/// How a group of tests ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupStatus {
    /// `OK`.
    Ok,
    /// `ERROR`.
    Error,
    /// `SKIP`.
    Skip,
    /// Any other word, or none.
    Other,
}

impl GroupStatus {
    fn of_word(word: &str) -> Self {
        match word {
            "OK" => Self::Ok,
            "ERROR" => Self::Error,
            "SKIP" => Self::Skip,
            _ => Self::Other,
        }
    }

    /// The number that stands for it.
    pub fn code(self) -> i16 {
        match self {
            Self::Ok => 1,
            Self::Error => 2,
            Self::Skip => 3,
            Self::Other => 10,
        }
    }
}

/// A group of tests, usually those of one manifest, and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupResult {
    /// At most 255 code points, without a backslash.
    pub name: String,
    /// How it ended.
    pub status: GroupStatus,
    /// How long it took, 2 hours at most; 0: unknown.
    pub seconds: i32,
}

/// Why a group is left out.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum GroupProblem {
    /// It has no name.
    #[error("a group without a name is left out")]
    Nameless,
    /// Its name has a backslash.
    #[error("the group {0:?} is left out: its name has a backslash")]
    Backslash(String),
    /// Its name is too long.
    #[error("the group {0:?}... is left out: its name has more than {NAME} characters")]
    TooLong(String),
}

impl GroupResult {
    /// Reads the fields of a record. A duration that is none counts as unknown.
    ///
    /// # Errors
    /// If the name will not do; nothing is cut off it.
    pub fn read(name: Option<String>, status: Option<&str>, duration: &Value) -> Result<Self, GroupProblem> {
        let name = name.filter(|name| !name.is_empty()).ok_or(GroupProblem::Nameless)?;
        let quoted = || name.chars().take(QUOTED).collect();
        if name.contains('\\') {
            return Err(GroupProblem::Backslash(quoted()));
        }
        if name.chars().nth(NAME).is_some() {
            return Err(GroupProblem::TooLong(quoted()));
        }
        let status = status.map_or(GroupStatus::Other, GroupStatus::of_word);
        Ok(Self { name, status, seconds: seconds(duration) })
    }

    /// Takes in another result of the same group: it failed if it did once, and took as long as all.
    pub fn add(&mut self, other: &Self) {
        if other.status == GroupStatus::Error {
            self.status = GroupStatus::Error;
        }
        self.seconds = self.seconds.saturating_add(other.seconds);
    }
}

#[allow(clippy::cast_possible_truncation, reason = "at most 7200")]
fn seconds(duration: &Value) -> i32 {
    let known = duration.as_f64().filter(|milliseconds| (0.0..=LONGEST).contains(milliseconds));
    known.map_or(0, |milliseconds| (milliseconds / 1000.0) as i32)
}

#[cfg(test)]
mod tests {
    use super::{GroupProblem, GroupResult, GroupStatus};
    use serde_json::{Value, json};

    fn read(name: &str, status: Option<&str>, duration: &Value) -> Result<GroupResult, GroupProblem> {
        GroupResult::read(Some(name.into()), status, duration)
    }

    #[test]
    fn a_name_is_used_whole_or_not_at_all() {
        let (long, too_long) = ("ü".repeat(255), "ü".repeat(256));
        for name in ["dom/tests/a.toml", "a:b/c.ini", &long] {
            assert_eq!(read(name, None, &Value::Null).unwrap().name, name);
        }
        assert_eq!(read("a\\b.ini", None, &Value::Null), Err(GroupProblem::Backslash("a\\b.ini".into())));
        assert_eq!(read(&too_long, None, &Value::Null), Err(GroupProblem::TooLong("ü".repeat(100))));
        for name in [None, Some(String::new())] {
            assert_eq!(GroupResult::read(name, None, &Value::Null), Err(GroupProblem::Nameless));
        }
    }

    #[test]
    fn every_status_has_its_number() {
        for (word, code) in [
            (Some("OK"), 1),
            (Some("ERROR"), 2),
            (Some("SKIP"), 3),
            (Some("TIMEOUT"), 10),
            (Some("ok"), 10),
            (None, 10),
        ] {
            assert_eq!(read("a", word, &Value::Null).unwrap().status.code(), code, "{word:?}");
        }
    }

    #[test]
    fn a_duration_is_whole_seconds_or_unknown() {
        for (duration, seconds) in [
            (json!(0), 0),
            (json!(999), 0),
            (json!(1999), 1),
            (json!(2500.75), 2),
            (json!(7_200_000), 7200),
            (json!(7_200_001), 0),
            (json!(-1), 0),
            (json!("1000"), 0),
            (json!([1000]), 0),
            (Value::Null, 0),
        ] {
            assert_eq!(read("a", None, &duration).unwrap().seconds, seconds, "{duration}");
        }
    }

    #[test]
    fn a_group_that_ran_several_times_failed_if_it_did_once() {
        let result = |status, seconds| GroupResult { name: "a".into(), status, seconds };
        let mut group = result(GroupStatus::Ok, 3);
        for (status, expected) in [
            (GroupStatus::Skip, GroupStatus::Ok),
            (GroupStatus::Error, GroupStatus::Error),
            (GroupStatus::Ok, GroupStatus::Error),
        ] {
            group.add(&result(status, 2));
            assert_eq!(group.status, expected);
        }
        assert_eq!(group.seconds, 9);
    }
}
