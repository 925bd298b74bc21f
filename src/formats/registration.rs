//! The registration of an exchange in JSON, as publishers submit it:
//! `{"exchange": ..., "destinations": [...], "projects": [...]}` (contract-ingest 8.2), with the further
//! members of design rule R23.

use crate::access::ProjectGlob;
use crate::domain::{DEFAULT_BROKER, ExchangeKind, QueueType, Registration, RegistrationOrigin};
use crate::limits;
use serde::{Deserialize, Serialize};

/// A registration as it is written: strings that are not checked yet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "named and documented as in `domain::Registration`")]
pub struct RegistrationForm {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    pub exchange: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub broker: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub destinations: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub projects: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub routing_keys: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub may_write: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue_type: Option<String>,
}

const FORM: &str = "write {\"exchange\": \"exchange/USER/v1/jobs\", \"destinations\": [...], \
                    \"projects\": [...]}, or a list of such";

/// Why a registration cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistrationError {
    /// It is not JSON, or not of this shape.
    #[error("{0}; {FORM}")]
    Shape(String),
    /// A member has a value that it does not take.
    #[error("`{field}` {problem}")]
    Field {
        /// Name of the member.
        field: &'static str,
        /// What is wrong, and what would be right.
        problem: String,
    },
}

/// Reads one registration or a list of them.
///
/// # Errors
/// The first that cannot be used.
pub fn parse_registrations(
    text: &[u8],
    origin: RegistrationOrigin,
) -> Result<Vec<Registration>, RegistrationError> {
    registration_forms(text)?.into_iter().map(|form| form.check(origin)).collect()
}

/// Reads sources of pushes in the form of 2018: the exchange tells the kind where none is given.
///
/// # Errors
/// As [`parse_registrations`].
pub fn parse_push_sources(text: &[u8]) -> Result<Vec<Registration>, RegistrationError> {
    let with_kind = |mut form: RegistrationForm| {
        if form.kind.is_none() {
            let kind = ExchangeKind::of_push_exchange(&form.exchange).ok_or_else(|| {
                let known = "the exchanges of taskcluster-github and hgpushes";
                wrong("kind", format!("must be given: {:?} is none of {known}", form.exchange))
            })?;
            form.kind = Some(kind.as_str().into());
        }
        form.check(RegistrationOrigin::Environment)
    };
    registration_forms(text)?.into_iter().map(with_kind).collect()
}

fn registration_forms(text: &[u8]) -> Result<Vec<RegistrationForm>, RegistrationError> {
    let shape = |error: serde_json::Error| RegistrationError::Shape(error.to_string());
    if text.trim_ascii_start().starts_with(b"[") {
        serde_json::from_slice(text).map_err(shape)
    } else {
        Ok(vec![serde_json::from_slice(text).map_err(shape)?])
    }
}

