//! The one place where refusals of the gRPC door become a status with `google.rpc` details (design
//! section 3).

use crate::core::SubmitError;
use crate::domain::RetryCause;
use crate::limits;
use crate::store::StoreError;
use std::collections::HashMap;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

pub use crate::doors::refusal::Refusal;

/// Domain of every `ErrorInfo`.
const DOMAIN: &str = "herdgate";

impl Refusal {
    /// What tonic says about bytes that it could not make a message of, which may have `limit` bytes.
    /// Its own statuses carry no details, and the wrong codes for us.
    pub fn of_transport(status: &Status, limit: usize) -> Self {
        match status.code() {
            // tonic's words for "longer than the limit", before and after decompression.
            Code::OutOfRange | Code::ResourceExhausted => Self::TooLarge { limit },
            _ => Self::Malformed(status.message().to_owned()),
        }
    }

    fn code(&self) -> Code {
        match self {
            Self::RetryLater { .. } | Self::Stopping => Code::Unavailable,
            Self::Invalid { .. } | Self::Malformed(_) => Code::InvalidArgument,
            Self::QuotaExceeded { .. } | Self::TooLarge { .. } => Code::ResourceExhausted,
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
            Self::QuotaExceeded { .. } => "QUOTA_EXCEEDED",
            Self::Stopping => "SHUTTING_DOWN",
            Self::Invalid { .. } => "INVALID_REQUEST",
            Self::Malformed(_) => "MALFORMED_MESSAGE",
            Self::TooLarge { .. } => "MESSAGE_TOO_LARGE",
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
            Refusal::RetryLater { delay, .. } | Refusal::QuotaExceeded { delay } => {
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
            Refusal::TooLarge { limit } => {
                metadata.insert("limit_bytes".to_owned(), limit.to_string());
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
    use std::time::Duration;

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
            (Refusal::QuotaExceeded { delay: DELAY }, Code::ResourceExhausted, "QUOTA_EXCEEDED", Some(DELAY)),
            (Refusal::too_many("submissions", 1001), Code::InvalidArgument, "INVALID_REQUEST", None),
            (Refusal::Malformed("x".into()), Code::InvalidArgument, "MALFORMED_MESSAGE", None),
            (Refusal::TooLarge { limit: 1 }, Code::ResourceExhausted, "MESSAGE_TOO_LARGE", None),
            (Refusal::Unauthenticated("x".into()), Code::Unauthenticated, "UNAUTHENTICATED", None),
            (SubmitError::Forbidden("try".into()).into(), Code::PermissionDenied, "FORBIDDEN", None),
            (Refusal::NotFound("x".into()), Code::NotFound, "NOT_FOUND", None),
            (Refusal::AlreadyExists("x".into()), Code::AlreadyExists, "ALREADY_EXISTS", None),
            (Refusal::CursorExpired("x".into()), Code::OutOfRange, "CURSOR_EXPIRED", None),
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
            let status = Status::from(Refusal::of_transport(&tonic_says, 262_144));
            assert_eq!(status.code(), Code::ResourceExhausted);
            assert!(status.message().contains("262144"));
            assert_eq!(status.get_details_error_info().unwrap().metadata["limit_bytes"], "262144");
        }
    }

    #[test]
    fn what_tonic_cannot_frame_is_the_submitters_fault() {
        let status = Status::from(Refusal::of_transport(&Status::internal("invalid compression flag: 7"), 1));
        assert_eq!(status.code(), Code::InvalidArgument);
        assert!(status.message().contains("compression flag"));
    }
}
