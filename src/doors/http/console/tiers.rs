//! Tiers of signatures that an administrator set.

use super::Console;
use super::elements::empty;
use super::failure::Failure;
use super::layout::{Page, Section};
use super::posted::Posted;
use super::session::{Session, Visitor};
use crate::domain::Signature;
use crate::doors::refusal::Refusal;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};

/// The list, and for administrators a form.
pub async fn show(State(console): State<Console>, visitor: Visitor) -> Result<Response, Failure> {
    let tiers = console.gateway.store().tiers().await?;
    let administrator = visitor.0.as_ref().filter(|_| visitor.is_administrator());
    let body = html! {
        h1 { "Tiers" }
        p .lead { "Jobs have the tier that their submission names, unless their signature is listed here." }
        @if tiers.is_empty() { (empty("No override", "Every job has the tier of its submission.")) }
        @else { (table(&tiers, administrator)) }
        @if let Some(session) = administrator { (form(session)) }
        @else { p .hint { a href="/console/sign-in" { "Sign in" } " as administrator to set one." } }
    };
    Ok(Page::new("Tiers", Section::Tiers, body).show(visitor.0.as_ref()))
}

fn table(tiers: &[(Signature, i32)], administrator: Option<&Session>) -> Markup {
    html! {
        div .scroll tabindex="0" role="region" aria-label="Tier overrides" {
            table {
                thead {
                    tr {
                        th { "Signature" }
                        th { "Tier" }
                        @if administrator.is_some() { th { span .visually-hidden { "Change" } } }
                    }
                }
                tbody {
                    @for (signature, tier) in tiers {
                        tr {
                            td .mono { (signature) }
                            td { (tier) }
                            @if let Some(session) = administrator {
                                td { form .actions method="post" action="/console/tiers/clear" {
                                    (session.csrf_field())
                                    input type="hidden" name="signature" value=(signature);
                                    button .quiet type="submit" aria-label={ "Clear " (signature) } {
                                        "Clear"
                                    }
                                } }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn form(session: &Session) -> Markup {
    html! {
        section #form {
            h2 { "Set a tier" }
            form .stack method="post" action="/console/tiers" {
                (session.csrf_field())
                label {
                    "Signature" input .mono name="signature" required pattern="[0-9a-f]{40}" title="40
                    lower-case hexadecimal digits" maxlength="40";
                }
                label { "Tier" select name="tier" { @for tier in 1..=3 { option { (tier) } } } }
                button .primary type="submit" { "Set" }
            }
        }
    }
}

/// Sets one.
pub async fn set(State(console): State<Console>, posted: Posted) -> Result<Response, Failure> {
    let by = posted.administrator()?;
    let signature = signature(posted.fields.text("signature"))?;
    let tier = posted.fields.text("tier").parse().ok().filter(|tier| (1..=3).contains(tier));
    let tier = tier.ok_or_else(|| Refusal::invalid("tier", "must be 1 to 3"))?;
    console.gateway.store().set_tier(signature, tier).await?;
    console.gateway.refresh_directory().await?;
    tracing::info!(%signature, tier, by = %by.source, "tier set");
    Ok(Redirect::to("/console/tiers").into_response())
}

/// Takes one back.
pub async fn clear(State(console): State<Console>, posted: Posted) -> Result<Response, Failure> {
    let by = posted.administrator()?;
    let signature = signature(posted.fields.text("signature"))?;
    if !console.gateway.store().clear_tier(signature).await? {
        return Err(Refusal::NotFound(format!("The signature {signature} has no tier override.")).into());
    }
    console.gateway.refresh_directory().await?;
    tracing::info!(%signature, by = %by.source, "tier cleared");
    Ok(Redirect::to("/console/tiers").into_response())
}

fn signature(text: &str) -> Result<Signature, Refusal> {
    Signature::parse(text)
        .ok_or_else(|| Refusal::invalid("signature", "must be 40 lower-case hexadecimal digits"))
}
