//! The core: takes submissions from all doors, decides what becomes of each, and has the store
//! remember it. Knows no transport and no wire format.
//!
//! A submission's way: [`Gateway::submit`] checks who may write what and hands it to the `writer` of
//! its shard; the writer gathers a batch and lets `commit` look up, lock, decide and write it as one
//! transaction (`family` holds the rules of folding, `job_writes` and `additions` the rows and parts,
//! `holding` what cannot be stored); verdicts go back after the commit. `parking` releases what waited.

mod additions;
mod commit;
mod directory;
mod exchanges;
mod failures;
mod family;
mod gateway;
mod holding;
mod job_writes;
mod notices;
mod parking;
mod push_notices;
mod pushes;
mod readiness;
mod releases;
mod replay;
mod retention;
mod submission;
mod suggestions;
mod writer;

#[cfg(test)]
pub(crate) mod legacy_tests;
#[cfg(test)]
pub(crate) mod tests;

pub use exchanges::{ConsumerPhase, ConsumerStatus, Consumers};
pub use failures::LinkedFailure;
pub use gateway::{Directory, Gateway, GatewayOptions, PendingVerdicts, SubmitError};
pub use holding::HoldingLimits;
pub use push_notices::PushNoticeSubmission;
pub use readiness::Readiness;
pub use replay::may_handle_held;
pub use submission::{Content, DeliveryContext, HeldOrigin, PushSubmission, Submission};
