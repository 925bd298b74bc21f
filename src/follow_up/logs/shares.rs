//! How many workers one host of logs may hold: half of them for as long as its logs take, the others only
//! while it is quick on the average. So no host, however slow, keeps the logs of others from being read. Logs
//! that wait for their host come back one by one, at the rate at which it gives them: a long backlog is
//! neither claimed nor written over and over.

use crate::limits;
use crate::store::follow_up::Priority;
use reqwest::Url;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// The hosts of which logs are being read, or were read slowly of late.
#[derive(Debug)]
pub(super) struct HostShares {
    /// Logs of one host that are read with all the time that there is.
    most: usize,
    hosts: Mutex<HashMap<String, Host>>,
}

#[derive(Debug)]
struct Host {
    unhurried: usize,
    hurried: usize,
    /// How long its logs take, the last ones counting most.
    mean: Duration,
    /// Until then nobody tries whether it is quick again.
    rests_until: Instant,
    /// When the last log that has to wait comes back, by priority.
    last_turn: [Instant; 2],
    last_asked: Instant,
}

/// The right to read one log, until it is dropped.
#[derive(Debug)]
pub(super) struct Share<'a> {
    shares: &'a HostShares,
    host: String,
    since: Instant,
    is_hurried: bool,
}

impl HostShares {
    /// Of so many workers.
    pub(super) fn of(workers: usize) -> Self {
        Self { most: workers.div_ceil(2), hosts: Mutex::default() }
    }

    /// Asks to read a log of the host that a URL names.
    ///
    /// # Errors
    /// How long to wait: the host has its share of the workers, and is slow.
    pub(super) fn ask(&self, url: &str, priority: Priority) -> Result<Share<'_>, Duration> {
        let host = host(url);
        let since = Instant::now();
        let mut hosts = self.lock();
        let known = hosts.entry(host.clone()).or_insert_with(|| Host::new(since));
        known.last_asked = since;
        let is_hurried = known.unhurried >= self.most;
        // Of a slow one, one log at a time tries whether it still is.
        if is_hurried && known.is_slow() && (known.rests_until > since || known.hurried > 0) {
            return Err(known.next_turn(since, self.most, priority));
        }
        *known.count(is_hurried) += 1;
        drop(hosts);
        Ok(Share { shares: self, host, since, is_hurried })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Host>> {
        // Nothing panics in between, and counts would be whole if it did.
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Host {
    fn new(now: Instant) -> Self {
        Self {
            unhurried: 0,
            hurried: 0,
            mean: Duration::ZERO,
            rests_until: now,
            last_turn: [now; 2],
            last_asked: now,
        }
    }

    fn count(&mut self, is_hurried: bool) -> &mut usize {
        if is_hurried { &mut self.hurried } else { &mut self.unhurried }
    }

    fn is_slow(&self) -> bool {
        self.mean > limits::LOG_QUICK_READ / 2
    }

    /// A reading ended.
    fn note(&mut self, now: Instant, took: Duration, was_hurried: bool) {
        let count = self.count(was_hurried);
        *count = count.saturating_sub(1);
        // One long log says little, several in a row are the host's way.
        self.mean = (self.mean * 3 + took) / 4;
        if was_hurried && took >= limits::LOG_QUICK_READ {
            self.rests_until = now + limits::LOG_HOST_REST;
        }
        if !self.is_slow() {
            self.last_turn = [now; 2];
        }
    }

    /// How long one more log waits for its host, of which so many are read at once.
    fn next_turn(&mut self, now: Instant, most: usize, priority: Priority) -> Duration {
        let last = &mut self.last_turn[priority as usize];
        let turn = (*last).max(now) + self.mean.div_f64(most as f64);
        *last = turn.min(now + limits::LOG_HOST_LONGEST_REST);
        *last - now
    }

    /// Whether it is to be remembered. Hosts are named by submitters: none is for ever.
    fn matters(&self, now: Instant) -> bool {
        let says_something = self.mean > limits::LOG_QUICK_READ / 16;
        let is_recent = now < self.last_asked + 2 * limits::LOG_HOST_LONGEST_REST;
        self.unhurried + self.hurried > 0 || says_something && is_recent
    }
}

impl Share<'_> {
    /// Longest time for the log.
    pub(super) fn time(&self) -> Duration {
        if self.is_hurried { limits::LOG_QUICK_READ } else { limits::LOG_READ }
    }

    /// Whether the time is short only because the host has its share of the workers already.
    pub(super) fn is_hurried(&self) -> bool {
        self.is_hurried
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        let now = Instant::now();
        let mut hosts = self.shares.lock();
        if let Some(host) = hosts.get_mut(&self.host) {
            host.note(now, now - self.since, self.is_hurried);
        }
        hosts.retain(|_, host| host.matters(now));
    }
}

/// The host in a URL, whatever its port. What is no URL is not fetched either.
fn host(url: &str) -> String {
    Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::advance;

    const SLOW: &str = "http://slow.example.org:81/1";
    const OTHER: &str = "http://other.example.org/";

    /// Another log of the host that is often asked for.
    fn ask(shares: &HostShares) -> Result<Share<'_>, Duration> {
        shares.ask(SLOW, Priority::Others)
    }

