//! Suggestions that submitters made themselves, in the form of logs contract 8.7.

use crate::domain::Bug;
use crate::suggestions::{BugLists, Suggestion};
use chrono::DateTime;
use serde::Deserialize;

#[derive(Deserialize)]
struct SuppliedSuggestion {
    search: String,
    search_terms: Vec<Option<String>>,
    bugs: SuppliedLists,
    #[serde(default)]
    path_end: Option<String>,
    #[serde(default)]
    line_number: Option<i32>,
    #[serde(default)]
    counter: i64,
    #[serde(default)]
    failure_new_in_rev: bool,
}

#[derive(Deserialize)]
struct SuppliedLists {
    open_recent: Vec<SuppliedBug>,
    all_others: Vec<SuppliedBug>,
}

#[derive(Deserialize)]
struct SuppliedBug {
    id: i64,
    summary: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    resolution: String,
    #[serde(default)]
    crash_signature: String,
    #[serde(default)]
    keywords: String,
    #[serde(default)]
    os: String,
    #[serde(default)]
    whiteboard: String,
    #[serde(default)]
    dupe_of: Option<i64>,
}

/// Reads suggestions; `None` if they have another form. One that does not name its line has the number of
/// the error line in its place, of those given.
pub fn supplied_suggestions(json: &str, line_numbers: &[i32]) -> Option<Vec<Suggestion>> {
    let supplied: Vec<SuppliedSuggestion> = serde_json::from_str(json).ok()?;
    let numbers = line_numbers.iter().copied().chain(std::iter::repeat(0));
    let suggestion = |(supplied, number): (SuppliedSuggestion, i32)| Suggestion {
        search: supplied.search,
        search_terms: supplied.search_terms,
        path_end: supplied.path_end,
        line_number: supplied.line_number.unwrap_or(number),
        counter: supplied.counter,
        failure_new_in_rev: supplied.failure_new_in_rev,
        bugs: BugLists {
            open_recent: supplied.bugs.open_recent.into_iter().map(Bug::from).collect(),
            all_others: supplied.bugs.all_others.into_iter().map(Bug::from).collect(),
        },
    };
    Some(supplied.into_iter().zip(numbers).map(suggestion).collect())
}

impl From<SuppliedBug> for Bug {
    fn from(bug: SuppliedBug) -> Self {
        Self {
            id: bug.id,
            status: bug.status,
            resolution: bug.resolution,
            summary: bug.summary,
            crash_signature: bug.crash_signature,
            keywords: bug.keywords,
            os: bug.os,
            // No part of the form, and not shown.
            modified: DateTime::UNIX_EPOCH,
            whiteboard: bug.whiteboard,
            dupe_of: bug.dupe_of,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_of_the_contract_is_read_and_what_it_lacks_is_filled_in() {
        let json = r#"[
            {"search": "a", "search_terms": ["a"], "line_number": 9, "bugs": {
                "open_recent": [{"id": 1, "summary": "s", "status": "NEW"}], "all_others": []}},
            {"search": "b", "search_terms": [], "bugs": {"open_recent": [], "all_others": []}},
            {"search": "c", "search_terms": [null], "bugs": {"open_recent": [], "all_others": []}}]"#;
        let read = supplied_suggestions(json, &[4, 5]).unwrap();
        assert_eq!(read.iter().map(|read| read.line_number).collect::<Vec<_>>(), [9, 5, 0]);
        assert_eq!((read[0].bugs.open_recent[0].id, read[0].counter), (1, 0));
    }

    #[test]
    fn another_form_is_none_of_ours() {
        for json in [r#"[{"search": "it broke"}]"#, r#"{"search": "x"}"#, "\"text\"", "not JSON"] {
            assert_eq!(supplied_suggestions(json, &[]), None, "{json}");
        }
    }
}
