//! Bug suggestions: always computed from the stored error lines against the current bug list (R32).

use super::gateway::Gateway;
use crate::domain::ContentDigest;
use crate::formats::supplied_suggestions;
use crate::limits;
use crate::logs::Profile;
use crate::store::lists::{ErrorLine, JobFailures};
use crate::store::{BugQuery, Store, StoreError};
use crate::suggestions::{BugLists, Search, SearchText, Sightings, Suggestion, search_texts};
use chrono::{DateTime, Utc};
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

impl Gateway {
    /// Suggestions for the error lines of a job of a repository, in their order; `None` if it has no such
    /// job. Suggestions that came with the job and have the form of ours are given as they came; of any
    /// other form they are but an artifact (R31).
    ///
    /// # Errors
    /// If the database fails.
    pub async fn bug_suggestions(
        &self,
        repository_id: i32,
        job_id: i64,
    ) -> Result<Option<Vec<Suggestion>>, StoreError> {
        let Some(failures) = self.store().job_failures(repository_id, job_id).await? else { return Ok(None) };
        let numbers: Vec<i32> = failures.errors.iter().map(|error| error.line_number).collect();
        let supplied = failures.supplied.as_deref().and_then(|json| supplied_suggestions(json, &numbers));
        match supplied {
            Some(supplied) => Ok(Some(supplied)),
            None => self.0.bugs.suggest(failures).await.map(Some),
        }
    }
}

/// Finds bugs, and remembers what it found.
pub(crate) struct BugFinder {
    store: Store,
    found: Cache<SearchText, Found, Rows>,
}

/// What a text found.
#[derive(Clone)]
struct Found {
    bugs: Arc<BugLists>,
    /// Version of the bug list.
    version: i64,
    /// Open bugs cease to be recent as time goes by.
    at: DateTime<Utc>,
}

/// A cached result weighs as much as it has bugs.
#[derive(Clone)]
struct Rows;

impl Weighter<SearchText, Found> for Rows {
    fn weight(&self, _: &SearchText, found: &Found) -> u64 {
        let bugs = &found.bugs;
        (1 + bugs.open_recent.len() + bugs.all_others.len()) as u64
    }
}

impl BugFinder {
    pub(crate) fn new(store: Store) -> Self {
        let found = Cache::with_weighter(limits::CACHED_SEARCHES, limits::CACHED_BUGS, Rows);
        Self { store, found }
    }

    async fn suggest(&self, failures: JobFailures) -> Result<Vec<Suggestion>, StoreError> {
        let lines: Vec<(Search, Profile, i32)> = failures.errors.iter().map(read).collect();
        let version = self.store.bug_list_version().await?;
        let mut found = HashMap::new();
        let texts = lines.iter().flat_map(|(search, profile, _)| search_texts(search, *profile)).collect();
        self.find(texts, version, &mut found).await?;
        // Those that nothing was found for are searched for by their crash signatures.
        let nothing = |text: &SearchText| found.get(text).is_none_or(|found| found.is_empty());
        let signatures = lines
            .iter()
            .filter(|(search, profile, _)| search_texts(search, *profile).iter().all(nothing))
            .filter_map(|(search, profile, _)| Some((*profile, search.crash_signature.clone()?)))
            .collect();
        self.find(signatures, version, &mut found).await?;

        let day = day_of(failures.push_time);
        let sightings = self.sightings(&lines, day).await?;
        let suggestion = |(search, profile, number): (Search, Profile, i32)| {
            let sighted = Suggestion::sighted(&search);
            let of = |text: &SearchText| found.get(text).map(|found| &**found);
            let mut suggestion = Suggestion::new(search, profile, number, of);
            if let Some(sighted) = sighted {
                suggestion.seen(sighted, &sightings, failures.push_id, day);
            }
            suggestion
        };
        Ok(lines.into_iter().map(suggestion).collect())
    }

    async fn sightings(&self, lines: &[(Search, Profile, i32)], day: i32) -> Result<Sightings, StoreError> {
        let searches: HashSet<ContentDigest> =
            lines.iter().filter_map(|(search, ..)| Suggestion::sighted(search)).collect();
        self.store.sightings(&searches.into_iter().collect::<Vec<_>>(), day).await
    }

    /// Adds what these texts find, each searched for once and with one statement for all of a profile.
    async fn find(
        &self,
        texts: HashSet<SearchText>,
        version: i64,
        found: &mut HashMap<SearchText, Arc<BugLists>>,
    ) -> Result<(), StoreError> {
        let now = Utc::now();
        let mut unknown: HashMap<Profile, Vec<String>> = HashMap::new();
        for text in texts {
            match self.found.get(&text) {
                Some(known) if known.version == version && now - known.at < limits::CACHED_SEARCH_AGE => {
                    found.insert(text, known.bugs);
                }
                _ => unknown.entry(text.0).or_default().push(text.1),
            }
        }
        for (profile, terms) in unknown {
            let query =
                BugQuery { terms: &terms.iter().map(String::as_str).collect::<Vec<_>>(), profile, now };
            let matches = self.store.search_bugs(query).await?;
            for (term, bugs) in terms.into_iter().zip(matches) {
                let bugs = Arc::new(BugLists::of_matches(&term, bugs, profile, now));
                let text = (profile, term);
                self.found.insert(text.clone(), Found { bugs: bugs.clone(), version, at: now });
                found.insert(text, bugs);
            }
        }
        Ok(())
    }
}

/// A line in a step was read by the rules of 2018, any other by those of 2026.
fn read(error: &ErrorLine) -> (Search, Profile, i32) {
    let profile = if error.step_id.is_some() { Profile::Of2018 } else { Profile::Of2026 };
    (Search::of_line(&error.line, profile), profile, error.line_number)
}

/// Days since 1970.
fn day_of(time: DateTime<Utc>) -> i32 {
    i32::try_from(time.timestamp_micros().div_euclid(limits::DAY_MICROS)).unwrap_or(i32::MAX)
}
