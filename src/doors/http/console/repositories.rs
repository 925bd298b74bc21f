//! Repositories: see, add, change.

use super::Console;
use super::elements::{empty, query};
use super::failure::Failure;
use super::layout::{Page, Section};
use super::posted::{Fields, Posted};
use super::pushes::address;
use super::session::{Session, Visitor};
use crate::domain::{Repository, RepositoryKind};
use crate::doors::refusal::Refusal;
use crate::formats::repository::{InvalidRepository, RepositoryForm};
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;

/// Which one is to be changed.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Wanted {
    edit: String,
}

/// The list, and for administrators a form.
pub async fn show(
    State(console): State<Console>,
    visitor: Visitor,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Failure> {
    let repositories = console.gateway.store().repositories().await?;
    let administrator = visitor.0.as_ref().filter(|_| visitor.is_administrator());
    let edited = repositories.iter().find(|one| one.name.as_str() == wanted.edit);
    let body = html! {
        h1 { "Repositories" }
        @if repositories.is_empty() {
            (empty("No repository yet", "Submissions name their repository; without it they are rejected."))
        } @else { (table(&repositories, administrator.is_some())) }
        @if let Some(session) = administrator { (form(session, edited)) }
        @else {
            p .hint { a href="/console/sign-in" { "Sign in" } " as administrator to add or change one." }
        }
    };
    Ok(Page::new("Repositories", Section::Repositories, body).show(visitor.0.as_ref()))
}

fn table(repositories: &[Repository], is_changeable: bool) -> Markup {
    html! {
        div .scroll tabindex="0" role="region" aria-label="Repositories" {
            table {
                thead { tr { th { "Name" } th { "Where" } th { "Kind" } th { "Group" } th { "Code base" } th {
                    "State"
                }
                    @if is_changeable { th { span .visually-hidden { "Change" } } } } }
                tbody {
                    @for one in repositories {
                        tr {
                            td { a href=(address(one.name.as_str())) { (one.name.as_str()) } }
                            td {
                                (super::info::link(&one.url, "")) @if let Some(branch) = &one.branch {
                                    " " (branch)
                                }
                            }
                            td { (one.kind.as_str()) }
                            td { (one.group.as_deref().unwrap_or("–")) }
                            td { (one.codebase) }
                            td { @if one.active { "active" } @else { span .faint { "inactive" } } }
                            @if is_changeable {
                                td {
                                    @let edit = query(&[("edit", one.name.as_str())]);
                                    a href={ "/console/repositories?" (edit) "#form" } {
                                        "Change"
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn form(session: &Session, edited: Option<&Repository>) -> Markup {
    let text = |of: fn(&Repository) -> &str| edited.map_or("", of);
    let is_mercurial = edited.is_some_and(|one| one.kind == RepositoryKind::Mercurial);
    html! {
        section #form {
            h2 { @if let Some(one) = edited { "Change " (one.name.as_str()) } @else { "Add a repository" } }
            form .stack method="post" action="/console/repositories" {
                (session.csrf_field())
                label {
                    "Name" input name="name" required maxlength="50" value=(text(|one| one.name.as_str()))
                    readonly[edited.is_some()];
                }
                label { "URL" input name="url" type="url" required value=(text(|one| &one.url)); }
                label {
                    "Kind" select name="dvcs_type" {
                        option value="git" { "Git" } option value="hg" selected[is_mercurial] { "Mercurial" }
                    }
                }
                label {
                    "Branch" input name="branch" value=(text(|one| one.branch.as_deref().unwrap_or("")));
                }
                label { "Group" input name="group" value=(text(|one| one.group.as_deref().unwrap_or(""))); }
                label { "Code base" input name="codebase" value=(text(|one| &one.codebase)); }
                label {
                    "Description" textarea name="description" rows="2" { (text(|one| &one.description)) }
                }
                label .check {
                    input type="checkbox" name="active" value="yes"
                        checked[edited.is_none_or(|one| one.active)];
                    " Takes jobs in"
                }
                label .check {
                    input type="checkbox" name="accepts_pull_requests" value="yes"
                        checked[edited.is_some_and(|one| one.accepts_pull_requests)];
                    " Takes pull requests as pushes"
                }
                button .primary type="submit" { "Save" }
            }
        }
    }
}

/// Adds or changes one.
pub async fn save(State(console): State<Console>, posted: Posted) -> Result<Response, Failure> {
    let by = posted.administrator()?;
    let repository = form_of(&posted.fields)
        .check()
        .map_err(|InvalidRepository { field, problem }| Refusal::invalid(field, problem))?;
    console.gateway.store().save_repository(&repository).await?;
    console.gateway.refresh_directory().await?;
    tracing::info!(repository = repository.name.as_str(), by = %by.source, "repository saved");
    Ok(Redirect::to("/console/repositories").into_response())
}

fn form_of(fields: &Fields) -> RepositoryForm {
    let text = |name| fields.text(name).to_owned();
    RepositoryForm {
        name: text("name"),
        url: text("url"),
        dvcs_type: text("dvcs_type"),
        branch: text("branch"),
        group: text("group"),
        active: fields.is_ticked("active"),
        description: text("description"),
        codebase: text("codebase"),
        accepts_pull_requests: fields.is_ticked("accepts_pull_requests"),
    }
}
