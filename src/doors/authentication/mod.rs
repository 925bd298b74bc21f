//! Who calls, for gRPC and HTTP alike.

mod caller;

pub use caller::{Caller, Writer, is_compatible, unauthenticated};
