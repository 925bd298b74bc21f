//! The one place where refusals of the gRPC door become a status with `google.rpc` details (design
//! section 3).

use super::watch_cursor::CursorError;
use crate::core::SubmitError;
use crate::domain::RetryCause;
use crate::limits;
use crate::store::{RegistrationConflict, StoreError};
use std::collections::HashMap;
use std::time::Duration;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// Domain of every `ErrorInfo`.
const DOMAIN: &str = "herdgate";

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
    #[error("the message is too large, the limit is {} bytes", limits::SUBMISSION_BYTES)]
    TooLarge,
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
    CursorExpired(CursorError),
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

    /// What tonic says about bytes that it could not make a message of. Its own statuses carry no
    /// details, and the wrong codes for us.
    pub fn of_transport(status: &Status) -> Self {
        match status.code() {
            // tonic's words for "longer than the limit", before and after decompression.
            Code::OutOfRange | Code::ResourceExhausted => Self::TooLarge,
            _ => Self::Malformed(status.message().to_owned()),
        }
    }

    fn code(&self) -> Code {
        match self {
            Self::RetryLater { .. } | Self::Stopping => Code::Unavailable,
            Self::Invalid { .. } | Self::Malformed(_) => Code::InvalidArgument,
            Self::TooLarge => Code::ResourceExhausted,
            Self::Unauthenticated(_) => Code::Unauthenticated,
            Self::Forbidden(_) => Code::PermissionDenied,
            Self::NotFound(_) => Code::NotFound,
            Self::AlreadyExists(_) => Code::AlreadyExists,
            Self::Precondition(_) => Code::FailedPrecondition,
            Self::CursorExpired(_) => Code::OutOfRange,
            Self::Internal(_) => Code::Internal,
        }
    }

    /// Stable, machine-readable word of `ErrorInfo`.
    fn reason(&self) -> &'static str {
        match self {
            Self::RetryLater { cause: RetryCause::DatabaseUnavailable, .. } => "DATABASE_UNAVAILABLE",
            Self::RetryLater { cause: RetryCause::Overloaded, .. } => "OVERLOADED",
            Self::RetryLater { cause: RetryCause::Internal(_), .. } => "INTERNAL",
            Self::Stopping => "SHUTTING_DOWN",
            Self::Invalid { .. } => "INVALID_REQUEST",
            Self::Malformed(_) => "MALFORMED_MESSAGE",
            Self::TooLarge => "MESSAGE_TOO_LARGE",
            Self::Unauthenticated(_) => "UNAUTHENTICATED",
            Self::Forbidden(_) => "FORBIDDEN",
            Self::NotFound(_) => "NOT_FOUND",
            Self::AlreadyExists(_) => "ALREADY_EXISTS",
            Self::Precondition(_) => "FAILED_PRECONDITION",
            Self::CursorExpired(_) => "CURSOR_EXPIRED",
            Self::Internal(_) => "INTERNAL",
        }
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        let mut details = ErrorDetails::new();
        let mut metadata = HashMap::new();
        match &refusal {
            Refusal::RetryLater { delay, .. } => {
                details.set_retry_info(Some(*delay));
            }
            Refusal::Stopping => {
                details.set_retry_info(Some(limits::RETRY_DELAY));
            }
            Refusal::Invalid { field, description } => {
                details.add_bad_request_violation(*field, description);
            }
            Refusal::Malformed(description) => {
                details.add_bad_request_violation("", description);
            }
            Refusal::TooLarge => {
                metadata.insert("limit_bytes".to_owned(), limits::SUBMISSION_BYTES.to_string());
            }
            Refusal::Internal(id) => {
                metadata.insert("error_id".to_owned(), id.to_string());
            }
            _ => {}
        }
        details.set_error_info(refusal.reason(), DOMAIN, metadata);
        Self::with_error_details(refusal.code(), refusal.to_string(), details)
    }
}

