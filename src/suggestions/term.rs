//! The term of an error line (logs contract 8.2, and 8.9 for 2026).

use super::is_helpful;
use super::search::{SearchTerm, TERM_CHARACTERS};
use crate::logs::Profile;
use regex::Regex;
use std::sync::LazyLock;

#[expect(clippy::expect_used, reason = "constant patterns, compiled by the tests")]
pub(super) fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a constant pattern")
}

static PROCESS: LazyLock<Regex> = LazyLock::new(|| pattern(r"^\s*(?:GECKO\([0-9]+\)|PID [0-9]+)\s*$"));
static LEAK: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?:[0-9]+ bytes leaked \((.+)\)|leak at (.+))$"));
static REFERENCE: LazyLock<Regex> = LazyLock::new(|| pattern(r"\s+(?:==|!=)\s+.*$"));
static PROCESS_ANYWHERE: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?:PID [0-9]+|GECKO\([0-9]+\)) \| "));
static SOURCE_LINE: LazyLock<Regex> = LazyLock::new(|| pattern(r"\.cpp:[0-9]+"));
static THREAD: LazyLock<Regex> = LazyLock::new(|| pattern(r"\[(Child|Parent) [0-9]+, [A-Za-z0-9_ ]+ Thread"));
static LEADING_NUMBER: LazyLock<Regex> = LazyLock::new(|| pattern(r"^\[[0-9]+\] "));
static MARIONETTE_CLASS: LazyLock<Regex> = LazyLock::new(|| pattern(r"(test_[^\s/]*\.py)\s.*$"));
static LEADING_STATUS: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^(?:TEST-UNEXPECTED-[A-Z]+|PROCESS-CRASH) \| "));

/// Without what differs from run to run: process ids, lines of sources, threads (8.9).
pub fn without_numbers(line: &str) -> String {
    let line = PROCESS_ANYWHERE.replace_all(line, "");
    let line = SOURCE_LINE.replace_all(&line, ".cpp:X");
    let line = THREAD.replace_all(&line, "[$1 X, Y Thread");
    LEADING_NUMBER.replace(&line, "").into_owned()
}

/// The term of a cleaned line.
pub fn of_line(line: &str, profile: Profile) -> Option<SearchTerm> {
    if line.is_empty() {
        return None;
    }
    let (candidate, path_end) = candidate(line, profile);
    let text = candidate.filter(|text| is_helpful(text, profile)).or_else(|| {
        let whole = match profile {
            Profile::Of2018 => line.to_owned(),
            Profile::Of2026 => LEADING_STATUS.replace(line, "").into_owned(),
        };
        is_helpful(&whole, profile).then_some(whole)
    })?;
    let text = text.chars().take(TERM_CHARACTERS).collect();
    Some(SearchTerm { text, path_end })
}

/// Rules 2 to 6: what the tokens of the line offer, and the path of its test.
fn candidate(line: &str, profile: Profile) -> (Option<String>, Option<String>) {
    let mut tokens: Vec<&str> = line.split(" | ").collect();
    if tokens.len() < 3 {
        return (None, None);
    }
    if tokens.len() > 3 && PROCESS.is_match(tokens[0]) {
        tokens.remove(0);
    }
    let is_crash = profile == Profile::Of2026 && tokens[0].contains("PROCESS-CRASH");
    let (test, message) = if is_crash { (tokens[2], tokens[1]) } else { (tokens[1], tokens[2]) };
    if let Some(found) = LEAK.captures(message) {
        let leaked = found.get(1).or(found.get(2)).map(|leaked| leaked.as_str().to_owned());
        return (leaked, None);
    }
    match profile {
        Profile::Of2018 => {
            let test = REFERENCE.replace(test, "");
            let file = test.rsplit('/').next().unwrap_or_default();
            (file.rsplit('\\').next().map(str::to_owned), None)
        }
        Profile::Of2026 => {
            let path = test_path(test);
            let file = path.rsplit('/').next().unwrap_or_default().to_owned();
            (Some(if is_crash { message.to_owned() } else { file }), Some(path))
        }
    }
}

/// The path that the test token of a line of 2026 names.
fn test_path(test: &str) -> String {
    let test = REFERENCE.replace(test, "").replace('\\', "/");
    if test.contains("marionette") { MARIONETTE_CLASS.replace(&test, "$1").into_owned() } else { test }
}
