//! Storing while others store: a transaction that was in another's way is run again at once.

use crate::limits;
use crate::store::StoreError;
use std::future::Future;
use tracing::debug;

/// Stores, and again if another transaction was in the way. What was fetched and read for it stays good,
/// and needs no other attempt.
///
/// # Errors
/// If the database fails, or others were in the way [`limits::FOLLOW_UP_STORINGS`] times.
pub(super) async fn despite_others<T, F>(store: impl Fn() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    for _ in 1..limits::FOLLOW_UP_STORINGS {
        match store().await {
            Err(StoreError::Conflict(error)) => debug!(error, "what was found is stored again"),
            stored => return stored,
        }
    }
    store().await
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[tokio::test]
    async fn only_what_others_were_in_the_way_of_is_stored_again_and_not_for_ever() {
        let conflict = || StoreError::Conflict("a deadlock".into());
        let gone = || StoreError::Unavailable("away".into());
        let most = limits::FOLLOW_UP_STORINGS;
        for (failures, error, stored, times) in [
            (0, &conflict as &dyn Fn() -> StoreError, true, 1),
            (1, &conflict, true, 2),
            (most - 1, &conflict, true, most),
            (most, &conflict, false, most),
            (1, &gone, false, 1),
        ] {
            let tried = Cell::new(0);
            let result = despite_others(async || {
                tried.set(tried.get() + 1);
                if tried.get() <= failures { Err(error()) } else { Ok(()) }
            });
            assert_eq!((result.await.is_ok(), tried.get()), (stored, times), "{failures} failures");
        }
    }
}
