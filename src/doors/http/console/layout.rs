//! What all pages share: head, navigation, search box, and the headers that guard them.

use super::assets::{ICON, SCRIPT, STYLE, THEME};
use super::session::Session;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use maud::{DOCTYPE, Markup, html};

/// Nothing runs or loads but what the binary brings: no inline script or style, no other origin.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                      connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Puts the guarding headers on every answer of the console.
pub async fn guard(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    // What is signed in for is not to be found again in a cache.
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// The part of the console that a page belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// None of them.
    None,
    /// What the gateway does.
    Overview,
    /// Pushes and jobs.
    Pushes,
    /// Held messages.
    Held,
    /// Follow-up work.
    Work,
    /// Exchanges.
    Exchanges,
    /// Repositories.
    Repositories,
    /// Credentials.
    Credentials,
    /// Tier overrides.
    Tiers,
}

impl Section {
    const LINKS: [(Self, &'static str, &'static str); 8] = [
        (Self::Overview, "/console/", "Overview"),
        (Self::Pushes, "/console/pushes", "Pushes"),
        (Self::Held, "/console/held", "Held"),
        (Self::Work, "/console/work", "Work"),
        (Self::Exchanges, "/console/exchanges", "Exchanges"),
        (Self::Repositories, "/console/repositories", "Repositories"),
        (Self::Credentials, "/console/credentials", "Credentials"),
        (Self::Tiers, "/console/tiers", "Tiers"),
    ];
}

/// A page to be shown.
#[derive(Debug)]
pub struct Page {
    title: String,
    section: Section,
    body: Markup,
    live: Option<String>,
    sought: String,
}

impl Page {
    /// A page that does not change by itself.
    pub fn new(title: impl Into<String>, section: Section, body: Markup) -> Self {
        Self { title: title.into(), section, body, live: None, sought: String::new() }
    }

    /// Shows itself anew when this address of events says so.
    #[must_use]
    pub fn live(mut self, events: String) -> Self {
        self.live = Some(events);
        self
    }

    /// With a text in the search box.
    #[must_use]
    pub fn sought(mut self, text: &str) -> Self {
        text.clone_into(&mut self.sought);
        self
    }

    /// The whole document.
    pub fn show(self, session: Option<&Session>) -> Response {
        let markup = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    title { (self.title) " · Herdgate" }
                    link rel="icon" type="image/svg+xml" href=(ICON.path);
                    script src=(THEME.path) {}
                    link rel="stylesheet" href=(STYLE.path);
                    script defer src=(SCRIPT.path) {}
                }
                body {
                    a .skip href="#main" { "Skip to content" }
                    (head(self.section, &self.sought, session))
                    main #main tabindex="-1" data-events=[self.live] { (self.body) }
                    footer {
                        span { "Herdgate " (env!("CARGO_PKG_VERSION")) }
                        a href="/api/docs" { "API" }
                        a href="/schemas/" { "Schemas" }
                        a href="/metrics" { "Metrics" }
                        span .zone data-zone="" { "Times in UTC" }
                    }
                }
            }
        };
        ([(CONTENT_TYPE, "text/html; charset=utf-8")], markup.into_string()).into_response()
    }
}

fn head(current: Section, sought: &str, session: Option<&Session>) -> Markup {
    html! {
        header .top {
            a .brand href="/console/" { (gate()) "Herdgate" }
            form .search action="/console/find" role="search" {
                label .visually-hidden for="q" {
                    "Where is my job? Guid, task id, revision or part of a name"
                }
                input #q type="search" name="q" value=(sought)
                    placeholder="Where is my job?  guid, task id, revision, name"
                    autocomplete="off" spellcheck="false" aria-keyshortcuts="/";
                button type="submit" { "Find" }
            }
            div .who {
                span .live-state data-live-state="" role="status" {}
                button .quiet type="button" data-theme-toggle="" hidden { "Theme" }
                @if let Some(session) = session {
                    form method="post" action="/console/sign-out" {
                        (session.csrf_field())
                        span .client title="Signed in with this credential" { (session.principal.source) }
                        button .quiet type="submit" { "Sign out" }
                    }
                } @else {
                    a .quiet href="/console/sign-in" { "Sign in" }
                }
            }
            nav aria-label="Console" {
                @for (section, address, name) in Section::LINKS {
                    a href=(address) aria-current=[(section == current).then_some("page")] { (name) }
                }
            }
        }
    }
}

fn gate() -> Markup {
    html! {
        svg viewBox="0 0 24 24" aria-hidden="true" class="gate" {
            path d="M3 21V8l9-5 9 5v13" fill="none" stroke="currentColor" stroke-width="2"
                stroke-linejoin="round" {

            }
            path d="M3 13h18M3 17h18M8 10v11M16 10v11" fill="none" stroke="currentColor" stroke-width="2" {}
        }
    }
}
