//! Which of the bugs that match a term are shown, and in which order (logs contract 8.5 and 8.9).

use super::fold::folded;
use crate::domain::Bug;
use crate::logs::Profile;
use chrono::{DateTime, TimeDelta, Utc};
use std::cmp::Reverse;
use std::collections::HashSet;

/// Bugs shown: in each list by the rules of 2018, in both together by those of 2026.
pub const MOST_BUGS: usize = 50;
/// By the rules of 2018 an open bug is recent for so long after its last change.
const RECENT: TimeDelta = TimeDelta::days(90);

/// What was found, each bug in one of the two lists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BugLists {
    /// Open; by the rules of 2018 also changed lately.
    pub open_recent: Vec<Bug>,
    /// All others.
    pub all_others: Vec<Bug>,
}

impl BugLists {
    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.open_recent.is_empty() && self.all_others.is_empty()
    }

    /// Adds what another term found, each bug once.
    pub fn merge(&mut self, other: &Self) {
        for (list, more) in
            [(&mut self.open_recent, &other.open_recent), (&mut self.all_others, &other.all_others)]
        {
            let known: HashSet<i64> = list.iter().map(|bug| bug.id).collect();
            list.extend(more.iter().filter(|bug| !known.contains(&bug.id)).cloned());
        }
    }

    /// The best of the bugs that match `term`. By the rules of 2018 they come in their order, which is kept.
    pub fn of_matches(term: &str, mut bugs: Vec<Bug>, profile: Profile, now: DateTime<Utc>) -> Self {
        if profile == Profile::Of2026 {
            let term = trigrams(term);
            bugs.sort_by_cached_key(|bug| (Reverse(similarity(&term, &trigrams(&bug.summary))), bug.id));
            bugs.truncate(MOST_BUGS);
        }
        let since = open_since(profile, now);
        let (mut open_recent, mut all_others): (Vec<Bug>, Vec<Bug>) =
            bugs.into_iter().partition(|bug| bug.is_open() && bug.modified >= since);
        open_recent.truncate(MOST_BUGS);
        all_others.truncate(MOST_BUGS);
        Self { open_recent, all_others }
    }
}

/// The change since which an open bug is in the first list.
pub fn open_since(profile: Profile, now: DateTime<Utc>) -> DateTime<Utc> {
    match profile {
        Profile::Of2018 => now - RECENT,
        Profile::Of2026 => DateTime::<Utc>::MIN_UTC,
    }
}

/// Three characters in a row of a word that has two spaces before it and one behind it.
type Trigrams = HashSet<[char; 3]>;

fn trigrams(text: &str) -> Trigrams {
    let text = folded(text);
    let mut found = Trigrams::new();
    for word in text.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty()) {
        let padded: Vec<char> = [' ', ' '].into_iter().chain(word.chars()).chain([' ']).collect();
        found.extend(padded.windows(3).map(|window| [window[0], window[1], window[2]]));
    }
    found
}

/// Millionths: what both have of all that either has.
fn similarity(one: &Trigrams, other: &Trigrams) -> usize {
    let shared = one.intersection(other).count();
    shared * 1_000_000 / (one.len() + other.len() - shared).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        "2026-11-22T12:00:00Z".parse().unwrap()
    }

    fn bug(id: i64, summary: &str, resolution: &str, days_ago: i64) -> Bug {
        Bug {
            id,
            status: "NEW".into(),
            resolution: resolution.into(),
            summary: summary.into(),
            crash_signature: String::new(),
            keywords: String::new(),
            os: "All".into(),
            modified: now() - TimeDelta::days(days_ago),
            whiteboard: String::new(),
            dupe_of: None,
        }
    }

    fn ids(bugs: &[Bug]) -> Vec<i64> {
        bugs.iter().map(|bug| bug.id).collect()
    }

    #[test]
    fn every_bug_is_in_the_one_list_that_its_resolution_and_last_change_choose() {
        let bugs = || {
            vec![
                bug(1, "a", "", 0),
                bug(2, "a", "", 90),
                bug(3, "a", "", 91),
                bug(4, "a", "FIXED", 0),
                bug(5, "a", "FIXED", 91),
            ]
        };
        let lists = BugLists::of_matches("a", bugs(), Profile::Of2018, now());
        assert_eq!((ids(&lists.open_recent), ids(&lists.all_others)), (vec![1, 2], vec![3, 4, 5]));
        let lists = BugLists::of_matches("a", bugs(), Profile::Of2026, now());
        assert_eq!((ids(&lists.open_recent), ids(&lists.all_others)), (vec![1, 2, 3], vec![4, 5]));
    }

    #[test]
    fn fifty_are_shown_of_each_list_in_2018_and_of_both_in_2026() {
        let bugs = || (0..120).map(|id| bug(id, "a", if id % 2 == 0 { "" } else { "FIXED" }, 0)).collect();
        let lists = BugLists::of_matches("a", bugs(), Profile::Of2018, now());
        assert_eq!((lists.open_recent.len(), lists.all_others.len()), (50, 50));
        let lists = BugLists::of_matches("a", bugs(), Profile::Of2026, now());
        assert_eq!((lists.open_recent.len(), lists.all_others.len()), (25, 25));
    }

    #[test]
    fn the_most_similar_come_first_in_2026_and_of_those_alike_the_lowest_number() {
        let bugs = vec![
            bug(1, "Intermittent widgets/test_gauge.html | dial reads 7, expected 9", "", 0),
            bug(4, "TEST_GAUGE.html fails", "", 0),
            bug(3, "fails: test_gauge.html", "", 0),
            bug(2, "Intermittent test_gauge.html", "", 0),
        ];
        let lists = BugLists::of_matches("test_gauge.html", bugs, Profile::Of2026, now());
        assert_eq!(ids(&lists.open_recent), [3, 4, 2, 1]);
    }

    #[test]
    fn similarity_is_what_both_have_of_what_either_has() {
        // "  c", " ca", "cat", "at " and "  c", " ca", "car", "ar ".
        assert_eq!(similarity(&trigrams("cat"), &trigrams("CAR")), 333_333);
        assert_eq!(similarity(&trigrams("cat"), &trigrams("cat, Cat")), 1_000_000);
        assert_eq!(similarity(&trigrams("***"), &trigrams("***")), 0);
    }

    #[test]
    fn what_several_terms_find_is_shown_once() {
        let mut lists = BugLists { open_recent: vec![bug(1, "a", "", 0)], all_others: vec![] };
        lists.merge(&BugLists {
            open_recent: vec![bug(2, "b", "", 0), bug(1, "a", "", 0)],
            all_others: vec![bug(3, "c", "FIXED", 0)],
        });
        assert_eq!((ids(&lists.open_recent), ids(&lists.all_others)), (vec![1, 2], vec![3]));
    }
}
