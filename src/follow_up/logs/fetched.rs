//! Logs from the network, through the guarded fetcher.

use super::source::{Blocks, Source, Unobtainable};
use crate::fetch::{FetchError, FetchLimits, Fetcher, Measure, RequestHeaders, Url};
use crate::limits;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};

impl Source for Fetcher {
    fn open<'a>(
        &'a self,
        url: &'a str,
        declared_limit: Option<u64>,
    ) -> BoxFuture<'a, Result<Blocks, Unobtainable>> {
        open(self, url, declared_limit).boxed()
    }
}

async fn open(fetcher: &Fetcher, url: &str, declared_limit: Option<u64>) -> Result<Blocks, Unobtainable> {
    let url = Url::parse(url)
        .map_err(|error| Unobtainable::ForGood { why: format!("the URL is none: {error}") })?;
    let bounds = FetchLimits {
        wait: limits::FETCH_WAIT,
        total: limits::LOG_READ,
        declared_bytes: declared_limit.unwrap_or(limits::LOG_BYTES),
        decoded_bytes: limits::LOG_BYTES,
    };
    let fetched = fetcher.get(&url, &RequestHeaders::default(), bounds).await;
    let fetched = fetched.map_err(|error| match error {
        FetchError::TooLarge { measure: Measure::Declared, limit } if declared_limit.is_some() => {
            Unobtainable::TooLarge { limit }
        }
        other => unobtainable(&other),
    })?;
    Ok(fetched.body.map(|piece| piece.map_err(|error| unobtainable(&error))).boxed())
}

fn unobtainable(error: &FetchError) -> Unobtainable {
    let why = error.to_string();
    if error.worth_retrying() {
        Unobtainable::ForNow { why, after: error.retry_after() }
    } else {
        Unobtainable::ForGood { why }
    }
}
