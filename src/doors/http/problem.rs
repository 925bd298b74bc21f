//! The one shape of errors over HTTP: JSON with `detail` for people, which legacy clients print, and a
//! stable `code` for programs.

use crate::doors::refusal::Refusal;
use crate::limits;
use crate::store::StoreError;
use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::RETRY_AFTER;
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use std::time::Duration;
use utoipa::ToSchema;

/// What kind of error it is; decides the status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ProblemCode)]
pub enum Code {
    /// 400: the request as a whole is not what the path takes.
    MalformedRequest,
    /// 400: a parameter of the query is unknown or has a value that it does not take.
    InvalidParameter,
    /// 400: items of the collection are refused; `results` says which.
    ItemsRejected,
    /// 401: no credential, or one that does not work; 403 on the paths of legacy clients.
    Unauthenticated,
    /// 403: the credential may not do this.
    Forbidden,
    /// 404: nothing is here.
    NotFound,
    /// 404: no repository has the name in the path.
    UnknownProject,
    /// 404: no schema has the name in the path.
    UnknownSchema,
    /// 405: the path takes other methods, which `Allow` names.
    MethodNotAllowed,
    /// 406: the path cannot answer in a form that `Accept` allows.
    NotAcceptable,
    /// 408: the body came too slowly; nothing of it was taken.
    RequestTimeout,
    /// 409: what is to be created is there already.
    AlreadyExists,
    /// 413: over a limit of size; sending it again does not help.
    TooLarge,
    /// 415: the path takes another media type or encoding.
    UnsupportedMediaType,
    /// 429: the credential's quota is used up for now; `Retry-After` says how long.
    QuotaExceeded,
    /// 500: a bug of the gateway; `error_id` finds it in its log.
    Internal,
    /// 502: what is kept elsewhere, such as a log, could not be fetched.
    Unobtainable,
    /// 503: more work than the gateway takes in; `Retry-After` says how long.
    Overloaded,
    /// 503: the database is away; `Retry-After` says how long.
    DatabaseUnavailable,
    /// 503: the gateway stops; another one, or this one started again, takes the request.
    ShuttingDown,
    /// 503: the gateway cannot commit now.
    NotReady,
}

impl Code {
    /// The status that goes with it.
    pub fn status(self) -> StatusCode {
        match self {
            Self::MalformedRequest | Self::InvalidParameter | Self::ItemsRejected => StatusCode::BAD_REQUEST,
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound | Self::UnknownProject | Self::UnknownSchema => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::AlreadyExists => StatusCode::CONFLICT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::QuotaExceeded => StatusCode::TOO_MANY_REQUESTS,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unobtainable => StatusCode::BAD_GATEWAY,
            Self::Overloaded | Self::DatabaseUnavailable | Self::ShuttingDown | Self::NotReady => {
                StatusCode::SERVICE_UNAVAILABLE
            }
        }
    }

    /// What to say if there is no more to say.
    fn text(self) -> &'static str {
        match self {
            Self::MalformedRequest => "the request is malformed",
            Self::InvalidParameter => "a parameter is not valid",
            Self::ItemsRejected => "items are rejected, see results",
            Self::Unauthenticated => "Authentication credentials were not provided.",
            Self::Forbidden => "the credential may not do this",
            Self::NotFound => "nothing is here",
            Self::UnknownProject => "no repository has this name",
            Self::UnknownSchema => "no schema has this name",
            Self::MethodNotAllowed => "the method is not allowed here",
            Self::NotAcceptable => "Could not satisfy the request Accept header.",
            Self::RequestTimeout => "the body of the request came too slowly, send it again",
            Self::AlreadyExists => "it is there already",
            Self::TooLarge => "the request is too large",
            Self::UnsupportedMediaType => "the media type is not supported here",
            Self::QuotaExceeded => "the quota is used up, send again later",
            Self::Internal => "internal error",
            Self::Unobtainable => "it could not be fetched from where it is kept",
            Self::Overloaded => "the gateway is overloaded, send again later",
            Self::DatabaseUnavailable => "the database is unavailable, send again later",
            Self::ShuttingDown => "the gateway is shutting down, send again",
            Self::NotReady => "the gateway cannot commit now",
        }
    }
}

/// An error of the HTTP door, what handlers return as their `Err`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Problem {
    code: Code,
    status: StatusCode,
    detail: String,
    retry_after: Option<Duration>,
    error_id: Option<uuid::Uuid>,
}

impl Problem {
    /// With a sentence that names what is wrong, the limit and the remedy.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, status: code.status(), detail: detail.into(), retry_after: None, error_id: None }
    }

    /// With another status than the code's own.
    #[must_use]
    pub fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// No repository has this name; in the words of the ingest contract, 4.2.
    pub fn unknown_project(project: &str) -> Self {
        Self::new(Code::UnknownProject, format!("No repository with name: {project}"))
    }

    /// What kind of error it is.
    pub fn code(&self) -> Code {
        self.code
    }
}

