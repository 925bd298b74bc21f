//! The ways in. A door decodes, authenticates, validates and translates; it never touches SQL and
//! never calls another door.

mod connections;
pub mod grpc;
mod http;
mod load;
pub mod pulse;
mod router;
mod tracing_context;
#[cfg(test)]
mod wire_tests;

pub use connections::{DoorError, serve};
pub use router::{DoorOptions, RenderMetrics};
