//! Messages and clients generated from `proto/herdgate/v1`.

#![allow(missing_docs, clippy::all, clippy::pedantic, reason = "generated; documented in the protos")]

tonic::include_proto!("herdgate.v1");

/// Descriptors of all services, for reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptor.bin"));
