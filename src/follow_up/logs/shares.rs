//! How many workers one host of logs may hold: half of them for as long as its logs take, the others only
//! while they are quick. So no host, however slow, keeps the logs of others from being read.

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
    slow_until: Option<Instant>,
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

    /// Asks to read a log of the host that a URL names. `None`: the host has its share of the workers, and
    /// took long of late.
    pub(super) fn ask(&self, url: &str) -> Option<Share<'_>> {
        let host = host(url);
        let since = Instant::now();
        let mut hosts = self.lock();
        let known = hosts.entry(host.clone()).or_default();
        let is_hurried = known.unhurried >= self.most;
        if is_hurried && known.slow_until.is_some_and(|until| until > since) {
            return None;
        }
        *known.count(is_hurried) += 1;
        drop(hosts);
        Some(Share { shares: self, host, since, is_hurried })
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
            }
        }
        hosts.retain(|_, host| {
            host.unhurried + host.hurried > 0 || host.slow_until.is_some_and(|until| until > now)
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
        assert!(shares.ask(SLOW).is_none());
        assert!(shares.ask("http://other.example.org/").is_some());
        advance(limits::LOG_HOST_REST).await;
        assert!(shares.ask(SLOW).is_some());
        drop(held);
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_is_forgotten_once_nothing_speaks_against_it() {
        let shares = HostShares::of(4);
        drop(shares.ask(SLOW));
        assert!(shares.lock().is_empty());
        let slow = shares.ask(SLOW);
        advance(limits::LOG_QUICK_READ).await;
        drop(slow);
        advance(limits::LOG_HOST_REST).await;
        drop(shares.ask("http://other.example.org/"));
        assert!(shares.lock().is_empty());
    }
}
