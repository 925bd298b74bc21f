//! Exchanges that messages are taken from, and how this gateway's consumers do.

use super::Console;
use super::elements::empty;
use super::failure::Failure;
use super::layout::{Page, Section};
use super::posted::{Fields, Posted};
use super::session::{Session, Visitor};
use crate::core::ConsumerStatus;
use crate::domain::{ExchangeKind, QueueType, Registration, RegistrationOrigin};
use crate::doors::refusal::Refusal;
use crate::formats::registration::{RegistrationError, RegistrationForm};
use crate::store::Removal;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};

/// The list, and for administrators a form.
pub async fn show(State(console): State<Console>, visitor: Visitor) -> Result<Response, Failure> {
    let registrations = console.gateway.store().registrations().await?;
    let consumers = console.gateway.consumers();
    let administrator = visitor.0.as_ref().filter(|_| visitor.is_administrator());
    let body = html! {
        h1 { "Exchanges" }
        @if registrations.is_empty() {
            (empty("No exchange is registered", "Jobs come over gRPC and REST only. Register an exchange of a
            publisher \
                    to take its messages in over Pulse."))
        }
        div #exchanges data-live="" {
            @for one in &registrations { (card(one, consumers.status(&one.name), administrator)) }
        }
        @if let Some(session) = administrator { (form(session)) }
        @else {
            p .hint { a href="/console/sign-in" { "Sign in" } " as administrator to register or remove one." }
        }
    };
    let page = Page::new("Exchanges", Section::Exchanges, body).live("/console/events?ticks=1".into());
    Ok(page.show(visitor.0.as_ref()))
}

fn card(one: &Registration, status: Option<ConsumerStatus>, administrator: Option<&Session>) -> Markup {
    let (phase, detail) =
        status.map_or(("unknown", String::new()), |status| (status.phase.as_str(), status.detail));
    let phase = if one.draining { "draining" } else { phase };
    let words = |words: &[String]| if words.is_empty() { "all".to_owned() } else { words.join(", ") };
    html! {
        article .tile {
            h2 { (one.name) " " span class={ "status phase-" (phase) } { (phase) } }
            @if !detail.is_empty() { p .problem { (detail) } }
            dl .facts {
                div { dt { "Exchange" } dd .mono { (one.exchange) } }
                div { dt { "Kind" } dd { (one.kind.as_str()) } }
                div { dt { "Broker" } dd { (one.broker) } }
                div { dt { "Destinations" } dd { (words(&one.destinations)) } }
                div { dt { "Projects" } dd { (words(&one.projects)) } }
                @if !one.routing_keys.is_empty() {
                    div { dt { "Routing keys" } dd .mono { (one.routing_keys.join(", ")) } }
                }
                div { dt { "May write" } dd { (words(&one.may_write)) } }
                div { dt { "Queue" } dd { (one.queue_type.as_str()) } }
                div { dt { "Registered by" } dd { (one.origin.as_str()) } }
            }
            @let is_removable = one.origin == RegistrationOrigin::Command && !one.draining;
            @if let (Some(session), true) = (administrator, is_removable) {
                form .actions method="post" action="/console/exchanges/remove" {
                    (session.csrf_field())
                    input type="hidden" name="name" value=(one.name);
                    button .danger type="submit"
                        data-confirm="Remove this exchange once its queue is empty?" {
                        "Remove"
                    }
                }
            }
        }
    }
}

fn form(session: &Session) -> Markup {
    html! {
        section #form {
            h2 { "Register an exchange" }
            form .stack method="post" action="/console/exchanges" {
                (session.csrf_field())
                label { "Exchange" input name="exchange" required placeholder="exchange/USER/v1/jobs"; }
                label { "Name" input name="name" placeholder="that of the exchange"; }
                label {
                    "Kind" select name="kind" {
                        @for kind in ExchangeKind::ALL { option { (kind.as_str()) } }
                    }
                }
                label {
                    "Destinations" input name="destinations" placeholder="all; words separated by commas";
                }
                label { "Projects" input name="projects" placeholder="all"; }
                label { "Further routing keys" input name="routing_keys"; }
                label { "May write" input name="may_write" placeholder="every project; globs such as try*"; }
                label { "Broker" input name="broker" placeholder="default"; }
                label { "Queue" select name="queue_type" {
                    @for kind in [QueueType::Classic, QueueType::Quorum] { option { (kind.as_str()) } } } }
                label .check {
                    input type="checkbox" name="replace" value="yes";
                    " Replace the registration of this name, if there is one"
                }
                button .primary type="submit" { "Register" }
            }
        }
    }
}

/// Registers one.
pub async fn add(State(console): State<Console>, posted: Posted) -> Result<Response, Failure> {
    let by = posted.administrator()?;
    let registration =
        form_of(&posted.fields).check(RegistrationOrigin::Command).map_err(|error| match error {
            RegistrationError::Field { field, problem } => Refusal::invalid(field, problem),
            RegistrationError::Shape(problem) => Refusal::invalid("exchange", problem),
        })?;
    let store = console.gateway.store();
    let replaces = posted.fields.is_ticked("replace");
    if !replaces && store.registration(&registration.name).await?.is_some_and(|known| !known.draining) {
        let problem =
            format!("{:?} is registered already; give another, or tick to replace it", registration.name);
        return Err(Refusal::invalid("name", problem).into());
    }
    store.save_registration(&registration).await?;
    console.gateway.refresh_directory().await?;
    tracing::info!(registration = %registration.name, by = %by.source, "exchange registered");
    Ok(Redirect::to("/console/exchanges").into_response())
}

fn form_of(fields: &Fields) -> RegistrationForm {
    RegistrationForm {
        name: fields.given("name"),
        exchange: fields.text("exchange").to_owned(),
        broker: fields.given("broker"),
        kind: fields.given("kind"),
        destinations: fields.words("destinations"),
        projects: fields.words("projects"),
        routing_keys: fields.words("routing_keys"),
        may_write: fields.words("may_write"),
        queue_type: fields.given("queue_type"),
    }
}

/// Removes one, once its queue is empty.
pub async fn remove(State(console): State<Console>, posted: Posted) -> Result<Response, Failure> {
    let by = posted.administrator()?;
    let name = posted.fields.text("name").replace('\0', "");
    if console.gateway.store().remove_registration(&name, false).await? == Removal::Unknown {
        return Err(Refusal::NotFound(format!("No exchange is registered as {name:?}.")).into());
    }
    console.gateway.refresh_directory().await?;
    tracing::info!(registration = %name, by = %by.source, "exchange removed");
    Ok(Redirect::to("/console/exchanges").into_response())
}
