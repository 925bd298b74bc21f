//! Raw values from file, environment and command line, the later winning over the earlier.

use super::error::{ConfigError, Origin};
use super::key::{JOB_SOURCES, Key, Kind, PREFIX, PUSH_SOURCES, TOKEN_VARIABLE};
use super::service_link::is_service_link;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// File that is read if `--config` names none; it need not exist.
pub const DEFAULT_FILE: &str = "herdgate.toml";

/// The variables that concern us: `HERDGATE_*`, `OTEL_*`, `NO_COLOR` and the sources of Pulse. Everything
/// that reads the environment is handed this, so that tests need not touch that of the process.
#[derive(Debug, Clone, Default)]
pub struct Environment(BTreeMap<String, OsString>);

impl Environment {
    /// Keeps what concerns us, of `std::env::vars_os` for instance.
    pub fn new(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let ours = |name: &str| {
            name.starts_with(PREFIX)
                || name.starts_with("OTEL_")
                || ["NO_COLOR", JOB_SOURCES, PUSH_SOURCES].contains(&name)
        };
        Self(
            variables
                .into_iter()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
                .filter(|(name, _)| ours(name))
                .collect(),
        )
    }

    /// The value of a variable; one that is empty counts as unset.
    ///
    /// # Errors
    /// If it is not UTF-8.
    pub fn get(&self, name: &str) -> Result<Option<&str>, ConfigError> {
        match self.0.get(name) {
            None => Ok(None),
            Some(value) => match value.to_str() {
                Some(text) => Ok(Some(text).filter(|text| !text.is_empty())),
                None => Err(ConfigError::NotText(name.into())),
            },
        }
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

/// A value as it was written, and where.
#[derive(Debug, Clone)]
pub struct Setting {
    /// As text, whatever its TOML type.
    pub text: String,
    /// Where it was set.
    pub origin: Origin,
}

/// What was set, by key.
#[derive(Debug, Default)]
pub struct Settings(BTreeMap<Key, Setting>);

impl Settings {
    /// Reads the file, then the environment over it.
    ///
    /// # Errors
    /// If the file cannot be read, or either has an unknown key.
    pub fn read(file: Option<&Path>, environment: &Environment) -> Result<Self, ConfigError> {
        let mut settings = Self::default();
        let path = file.map_or_else(|| PathBuf::from(DEFAULT_FILE), Path::to_path_buf);
        match std::fs::read_to_string(&path) {
            Ok(text) => settings.add_file(&path, &text)?,
            Err(error) if file.is_none() && error.kind() == std::io::ErrorKind::NotFound => {}
            Err(source) => return Err(ConfigError::Unreadable { path, source }),
        }
        settings.add_environment(environment)?;
        Ok(settings)
    }

    /// Sets a value over whatever was set before.
    pub fn set(&mut self, key: Key, text: String, origin: Origin) {
        self.0.insert(key, Setting { text, origin });
    }

    /// What was set.
    pub fn get(&self, key: Key) -> Option<&Setting> {
        self.0.get(&key)
    }

    /// Adds the values of a file with this text.
    ///
    /// # Errors
    /// If it is not TOML, has an unknown key, or a value of another TOML type than the key takes.
    pub fn add_file(&mut self, path: &Path, text: &str) -> Result<(), ConfigError> {
        let table: toml::Table = toml::from_str(text)
            .map_err(|error| ConfigError::Syntax { path: path.into(), source: Box::new(error) })?;
        for (name, value) in table {
            match value {
                toml::Value::Table(members) if Key::from_path(&name).is_none() => {
                    for (member, value) in members {
                        self.add_file_value(path, format!("{name}.{member}"), value)?;
                    }
                }
                value => self.add_file_value(path, name, value)?,
            }
        }
        Ok(())
    }

    fn add_file_value(&mut self, path: &Path, name: String, value: toml::Value) -> Result<(), ConfigError> {
        let Some(key) = Key::from_path(&name) else {
            return Err(ConfigError::UnknownKey { key: name, path: path.into() });
        };
        let origin = Origin::File(path.into());
        let text = match (key.kind(), value) {
            (Kind::Text, toml::Value::String(text)) => text,
            (Kind::Integer, toml::Value::Integer(number)) => number.to_string(),
            (Kind::Boolean, toml::Value::Boolean(truth)) => truth.to_string(),
            (Kind::Names, toml::Value::Table(names)) => serde_json::json!(names).to_string(),
            (Kind::List, toml::Value::Array(members)) if members.iter().all(toml::Value::is_str) => {
                members.iter().filter_map(toml::Value::as_str).collect::<Vec<_>>().join(",")
            }
            (kind, _) => {
                let wanted = match kind {
                    Kind::Text => "must be a string",
                    Kind::Integer => "must be an integer",
                    Kind::Boolean => "must be true or false",
                    Kind::Names => "must be a table of strings",
                    Kind::List => "must be an array of strings",
                };
                return Err(ConfigError::Value { key, origin, problem: wanted.into() });
            }
        };
        self.set(key, text, origin);
        Ok(())
    }

    fn add_environment(&mut self, environment: &Environment) -> Result<(), ConfigError> {
        for name in environment.names().filter(|name| name.starts_with(PREFIX)) {
            if name == TOKEN_VARIABLE {
                continue;
            }
            let Some(key) = Key::from_variable(name) else {
                if is_service_link(name, environment.get(name)?.unwrap_or_default()) {
                    continue;
                }
                return Err(ConfigError::UnknownVariable(name.into()));
            };
            if let Some(text) = environment.get(name)? {
                self.set(key, text.into(), Origin::Environment);
            }
        }
        Ok(())
    }
}
