//! What went wrong, as a page.

use super::layout::{Page, Section};
use crate::access::administration::CredentialError;
use crate::core::SubmitError;
use crate::doors::http::problem::Problem;
use crate::doors::refusal::Refusal;
use crate::store::{RegistrationConflict, StoreError};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use maud::html;

/// Why there is no page, or a change was not made.
#[derive(Debug)]
pub struct Failure(Refusal);

impl<E: Into<Refusal>> From<E> for Failure
where
    E: Refused,
{
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

/// Errors that are refusals: every one that handlers meet.
pub trait Refused {}
impl Refused for Refusal {}
impl Refused for StoreError {}
impl Refused for SubmitError {}
impl Refused for CredentialError {}
impl Refused for RegistrationConflict {}

/// The answer where no page is.
pub async fn no_page() -> Failure {
    Refusal::NotFound("The console has no page here.".into()).into()
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let text = self.0.to_string();
        // Status and Retry-After are those of every other path.
        let problem = Problem::from(self.0).into_response();
        let status = problem.status();
        let title = match status {
            StatusCode::NOT_FOUND => "Not found",
            StatusCode::UNAUTHORIZED => "Sign in first",
            StatusCode::FORBIDDEN => "Not allowed",
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => "Try again in a moment",
            status if status.is_client_error() => "That does not work",
            _ => "Something is broken",
        };
        let body = html! {
            section .empty role="alert" {
                h1 { (title) }
                p { (text) }
                @if status == StatusCode::UNAUTHORIZED {
                    p { a .button href="/console/sign-in" { "Sign in" } }
                }
                p { a href="/console/" { "To the overview" } }
            }
        };
        let mut response = Page::new(title, Section::None, body).show(None);
        *response.status_mut() = status;
        for (name, value) in problem.headers() {
            if name == http::header::RETRY_AFTER {
                response.headers_mut().insert(name, value.clone());
            }
        }
        response
    }
}
