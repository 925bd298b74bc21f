//! How many workers one host of logs may hold: half of them for as long as its logs take, the others only
//! while they are quick. So no host, however slow, keeps the logs of others from being read. Logs that wait
//! for their host come back one by one, at the rate at which it could have had them read: a long backlog is
//! neither claimed nor written over and over.

use crate::limits;
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

#[derive(Debug, Default)]
struct Host {
    unhurried: usize,
    hurried: usize,
    /// It took long, and is not known to be quick again; until then nobody tries.
    slow_until: Option<Instant>,
    /// When the next log that has to wait is to come back.
    next_turn: Option<Instant>,
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
    /// How long to wait: the host has its share of the workers, and took long of late.
    pub(super) fn ask(&self, url: &str) -> Result<Share<'_>, Duration> {
        let host = host(url);
        let since = Instant::now();
        let mut hosts = self.lock();
        let known = hosts.entry(host.clone()).or_default();
        let is_hurried = known.unhurried >= self.most;
        // Of one that was slow, one log at a time tries whether it still is.
        if is_hurried && known.slow_until.is_some_and(|until| until > since || known.hurried > 0) {
            return Err(known.next_turn(since, self.most));
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
    fn count(&mut self, is_hurried: bool) -> &mut usize {
        if is_hurried { &mut self.hurried } else { &mut self.unhurried }
    }

    /// How long one more log of a slow host waits, of which so many are read at once.
    fn next_turn(&mut self, now: Instant, most: usize) -> Duration {
        let earliest = now + limits::LOG_HOST_REST;
        let turn = self.next_turn.map_or(earliest, |turn| turn.max(earliest));
        let turn = turn.min(now + limits::LOG_HOST_LONGEST_REST);
        self.next_turn = Some(turn + limits::LOG_QUICK_READ.div_f64(most as f64));
        turn - now
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
            let count = host.count(self.is_hurried);
            *count = count.saturating_sub(1);
            if now - self.since >= limits::LOG_QUICK_READ {
                host.slow_until = Some(now + limits::LOG_HOST_REST);
            } else if self.is_hurried {
                host.slow_until = None;
            }
        }
        let is_ahead = |time: Option<Instant>| time.is_some_and(|time| time > now);
        hosts.retain(|_, host| {
            host.unhurried + host.hurried > 0 || is_ahead(host.slow_until) || is_ahead(host.next_turn)
        });
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

    #[tokio::test(start_paused = true)]
    async fn a_host_has_half_of_the_workers_for_long_and_the_others_while_it_is_quick() {
        let shares = HostShares::of(4);
        let held: Vec<_> = (0..2).map(|_| shares.ask(SLOW).unwrap()).collect();
        assert!(held.iter().all(|share| share.time() == limits::LOG_READ));
        let hurried = shares.ask("http://SLOW.example.org:82/2").unwrap();
        assert_eq!(hurried.time(), limits::LOG_QUICK_READ);
        advance(limits::LOG_QUICK_READ / 2).await;
        drop(hurried);
        assert!(shares.ask(SLOW).unwrap().is_hurried(), "it was quick");
        assert!(!shares.ask("http://other.example.org/").unwrap().is_hurried());
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_that_took_long_gets_no_more_than_its_half_for_a_while() {
        let shares = HostShares::of(4);
        let held: Vec<_> = (0..2).map(|_| shares.ask(SLOW).unwrap()).collect();
        let hurried = shares.ask(SLOW).unwrap();
        advance(limits::LOG_QUICK_READ).await;
        drop(hurried);
        assert!(shares.ask(SLOW).is_err());
        assert!(shares.ask("http://other.example.org/").is_ok());
        advance(limits::LOG_HOST_REST).await;
        let tries = shares.ask(SLOW).unwrap();
        assert!(shares.ask(SLOW).is_err(), "one is enough to try");
        drop(tries);
        let both = [shares.ask(SLOW), shares.ask(SLOW)];
        assert!(both.iter().all(Result::is_ok), "it was quick");
        drop(held);
    }

    #[tokio::test(start_paused = true)]
    async fn logs_of_a_slow_host_come_back_one_by_one_and_none_much_later() {
        let shares = HostShares::of(2);
        let held = shares.ask(SLOW).unwrap();
        let hurried = shares.ask(SLOW).unwrap();
        advance(limits::LOG_QUICK_READ).await;
        drop(hurried);
        let waits: Vec<_> = (0..1000).map(|_| shares.ask(SLOW).unwrap_err()).collect();
        assert_eq!(waits[..2], [limits::LOG_HOST_REST, limits::LOG_HOST_REST + limits::LOG_QUICK_READ]);
        assert!(waits.is_sorted());
        assert_eq!(waits[999], limits::LOG_HOST_LONGEST_REST);
        drop(held);
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_is_forgotten_once_nothing_speaks_against_it() {
        let shares = HostShares::of(2);
        drop(shares.ask(SLOW));
        assert!(shares.lock().is_empty());
        let slow = [shares.ask(SLOW), shares.ask(SLOW)];
        advance(limits::LOG_QUICK_READ).await;
        let [held, hurried] = slow;
        drop(hurried);
        assert!(shares.ask(SLOW).is_err());
        drop(held);
        advance(limits::LOG_HOST_REST + limits::LOG_QUICK_READ).await;
        drop(shares.ask("http://other.example.org/"));
        assert!(shares.lock().is_empty());
    }
}
