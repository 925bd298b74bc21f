//! The tables of markers (logs contract 4.5), each under its letter. What a table says of both
//! profiles stands first.

use super::super::Profile;
use super::super::text::after_digits;

/// Exclusion E1, on the whole line.
pub fn is_excused(line: &str, profile: Profile) -> bool {
    const BOTH: [&str; 2] = ["TEST-INFO ", "TEST-PASS "];
    const OF_2026: &str = "A content process crashed and MOZ_CRASHREPORTER_SHUTDOWN is set, shutting down";
    BOTH.iter().any(|text| line.contains(text)) || (profile == Profile::Of2026 && line.contains(OF_2026))
}

/// Exclusion E2, on the trimmed line.
pub fn is_excused_when_trimmed(line: &str, profile: Profile) -> bool {
    let speakers: &[&str] = match profile {
        Profile::Of2018 => &["Gecko", "Robocop", "TestRunner"],
        Profile::Of2026 => &["Gecko", "TestRunner"],
    };
    line.starts_with("TimeoutException: ")
        || line == "ImportError: No module named pygtk"
        || is_quoted_by(speakers, line)
        || (profile == Profile::Of2026
            && (line.ends_with("Assertion failure")
                || line.contains("non-fatal error")
                || line.strip_prefix("TEST-UNEXPECTED-WARNING").is_some_and(ends_a_word)))
}

/// `I`, a space or `/`, one of the speakers, and later the failure that it quotes.
fn is_quoted_by(speakers: &[&str], line: &str) -> bool {
    let Some(quoted) = line.rfind("TEST-UNEXPECTED-") else { return false };
    let before = &line[..quoted];
    before.match_indices('I').any(|(at, letter)| {
        let rest = &before[at + letter.len()..];
        rest.strip_prefix([' ', '/'])
            .is_some_and(|rest| speakers.iter().any(|speaker| rest.starts_with(speaker)))
    })
}

fn ends_a_word(rest: &str) -> bool {
    !rest.chars().next().is_some_and(|c| c.is_alphanumeric() || c == '_')
}

/// Table C: anywhere in the trimmed line.
pub fn contains_marker(line: &str, profile: Profile) -> bool {
    const BOTH: [&str; 10] = [
        "TEST-UNEXPECTED-",
        "fatal error",
        "FATAL ERROR",
        "REFTEST ERROR",
        "PROCESS-CRASH",
        "###!!! ABORT:",
        "SUMMARY: AddressSanitizer",
        "SUMMARY: ThreadSanitizer",
        "Automation Error:",
        "command timed out:",
    ];
    const OF_2018: [&str; 7] = [
        "Assertion failure:",
        "Assertion failed:",
        "E/GeckoLinker",
        "SUMMARY: LeakSanitizer",
        "TEST-VALGRIND-ERROR",
        "[  FAILED  ] ",
        "wget: unable ",
    ];
    const OF_2026: [&str; 8] = [
        "Assertion fail",
        "SUMMARY: UndefinedBehaviorSanitizer",
        "ThreadSanitizer: nested bug",
        "Hit MOZ_CRASH",
        "bash.exe: *** ",
        "Unsuccessful task run with exit code: 137",
        "YOU ARE LEAKING THE WORLD",
        "wget: unable ",
    ];
    let own: &[&str] = match profile {
        Profile::Of2018 => &OF_2018,
        Profile::Of2026 => &OF_2026,
    };
    BOTH.iter().chain(own).any(|marker| line.contains(marker))
}

/// Table S: at the start of the trimmed line.
pub fn starts_with_marker(line: &str, profile: Profile) -> bool {
    const BOTH: [&str; 4] = ["remoteFailed:", "rm: cannot ", "abort:", "[taskcluster] Error:"];
    BOTH.iter().any(|marker| line.starts_with(marker))
        || is_make_failure(line.strip_prefix('g').unwrap_or(line).strip_prefix("make"))
        || names_an_exception(line)
        || is_reported_by_a_step(line)
        || match profile {
            Profile::Of2018 => starts_with_marker_of_2018(line),
            Profile::Of2026 => line.starts_with("[  FAILED  ] "),
        }
}

