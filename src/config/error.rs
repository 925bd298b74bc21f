//! What can be wrong with a configuration. Every error names the key and where it was set.

use super::key::Key;
use std::fmt;
use std::path::PathBuf;

/// Where a value was set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nowhere: the default.
    Default,
    /// In this file.
    File(PathBuf),
    /// In the environment.
    Environment,
    /// By an option of the command line.
    CommandLine,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("by default"),
            Self::File(path) => write!(f, "in {}", path.display()),
            Self::Environment => f.write_str("in the environment"),
            Self::CommandLine => f.write_str("on the command line"),
        }
    }
}

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// `--config` names a file that is not there, or one cannot be read.
    #[error("the configuration file {path} cannot be read: {source}", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("{path} is not valid TOML: {reason}", path = path.display(), reason = source.message())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: Box<toml::de::Error>,
    },
    /// The file has a key that does not exist.
    #[error("unknown key `{key}` in {path}; known keys: {known}", path = path.display(),
        known = known_keys())]
    UnknownKey {
        /// The key.
        key: String,
        /// The file.
        path: PathBuf,
    },
    /// The environment has a variable of ours that does not exist.
    #[error(
        "unknown environment variable {0}; unset it, or see `herdgate serve --help` for those that exist"
    )]
    UnknownVariable(String),
    /// A variable of ours is not text.
    #[error("the environment variable {0} is not valid UTF-8")]
    NotText(String),
    /// A value is not one that the key takes.
    #[error("`{path}` ({variable}), set {origin}: {problem}", path = key.path(), variable = key.variable())]
    Value {
        /// The key.
        key: Key,
        /// Where it was set.
        origin: Origin,
        /// What is wrong and what would be right. Never quotes a secret.
        problem: String,
    },
    /// A variable that names exchanges has a value that it does not take.
    #[error("{variable}, set in the environment: {problem}")]
    Source {
        /// The variable.
        variable: String,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// A variable names exchanges of a broker that is not configured.
    #[error(
        "{variable} needs the broker {broker:?}: set `pulse.url` (HERDGATE_PULSE_URL) for `default`, others \
         in `pulse.brokers` (HERDGATE_PULSE_BROKERS)"
    )]
    NoBroker {
        /// The variable.
        variable: String,
        /// Name of the broker.
        broker: String,
    },
    /// A key that another one needs is missing.
    #[error("`{missing}` ({variable}) must be set, because `{given}` is", missing = missing.path(),
        variable = missing.variable(), given = given.path())]
    Missing {
        /// The one that is missing.
        missing: Key,
        /// The one that is set.
        given: Key,
    },
}

fn known_keys() -> String {
    Key::ALL.map(Key::path).join(", ")
}
