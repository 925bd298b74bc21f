//! Keeps the bug list like that of a bug tracker with Bugzilla's REST interface (logs contract 8.6): at
//! first and once a day the whole list, in between what has changed. Several gateways may do so at once:
//! they write the same.

use crate::fetch::{FetchError, FetchLimits, Fetcher, RequestHeaders, Url};
use crate::formats::{BUG_FIELDS, BugListError, parse_bug_list};
use crate::limits;
use crate::store::{BugListChange, BugListPart, Store, StoreError};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// Bugs asked for at once.
const PAGE: usize = 500;
/// Pages of one refresh at most: a tracker that gives the same page for ever must not keep us busy.
const MOST_PAGES: usize = 1000;
/// How far back an incremental refresh asks beyond the last: clocks differ, and trackers take their time.
const OVERLAP: TimeDelta = TimeDelta::minutes(10);
/// The whole list is fetched again after this.
const WHOLE_LIST_AGE: TimeDelta = TimeDelta::days(1);

/// Where bugs come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BugTracker {
    /// Base URL; `rest/bug` is below it.
    pub url: Url,
    /// How often it is asked.
    pub refresh: Duration,
}

/// Why the bug list was not refreshed.
#[derive(Debug, thiserror::Error)]
pub enum RefreshError {
    /// The tracker gave no page.
    #[error("the bug tracker gives no list: {0}")]
    Fetch(#[from] FetchError),
    /// A page is no list of bugs.
    #[error(transparent)]
    Form(#[from] BugListError),
    /// It does not come to an end.
    #[error("the bug tracker lists more than {} bugs", PAGE * MOST_PAGES)]
    Endless,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Refreshes the bug list until stopped. What fails is reported, and tried again the next time.
pub async fn run(tracker: BugTracker, fetcher: Fetcher, store: Store, stop: CancellationToken) {
    let rounds = async {
        let mut rounds = interval(tracker.refresh);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut last = LastRefresh::default();
        loop {
            rounds.tick().await;
            match last.refresh(&tracker.url, &store, Utc::now(), &fetcher).await {
                Ok(BugListChange { saved, removed }) => info!(saved, removed, "the bug list is refreshed"),
                Err(error) => warn!(%error, "the bug list could not be refreshed"),
            }
        }
    };
    stop.run_until_cancelled(Box::pin(rounds)).await;
}

/// Where pages of bugs are had from.
trait Pages {
    fn page(&self, url: Url) -> impl Future<Output = Result<Vec<u8>, FetchError>> + Send;
}

impl Pages for Fetcher {
    async fn page(&self, url: Url) -> Result<Vec<u8>, FetchError> {
        let bounds = FetchLimits {
            wait: limits::FETCH_WAIT,
            total: limits::BUG_LIST_READ,
            declared_bytes: limits::BUG_LIST_BYTES,
            decoded_bytes: limits::BUG_LIST_BYTES,
        };
        let headers = RequestHeaders { accept: Some("application/json"), ..RequestHeaders::default() };
        Ok(self.get(&url, &headers, bounds).await?.body.into_bytes().await?.to_vec())
    }
}

/// When the list was last refreshed, and when as a whole.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct LastRefresh {
    any: Option<DateTime<Utc>>,
    whole: Option<DateTime<Utc>>,
}

impl LastRefresh {
    async fn refresh(
        &mut self,
        base: &Url,
        store: &Store,
        now: DateTime<Utc>,
        pages: &impl Pages,
    ) -> Result<BugListChange, RefreshError> {
        let since = match self.whole {
            Some(whole) if now - whole < WHOLE_LIST_AGE => self.any.map(|any| any - OVERLAP),
            _ => None,
        };
        let (mut bugs, mut unusable) = (Vec::new(), Vec::new());
        let mut offset = 0;
        loop {
            let list = parse_bug_list(&pages.page(page_url(base, offset, since)).await?)?;
            for problem in &list.refused {
                warn!(problem, "a bug is left out");
            }
            let count = list.total();
            bugs.extend(list.bugs);
            unusable.extend(list.refused_ids);
            if count < PAGE {
                break;
            }
            offset += count;
            if offset >= PAGE * MOST_PAGES {
                return Err(RefreshError::Endless);
            }
        }
        let whole = BugListPart::Whole { unusable: &unusable };
        let part = if since.is_some() { BugListPart::Some } else { whole };
        let change = store.import_bugs(&bugs, part).await?;
        self.any = Some(now);
        if since.is_none() {
            self.whole = Some(now);
        }
        Ok(change)
    }
}

/// Bugs of the last year that intermittent failures were filed as; with `since`, those that have changed.
fn page_url(base: &Url, offset: usize, since: Option<DateTime<Utc>>) -> Url {
    let mut url = base.clone();
    let path = format!("{}/rest/bug", url.path().trim_end_matches('/'));
    url.set_path(&path);
    let mut query = url.query_pairs_mut();
    query.append_pair("keywords", "intermittent-failure").append_pair("chfieldfrom", "-1y");
    query.append_pair("include_fields", BUG_FIELDS);
    if let Some(since) = since {
        query.append_pair("last_change_time", &since.to_rfc3339_opts(SecondsFormat::Secs, true));
    }
    query.append_pair("offset", &offset.to_string()).append_pair("limit", &PAGE.to_string());
    drop(query);
    url
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::TestDatabase;
    use serde_json::json;
    use std::collections::HashMap;
    use std::sync::Mutex;

    fn base() -> Url {
        Url::parse("https://bugs.example.org/tracker/").unwrap()
    }

    fn now() -> DateTime<Utc> {
        "2026-11-22T12:00:00Z".parse().unwrap()
    }

    fn bug(id: usize) -> serde_json::Value {
        json!({"id": id, "status": "NEW", "resolution": "", "summary": format!("bug {id}"), "keywords": [],
            "last_change_time": "2026-11-20T00:00:00Z"})
    }

    /// A tracker with the bugs of these numbers; it remembers what it was asked.
    struct Tracker {
        bugs: std::ops::Range<usize>,
        asked: Mutex<Vec<HashMap<String, String>>>,
    }

    impl Tracker {
        fn new(bugs: std::ops::Range<usize>) -> Self {
            Self { bugs, asked: Mutex::default() }
        }

        fn answer(&self, url: &Url) -> Vec<u8> {
            assert_eq!(url.path(), "/tracker/rest/bug");
            let query: HashMap<String, String> = url.query_pairs().into_owned().collect();
            let number = |name: &str| query[name].parse::<usize>().unwrap();
            let page = self.bugs.clone().skip(number("offset")).take(number("limit"));
            let answer = json!({"bugs": page.map(bug).collect::<Vec<_>>()});
            self.asked.lock().unwrap().push(query);
            answer.to_string().into_bytes()
        }

        async fn refresh(&self, last: &mut LastRefresh, store: &Store, now: DateTime<Utc>) -> (usize, usize) {
            let change = last.refresh(&base(), store, now, self).await.unwrap();
            (change.saved, change.removed)
        }
    }

    impl Pages for Tracker {
        async fn page(&self, url: Url) -> Result<Vec<u8>, FetchError> {
            Ok(self.answer(&url))
        }
    }

    /// Always says that it is too busy.
    struct Busy;

    impl Pages for Busy {
        async fn page(&self, _: Url) -> Result<Vec<u8>, FetchError> {
            Ok(br#"{"error": true, "message": "too many requests"}"#.to_vec())
        }
    }

    #[tokio::test]
    async fn the_whole_list_is_read_page_by_page_until_one_is_not_full() {
        let database = TestDatabase::sqlite();
        let store = database.store().await;
        let tracker = Tracker::new(0..1200);
        let mut last = LastRefresh::default();
        assert_eq!(tracker.refresh(&mut last, &store, now()).await, (1200, 0));
        let offsets: Vec<String> =
            tracker.asked.lock().unwrap().iter().map(|asked| asked["offset"].clone()).collect();
        assert_eq!(offsets, ["0", "500", "1000"]);
    }

    #[tokio::test]
    async fn later_only_changes_are_asked_for_and_nothing_goes_until_the_day_is_over() {
        let database = TestDatabase::sqlite();
        let store = database.store().await;
        let mut last = LastRefresh::default();
        Tracker::new(1..4).refresh(&mut last, &store, now()).await;

        let changed = Tracker::new(3..6);
        assert_eq!(changed.refresh(&mut last, &store, now() + TimeDelta::hours(1)).await, (2, 0));
        assert_eq!(changed.asked.lock().unwrap()[0]["last_change_time"], "2026-11-22T11:50:00Z");

        let whole = Tracker::new(3..6);
        assert_eq!(whole.refresh(&mut last, &store, now() + TimeDelta::days(1)).await, (0, 2));
        assert!(!whole.asked.lock().unwrap()[0].contains_key("last_change_time"));
    }

    #[tokio::test]
    async fn a_tracker_that_fails_changes_nothing_and_is_asked_for_the_same_again() {
        let database = TestDatabase::sqlite();
        let store = database.store().await;
        let mut last = LastRefresh::default();
        Tracker::new(1..4).refresh(&mut last, &store, now()).await;
        let before = last;
        let version = store.bug_list_version().await.unwrap();
        let later = now() + TimeDelta::days(2);
        let error = last.refresh(&base(), &store, later, &Busy).await.unwrap_err();
        assert!(error.to_string().contains("too many requests"), "{error}");
        assert_eq!((last, store.bug_list_version().await.unwrap()), (before, version));
    }
}
