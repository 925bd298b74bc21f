//! The console at `/console/`: pages for people who ask where their job is, and for those who run the
//! gateway. Rendered here, readable without JavaScript; a little of it makes pages live.
//!
//! It is a part of the HTTP door like any other: the core decides, the store remembers.

mod assets;
mod chart;
mod credentials;
mod elements;
mod events;
mod exchanges;
mod failure;
mod find;
mod findings;
mod held;
mod held_message;
mod info;
mod job;
mod layout;
mod log;
mod overview;
mod posted;
mod push;
mod pushes;
mod repositories;
mod session;
mod sign_in;
mod story;
mod symbols;
#[cfg(test)]
mod tests;
mod tiers;
mod work;

use crate::access::Keyring;
use crate::config;
use crate::core::Gateway;
use crate::fetch::Fetcher;
use crate::limits;
use crate::telemetry::History;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn;
use axum::response::Redirect;
use axum::routing::{get, post};
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// What the pages work with. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Console {
    gateway: Gateway,
    keyring: Arc<Keyring>,
    reached: Arc<config::Http>,
    history: History,
    /// Places for event streams.
    streams: Arc<Semaphore>,
    stop: CancellationToken,
    fetcher: Option<Fetcher>,
    /// Places for those who read logs.
    log_readers: Arc<Semaphore>,
}

impl Console {
    /// The console of a gateway; its event streams end when `stop` is cancelled. Without a fetcher it shows
    /// no text of logs.
    pub fn new(
        gateway: Gateway,
        keyring: Arc<Keyring>,
        reached: Arc<config::Http>,
        history: History,
        fetcher: Option<Fetcher>,
        stop: CancellationToken,
    ) -> Self {
        let streams = Arc::new(Semaphore::new(limits::CONSOLE_STREAMS));
        let log_readers = Arc::new(Semaphore::new(limits::CONSOLE_LOG_READERS));
        Self { gateway, keyring, reached, history, streams, stop, fetcher, log_readers }
    }
}

/// The pages.
pub fn routes(console: Console) -> Router {
    Router::new()
        .route("/console", get(async || Redirect::permanent("/console/")))
        .route("/console/", get(overview::show))
        .route("/console/find", get(find::show))
        .route("/console/pushes", get(pushes::projects))
        .route("/console/pushes/{project}", get(pushes::show))
        .route("/console/push/{project}/{revision}", get(push::show))
        .route("/console/job", get(job::show))
        .route("/console/log", get(log::show))
        .route("/console/held", get(held::show))
        .route("/console/held/replay", post(held_message::replay))
        .route("/console/held/discard", post(held_message::discard))
        .route("/console/held/{id}", get(held_message::show))
        .route("/console/work", get(work::show))
        .route("/console/work/retry", post(work::retry))
        .route("/console/exchanges", get(exchanges::show).post(exchanges::add))
        .route("/console/exchanges/remove", post(exchanges::remove))
        .route("/console/repositories", get(repositories::show).post(repositories::save))
        .route("/console/credentials", get(credentials::show).post(credentials::create))
        .route("/console/credentials/rotate", post(credentials::rotate))
        .route("/console/credentials/revoke", post(credentials::revoke))
        .route("/console/tiers", get(tiers::show).post(tiers::set))
        .route("/console/tiers/clear", post(tiers::clear))
        .route("/console/sign-in", get(sign_in::show).post(sign_in::sign_in))
        .route("/console/sign-out", post(sign_in::sign_out))
        .route("/console/events", get(events::stream))
        .route("/console/assets/{name}", get(assets::show))
        .route("/console/{*rest}", get(failure::no_page))
        .layer(from_fn(layout::guard))
        .layer(DefaultBodyLimit::max(limits::CONSOLE_FORM_BYTES))
        .with_state(console)
}
