//! Waiting for what comes soon, with an end to patience.

use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Looks until `look` gives something.
///
/// # Panics
/// If it has not by the end of `patience`; `what` says what was waited for.
pub async fn eventually<T>(what: &str, patience: Duration, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let end = Instant::now() + patience;
    loop {
        match timeout(patience, look()).await {
            Ok(Some(found)) => return found,
            Ok(None) if Instant::now() < end => sleep(LOOK_AGAIN).await,
            Ok(None) | Err(_) => panic!("waited {patience:?} in vain: {what}"),
        }
    }
}

/// Waits for a future that must not take longer than `patience`.
///
/// # Panics
/// If it does; `what` says what was waited for.
pub async fn within<T>(what: &str, patience: Duration, future: impl Future<Output = T>) -> T {
    match timeout(patience, future).await {
        Ok(value) => value,
        Err(_) => panic!("waited {patience:?} in vain: {what}"),
    }
}
