//! Statuses that tonic makes by itself when the bytes of a unary request are no message: right in
//! substance, but with other codes than design section 3 asks for. All of ours carry details, these
//! carry none; that tells them apart. (A stream's are mapped by its handler.)

use super::status::Refusal;
use crate::limits;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use tonic::{Code, Status};

/// Maps tonic's own statuses to ours.
pub async fn map_transport_errors(request: Request, next: Next) -> Response {
    let limit = message_limit(request.uri().path());
    let response = next.run(request).await;
    let refusal = match (limit, Status::from_header_map(response.headers())) {
        (Some(limit), Some(status)) => mapped(&status, limit),
        _ => None,
    };
    refusal.map_or(response, |refusal| Status::from(refusal).into_http())
}

/// Largest message that a call of ours takes, as set on its service.
fn message_limit(path: &str) -> Option<usize> {
    let call = path.strip_prefix("/herdgate.v1.")?;
    Some(if call.starts_with("IngestService/") { limits::SUBMISSION_BYTES } else { limits::QUERY_BYTES })
}

fn mapped(status: &Status, limit: usize) -> Option<Refusal> {
    let is_transport = matches!(
        status.code(),
        Code::OutOfRange | Code::ResourceExhausted | Code::Internal | Code::InvalidArgument | Code::Unknown
    );
    (status.details().is_empty() && is_transport).then(|| Refusal::of_transport(status, limit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tonic_says_about_bytes_is_mapped() {
        for (code, expected) in [
            (Code::OutOfRange, Code::ResourceExhausted),
            (Code::ResourceExhausted, Code::ResourceExhausted),
            (Code::Internal, Code::InvalidArgument),
            (Code::InvalidArgument, Code::InvalidArgument),
        ] {
            let refusal = mapped(&Status::new(code, "x"), 1).unwrap();
            assert_eq!(Status::from(refusal).code(), expected, "{code:?}");
        }
    }

    #[test]
    fn unimplemented_and_our_own_statuses_stay() {
        assert_eq!(mapped(&Status::unimplemented("x"), 1), None);
        assert_eq!(mapped(&Refusal::internal(&"x").into(), 1), None);
        assert_eq!(mapped(&Refusal::invalid("a", "b").into(), 1), None);
    }

    #[test]
    fn each_service_has_its_own_limit_on_messages() {
        for (path, limit) in [
            (super::super::SUBMIT_JOBS, Some(limits::SUBMISSION_BYTES)),
            ("/herdgate.v1.QueryService/GetJob", Some(limits::QUERY_BYTES)),
            ("/herdgate.v1.AdminService/AddRepository", Some(limits::QUERY_BYTES)),
            ("/grpc.health.v1.Health/Check", None),
            ("/", None),
        ] {
            assert_eq!(message_limit(path), limit, "{path}");
        }
    }
}