impl RegistrationForm {
    /// Checks every member and fills in the defaults.
    ///
    /// # Errors
    /// The first member that has a wrong value.
    pub fn check(self, origin: RegistrationOrigin) -> Result<Registration, RegistrationError> {
        plain("exchange", &self.exchange, limits::EXCHANGE)?;
        if self.exchange.starts_with("amq.") {
            return Err(wrong("exchange", "is one of the broker's own; name one of a publisher".into()));
        }
        let name = match self.name {
            Some(name) => name,
            None => self.exchange.strip_prefix("exchange/").unwrap_or(&self.exchange).to_owned(),
        };
        of_characters("name", &name, limits::EXCHANGE, "A-Z a-z 0-9 . _ / -", |c| "._/-".contains(c))?;
        let broker = self.broker.unwrap_or_else(|| DEFAULT_BROKER.into());
        of_characters("broker", &broker, limits::BROKER, "A-Z a-z 0-9 _ -", |c| "_-".contains(c))?;
        let kind = match &self.kind {
            Some(word) => ExchangeKind::from_word(word).ok_or_else(|| {
                wrong("kind", format!("is {word:?}; write jobs, github-push, github-pull-request or hg-push"))
            })?,
            None => ExchangeKind::Jobs,
        };
        let queue_type = match &self.queue_type {
            Some(word) => QueueType::from_word(word)
                .ok_or_else(|| wrong("queue_type", format!("is {word:?}; write classic or quorum")))?,
            None => QueueType::default(),
        };
        for (field, words) in [
            ("destinations", &self.destinations),
            ("projects", &self.projects),
            ("routing_keys", &self.routing_keys),
        ] {
            words.iter().try_for_each(|word| plain(field, word, limits::ROUTING_KEY))?;
        }
        if kind != ExchangeKind::Jobs && !(self.destinations.is_empty() && self.projects.is_empty()) {
            let problem = "and `projects` are for kind jobs; pushes have `routing_keys`";
            return Err(wrong("destinations", problem.into()));
        }
        for glob in &self.may_write {
            ProjectGlob::try_new(glob).map_err(|error| wrong("may_write", error.to_string()))?;
        }
        let registration = Registration {
            name,
            exchange: self.exchange,
            broker,
            kind,
            destinations: self.destinations,
            projects: self.projects,
            routing_keys: self.routing_keys,
            may_write: self.may_write,
            queue_type,
            origin,
            draining: false,
        };
        check_keys(&registration)?;
        Ok(registration)
    }
}

impl From<&Registration> for RegistrationForm {
    fn from(registration: &Registration) -> Self {
        Self {
            name: Some(registration.name.clone()),
            exchange: registration.exchange.clone(),
            broker: Some(registration.broker.clone()),
            kind: Some(registration.kind.as_str().into()),
            destinations: registration.destinations.clone(),
            projects: registration.projects.clone(),
            routing_keys: registration.routing_keys.clone(),
            may_write: registration.may_write.clone(),
            queue_type: Some(registration.queue_type.as_str().into()),
        }
    }
}

/// The combinations may be too many, or one of them too long, though no member is.
fn check_keys(registration: &Registration) -> Result<(), RegistrationError> {
    let lists = registration.destinations.len().max(1) * registration.projects.len().max(1);
    if lists + registration.routing_keys.len() > limits::BINDINGS {
        let problem = format!(
            "and `projects` make {lists} routing keys, at most {} are bound; use * or #",
            limits::BINDINGS
        );
        return Err(wrong("destinations", problem));
    }
    match registration.binding_keys().iter().find(|key| key.len() > limits::ROUTING_KEY) {
        Some(key) => {
            let limit = limits::ROUTING_KEY;
            Err(wrong("projects", format!("make the routing key {key:?}, which is over {limit} bytes")))
        }
        None => Ok(()),
    }
}

fn plain(field: &'static str, text: &str, limit: usize) -> Result<(), RegistrationError> {
    let allowed = "visible ASCII characters";
    of_characters(field, text, limit, allowed, |c| c.is_ascii_graphic())
}

fn of_characters(
    field: &'static str,
    text: &str,
    limit: usize,
    allowed: &str,
    is_allowed: impl Fn(char) -> bool,
) -> Result<(), RegistrationError> {
    let fits = (1..=limit).contains(&text.len());
    if fits && text.chars().all(|c| c.is_ascii_alphanumeric() || is_allowed(c)) {
        return Ok(());
    }
    Err(wrong(field, format!("must be 1 to {limit} of {allowed}, is {text:?}")))
}

