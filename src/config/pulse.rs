//! `pulse.*`, and the exchanges that the environment names.

use super::broker_url::BrokerUrl;
use super::error::ConfigError;
use super::key::{JOB_SOURCES, Key, PUSH_SOURCES};
use super::settings::{Environment, Settings};
use super::typed;
use crate::domain::{DEFAULT_BROKER, Registration, RegistrationOrigin};
use crate::formats::registration::{RegistrationError, parse_push_sources, parse_registrations};
use crate::limits;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// `pulse.*`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulse {
    /// `pulse.url`, named `default`, and those of `pulse.brokers`; none: Pulse is off.
    pub brokers: BTreeMap<String, BrokerUrl>,
    /// `pulse.ca`: PEM file of authorities that brokers' certificates are trusted from, beside the
    /// public ones.
    pub ca: Option<PathBuf>,
    /// `pulse.prefetch`: deliveries of one queue that are not acknowledged, 1 to 65535.
    pub prefetch: u16,
    /// `pulse.connection_age_seconds`: connections are replaced at this age. Default 3600.
    pub connection_age: Duration,
    /// `PULSE_DATA_INGESTION_SOURCES` and `PULSE_PUSH_SOURCES`.
    pub sources: Vec<Registration>,
}

pub(super) fn pulse(settings: &Settings, environment: &Environment) -> Result<Pulse, ConfigError> {
    let mut brokers = BTreeMap::new();
    if settings.get(Key::PulseUrl).is_some() {
        brokers.insert(DEFAULT_BROKER.to_owned(), typed(settings, Key::PulseUrl, "", BrokerUrl::parse)?);
    }
    if settings.get(Key::PulseBrokers).is_some() {
        brokers.extend(typed(settings, Key::PulseBrokers, "", named_brokers)?);
    }
    let sources = sources(environment)?;
    if let Some(source) = sources.iter().find(|source| !brokers.contains_key(&source.broker)) {
        let variable =
            if source.kind == crate::domain::ExchangeKind::Jobs { JOB_SOURCES } else { PUSH_SOURCES };
        return Err(ConfigError::NoBroker { variable: variable.into(), broker: source.broker.clone() });
    }
    let prefetch = limits::PULSE_PREFETCH.to_string();
    let age = limits::PULSE_CONNECTION_AGE.as_secs().to_string();
    Ok(Pulse {
        brokers,
        ca: settings.get(Key::PulseCa).map(|setting| PathBuf::from(&setting.text)),
        prefetch: typed(settings, Key::PulsePrefetch, &prefetch, |text| {
            text.parse()
                .ok()
                .filter(|prefetch| *prefetch > 0)
                .ok_or_else(|| format!("{text:?} must be a whole number from 1 to {}", u16::MAX))
        })?,
        connection_age: typed(settings, Key::PulseConnectionAge, &age, |text| {
            text.parse()
                .ok()
                .filter(|seconds| (1..=MOST_SECONDS).contains(seconds))
                .map(Duration::from_secs)
                .ok_or_else(|| format!("{text:?} must be a whole number from 1 to {MOST_SECONDS}"))
        })?,
        sources,
    })
}

/// A week.
const MOST_SECONDS: u64 = 7 * 24 * 3600;

fn named_brokers(text: &str) -> Result<BTreeMap<String, BrokerUrl>, String> {
    let form = "must name brokers and their URLs, in the environment as {\"NAME\": \"amqps://...\"}";
    let named: BTreeMap<String, String> = serde_json::from_str(text).map_err(|_| form.to_owned())?;
    let broker = |(name, url): (String, String)| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if name == DEFAULT_BROKER || !(1..=limits::BROKER).contains(&name.len()) || !name.chars().all(allowed)
        {
            let limit = limits::BROKER;
            return Err(format!(
                "{name:?} is no name for a broker: 1 to {limit} of A-Z a-z 0-9 _ -, and not \
                 {DEFAULT_BROKER}, which is `pulse.url`"
            ));
        }
        let url = BrokerUrl::parse(&url).map_err(|problem| format!("{name}: {problem}"))?;
        Ok((name, url))
    };
    named.into_iter().map(broker).collect()
}

