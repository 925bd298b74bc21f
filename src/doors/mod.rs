//! The ways in. A door decodes, authenticates, validates and translates; it never touches SQL and
//! never calls another door.

pub mod authentication;
mod connections;
pub mod grpc;
mod http;
mod load;
mod panics;
pub mod pulse;
pub mod refusal;
mod router;
mod tracing_context;
#[cfg(test)]
mod wire_tests;

pub use connections::{Closed, DoorError, serve};
pub use http::HttpOptions;
pub use router::{DoorOptions, RenderMetrics};
