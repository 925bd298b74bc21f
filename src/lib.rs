//! Herdgate: the gate that all CI job data enters through.
//!
//! Doors translate, the core decides, the store remembers; `docs/ARCHITECTURE.md` is the map.

pub mod access;
pub mod bug_tracker;
pub mod cli;
pub mod config;
pub mod core;
pub mod domain;
pub mod doors;
pub mod fetch;
pub mod follow_up;
pub mod formats;
#[doc(hidden)]
pub mod fuzzed;
pub mod limits;
pub mod logs;
pub mod proto;
pub mod store;
pub mod suggestions;
pub mod telemetry;
