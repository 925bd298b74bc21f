//! A browser tab that shows the newest pushes and polls, as the dashboard contract (2.5, 2.6) says it does.

use super::load::http::Connection;
use super::load::jobs::PROJECT;
use super::page::{Page, PushList};
use chrono::{NaiveDateTime, TimeDelta};
use std::time::{Duration, Instant};

/// How far before the latest change that it knows a tab asks.
const OVERLAP: TimeDelta = TimeDelta::seconds(3);

/// A tab with its pushes loaded.
pub struct Tab {
    connection: Connection,
    pushes: Vec<i64>,
    newest_revision: String,
    latest_change: NaiveDateTime,
}

/// What polling took.
#[derive(Debug, Default)]
pub struct Polled {
    pub pushes: Vec<Duration>,
    pub jobs: Vec<Duration>,
    /// Jobs in all answers, and their bytes on the wire.
    pub rows: usize,
    pub bytes: usize,
    /// Jobs that changed later than all that the tab knew.
    pub new: usize,
}

impl Polled {
    pub fn add(&mut self, other: Self) {
        self.pushes.extend(other.pushes);
        self.jobs.extend(other.jobs);
        self.rows += other.rows;
        self.bytes += other.bytes;
        self.new += other.new;
    }
}

impl Tab {
    pub async fn open(mut connection: Connection) -> Self {
        let list = connection.get(&format!("/api/project/{PROJECT}/push/?full=true&count=10")).await;
        let list = PushList::parse(&list.unpacked()).results;
        let mut latest = NaiveDateTime::MIN;
        for push in &list {
            let answer = connection.get(&format!("/api/jobs/?push_id={}", push.id)).await;
            let page = Page::parse(&answer.unpacked());
            latest = page.changes().map(time).fold(latest, NaiveDateTime::max);
        }
        Self {
            connection,
            pushes: list.iter().map(|push| push.id).collect(),
            newest_revision: list.first().expect("pushes are stored").revision.clone(),
            latest_change: latest,
        }
    }

    /// Pushes that are shown.
    pub fn pushes(&self) -> usize {
        self.pushes.len()
    }

    /// Polls at these times from now on.
    pub async fn poll(mut self, first: Duration, interval: Duration, until: Instant) -> (Self, Polled) {
        let mut polled = Polled::default();
        let mut due = Instant::now() + first;
        while due < until {
            tokio::time::sleep_until(due.into()).await;
            self.poll_once(&mut polled).await;
            due += interval;
        }
        (self, polled)
    }

    async fn poll_once(&mut self, polled: &mut Polled) {
        let newest = &self.newest_revision;
        let path = format!("/api/project/{PROJECT}/push/?full=true&count=100&fromchange={newest}");
        let asked = Instant::now();
        let answer = self.connection.get(&path).await;
        polled.pushes.push(asked.elapsed());
        assert!(!PushList::parse(&answer.unpacked()).results.is_empty(), "the newest push is listed again");

        let pushes: Vec<String> = self.pushes.iter().map(i64::to_string).collect();
        let since = (self.latest_change - OVERLAP).format("%Y-%m-%dT%H:%M:%S%.3f");
        let mut next = Some(format!("/api/jobs/?push_id__in={}&last_modified__gt={since}", pushes.join(",")));
        let known = self.latest_change;
        while let Some(path) = next {
            let asked = Instant::now();
            let answer = self.connection.get(&path).await;
            polled.jobs.push(asked.elapsed());
            polled.bytes += answer.size();
            let page = Page::parse(&answer.unpacked());
            polled.rows += page.results.len();
            for change in page.changes().map(time) {
                polled.new += usize::from(change > known);
                self.latest_change = self.latest_change.max(change);
            }
            next = page.next;
        }
    }
}

fn time(text: &str) -> NaiveDateTime {
    NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").expect("a time without a zone")
}
