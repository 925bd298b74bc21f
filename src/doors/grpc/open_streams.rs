//! How many streams are open, at most and now.

use super::status::Refusal;
use opentelemetry::KeyValue;
use opentelemetry::metrics::UpDownCounter;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Places for the streams of one call.
#[derive(Debug, Clone)]
pub struct OpenStreams {
    places: Arc<Semaphore>,
    open: UpDownCounter<i64>,
    call: &'static str,
}

/// A place, given back when dropped.
#[derive(Debug)]
pub struct StreamPlace {
    #[allow(dead_code, reason = "held for its drop")]
    place: OwnedSemaphorePermit,
    open: UpDownCounter<i64>,
    call: &'static str,
}

impl OpenStreams {
    /// Places for `limit` streams of the call, which is also the label of the gauge.
    pub fn new(call: &'static str, limit: usize) -> Self {
        let open = opentelemetry::global::meter("herdgate")
            .i64_up_down_counter("herdgate.grpc.open_streams")
            .with_description("Open gRPC streams by call")
            .build();
        Self { places: Arc::new(Semaphore::new(limit)), open, call }
    }

    /// # Errors
    /// `UNAVAILABLE` while all places are taken.
    pub fn enter(&self) -> Result<StreamPlace, Refusal> {
        let place = self.places.clone().try_acquire_owned().map_err(|_| Refusal::overloaded())?;
        self.open.add(1, &[KeyValue::new("call", self.call)]);
        Ok(StreamPlace { place, open: self.open.clone(), call: self.call })
    }
}

impl Drop for StreamPlace {
    fn drop(&mut self) {
        self.open.add(-1, &[KeyValue::new("call", self.call)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_free_again_when_its_stream_has_ended() {
        let streams = OpenStreams::new("test", 1);
        let place = streams.enter().unwrap();
        assert_eq!(streams.enter().unwrap_err(), Refusal::overloaded());
        drop(place);
        assert!(streams.enter().is_ok());
    }
}
