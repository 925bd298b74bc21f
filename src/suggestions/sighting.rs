//! Whether a failure has been seen before (dashboard contract 2.11, design rule R32).

use super::Search;
use crate::domain::ContentDigest;
use crate::logs::Profile;
use std::collections::HashMap;

/// Days before that of a push on which a failure counts as seen before.
pub const DAYS_SEEN: i32 = 21;

/// What an error line is recognised by: its cleaned text. `None`: nothing is searched for it, so nobody
/// counts how often it comes.
pub fn sighted(line: &str, profile: Profile) -> Option<ContentDigest> {
    digest(&Search::of_line(line, profile))
}

/// The same for a line that has been read.
pub(super) fn digest(search: &Search) -> Option<ContentDigest> {
    let counts = search.term.is_some() || search.crash_signature.is_some();
    counts.then(|| ContentDigest::of_bytes(search.line.as_bytes()))
}

/// What was seen of a failure on one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sighting {
    /// Days since 1970, by the time of the pushes.
    pub day: i32,
    /// Jobs that had it.
    pub jobs: i64,
    /// Push of the first of these jobs.
    pub first_push: i64,
}

/// On which days failures were seen.
#[derive(Debug, Clone, Default)]
pub struct Sightings(HashMap<ContentDigest, Vec<Sighting>>);

impl Sightings {
    /// Adds a day; the days of a failure come in their order.
    pub fn add(&mut self, search: ContentDigest, sighting: Sighting) {
        self.0.entry(search).or_default().push(sighting);
    }

    /// How many other jobs had the failure of a job.
    pub fn others(&self, search: ContentDigest) -> i64 {
        let jobs: i64 = self.of(search).iter().map(|sighting| sighting.jobs).sum();
        (jobs - 1).max(0)
    }

    /// Whether a failure first came with this push, on this day.
    pub fn is_new(&self, search: ContentDigest, push: i64, day: i32) -> bool {
        self.of(search).first().is_some_and(|first| first.day == day && first.first_push == push)
    }

    fn of(&self, search: ContentDigest) -> &[Sighting] {
        self.0.get(&search).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lines_that_bugs_are_searched_for_are_counted_and_the_clock_does_not_matter() {
        let one = sighted("08:00:07  WARNING -  TEST-UNEXPECTED-FAIL | a/test_b.js | c", Profile::Of2018);
        let other = sighted("09:11:12    ERROR -  TEST-UNEXPECTED-FAIL | a/test_b.js | c", Profile::Of2018);
        assert!(one.is_some() && one == other);
        assert_eq!(sighted("08:00:09    ERROR - Return code: 1", Profile::Of2018), None);
    }

    #[test]
    fn a_failure_is_new_in_the_push_that_had_it_first_in_all_the_days() {
        let (seen, unseen) = (ContentDigest([1; 16]), ContentDigest([2; 16]));
        let mut sightings = Sightings::default();
        sightings.add(seen, Sighting { day: 100, jobs: 2, first_push: 7 });
        assert!(sightings.is_new(seen, 7, 100));
        assert!(!sightings.is_new(seen, 8, 100), "another push of the day had it first");
        assert!(!sightings.is_new(seen, 7, 101), "it came the day before");
        assert!(!sightings.is_new(unseen, 7, 100));
        sightings.add(seen, Sighting { day: 101, jobs: 3, first_push: 9 });
        assert!(!sightings.is_new(seen, 9, 101));
        assert_eq!((sightings.others(seen), sightings.others(unseen)), (4, 0));
    }
}
