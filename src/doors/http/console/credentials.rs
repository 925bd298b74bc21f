//! Credentials, for administrators: see, create, rotate, revoke.

use super::Console;
use super::elements::{empty, time};
use super::failure::Failure;
use super::layout::{Page, Section};
use super::posted::Posted;
use super::session::{Session, Visitor};
use crate::access::{InvalidCredential, IssuedSecrets, WantedCredential, administration};
use crate::doors::refusal::Refusal;
use crate::store::model::StoredCredential;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use chrono::{DateTime, TimeDelta, Utc};
use maud::{Markup, html};

/// Longest life that the form gives, in days.
const LONGEST_LIFE: i64 = 3650;

/// The list.
pub async fn show(State(console): State<Console>, visitor: Visitor) -> Result<Response, Failure> {
    let title = "Credentials";
    let Some(session) = visitor.0.as_ref().filter(|_| visitor.is_administrator()) else {
        let body = html! {
            h1 { (title) }
            (empty("For administrators", "Who may submit what is shown to administrators only."))
            @if visitor.0.is_none() { p { a .button href="/console/sign-in" { "Sign in" } } }
        };
        return Ok(Page::new(title, Section::Credentials, body).show(visitor.0.as_ref()));
    };
    let credentials = console.gateway.store().credentials().await?;
    let body = html! {
        h1 { (title) }
        (table(&credentials, session))
        (form(session))
    };
    Ok(Page::new(title, Section::Credentials, body).show(Some(session)))
}

fn table(credentials: &[StoredCredential], session: &Session) -> Markup {
    let now = Utc::now();
    html! {
        div .scroll tabindex="0" role="region" aria-label="Credentials" {
            table {
                thead {
                    tr {
                        th { "Client id" }
                        th { "May write" }
                        th { "State" }
                        th { "Created" }
                        th { "Last used" }
                        th { span .visually-hidden { "Change" } }
                    }
                }
                tbody {
                    @for one in credentials {
                        @let works = one.revoked_at.is_none() && one.expires_at.is_none_or(|at| at > now);
                        tr {
                            td {
                                b { (one.client_id) }
                                @if !one.description.is_empty() { br; span .faint { (one.description) } }
                            }
                            td {
                                @if one.admin { "everything, and administers" }
                                @else if one.projects.is_empty() { "nothing" }
                                @else { (one.projects.join(", ")) }
                            }
                            td { (state(one, now)) }
                            td { (time(one.created_at)) }
                            td {
                                @if let Some(at) = one.last_used_at { (time(at)) }
                                @else { span .faint { "never" } }
                            }
                            td { @if works { form .actions method="post" {
                                (session.csrf_field())
                                input type="hidden" name="client_id" value=(one.client_id);
                                button .quiet type="submit" formaction="/console/credentials/rotate"
                                    aria-label={ "Rotate " (one.client_id) }
                                    data-confirm="Give it new secrets? The old ones stop within 2 seconds." {
                                        "Rotate"
                                    }
                                button .danger.quiet type="submit" formaction="/console/credentials/revoke"
                                    aria-label={ "Revoke " (one.client_id) }
                                    data-confirm="Revoke it for good? Its client id cannot be used again." {
                                        "Revoke"
                                    }
                            } } }
                        }
                    }
                }
            }
        }
    }
}

fn state(one: &StoredCredential, now: DateTime<Utc>) -> Markup {
    html! {
        @match (one.revoked_at, one.expires_at) {
            (Some(at), _) => { span .status.held-rejected { "revoked" } " " (time(at)) }
            (None, Some(at)) if at <= now => { span .status.held-expired { "expired" } " " (time(at)) }
            (None, Some(at)) => { "until " (time(at)) }
            (None, None) => "for ever",
        }
    }
}

fn form(session: &Session) -> Markup {
    html! {
        section #form {
            h2 { "Create a credential" }
            form .stack method="post" action="/console/credentials" {
                (session.csrf_field())
                label {
                    "Client id" input name="client_id" required maxlength="32" pattern="[A-Za-z0-9_\\-]+"
                    title="letters, digits, _ and -";
                }
                label {
                    "Projects it may write" input name="projects" placeholder="globs such as try*, mozilla-*;
                    none without";
                }
                label {
                    "Days until it expires" input name="days" type="number" min="1" max=(LONGEST_LIFE)
                    placeholder="never";
                }
                label { "Description" input name="description" maxlength="500"; }
                label .check {
                    input type="checkbox" name="admin" value="yes"; " May administer, and write every project"
                }
                button .primary type="submit" { "Create" }
            }
        }
    }
}

/// Creates one, and shows its secrets once.
pub async fn create(State(console): State<Console>, posted: Posted) -> Result<Response, Failure> {
    let by = posted.administrator()?;
    let (fields, now) = (&posted.fields, Utc::now());
    let wanted = WantedCredential {
        client_id: fields.text("client_id").to_owned(),
        projects: fields.words("projects"),
        admin: fields.is_ticked("admin"),
        expires_at: fields.given("days").map(|days| expiry(&days, now)).transpose()?,
        description: fields.text("description").to_owned(),
        certificate: None,
    };
    wanted.check(now).map_err(|InvalidCredential { field, problem }| Refusal::invalid(field, problem))?;
    let issued = administration::create(console.gateway.store(), &console.keyring, wanted, now).await?;
    console.gateway.refresh_directory().await?;
    let client_id = &issued.credential.client_id;
    tracing::info!(%client_id, by = %by.source, "credential created");
    Ok(secrets_shown("Credential created", client_id, &issued.secrets, &posted.session))
}

fn expiry(days: &str, now: DateTime<Utc>) -> Result<DateTime<Utc>, Refusal> {
    let days = days.parse().ok().filter(|days| (1..=LONGEST_LIFE).contains(days));
    let days = days.ok_or_else(|| Refusal::invalid("days", format!("must be 1 to {LONGEST_LIFE}")))?;
    Ok(now + TimeDelta::days(days))
}

fn secrets_shown(title: &str, client_id: &str, secrets: &IssuedSecrets, session: &Session) -> Response {
    let body = html! {
        h1 { (title) }
        p { "The secrets of " b { (client_id) } ". They are shown this once; keep them now." }
        dl .facts.secrets {
            div { dt { "Bearer token" } dd { code .mono { (secrets.token.reveal()) } } }
            div { dt { "Hawk secret" } dd { code .mono { (secrets.hawk.reveal()) } } }
        }
        p { a .button href="/console/credentials" { "Back to credentials" } }
    };
    Page::new(title, Section::Credentials, body).show(Some(session))
}

/// Gives one new secrets, and shows them once.
pub async fn rotate(State(console): State<Console>, posted: Posted) -> Result<Response, Failure> {
    let by = posted.administrator()?;
    let client_id = posted.fields.text("client_id").replace('\0', "");
    let secrets = administration::rotate(console.gateway.store(), &console.keyring, &client_id).await?;
    console.gateway.refresh_directory().await?;
    tracing::info!(%client_id, by = %by.source, "credential rotated");
    Ok(secrets_shown("Credential rotated", &client_id, &secrets, &posted.session))
}

/// Ends one for good.
pub async fn revoke(State(console): State<Console>, posted: Posted) -> Result<Response, Failure> {
    let by = posted.administrator()?;
    let client_id = posted.fields.text("client_id").replace('\0', "");
    administration::revoke(console.gateway.store(), &client_id).await?;
    console.gateway.refresh_directory().await?;
    tracing::info!(%client_id, by = %by.source, "credential revoked");
    Ok(Redirect::to("/console/credentials").into_response())
}
