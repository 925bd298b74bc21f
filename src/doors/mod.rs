//! The ways in. A door decodes, authenticates, validates and translates; it never touches SQL and
//! never calls another door.

mod arrival;
pub mod authentication;
pub mod budget;
mod connections;
pub mod grpc;
mod http;
mod load;
mod panics;
mod preface;
pub mod pulse;
mod quotas;
pub mod refusal;
mod router;
mod tls;
mod tracing_context;
mod watch_cursor;
#[cfg(test)]
mod wire_tests;

pub use connections::{Closed, ConnectionInfo, DoorError, serve};
pub use http::{DashboardFiles, HttpOptions};
pub use router::{DoorOptions, RenderMetrics};
pub use tls::{Tls, TlsError, TlsFile, TlsFiles};
