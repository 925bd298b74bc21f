//! Pushes whose waiting submissions are being released, one chunk of each in turn: a push that many wait
//! for does not hold up the next one (R14).

use std::collections::VecDeque;

/// A push, and how far its release has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Release {
    /// Its repository.
    pub(crate) repository_id: i32,
    /// Its top revision.
    pub(crate) revision: String,
    /// Number of the last held submission that was released.
    pub(crate) after: i64,
    /// Something more was parked for it meanwhile, perhaps with a smaller number.
    again: bool,
}

/// Releases under way, the next one first.
#[derive(Debug, Default)]
pub(crate) struct Releases(VecDeque<Release>);

impl Releases {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A push that is stored, or for which something was parked.
    pub(crate) fn add(&mut self, repository_id: i32, revision: String) {
        let known =
            |release: &&mut Release| release.repository_id == repository_id && release.revision == revision;
        match self.0.iter_mut().find(known) {
            Some(release) => release.again = true,
            None => self.0.push_back(Release { repository_id, revision, after: 0, again: false }),
        }
    }

    /// The one whose turn it is.
    pub(crate) fn next(&mut self) -> Option<Release> {
        self.0.pop_front()
    }

    /// Gives back the one whose turn it was: with the last number released, or none if nothing waits any
    /// more.
    pub(crate) fn give_back(&mut self, release: Release, last: Option<i64>) {
        match last {
            Some(after) => self.0.push_back(Release { after, ..release }),
            None if release.again => self.0.push_back(Release { after: 0, again: false, ..release }),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns(releases: &mut Releases, chunks_of: impl Fn(&str) -> i64) -> Vec<String> {
        let mut turns = Vec::new();
        while let Some(release) = releases.next() {
            turns.push(format!("{}{}", release.revision, release.after));
            let last = (release.after < chunks_of(&release.revision)).then_some(release.after + 1);
            releases.give_back(release, last);
        }
        turns
    }

    #[test]
    fn pushes_take_turns() {
        let mut releases = Releases::default();
        releases.add(1, "a".into());
        releases.add(1, "b".into());
        let turns = turns(&mut releases, |revision| if revision == "a" { 3 } else { 1 });
        assert_eq!(turns, ["a0", "b0", "a1", "b1", "a2", "a3"]);
    }

    #[test]
    fn what_is_parked_meanwhile_makes_a_push_begin_again_once() {
        let mut releases = Releases::default();
        releases.add(1, "a".into());
        let release = releases.next().unwrap();
        releases.give_back(release, Some(7));
        releases.add(1, "a".into());
        releases.add(1, "a".into());
        assert_eq!(releases.0.len(), 1);
        assert_eq!(
            turns(&mut releases, |_| 8),
            ["a7", "a8", "a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7", "a8"]
        );
    }
}
