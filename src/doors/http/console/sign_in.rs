//! Signing in with a bearer token, and out.

use super::Console;
use super::failure::Failure;
use super::layout::{Page, Section};
use super::posted::{Posted, check_origin, fields};
use super::session::{COOKIE_NAME, Session, Visitor};
use crate::doors::authentication::is_https;
use crate::limits;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Redirect, Response};
use chrono::Utc;
use http::StatusCode;
use http::header::SET_COOKIE;
use maud::{Markup, html};

/// The form.
pub async fn show(visitor: Visitor) -> Response {
    Page::new("Sign in", Section::None, form(None)).show(visitor.0.as_ref())
}

fn form(problem: Option<&str>) -> Markup {
    html! {
        section .narrow {
            h1 { "Sign in" }
            p { "Reading needs no credential. To see raw bytes, to replay or discard held messages, or to "
                "administer, sign in with the bearer token of yours." }
            @if let Some(problem) = problem {
                p .problem role="alert" { (problem) }
            }
            form .stack method="post" action="/console/sign-in" {
                label for="token" { "Token" }
                input #token type="password" name="token" required autocomplete="current-password"
                    placeholder="hgt_…" spellcheck="false" aria-invalid=[problem.map(|_| "true")];
                button .primary type="submit" { "Sign in" }
            }
            p .hint { "An operator makes one with " code { "herdgate credential create NAME --project GLOB" }
                ". A session lasts 12 hours, and ends at once if the credential is rotated or revoked, \
                  or expires." }
        }
    }
}

/// Opens a session for who knows the token of a credential.
pub async fn sign_in(State(console): State<Console>, request: Request) -> Result<Response, Failure> {
    let (parts, body) = request.into_parts();
    check_origin(&parts, &console.reached)?;
    let secure = is_https(&parts, parts.extensions.get(), &console.reached);
    let fields = fields(Request::from_parts(parts, body), &console).await?;
    let directory = console.gateway.directory();
    let Some(value) = Session::open(fields.text("token"), &console.keyring, &directory, Utc::now()) else {
        let problem = "No working credential has this token. Tokens begin with hgt_ and are shown once, when \
                       the credential is created or rotated; a new one is known everywhere within 2 seconds.";
        let mut response = Page::new("Sign in", Section::None, form(Some(problem))).show(None);
        *response.status_mut() = StatusCode::UNAUTHORIZED;
        return Ok(response);
    };
    let cookie = set_cookie(&value, limits::CONSOLE_SESSION.as_secs(), secure);
    Ok(([(SET_COOKIE, cookie)], Redirect::to("/console/")).into_response())
}

/// Makes the browser forget the session.
pub async fn sign_out(_: Posted) -> Response {
    ([(SET_COOKIE, set_cookie("", 0, false))], Redirect::to("/console/")).into_response()
}

fn set_cookie(value: &str, seconds: u64, secure: bool) -> String {
    let secure = if secure { "; Secure" } else { "" };
    format!("{COOKIE_NAME}={value}; Path=/console; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}")
}
