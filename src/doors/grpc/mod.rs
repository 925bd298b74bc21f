//! The gRPC door.

pub mod frame;
pub(crate) mod translate;

/// Generated service traits and servers.
mod servers {
    #![allow(missing_docs, clippy::all, clippy::pedantic, unreachable_pub, reason = "generated")]
    include!(concat!(env!("OUT_DIR"), "/servers/herdgate.v1.rs"));
}
