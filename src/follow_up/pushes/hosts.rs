//! Asking a host over HTTP, and leaving it alone when it says so.

use super::AskError;
use crate::config::Secret;
use crate::fetch::{FetchLimits, Fetcher, RequestHeaders, Url};
use crate::limits;
use bytes::Bytes;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Where hosts are, and how they are asked.
#[derive(Debug, Clone)]
pub struct HostsOptions {
    /// GitHub's API.
    pub github_api: Url,
    /// Sent to it.
    pub github_token: Option<Secret>,
}

/// The hosts of repositories.
#[derive(Debug)]
pub struct Hosts {
    fetcher: Fetcher,
    pub(super) options: HostsOptions,
    /// GitHub's rate limit is for the token, so for everything that is asked there.
    github_alone_until: Mutex<Option<Instant>>,
}

/// An answer; `None`: it is as it was.
pub(super) struct Answered {
    pub(super) body: Option<Bytes>,
    pub(super) etag: Option<String>,
}

impl Hosts {
    /// Asks by this fetcher.
    pub fn new(fetcher: Fetcher, options: HostsOptions) -> Self {
        Self { fetcher, options, github_alone_until: Mutex::new(None) }
    }

    /// Asks GitHub's API, unless its rate limit is known to be spent.
    pub(super) async fn ask_github(&self, url: &Url, etag: Option<&str>) -> Result<Answered, AskError> {
        if let Some(until) = *self.github_alone_until.lock().unwrap_or_else(PoisonError::into_inner) {
            let left = until.saturating_duration_since(Instant::now());
            if !left.is_zero() {
                return Err(AskError::LeftAlone(left));
            }
        }
        let headers = RequestHeaders {
            etag: etag.map(str::to_owned),
            token: self.options.github_token.clone(),
            accept: Some("application/vnd.github+json"),
        };
        let asked = self.ask(url, &headers).await;
        let alone = match &asked {
            Ok((_, spent)) => *spent,
            Err(AskError::Fetch(error)) => error.retry_after(),
            Err(_) => None,
        };
        if let Some(alone) = alone {
            tracing::warn!(seconds = alone.as_secs(), "GitHub's rate limit is spent");
            *self.github_alone_until.lock().unwrap_or_else(PoisonError::into_inner) =
                Some(Instant::now() + alone);
        }
        asked.map(|(answered, _)| answered)
    }

    /// Asks a Mercurial server.
    pub(super) async fn ask_mercurial(&self, url: &Url) -> Result<Bytes, AskError> {
        let headers = RequestHeaders { accept: Some("application/json"), ..RequestHeaders::default() };
        let (answered, _) = self.ask(url, &headers).await?;
        Ok(answered.body.unwrap_or_default())
    }

    async fn ask(
        &self,
        url: &Url,
        headers: &RequestHeaders,
    ) -> Result<(Answered, Option<std::time::Duration>), AskError> {
        const LIMITS: FetchLimits = FetchLimits {
            wait: limits::FETCH_WAIT,
            total: limits::PUSH_READ,
            declared_bytes: limits::PUSH_BYTES,
            decoded_bytes: limits::PUSH_BYTES,
        };
        let fetched = self.fetcher.get(url, headers, LIMITS).await?;
        let (etag, spent) = (fetched.etag, fetched.spent_for);
        let body = if fetched.not_modified { None } else { Some(fetched.body.into_bytes().await?) };
        Ok((Answered { body, etag }, spent))
    }
}
