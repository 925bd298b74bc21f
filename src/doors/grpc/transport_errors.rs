//! Statuses that tonic makes by itself when the bytes of a unary request are no message: right in
//! substance, but with other codes than design section 3 asks for. All of ours carry details, these
//! carry none; that tells them apart. (A stream's are mapped by its handler.)

use super::status::Refusal;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use tonic::{Code, Status};

/// Maps tonic's own statuses to ours.
pub async fn map_transport_errors(request: Request, next: Next) -> Response {
    let ours = request.uri().path().starts_with("/herdgate.v1.");
    let response = next.run(request).await;
    match Status::from_header_map(response.headers()) {
        Some(status) if ours => match mapped(&status) {
            Some(refusal) => Status::from(refusal).into_http(),
            None => response,
        },
        _ => response,
    }
}

fn mapped(status: &Status) -> Option<Refusal> {
    let is_transport = matches!(
        status.code(),
        Code::OutOfRange | Code::ResourceExhausted | Code::Internal | Code::InvalidArgument | Code::Unknown
    );
    (status.details().is_empty() && is_transport).then(|| Refusal::of_transport(status))
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
            let refusal = mapped(&Status::new(code, "x")).unwrap();
            assert_eq!(Status::from(refusal).code(), expected, "{code:?}");
        }
    }

    #[test]
    fn unimplemented_and_our_own_statuses_stay() {
        assert_eq!(mapped(&Status::unimplemented("x")), None);
        assert_eq!(mapped(&Refusal::internal(&"x").into()), None);
        assert_eq!(mapped(&Refusal::invalid("a", "b").into()), None);
    }
}
