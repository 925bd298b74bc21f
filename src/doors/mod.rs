//! The ways in. A door decodes, authenticates, validates and translates; it never touches SQL and
//! never calls another door.

pub mod grpc;
