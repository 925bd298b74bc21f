//! The fetcher against a server that answers with given bytes, well-formed or not.

mod bodies;
mod redirects;
mod server;
mod statuses;

use super::{AllowedHost, FetchError, FetchLimits, FetchOptions, Fetched, Fetcher, RequestHeaders, Url};
use std::time::Duration;

const LIMITS: FetchLimits = FetchLimits {
    wait: Duration::from_secs(5),
    total: Duration::from_secs(10),
    declared_bytes: 100_000,
    decoded_bytes: 200_000,
};

/// May ask the loopback address, where the server is.
fn fetcher() -> Fetcher {
    let allowed_hosts = vec![AllowedHost::parse("127.0.0.1").unwrap()];
    Fetcher::new(FetchOptions { allowed_hosts, ..FetchOptions::default() }).unwrap()
}

async fn get(url: &Url) -> Result<Fetched, FetchError> {
    fetcher().get(url, &RequestHeaders::default(), LIMITS).await
}

async fn body(url: &Url, limits: FetchLimits) -> Result<Vec<u8>, FetchError> {
    let fetched = fetcher().get(url, &RequestHeaders::default(), limits).await?;
    Ok(fetched.body.into_bytes().await?.to_vec())
}