impl From<Code> for Problem {
    fn from(code: Code) -> Self {
        Self::new(code, code.text())
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        use crate::domain::RetryCause;
        let detail = refusal.to_string();
        let (code, retry_after) = match refusal {
            Refusal::RetryLater { delay, cause: RetryCause::DatabaseUnavailable } => {
                (Code::DatabaseUnavailable, Some(delay))
            }
            Refusal::RetryLater { delay, cause: RetryCause::Overloaded } => (Code::Overloaded, Some(delay)),
            Refusal::RetryLater { cause: RetryCause::Internal(id), .. } | Refusal::Internal(id) => {
                return Self { error_id: Some(id), ..Self::new(Code::Internal, detail) };
            }
            Refusal::QuotaExceeded { delay } => (Code::QuotaExceeded, Some(delay)),
            Refusal::Stopping => (Code::ShuttingDown, Some(limits::RETRY_DELAY)),
            Refusal::Invalid { .. } => (Code::InvalidParameter, None),
            Refusal::Malformed(_) | Refusal::CursorExpired(_) => (Code::MalformedRequest, None),
            Refusal::TooLarge { .. } => (Code::TooLarge, None),
            Refusal::Unauthenticated(_) => (Code::Unauthenticated, None),
            Refusal::Forbidden(_) => (Code::Forbidden, None),
            Refusal::NotFound(_) => (Code::NotFound, None),
            Refusal::AlreadyExists(_) | Refusal::Precondition(_) => (Code::AlreadyExists, None),
        };
        Self { retry_after, ..Self::new(code, detail) }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Refusal::from(error).into()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = Body { detail: self.detail, code: self.code, error_id: self.error_id };
        let mut response = (self.status, Json(body)).into_response();
        if let Some(delay) = self.retry_after {
            response.headers_mut().insert(RETRY_AFTER, retry_after(delay));
        }
        response
    }
}

/// A body over the limit of [`limits::HTTP_BODY_BYTES`].
pub fn too_large() -> Problem {
    let limit = limits::HTTP_BODY_BYTES;
    Problem::new(
        Code::TooLarge,
        format!("the body is too large, the limit is {limit} bytes after decompression; send it in parts"),
    )
}

/// Whole seconds, rounded up, at least one.
pub fn retry_after(delay: Duration) -> HeaderValue {
    let seconds = delay.as_secs() + u64::from(delay.subsec_nanos() > 0);
    HeaderValue::from(seconds.max(1))
}

/// Why a request is refused.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct Body {
    /// A sentence for people.
    pub detail: String,
    /// A stable word for programs.
    pub code: Code,
    /// Finds a bug of ours in the log of the gateway.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "uuid", nullable = false)]
    pub error_id: Option<uuid::Uuid>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::RetryCause;

    #[test]
    fn every_refusal_has_its_status_code_and_delay() {
        let delay = Duration::from_millis(1500);
        let id = uuid::Uuid::nil();
        let retry = |cause| Refusal::RetryLater { delay, cause };
        for (refusal, status, code, seconds) in [
            (retry(RetryCause::DatabaseUnavailable), 503, Code::DatabaseUnavailable, Some("2")),
            (retry(RetryCause::Overloaded), 503, Code::Overloaded, Some("2")),
            (retry(RetryCause::Internal(id)), 500, Code::Internal, None),
            (Refusal::Internal(id), 500, Code::Internal, None),
            (Refusal::QuotaExceeded { delay }, 429, Code::QuotaExceeded, Some("2")),
            (Refusal::Stopping, 503, Code::ShuttingDown, Some("2")),
            (Refusal::Malformed("x".into()), 400, Code::MalformedRequest, None),
            (Refusal::TooLarge { limit: 1 }, 413, Code::TooLarge, None),
            (Refusal::Unauthenticated("x".into()), 401, Code::Unauthenticated, None),
            (Refusal::Forbidden("x".into()), 403, Code::Forbidden, None),
            (Refusal::NotFound("x".into()), 404, Code::NotFound, None),
        ] {
            let problem = Problem::from(refusal);
            assert_eq!(problem.code(), code);
            let response = problem.into_response();
            assert_eq!(response.status().as_u16(), status, "{code:?}");
            let header = response.headers().get(RETRY_AFTER).map(|value| value.to_str().unwrap());
            assert_eq!(header, seconds, "{code:?}");
        }
    }

    #[test]
    fn a_delay_is_whole_seconds_and_never_too_short() {
        for (millis, seconds) in [(0, "1"), (1, "1"), (1000, "1"), (1001, "2"), (2000, "2")] {
            assert_eq!(retry_after(Duration::from_millis(millis)), seconds);
        }
    }
}
