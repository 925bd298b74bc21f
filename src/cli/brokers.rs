//! The brokers of the configuration, for `serve` and for publishers.

use super::Failure;
use crate::config::{Configuration, Key};
use crate::domain::DEFAULT_BROKER;
use crate::doors::pulse::{Brokers, PulseError};

/// The brokers, with the authorities that their certificates are trusted from.
///
/// # Errors
/// If the file of authorities cannot be read.
pub(super) fn brokers(configuration: &Configuration) -> Result<Brokers, Failure> {
    let authorities = match &configuration.pulse.ca {
        Some(path) => Some(std::fs::read_to_string(path).map_err(|error| {
            let (key, variable) = (Key::PulseCa.path(), Key::PulseCa.variable());
            Failure::Usage(format!("`{key}` ({variable}): {} cannot be read: {error}", path.display()))
        })?),
        None => None,
    };
    Ok(Brokers::new(configuration.pulse.brokers.clone(), authorities))
}

/// The name of the broker that a command asks for, which the configuration must have.
///
/// # Errors
/// A usage error if it has not.
pub(super) fn named<'a>(brokers: &Brokers, asked: Option<&'a str>) -> Result<&'a str, Failure> {
    let name = asked.unwrap_or(DEFAULT_BROKER);
    if brokers.has(name) { Ok(name) } else { Err(PulseError::UnknownBroker(name.into()).into()) }
}

impl From<PulseError> for Failure {
    fn from(error: PulseError) -> Self {
        match error {
            PulseError::UnknownBroker(_) => Self::Usage(error.to_string()),
            other => Self::Refused(other.to_string()),
        }
    }
}
