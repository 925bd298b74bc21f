//! How the body of an HTTP request comes.

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use chrono::{DateTime, Utc};
use http_body::{Frame, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::sync::watch;
use tokio::time::Instant;

/// When a request came, and how much of its body has. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Arrival {
    progress: Arc<watch::Sender<Progress>>,
    at: DateTime<Utc>,
}

/// What has come so far.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// When the request came.
    pub started: Instant,
    /// How much has been read.
    pub bytes: u64,
    /// When the last byte was read.
    pub whole: Option<Instant>,
}

impl Arrival {
    /// The request with a body that tells how much of it has come. Whoever asks first is the one who saw it
    /// come; the others are told the same.
    pub fn of(request: Request) -> (Request, Self) {
        if let Some(arrival) = request.extensions().get::<Self>().cloned() {
            return (request, arrival);
        }
        let started = Instant::now();
        let whole = request.body().is_end_stream().then_some(started);
        let progress = Arc::new(watch::Sender::new(Progress { started, bytes: 0, whole }));
        let arrival = Self { progress, at: Utc::now() };
        let mut request = request.map(|body| Body::new(Arriving { body, arrival: arrival.clone() }));
        request.extensions_mut().insert(arrival.clone());
        (request, arrival)
    }

    /// When the request came.
    pub fn at(&self) -> DateTime<Utc> {
        self.at
    }

    /// As of now.
    pub fn progress(&self) -> Progress {
        *self.progress.borrow()
    }

    /// Ends when the last byte has been read.
    pub async fn whole(&self) {
        // It fails only without a sender, and this is one.
        let _ = self.progress.subscribe().wait_for(|progress| progress.whole.is_some()).await;
    }
}

/// A body that tells how much of it has come.
struct Arriving {
    body: Body,
    arrival: Arrival,
}

impl HttpBody for Arriving {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(frame) = &polled {
            let bytes = match frame {
                Some(Ok(frame)) => frame.data_ref().map_or(0, |data| data.len() as u64),
                Some(Err(_)) | None => 0,
            };
            let is_whole = frame.is_none() || self.body.is_end_stream();
            self.arrival.progress.send_modify(|progress| {
                progress.bytes += bytes;
                if is_whole {
                    progress.whole = progress.whole.or_else(|| Some(Instant::now()));
                }
            });
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
