//! The HTTP door: own paths, the paths of legacy clients, and the description of both.

mod accept;
pub mod console;
pub mod dashboard_files;
mod grpc_page;
mod openapi;
mod own;
pub mod problem;
mod read;
mod reference_page;
mod write;

use super::authentication::{CHALLENGE, Caller, unauthenticated};
use super::budget::ByteBudget;
use super::router::RenderMetrics;
use crate::config::PartialStatus;
use crate::core::{Gateway, Readiness};
use crate::fetch::Fetcher;
use crate::limits;
use accept::check_accept;
use axum::Router;
use axum::extract::Request;
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
pub use dashboard_files::DashboardFiles;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{Method, Uri};
use problem::{Code, Problem};
use std::sync::Arc;
use tokio::sync::{Semaphore, watch};
use tonic::Status;
use tower_http::cors::{Any, CorsLayer};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

/// What handlers of the HTTP door work with.
#[derive(Debug, Clone)]
pub struct HttpDoor {
    /// Decides and stores.
    pub gateway: Gateway,
    /// How it answers.
    pub options: HttpOptions,
    /// Bytes of bodies that are being decided.
    pub budget: ByteBudget,
    /// Fetches logs for their readers; none: nothing is fetched.
    pub fetcher: Option<Fetcher>,
    /// Places for texts of logs that are fetched for readers, [`limits::LOG_TEXT_READERS`] of them.
    pub log_readers: Arc<Semaphore>,
}

/// How the HTTP door answers.
#[derive(Debug, Clone, Copy, Default)]
pub struct HttpOptions {
    /// Status of a collection of which items are rejected.
    pub partial_status: PartialStatus,
    /// A dashboard is served here, which can read logs of the same origin only.
    pub serves_dashboard: bool,
}

/// Paths that need the core; every other handler module adds its own here.
pub fn api(door: HttpDoor) -> OpenApiRouter {
    read::routes().merge(write::routes()).route_layer(from_fn(check_accept)).with_state(door)
}

/// All paths of the listener: those of `api`, of gRPC, the gateway's own ones, and the answer to every
/// other.
pub fn routes(
    readiness: watch::Receiver<Readiness>,
    metrics: RenderMetrics,
    api: OpenApiRouter,
    grpc: Router,
    dashboard: Option<DashboardFiles>,
) -> Router {
    let described = OpenApiRouter::with_openapi(openapi::base()).merge(own::routes(readiness, metrics));
    let front = if dashboard.is_some() { OpenApiRouter::new() } else { own::front() };
    let (described, document) = described.merge(front).merge(api).split_for_parts();
    let http = described.merge(openapi::routes(document)).method_not_allowed_fallback(other_method);
    let router = grpc.merge(http);
    match dashboard {
        Some(files) => router.fallback(async move |request: Request| {
            if dashboard_files::is_page(&request) {
                files.serve(request).await
            } else {
                unknown(request).await
            }
        }),
        None => router.fallback(unknown),
    }
}

/// The answer to a method that a path does not take, in the words of the ingest contract, 4.3; legacy writes
/// ask for the credential before they look at the method (4.1).
async fn other_method(Caller(caller): Caller, method: Method, uri: Uri) -> Response {
    if caller.is_none() && !method.is_safe() && uri.path().starts_with("/api/project/") {
        return unauthenticated(uri.path(), Code::Unauthenticated.into(), CHALLENGE);
    }
    Problem::new(Code::MethodNotAllowed, format!("Method \"{method}\" not allowed.")).into_response()
}

/// Serves a path that ends in a slash without it too, as legacy clients may ask for it (ingest contract,
/// Appendix C). The description has it once, with the slash.
pub fn slash_optional<S>(routes: UtoipaMethodRouter<S>) -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
{
    let (schemas, paths, methods) = routes;
    let mut router = OpenApiRouter::new();
    for path in paths.paths.keys() {
        if let Some(bare) = path.strip_suffix('/').filter(|bare| !bare.is_empty()) {
            router = router.route(bare, methods.clone());
        }
    }
    router.routes((schemas, paths, methods))
}

/// Pages of any origin may read, and only that.
pub fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::HEAD, Method::OPTIONS])
        .allow_headers([ACCEPT, AUTHORIZATION, CONTENT_TYPE])
        .max_age(limits::PREFLIGHT_AGE)
}

/// Whether the answer has to be one of gRPC.
pub fn is_grpc(request: &Request) -> bool {
    request
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|content_type| content_type.as_bytes().starts_with(b"application/grpc"))
}

async fn unknown(request: Request) -> axum::response::Response {
    if is_grpc(&request) {
        return Status::unimplemented(format!("no method {}", request.uri().path())).into_http();
    }
    Problem::from(Code::NotFound).into_response()
}

#[cfg(test)]
mod tests;
