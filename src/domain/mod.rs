//! What Herdgate is about: jobs, pushes, artifacts, verdicts and the rules between them. No I/O and
//! no transport here; everything is plain data and pure functions.

mod bug;
mod digest;
mod error_line;
mod exchange;
mod failure_classification;
mod held;
mod job;
mod performance;
mod push;
mod push_target;
mod repository;
mod retention;
mod signature;
mod state;
mod text;
mod transition;
mod verdict;

pub use bug::Bug;
pub use digest::{ContentDigest, Fingerprint};
pub use error_line::stored_error_line;
pub use exchange::{DEFAULT_BROKER, ExchangeKind, QueueType, Registration, RegistrationOrigin};
pub use failure_classification::FailureClassification;
pub use held::{Door, HeldState, RawFormat};
pub use job::{
    ArtifactSubmission, ContentType, Job, JobDetail, LogReference, LogSummary, NamedSymbol, OpaqueArtifact,
    ParseStatus, Parts, Platform, ReferenceData, Step, StepError, TaskRun, UNKNOWN,
};
pub use performance::{Measurement, PerformanceContext, PerformanceDocument, PerformanceSeries};
pub use push::{Commit, Push};
pub use push_target::{InvalidTarget, PushTarget, full_revision};
pub use repository::{Repository, RepositoryKind};
pub use retention::Retention;
pub use signature::{OptionSet, Signature};
pub use state::{JobResult, JobState};
pub use text::{InvalidText, JobGuid, ProjectName, Revision};
pub use transition::{AppliedDigests, Current, Incoming, Transition, decide};
pub use verdict::{
    ClaimedIdentity, INTERNAL, Outcome, ParkedFor, Reason, Refused, RetryCause, StoredReason,
    UnchangedReason, Verdict, Violation,
};