fn starts_with_marker_of_2018(line: &str) -> bool {
    const TEXTS: [&str; 3] =
        ["error: TEST FAILED", "Remote Device Error:", "The web-page 'stop build' button was pressed"];
    TEXTS.iter().any(|text| line.starts_with(text)) || is_output_exceeded(line) || is_script_error(line)
}

/// After `make`: optional `[`digits`]`, then `: ***`.
fn is_make_failure(after_make: Option<&str>) -> bool {
    let Some(rest) = after_make else { return false };
    let level = || after_digits(rest.strip_prefix('[')?)?.strip_prefix(']');
    level().unwrap_or(rest).starts_with(": ***")
}

/// `ValueError: ` with at least one character before `Error`, or `Exception: ` with any number.
fn names_an_exception(line: &str) -> bool {
    let end = line.find(|c: char| !(c.is_ascii_alphabetic() || c == '.')).unwrap_or(line.len());
    let (name, rest) = line.split_at(end);
    rest.starts_with(": ")
        && (name.ends_with("Exception") || name.strip_suffix("Error").is_some_and(|kind| !kind.is_empty()))
}

/// `[run.sh:error]` or `[run.sh:exception]`.
fn is_reported_by_a_step(line: &str) -> bool {
    let Some(rest) = line.strip_prefix('[') else { return false };
    let end = rest
        .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-')))
        .unwrap_or(rest.len());
    let (step, rest) = rest.split_at(end);
    !step.is_empty() && (rest.starts_with(":error]") || rest.starts_with(":exception]"))
}

/// `Output exceeded 100 bytes`
fn is_output_exceeded(line: &str) -> bool {
    line.strip_prefix("Output exceeded ").and_then(after_digits).is_some_and(|r| r.starts_with(" bytes"))
}

/// `a.js: line 1, col 2, Error -`
fn is_script_error(line: &str) -> bool {
    after_each(line, ".js: line ").any(|rest| {
        let column = || after_digits(rest)?.strip_prefix(", col ");
        column().and_then(after_digits).is_some_and(|rest| rest.starts_with(", Error -"))
    })
}

/// Table P: a pattern anywhere in the trimmed line, the same in both profiles.
pub fn has_pattern(line: &str) -> bool {
    let without_digits = |text| after_digits(text).unwrap_or(text);
    // ` error(12):`
    after_each(line, " error(").any(|rest| without_digits(rest).starts_with("):"))
        // `demo.c:12: error:`
        || line.match_indices(": error:").any(|(at, _)| {
            let before = line[..at].trim_end_matches(|c: char| c.is_ascii_digit());
            before.len() < at && before.ends_with(':')
        })
        // ` error C2065:` and ` error RC12:`
        || after_each(line, " error ").any(|rest| {
            let rest = rest.strip_prefix('R').unwrap_or(rest);
            rest.strip_prefix('C').is_some_and(|rest| without_digits(rest).starts_with(':'))
        })
        // `ERROR 404:`
        || after_each(line, "ERROR ").any(|rest| {
            let code = rest.as_bytes();
            code.len() > 3
                && matches!(code[0], b'4' | b'5')
                && code[1].is_ascii_digit()
                && code[2].is_ascii_digit()
                && code[3] == b':'
        })
        || ["mozmake.exe", "mozmake.EXE"]
            .iter()
            .any(|name| after_each(line, name).any(|rest| is_make_failure(Some(rest))))
}

/// What follows each occurrence of a text.
fn after_each<'a>(line: &'a str, text: &'a str) -> impl Iterator<Item = &'a str> {
    line.match_indices(text).map(|(at, text)| &line[at + text.len()..])
}
