//! What is suggested for an error line (logs contract 8.1 and 8.9).

use super::sighting::digest;
use super::{BugLists, Search, Sightings, is_helpful};
use crate::domain::ContentDigest;
use crate::logs::Profile;

/// An error line with the bugs that may be about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggestion {
    /// The cleaned line.
    pub search: String,
    /// What bugs were searched for; by the rules of 2026 a line that nothing is searched for has one null.
    pub search_terms: Vec<Option<String>>,
    /// Path of the test that the line names; only of lines of 2026.
    pub path_end: Option<String>,
    /// Of the line in its log, counted from 0.
    pub line_number: i32,
    /// Other jobs that had the line in the last days.
    pub counter: i64,
    /// Whether the line first came with the push of the job.
    pub failure_new_in_rev: bool,
    /// What was found.
    pub bugs: BugLists,
}

/// A text that bugs are searched for, by the rules of its line.
pub type SearchText = (Profile, String);

/// What is searched for a line at first: its term, and by the rules of 2026 also what stands before the
/// parameters in it.
pub fn search_texts(search: &Search, profile: Profile) -> Vec<SearchText> {
    let Some(term) = &search.term else { return Vec::new() };
    let mut texts = vec![(profile, term.text.clone())];
    if let (Profile::Of2026, Some((path, _))) = (profile, term.text.split_once('?'))
        && is_helpful(path, profile)
    {
        texts.push((profile, path.to_owned()));
    }
    texts
}

impl Suggestion {
    /// The suggestion for a line, from what was found for any text. The crash signature counts if the
    /// terms found nothing.
    pub fn new<'a>(
        search: Search,
        profile: Profile,
        line_number: i32,
        found: impl Fn(&SearchText) -> Option<&'a BugLists>,
    ) -> Self {
        let mut bugs = BugLists::default();
        let mut search_terms = Vec::new();
        for text in search_texts(&search, profile) {
            if let Some(found) = found(&text) {
                bugs.merge(found);
            }
            search_terms.push(Some(text.1));
        }
        if bugs.is_empty()
            && let Some(signature) = search.crash_signature
        {
            let text = (profile, signature);
            if let Some(found) = found(&text) {
                bugs = found.clone();
            }
            search_terms.push(Some(text.1));
        }
        if search_terms.is_empty() && profile == Profile::Of2026 {
            search_terms.push(None);
        }
        Self {
            search: search.line,
            search_terms,
            path_end: search.term.and_then(|term| term.path_end),
            line_number,
            counter: 0,
            failure_new_in_rev: false,
            bugs,
        }
    }

    /// What the line is counted by, if it is.
    pub fn sighted(search: &Search) -> Option<ContentDigest> {
        digest(search)
    }

    /// Says how often the line was seen, for a job of this push and day.
    pub fn seen(&mut self, search: ContentDigest, sightings: &Sightings, push: i64, day: i32) {
        self.counter = sightings.others(search);
        self.failure_new_in_rev = sightings.is_new(search, push, day);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Bug;
    use chrono::DateTime;

    fn lists(id: i64) -> BugLists {
        let bug = Bug {
            id,
            status: "NEW".into(),
            resolution: String::new(),
            summary: "summary".into(),
            crash_signature: String::new(),
            keywords: String::new(),
            os: "All".into(),
            modified: DateTime::UNIX_EPOCH,
            whiteboard: String::new(),
            dupe_of: None,
        };
        BugLists { open_recent: vec![bug], all_others: Vec::new() }
    }

    /// Terms and ids of the bugs for a line, of known texts with a bug each.
    fn suggested(line: &str, profile: Profile, known: &[(&str, i64)]) -> (Vec<Option<String>>, Vec<i64>) {
        let found: Vec<_> = known.iter().map(|(text, id)| (*text, lists(*id))).collect();
        let of = |text: &SearchText| found.iter().find(|(known, _)| *known == text.1).map(|(_, lists)| lists);
        let suggestion = Suggestion::new(Search::of_line(line, profile), profile, 3, of);
        (suggestion.search_terms, suggestion.bugs.open_recent.iter().map(|bug| bug.id).collect())
    }

    #[test]
    fn the_crash_signature_is_searched_for_if_the_term_finds_nothing() {
        let line = "PROCESS-CRASH | suite/test_fold.js | application crashed [@ demo::Fold]";
        let terms = |terms: &[&str]| terms.iter().map(|term| Some((*term).to_owned())).collect::<Vec<_>>();
        let known = [("demo::Fold", 2)];
        assert_eq!(
            suggested(line, Profile::Of2018, &known),
            (terms(&["test_fold.js", "demo::Fold"]), vec![2])
        );
        let known = [("demo::Fold", 2), ("test_fold.js", 1)];
        assert_eq!(suggested(line, Profile::Of2018, &known), (terms(&["test_fold.js"]), vec![1]));
    }

    #[test]
    fn by_the_rules_of_2026_a_term_with_parameters_is_also_searched_for_without_them() {
        let line = "TEST-UNEXPECTED-FAIL | a/test_b.html?x=1 | message";
        let (terms, bugs) = suggested(line, Profile::Of2026, &[("test_b.html?x=1", 1), ("test_b.html", 2)]);
        assert_eq!(terms, [Some("test_b.html?x=1".to_owned()), Some("test_b.html".to_owned())]);
        assert_eq!(bugs, [1, 2]);
        let (terms, _) = suggested(line, Profile::Of2018, &[]);
        assert_eq!(terms, [Some("test_b.html?x=1".to_owned())]);
    }

    #[test]
    fn a_line_that_nothing_is_searched_for_has_no_term_or_one_null() {
        assert_eq!(suggested("Return code: 1", Profile::Of2018, &[]), (vec![], vec![]));
        assert_eq!(suggested("Return code: 1", Profile::Of2026, &[]), (vec![None], vec![]));
    }
}
