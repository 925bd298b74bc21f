//! Forms that change something: their fields can be had only after the check that the form was ours and
//! somebody is signed in.

use super::Console;
use super::failure::Failure;
use super::session::{CSRF_FIELD, Session, Visitor};
use crate::access::Principal;
use crate::config::Http;
use crate::doors::authentication::destination;
use crate::doors::quotas::{Kind, Quotas};
use crate::doors::refusal::Refusal;
use axum::Form;
use axum::extract::{FromRequest, FromRequestParts, Request};
use http::Uri;
use http::header::ORIGIN;
use http::request::Parts;

/// Names and values in the order of the form.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields(Vec<(String, String)>);

impl Fields {
    /// The first value of a field, without white space around it; empty if there is none.
    pub fn text(&self, name: &str) -> &str {
        self.0.iter().find(|(field, _)| field == name).map_or("", |(_, value)| value.trim())
    }

    /// As [`text`](Self::text); none if it is empty.
    pub fn given(&self, name: &str) -> Option<String> {
        Some(self.text(name)).filter(|text| !text.is_empty()).map(ToOwned::to_owned)
    }

    /// Words of a field, separated by commas or white space.
    pub fn words(&self, name: &str) -> Vec<String> {
        let separates = |c: char| c == ',' || c.is_whitespace();
        self.text(name).split(separates).filter(|word| !word.is_empty()).map(ToOwned::to_owned).collect()
    }

    /// Whether a box is ticked.
    pub fn is_ticked(&self, name: &str) -> bool {
        !self.text(name).is_empty()
    }

    /// Every number of a field.
    ///
    /// # Errors
    /// If one is no number.
    pub fn numbers(&self, name: &'static str) -> Result<Vec<i64>, Refusal> {
        let values = self.0.iter().filter(|(field, _)| field == name);
        values
            .map(|(_, value)| value.parse().map_err(|_| Refusal::invalid(name, "must be numbers")))
            .collect()
    }
}

/// A form that somebody who is signed in sent from one of our pages.
#[derive(Debug, Clone)]
pub struct Posted {
    /// Who.
    pub session: Session,
    /// What.
    pub fields: Fields,
}

impl Posted {
    /// The administrator who sent it.
    ///
    /// # Errors
    /// If it is none.
    pub fn administrator(&self) -> Result<&Principal, Refusal> {
        let principal = &self.session.principal;
        if principal.is_administrator() {
            Ok(principal)
        } else {
            Err(Refusal::Forbidden(format!(
                "the credential {:?} may not administer; sign in with one that was created with --admin",
                principal.source
            )))
        }
    }
}

impl FromRequest<Console> for Posted {
    type Rejection = Failure;

    async fn from_request(request: Request, console: &Console) -> Result<Self, Failure> {
        let (mut parts, body) = request.into_parts();
        check_origin(&parts, &console.reached)?;
        let Ok(Visitor(session)) = Visitor::from_request_parts(&mut parts, console).await;
        let session = session.ok_or_else(|| {
            Refusal::Unauthenticated("Nobody is signed in, or the session has ended.".into())
        })?;
        if let Some(quotas) = parts.extensions.get::<Quotas>() {
            quotas.take(Kind::HttpWrite, &session.principal)?;
        }
        let fields = fields(Request::from_parts(parts, body), console).await?;
        if !session.gave(fields.text(CSRF_FIELD)) {
            let stale = "The form is not of this session. Load its page again and repeat what you did.";
            return Err(Refusal::Forbidden(stale.into()).into());
        }
        Ok(Self { session, fields })
    }
}

/// The fields of a form.
///
/// # Errors
/// If the body is no form.
pub async fn fields(request: Request, console: &Console) -> Result<Fields, Refusal> {
    match Form::<Vec<(String, String)>>::from_request(request, console).await {
        Ok(Form(fields)) => Ok(Fields(fields)),
        Err(error) => Err(Refusal::Malformed(error.to_string())),
    }
}

/// Refuses what a page of another origin sent. The cookie is not sent along then either (`SameSite`);
/// this holds for the form that has no session yet, too. Who says nothing is no browser.
///
/// # Errors
/// If the request says that it comes from elsewhere.
pub fn check_origin(parts: &Parts, reached: &Http) -> Result<(), Refusal> {
    let said = |name: &str| parts.headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let is_ours = match (said("sec-fetch-site"), said(ORIGIN.as_str())) {
        (Some(site), _) => site == "same-origin" || site == "none",
        (None, Some(origin)) => {
            let here = destination(parts, parts.extensions.get(), reached);
            here.is_some() && here.map(|here| (here.host, here.port)) == place_of(origin)
        }
        (None, None) => true,
    };
    if is_ours {
        Ok(())
    } else {
        Err(Refusal::Forbidden("The form was sent from a page of another site.".into()))
    }
}

fn place_of(origin: &str) -> Option<(String, u16)> {
    let origin: Uri = origin.parse().ok()?;
    let port = origin.port_u16().unwrap_or(if origin.scheme_str() == Some("https") { 443 } else { 80 });
    Some((origin.host()?.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_other_sites_are_refused() {
        for (headers, ours) in [
            (vec![], true),
            (vec![("sec-fetch-site", "same-origin")], true),
            (vec![("sec-fetch-site", "none")], true),
            (vec![("sec-fetch-site", "same-site")], false),
            (vec![("sec-fetch-site", "cross-site")], false),
            (vec![("origin", "http://gate:8000"), ("host", "gate:8000")], true),
            (vec![("origin", "http://gate"), ("host", "gate")], true),
            (vec![("origin", "http://gate:8001"), ("host", "gate:8000")], false),
            (vec![("origin", "http://other:8000"), ("host", "gate:8000")], false),
            (vec![("origin", "null"), ("host", "gate:8000")], false),
            (vec![("origin", "null")], false),
        ] {
            let mut request = Request::post("/console/sign-in");
            for (name, value) in &headers {
                request = request.header(*name, *value);
            }
            let (parts, ()) = request.body(()).unwrap().into_parts();
            assert_eq!(check_origin(&parts, &Http::default()).is_ok(), ours, "{headers:?}");
        }
    }

    #[test]
    fn fields_are_read_as_people_write_them() {
        let of = |pairs: &[(&str, &str)]| {
            Fields(pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect())
        };
        let fields = of(&[("words", " a, b\n c ,"), ("id", "3"), ("id", "4"), ("empty", " ")]);
        assert_eq!(fields.words("words"), ["a", "b", "c"]);
        assert_eq!(fields.numbers("id"), Ok(vec![3, 4]));
        assert_eq!((fields.given("empty"), fields.given("absent")), (None, None));
        assert!(fields.is_ticked("id") && !fields.is_ticked("empty"));
        assert!(of(&[("id", "x")]).numbers("id").is_err());
    }
}
