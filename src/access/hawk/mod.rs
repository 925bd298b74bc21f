//! Hawk: requests signed with a shared secret (ingest contract, section 5; design rule R24).
//!
//! The MACs are the `hawk` crate's. What it does not know is decided around it: the header grammar of
//! the clients, `app` and `dlg`, the order of the checks, the clock, and what a refusal says.

mod header;
mod refusal;
mod secret;
mod signature;
#[cfg(test)]
mod tests;

pub use header::{Attributes, is_hawk};
pub use refusal::HawkRefusal;
pub use secret::HawkSecret;
pub use signature::{Destination, HawkKey, SignedRequest, media_type};
