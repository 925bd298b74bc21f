//! The gRPC door: takes messages apart, has the core decide, and puts verdicts together.

mod admin;
mod admin_exchanges;
mod admin_held;
mod admin_work;
mod arguments;
pub mod authentication;
pub mod budget;
pub(super) mod calls;
pub(super) mod ending;
pub mod frame;
mod gather;
pub(super) mod health;
mod ingest;
pub(super) mod meter;
mod metered_body;
mod open_streams;
mod page_token;
mod query;
mod responses;
pub mod status;
pub(super) mod stream;
mod submission;
pub(crate) mod translate;
pub mod transport_errors;
mod watch;

use crate::access::Keyring;
use crate::core::Gateway;
use crate::{limits, proto};
use axum::middleware::from_fn_with_state;
use servers::admin_service_server::AdminServiceServer;
use servers::ingest_service_server::IngestServiceServer;
use servers::query_service_server::QueryServiceServer;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use tonic::codec::CompressionEncoding::Gzip;
use tonic::service::Routes;

/// Path of the one call whose request is a stream.
pub const SUBMIT_JOBS: &str = "/herdgate.v1.IngestService/SubmitJobs";

/// Generated service traits and servers.
pub(super) mod servers {
    #![allow(missing_docs, clippy::all, clippy::pedantic, unreachable_pub, reason = "generated")]
    include!(concat!(env!("OUT_DIR"), "/servers/herdgate.v1.rs"));
}

/// All services, with health and reflection. Streams end when `stop` is cancelled.
///
/// # Errors
/// If the descriptors built into the binary cannot be read.
pub fn routes(
    gateway: &Gateway,
    keyring: &Arc<Keyring>,
    stop: &CancellationToken,
) -> Result<axum::Router, tonic_reflection::server::Error> {
    let ingest = ingest::Ingest::new(gateway.clone(), stop.clone());
    let query = query::Query::new(gateway.clone(), stop.clone());
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(proto::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let routes = Routes::new(
        IngestServiceServer::new(ingest)
            .max_decoding_message_size(limits::SUBMISSION_BYTES)
            .accept_compressed(Gzip)
            .send_compressed(Gzip),
    )
    .add_service(
        QueryServiceServer::new(query)
            .max_decoding_message_size(limits::QUERY_BYTES)
            .accept_compressed(Gzip)
            .send_compressed(Gzip),
    )
    .add_service(
        AdminServiceServer::new(admin::Admin::new(gateway.clone(), keyring.clone()))
            .max_decoding_message_size(limits::QUERY_BYTES)
            .accept_compressed(Gzip)
            .send_compressed(Gzip),
    )
    .add_service(health::service(gateway.readiness(), stop.clone()))
    .add_service(reflection().build_v1()?)
    .add_service(reflection().build_v1alpha()?);
    Ok(routes.into_axum_router().layer(from_fn_with_state(stop.clone(), ending::end_on_stop)))
}