fn wrong(field: &'static str, problem: String) -> RegistrationError {
    RegistrationError::Field { field, problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Vec<Registration>, RegistrationError> {
        parse_registrations(text.as_bytes(), RegistrationOrigin::Command)
    }

    #[test]
    fn the_form_of_the_submission_document_is_enough() {
        let text = r##"{"exchange": "exchange/my-pulse-user/v1/jobs", "destinations": ["treeherder"],
                       "projects": ["mozilla-inbound._"]}"##;
        let [registration] = parse(text).unwrap().try_into().unwrap();
        assert_eq!(registration.name, "my-pulse-user/v1/jobs");
        assert_eq!((registration.broker.as_str(), registration.kind), ("default", ExchangeKind::Jobs));
        assert_eq!(registration.queue_type, QueueType::Classic);
        let keys: Vec<String> = registration.binding_keys().into_iter().collect();
        assert_eq!(keys, ["treeherder.mozilla-inbound._"]);
    }

    #[test]
    fn staging_and_production_of_one_exchange_stand_side_by_side() {
        let text = r#"[{"name": "kiln-staging", "exchange": "exchange/kiln/jobs", "destinations": ["staging"]},
                      {"name": "kiln", "exchange": "exchange/kiln/jobs", "destinations": ["production"],
                       "may_write": ["kiln-*"], "queue_type": "quorum"}]"#;
        let [staging, production] = parse(text).unwrap().try_into().unwrap();
        assert_eq!(staging.exchange, production.exchange);
        assert_ne!(staging.queue("herd"), production.queue("herd"));
        assert_eq!((production.queue_type, production.may_write), (QueueType::Quorum, vec!["kiln-*".into()]));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let long = "x".repeat(150);
        for (text, named) in [
            ("nonsense".to_owned(), "expected"),
            (r#"{"destinations": []}"#.into(), "`exchange`"),
            (r#"{"exchange": "exchange/a", "project": []}"#.into(), "unknown field `project`"),
            (r#"{"exchange": "exchange/a b"}"#.into(), "`exchange`"),
            (r#"{"exchange": "amq.topic"}"#.into(), "`exchange`"),
            (r#"{"exchange": "exchange/a", "name": "a b"}"#.into(), "`name`"),
            (r#"{"exchange": "exchange/a", "kind": "push"}"#.into(), "`kind`"),
            (r#"{"exchange": "exchange/a", "queue_type": "lazy"}"#.into(), "`queue_type`"),
            (r#"{"exchange": "exchange/a", "projects": [""]}"#.into(), "`projects`"),
            (r#"{"exchange": "exchange/a", "may_write": ["a/b"]}"#.into(), "`may_write`"),
            (r#"{"exchange": "a", "kind": "hg-push", "projects": ["x"]}"#.into(), "`destinations`"),
            (
                format!(
                    r#"{{"exchange": "exchange/a", "projects": ["{long}"], "destinations": ["{long}"]}}"#
                ),
                "over 255",
            ),
        ] {
            let error = parse(&text).unwrap_err().to_string();
            assert!(error.contains(named), "{text}: {error}");
        }
    }

    #[test]
    fn combinations_are_bounded() {
        let words = |count: usize| (0..count).map(|n| format!("w{n}")).collect();
        let form = |destinations| RegistrationForm {
            exchange: "exchange/a".into(),
            destinations: words(destinations),
            projects: words(100),
            ..RegistrationForm::default()
        };
        assert!(form(limits::BINDINGS / 100).check(RegistrationOrigin::Command).is_ok());
        assert!(form(limits::BINDINGS / 100 + 1).check(RegistrationOrigin::Command).is_err());
    }

    #[test]
    fn push_sources_of_2018_are_told_apart_by_their_exchange() {
        let text = br##"[{"exchange": "exchange/taskcluster-github/v1/push", "routing_keys": ["bugzilla#"]},
                        {"exchange": "exchange/hgpushes/v1", "routing_keys": ["#"]}]"##;
        let kinds: Vec<_> = parse_push_sources(text).unwrap().iter().map(|source| source.kind).collect();
        assert_eq!(kinds, [ExchangeKind::GithubPush, ExchangeKind::HgPush]);
        assert!(parse_push_sources(br#"{"exchange": "exchange/else"}"#).is_err());
    }

    #[test]
    fn a_registration_survives_being_written_and_read() {
        let text = r#"{"name": "n", "exchange": "exchange/a", "broker": "b", "projects": ["x"],
                      "may_write": ["x"], "queue_type": "quorum"}"#;
        let [registration] = parse(text).unwrap().try_into().unwrap();
        let again = RegistrationForm::from(&registration).check(RegistrationOrigin::Command);
        assert_eq!(again, Ok(registration));
    }
}