type ReadSources = fn(&[u8]) -> Result<Vec<Registration>, RegistrationError>;

fn sources(environment: &Environment) -> Result<Vec<Registration>, ConfigError> {
    let mut sources: Vec<Registration> = Vec::new();
    let readers: [(&str, ReadSources); 2] = [
        (JOB_SOURCES, |text| parse_registrations(text, RegistrationOrigin::Environment)),
        (PUSH_SOURCES, parse_push_sources),
    ];
    for (variable, read) in readers {
        let Some(text) = environment.get(variable)? else { continue };
        let wrong = |problem: String| ConfigError::Source { variable: variable.into(), problem };
        for source in read(text.as_bytes()).map_err(|error| wrong(error.to_string()))? {
            if sources.iter().any(|known| known.name == source.name) {
                let name = source.name;
                return Err(wrong(format!("two exchanges are named {name:?}; give one another `name`")));
            }
            sources.push(source);
        }
    }
    Ok(sources)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Origin;
    use crate::domain::ExchangeKind;

    const URL: &str = "amqp://herd:hunter2@localhost";

    fn read(keys: &[(Key, &str)], variables: &[(&str, &str)]) -> Result<Pulse, ConfigError> {
        let mut settings = Settings::default();
        for (key, text) in keys {
            settings.set(*key, (*text).into(), Origin::Environment);
        }
        let variables = variables.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        pulse(&settings, &Environment::new(variables))
    }

    #[test]
    fn without_a_broker_pulse_is_off() {
        let off = read(&[], &[]).unwrap();
        assert!(off.brokers.is_empty() && off.sources.is_empty());
        assert_eq!((off.prefetch, off.connection_age), (2000, Duration::from_secs(3600)));
    }

    #[test]
    fn brokers_have_names() {
        let more = r#"{"stage": "amqps://herd:x@stage.example.org/ci"}"#;
        let pulse = read(&[(Key::PulseUrl, URL), (Key::PulseBrokers, more)], &[]).unwrap();
        assert_eq!(pulse.brokers.keys().collect::<Vec<_>>(), ["default", "stage"]);
        for wrong in
            ["x", "[]", r#"{"default": "amqp://u:p@h"}"#, r#"{"a b": "amqp://u:p@h"}"#, r#"{"a": "h"}"#]
        {
            assert!(read(&[(Key::PulseBrokers, wrong)], &[]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn numbers_have_bounds() {
        for (key, text) in [
            (Key::PulsePrefetch, "0"),
            (Key::PulsePrefetch, "65536"),
            (Key::PulseConnectionAge, "0"),
            (Key::PulseConnectionAge, "x"),
        ] {
            assert!(read(&[(key, text)], &[]).is_err(), "{text}");
        }
    }

    #[test]
    fn sources_of_2018_are_read_from_the_environment() {
        let jobs = r##"[{"exchange": "exchange/kiln/v1/jobs", "destinations": ["#"], "projects": ["#"]}]"##;
        let pushes = r##"[{"exchange": "exchange/hgpushes/v1", "routing_keys": ["#"]}]"##;
        let variables = [(JOB_SOURCES, jobs), (PUSH_SOURCES, pushes)];
        let sources = read(&[(Key::PulseUrl, URL)], &variables).unwrap().sources;
        let kinds: Vec<_> = sources.iter().map(|source| (source.kind, source.origin)).collect();
        let environment = RegistrationOrigin::Environment;
        assert_eq!(kinds, [(ExchangeKind::Jobs, environment), (ExchangeKind::HgPush, environment)]);
    }

    #[test]
    fn a_wrong_source_names_its_variable() {
        let twice = r#"[{"exchange": "exchange/a"}, {"exchange": "exchange/a"}]"#;
        for text in ["{'exchange': 'x'}", "[{}]", twice] {
            let error = read(&[(Key::PulseUrl, URL)], &[(JOB_SOURCES, text)]).unwrap_err().to_string();
            assert!(error.contains(JOB_SOURCES), "{text}: {error}");
        }
        let error = read(&[], &[(JOB_SOURCES, r#"{"exchange": "exchange/a"}"#)]).unwrap_err().to_string();
        assert!(error.contains("HERDGATE_PULSE_URL"), "{error}");
    }
}
