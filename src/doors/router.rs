//! All doors of the one listener as one service, behind shared layers.

use super::authentication::{Authentication, authenticate};
use super::budget::{ByteBudget, count_body};
use super::grpc::budget::{CallBudgets, count_call};
use super::grpc::transport_errors::map_transport_errors;
use super::http::console::Console;
use super::http::{DashboardFiles, HttpDoor, HttpOptions};
use super::load::{Load, limit_load};
use super::panics::answer_panics;
use super::quotas::{Quotas, limit_quota};
use super::tls::Tls;
use super::tracing_context::trace_request;
use super::{grpc, http};
use crate::access::{Keyring, LastUses, NonceMemory, Principal};
use crate::config;
use crate::core::Gateway;
use crate::fetch::Fetcher;
use crate::limits;
use crate::telemetry::History;
use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use std::fmt;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower_http::compression::CompressionLayer;

/// Renders all meters in the text format of Prometheus.
pub type RenderMetrics = Arc<dyn Fn() -> String + Send + Sync>;

/// What the doors are told from outside.
#[derive(Clone)]
pub struct DoorOptions {
    /// Who writes without a credential: set by `herdgate demo` alone.
    pub anonymous: Option<Principal>,
    /// For `/metrics`.
    pub metrics: RenderMetrics,
    /// Seals and opens Hawk secrets.
    pub keyring: Arc<Keyring>,
    /// How the gateway is reached from outside.
    pub reached: Arc<config::Http>,
    /// How the HTTP door answers.
    pub http: HttpOptions,
    /// Fetches logs for their readers; none: nothing is fetched.
    pub fetcher: Option<Fetcher>,
    /// A dashboard to serve at `/`.
    pub dashboard: Option<DashboardFiles>,
    /// Ends TLS; none: plain text.
    pub tls: Option<Tls>,
    /// Requests a minute of one credential.
    pub quotas: config::Quotas,
    /// What the console draws its charts from.
    pub history: History,
}

impl fmt::Debug for DoorOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DoorOptions").field("anonymous", &self.anonymous).finish_non_exhaustive()
    }
}

/// The doors behind their layers, outermost last: trace, sharing with other origins, compression, load
/// and time limits, bytes of bodies, authentication, quotas, bytes of calls, mapping of what tonic says
/// itself, panics.
///
/// # Errors
/// If the descriptors built into the binary cannot be read.
pub fn router(
    gateway: Gateway,
    options: DoorOptions,
    last_uses: &LastUses,
    stop: &CancellationToken,
) -> Result<Router, tonic_reflection::server::Error> {
    let budget = ByteBudget::new(limits::IN_FLIGHT_BYTES);
    let http = HttpOptions { serves_dashboard: options.dashboard.is_some(), ..options.http };
    let door = HttpDoor {
        gateway: gateway.clone(),
        options: http,
        budget: budget.clone(),
        fetcher: options.fetcher.clone(),
        log_readers: Arc::new(Semaphore::new(limits::LOG_TEXT_READERS)),
    };
    let grpc = grpc::routes(&gateway, &options.keyring, stop)?;
    let console = Console::new(
        gateway.clone(),
        options.keyring.clone(),
        options.reached.clone(),
        options.history,
        options.fetcher,
        stop.clone(),
    );
    let router = http::routes(gateway.readiness(), options.metrics, http::api(door), grpc, options.dashboard)
        .merge(http::console::routes(console));
    let authentication = Authentication {
        nonces: NonceMemory::start(gateway.store().clone()),
        gateway,
        anonymous: options.anonymous,
        keyring: options.keyring,
        last_uses: last_uses.clone(),
        http: options.reached,
    };
    Ok(router
        .layer(from_fn(answer_panics))
        .layer(from_fn(map_transport_errors))
        .layer(from_fn_with_state(CallBudgets::new(budget.clone()), count_call))
        .layer(from_fn_with_state(Quotas::new(&options.quotas), limit_quota))
        .layer(from_fn_with_state(authentication, authenticate))
        // Authentication reads bodies over HTTP.
        .layer(from_fn_with_state(budget, count_body))
        .layer(from_fn_with_state(Load::new(limits::OPEN_REQUESTS, limits::UNARY_DEADLINE), limit_load))
        .layer(CompressionLayer::new())
        .layer(http::cors())
        .layer(from_fn(trace_request)))
}
