//! Why a door turns a request away, whatever the protocol; each door says it in its own words.

use crate::access::administration::CredentialError;
use crate::core::SubmitError;
use crate::domain::RetryCause;
use crate::limits;
use crate::store::{RegistrationConflict, StoreError};
use std::time::Duration;

/// Why a call or stream ends without its answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// To be sent again.
    #[error("{}, send again after {} s", cause_text(*.cause), .delay.as_secs_f32())]
    RetryLater {
        /// Not before this.
        delay: Duration,
        /// Why.
        cause: RetryCause,
    },
    /// The credential has used up its quota.
    #[error("Request was throttled. Expected available in {:.1} seconds.", .delay.as_secs_f64())]
    QuotaExceeded {
        /// Not before this.
        delay: Duration,
    },
    /// The gateway stops; another one, or this one started again, takes the rest.
    #[error("shutting down, send what has no verdict again")]
    Stopping,
    /// A field of the request breaks a rule.
    #[error("{field}: {description}")]
    Invalid {
        /// Name of the field in the request message.
        field: &'static str,
        /// What is wrong with it, naming the limit.
        description: String,
    },
    /// What came over the wire is no message.
    #[error("the request is malformed: {0}")]
    Malformed(String),
    /// A message over the limit; sending it again would not help.
    #[error("the message is too large, the limit is {limit} bytes")]
    TooLarge {
        /// Of messages to this service, or of bodies on this path, in bytes.
        limit: usize,
    },
    /// No credential, or one that does not work.
    #[error("{0}")]
    Unauthenticated(String),
    /// The credential may not do this.
    #[error("{0}")]
    Forbidden(String),
    /// Nothing has this name or number.
    #[error("{0}")]
    NotFound(String),
    /// The name is taken.
    #[error("{0}")]
    AlreadyExists(String),
    /// What is there already stands in the way.
    #[error("{0}")]
    Precondition(String),
    /// A resume cursor that cannot be served any more.
    #[error("{0}")]
    CursorExpired(String),
    /// A bug of ours, found in the log by this id.
    #[error("internal error, reported as {0}")]
    Internal(uuid::Uuid),
}

fn cause_text(cause: RetryCause) -> &'static str {
    match cause {
        RetryCause::DatabaseUnavailable => "the database is unavailable",
        RetryCause::Overloaded => "the gateway is overloaded",
        RetryCause::Internal(_) => "internal error",
    }
}

impl Refusal {
    /// A submission without a verdict; a bug of ours is said to be one.
    pub fn undecided(delay: Duration, cause: RetryCause) -> Self {
        match cause {
            RetryCause::Internal(id) => Self::Internal(id),
            RetryCause::DatabaseUnavailable | RetryCause::Overloaded => Self::RetryLater { delay, cause },
        }
    }

    /// A field that breaks a rule.
    pub fn invalid(field: &'static str, description: impl Into<String>) -> Self {
        Self::Invalid { field, description: description.into() }
    }

    /// More items than one request may carry.
    pub fn too_many(field: &'static str, given: usize) -> Self {
        Self::invalid(field, format!("at most {} in one request, got {given}", limits::BATCH_ITEMS))
    }

    /// More work than the gateway takes in.
    pub fn overloaded() -> Self {
        Self::RetryLater { delay: limits::RETRY_DELAY, cause: RetryCause::Overloaded }
    }

    /// A bug of ours: logs it, once, under an id that the submitter can quote.
    pub fn internal(error: &dyn std::fmt::Display) -> Self {
        let id = uuid::Uuid::new_v4();
        tracing::error!(error_id = %id, %error, "internal error");
        Self::Internal(id)
    }
}

impl From<SubmitError> for Refusal {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::RetryLater { delay, cause } => Self::undecided(delay, cause),
            SubmitError::Forbidden(_) => Self::Forbidden(error.to_string()),
            SubmitError::Stopping => Self::Stopping,
            SubmitError::Store(error) => error.into(),
        }
    }
}

impl From<CredentialError> for Refusal {
    fn from(error: CredentialError) -> Self {
        match error {
            CredentialError::ClientIdTaken(_) | CredentialError::CertificateTaken => {
                Self::AlreadyExists(error.to_string())
            }
            CredentialError::Absent(_) => Self::NotFound(error.to_string()),
            CredentialError::Keys(_) => Self::internal(&error),
            CredentialError::Store(error) => error.into(),
        }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(reason) | StoreError::Conflict(reason) => {
                tracing::warn!(%reason, "the database is unavailable");
                Self::RetryLater { delay: limits::RETRY_DELAY, cause: RetryCause::DatabaseUnavailable }
            }
            StoreError::Data(_)
            | StoreError::ForeignKey(_)
            | StoreError::Unusable(_)
            | StoreError::Panicked
            | StoreError::Internal(_) => Self::internal(&error),
        }
    }
}

impl From<RegistrationConflict> for Refusal {
    fn from(conflict: RegistrationConflict) -> Self {
        match conflict {
            RegistrationConflict::Store(error) => error.into(),
            other => Self::Precondition(other.to_string()),
        }
    }
}