    /// So many logs, each of which takes a time, one after the other.
    async fn read(shares: &HostShares, logs: usize, time: Duration) {
        for _ in 0..logs {
            let share = ask(shares).unwrap();
            advance(time).await;
            drop(share);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_has_half_of_the_workers_for_long_and_the_others_while_it_is_quick() {
        let shares = HostShares::of(4);
        let held: Vec<_> = (0..2).map(|_| ask(&shares).unwrap()).collect();
        assert!(held.iter().all(|share| share.time() == limits::LOG_READ));
        let hurried = shares.ask("http://SLOW.example.org:82/2", Priority::Others).unwrap();
        assert_eq!(hurried.time(), limits::LOG_QUICK_READ);
        advance(limits::LOG_QUICK_READ / 2).await;
        drop(hurried);
        assert!(ask(&shares).unwrap().is_hurried(), "it was quick");
        assert!(!shares.ask(OTHER, Priority::Others).unwrap().is_hurried());
    }

    #[tokio::test(start_paused = true)]
    async fn one_long_log_among_quick_ones_takes_nothing_from_the_others() {
        let shares = HostShares::of(4);
        read(&shares, 10, limits::LOG_QUICK_READ / 25).await;
        read(&shares, 1, limits::LOG_QUICK_READ + limits::LOG_QUICK_READ / 5).await;
        let all: Vec<_> = (0..100).map(|_| ask(&shares)).collect();
        assert!(all.iter().all(Result::is_ok));
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_whose_logs_take_long_gets_no_more_than_its_half_until_it_is_quick_again() {
        let shares = HostShares::of(4);
        let held: Vec<_> = (0..2).map(|_| ask(&shares).unwrap()).collect();
        let hurried: Vec<_> = (0..3).map(|_| ask(&shares).unwrap()).collect();
        advance(limits::LOG_QUICK_READ).await;
        drop(hurried);
        assert!(ask(&shares).is_err());
        assert!(shares.ask(OTHER, Priority::Others).is_ok());
        advance(limits::LOG_HOST_REST).await;
        let tries = ask(&shares).unwrap();
        assert!(ask(&shares).is_err(), "one is enough to try");
        drop(tries);
        let both = [ask(&shares), ask(&shares)];
        assert!(both.iter().all(Result::is_ok), "it was quick");
        drop(held);
    }

    #[tokio::test(start_paused = true)]
    async fn logs_of_a_slow_host_come_back_at_its_rate_failures_in_a_row_of_their_own() {
        let shares = HostShares::of(2);
        read(&shares, 100, 2 * limits::LOG_QUICK_READ).await;
        let held = ask(&shares).unwrap();
        let hurried = ask(&shares).unwrap();
        let waits: Vec<_> = (0..1000).map(|_| ask(&shares).unwrap_err()).collect();
        let seconds = |wait: &Duration| wait.as_secs_f64().round();
        assert_eq!(waits[..3].iter().map(seconds).collect::<Vec<_>>(), [10.0, 20.0, 30.0]);
        assert!(waits.is_sorted());
        assert_eq!(waits[999], limits::LOG_HOST_LONGEST_REST);
        assert_eq!(seconds(&shares.ask(SLOW, Priority::Failures).unwrap_err()), 10.0);
        drop((held, hurried));
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_is_forgotten_once_nothing_speaks_against_it() {
        let shares = HostShares::of(2);
        drop(ask(&shares));
        assert!(shares.lock().is_empty());
        read(&shares, 10, limits::LOG_QUICK_READ).await;
        assert_eq!(shares.lock().len(), 1);
        advance(2 * limits::LOG_HOST_LONGEST_REST).await;
        drop(shares.ask(OTHER, Priority::Others));
        assert!(shares.lock().is_empty());
    }
}
