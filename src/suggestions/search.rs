//! An error line as it is searched for.

use super::is_helpful;
use super::term;
use crate::logs::{Profile, after_clock};
use regex::Regex;
use std::sync::LazyLock;

/// Characters of a term.
pub const TERM_CHARACTERS: usize = 100;

/// What bugs are searched for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchTerm {
    /// The text; not trimmed, at most [`TERM_CHARACTERS`].
    pub text: String,
    /// Path of the test that the line names; only of lines of 2026.
    pub path_end: Option<String>,
}

/// An error line, cleaned, with what it is searched by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    /// The line without the harness's clock and level.
    pub line: String,
    /// The term; none if nothing in the line is helpful.
    pub term: Option<SearchTerm>,
    /// The crash signature, searched for if the term finds nothing.
    pub crash_signature: Option<String>,
}

impl Search {
    /// Reads an error line as it is stored.
    pub fn of_line(line: &str, profile: Profile) -> Self {
        let line = cleaned(line, profile);
        let term = term::of_line(&line, profile);
        let crash_signature = crash_signature(&line, profile);
        Self { line, term, crash_signature }
    }
}

/// Step 1 of 8.1, and its additions of 2026 (8.9).
fn cleaned(line: &str, profile: Profile) -> String {
    let message = without_clock(line).unwrap_or(line).trim();
    match profile {
        Profile::Of2018 => message.to_owned(),
        Profile::Of2026 => term::without_numbers(message),
    }
}

/// After the clock, any level and ` - `, and one space more.
fn without_clock(line: &str) -> Option<&str> {
    let rest = after_clock(line)?;
    let levels = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL", "FATAL"];
    let rest = levels.iter().find_map(|level| rest.strip_prefix(level))?.strip_prefix(" - ")?;
    Some(rest.strip_prefix(' ').unwrap_or(rest))
}

static CRASH_OF_2018: LazyLock<Regex> = LazyLock::new(|| term::pattern(r". application crashed \[@ (.+)\]$"));
static CRASH_OF_2026: LazyLock<Regex> =
    LazyLock::new(|| term::pattern(r". application crashed \[@ (.+)\] \|."));

/// The signature of a crash line, if it is helpful (8.3); not cut.
fn crash_signature(line: &str, profile: Profile) -> Option<String> {
    let pattern = match profile {
        Profile::Of2018 => &CRASH_OF_2018,
        Profile::Of2026 => &CRASH_OF_2026,
    };
    let signature = &pattern.captures(line)?[1];
    is_helpful(signature, profile).then(|| signature.to_owned())
}
