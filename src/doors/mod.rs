//! The ways in. A door decodes, authenticates, validates and translates; it never touches SQL and
//! never calls another door.

pub mod grpc;

use crate::access::Principal;
use crate::core::Gateway;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Stand-in.
#[allow(missing_docs)]
pub struct DoorOptions {
    pub anonymous: Option<Principal>,
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
}

/// Stand-in.
#[derive(Debug, thiserror::Error)]
#[error("stand-in")]
pub struct ServeError;

/// Stand-in.
#[allow(missing_docs, unused_variables, clippy::unused_async)]
pub async fn serve(
    listener: TcpListener,
    gateway: Gateway,
    options: DoorOptions,
    stop: CancellationToken,
) -> Result<(), ServeError> {
    unimplemented!()
}
