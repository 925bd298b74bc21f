//! Which lines of a log are errors (logs contract 4.3 to 4.6).

mod rules;

use super::Profile;
use super::text::{after_clock, is_space};

/// Whether a line, its task runner's prefix taken off, is an error. The tests follow each other in the
/// order of table 4.4.
pub fn is_error(line: &str, profile: Profile) -> bool {
    if rules::is_excused(line, profile) {
        return false;
    }
    if has_error_level(line) {
        return true;
    }
    let trimmed = without_harness_prefix(line).trim_end_matches(is_space);
    !rules::is_excused_when_trimmed(trimmed, profile)
        && (rules::contains_marker(trimmed, profile)
            || rules::starts_with_marker(trimmed, profile)
            || rules::has_pattern(trimmed))
}

/// Level rule L: a clock, a level and ` - `.
fn has_error_level(line: &str) -> bool {
    after_clock(line).is_some_and(|rest| {
        ["ERROR - ", "CRITICAL - ", "FATAL - "].iter().any(|level| rest.starts_with(level))
    })
}

/// Without a clock and a level that is none of an error (4.3).
fn without_harness_prefix(line: &str) -> &str {
    let message = || {
        let rest = after_clock(line)?;
        let rest = ["DEBUG", "INFO", "WARNING"].iter().find_map(|level| rest.strip_prefix(level))?;
        let spaces = rest.strip_prefix(" -")?;
        let message = spaces.trim_start_matches(' ');
        (message.len() < spaces.len()).then_some(message)
    };
    message().unwrap_or(line)
}
