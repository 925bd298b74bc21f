//! How many streams are open, at most and now.

use super::status::Refusal;
use crate::telemetry::Open;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Places for the streams of one call.
#[derive(Debug, Clone)]
pub struct OpenStreams {
    places: Arc<Semaphore>,
    /// Counts one more.
    open: fn() -> Open,
}

/// A place, given back when dropped.
#[derive(Debug)]
#[allow(dead_code, reason = "held for their drop")]
pub struct StreamPlace {
    place: OwnedSemaphorePermit,
    open: Open,
}

impl OpenStreams {
    /// Places for `limit` streams of the call that `open` counts.
    pub fn new(limit: usize, open: fn() -> Open) -> Self {
        Self { places: Arc::new(Semaphore::new(limit)), open }
    }

    /// # Errors
    /// `UNAVAILABLE` while all places are taken.
    pub fn enter(&self) -> Result<StreamPlace, Refusal> {
        let place = self.places.clone().try_acquire_owned().map_err(|_| Refusal::overloaded())?;
        Ok(StreamPlace { place, open: (self.open)() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::Metrics;

    #[test]
    fn a_place_is_free_again_when_its_stream_has_ended() {
        let streams = OpenStreams::new(1, || Metrics::global().stream());
        let place = streams.enter().unwrap();
        assert_eq!(streams.enter().unwrap_err(), Refusal::overloaded());
        drop(place);
        assert!(streams.enter().is_ok());
    }
}