impl From<SubmitError> for Refusal {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::RetryLater { delay, cause } => Self::undecided(delay, cause),
            SubmitError::Forbidden(_) => Self::Forbidden(error.to_string()),
            SubmitError::UnknownProject(_) => Self::invalid("project", error.to_string()),
            SubmitError::Stopping => Self::Stopping,
            SubmitError::Store(error) => error.into(),
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

impl From<SubmitError> for Status {
    fn from(error: SubmitError) -> Self {
        Refusal::from(error).into()
    }
}

impl From<StoreError> for Status {
    fn from(error: StoreError) -> Self {
        Refusal::from(error).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DELAY: Duration = Duration::from_secs(3);

    /// The gRPC column of the table in design section 3; verdicts that come with status OK are tested
    /// with their translation.
    #[test]
    fn every_row_of_the_table_has_its_code_reason_and_retry_info() {
        let retry = |cause| SubmitError::RetryLater { delay: DELAY, cause };
        let store = |error: fn(String) -> StoreError| Refusal::from(error("secret".into()));
        let rows: Vec<(Refusal, Code, &str, Option<Duration>)> = vec![
            (
                retry(RetryCause::DatabaseUnavailable).into(),
                Code::Unavailable,
                "DATABASE_UNAVAILABLE",
                Some(DELAY),
            ),
            (retry(RetryCause::Overloaded).into(), Code::Unavailable, "OVERLOADED", Some(DELAY)),
            (
                store(StoreError::Unavailable),
                Code::Unavailable,
                "DATABASE_UNAVAILABLE",
                Some(limits::RETRY_DELAY),
            ),
            (SubmitError::Stopping.into(), Code::Unavailable, "SHUTTING_DOWN", Some(limits::RETRY_DELAY)),
            (Refusal::too_many("submissions", 1001), Code::InvalidArgument, "INVALID_REQUEST", None),
            (Refusal::Malformed("x".into()), Code::InvalidArgument, "MALFORMED_MESSAGE", None),
            (SubmitError::UnknownProject("x".into()).into(), Code::InvalidArgument, "INVALID_REQUEST", None),
            (Refusal::TooLarge, Code::ResourceExhausted, "MESSAGE_TOO_LARGE", None),
            (Refusal::Unauthenticated("x".into()), Code::Unauthenticated, "UNAUTHENTICATED", None),
            (SubmitError::Forbidden("try".into()).into(), Code::PermissionDenied, "FORBIDDEN", None),
            (Refusal::NotFound("x".into()), Code::NotFound, "NOT_FOUND", None),
            (Refusal::AlreadyExists("x".into()), Code::AlreadyExists, "ALREADY_EXISTS", None),
            (Refusal::CursorExpired(CursorError::TooOld), Code::OutOfRange, "CURSOR_EXPIRED", None),
            (store(StoreError::Internal), Code::Internal, "INTERNAL", None),
            (store(StoreError::Data), Code::Internal, "INTERNAL", None),
            (store(StoreError::ForeignKey), Code::Internal, "INTERNAL", None),
            (store(StoreError::Unusable), Code::Internal, "INTERNAL", None),
        ];
        for (refusal, code, reason, delay) in rows {
            let label = format!("{refusal:?}");
            let status = Status::from(refusal);
            assert_eq!(status.code(), code, "{label}");
            let info = status.get_details_error_info().unwrap();
            assert_eq!((&*info.reason, &*info.domain), (reason, DOMAIN), "{label}");
            assert_eq!(status.get_details_retry_info().and_then(|r| r.retry_delay), delay, "{label}");
        }
    }

    #[test]
    fn too_many_items_name_field_and_limit() {
        let status = Status::from(Refusal::too_many("pushes", 1001));
        let violation = &status.get_details_bad_request().unwrap().field_violations[0];
        assert_eq!(violation.field, "pushes");
        assert!(violation.description.contains("1000"), "{}", violation.description);
    }

    #[test]
    fn a_bug_of_ours_shows_its_id_and_nothing_else() {
        let refusal = Refusal::internal(&"password=hunter2");
        let Refusal::Internal(id) = refusal else { panic!("{refusal:?}") };
        let status = Status::from(refusal);
        assert_eq!(status.message(), format!("internal error, reported as {id}"));
        let info = status.get_details_error_info().unwrap();
        assert_eq!(info.metadata["error_id"], id.to_string());
    }

    #[test]
    fn a_message_over_the_limit_names_it() {
        for tonic_says in [Status::out_of_range("x"), Status::resource_exhausted("x")] {
            let status = Status::from(Refusal::of_transport(&tonic_says));
            assert_eq!(status.code(), Code::ResourceExhausted);
            assert!(status.message().contains("4194304"));
            assert_eq!(status.get_details_error_info().unwrap().metadata["limit_bytes"], "4194304");
        }
    }

    #[test]
    fn what_tonic_cannot_frame_is_the_submitters_fault() {
        let status = Status::from(Refusal::of_transport(&Status::internal("invalid compression flag: 7")));
        assert_eq!(status.code(), Code::InvalidArgument);
        assert!(status.message().contains("compression flag"));
    }
}
