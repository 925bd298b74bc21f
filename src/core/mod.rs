//! The core: takes submissions from all doors, decides what becomes of each, and has the store
//! remember it. Knows no transport and no wire format.

mod gateway;
mod submission;

pub use gateway::{Directory, Gateway, PendingVerdicts, SubmitError};
pub use submission::{Content, HeldOrigin, PushSubmission, Submission};
