//! How a command ends.

use crate::access::administration::CredentialError;
use crate::config::ConfigError;
use crate::core::SubmitError;
use crate::store::StoreError;
use crate::telemetry::TelemetryError;
use std::path::PathBuf;
use std::process::ExitCode;
use tonic::{Code, Status};

/// Exit codes of every command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: done.
    Done,
    /// 1: refused or failed.
    Failed,
    /// 64: wrong usage or configuration.
    Usage,
}

impl Exit {
    /// The number.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 64,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Why a command was not carried out. The text says what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The configuration cannot be used.
    #[error("{0}")]
    Configuration(#[from] ConfigError),
    /// Arguments or configuration that cannot be used, found after they were read.
    #[error("{0}")]
    Usage(String),
    /// Traces, metrics or logs cannot be started.
    #[error("{0}")]
    Telemetry(#[from] TelemetryError),
    /// What was asked for is refused.
    #[error("{0}")]
    Refused(String),
    /// The database failed.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// Credentials are left as they are.
    #[error("{0}")]
    Credential(#[from] CredentialError),
    /// The core did not take it in.
    #[error("{0}")]
    Submit(#[from] SubmitError),
    /// No gateway answers.
    #[error(
        "no gateway answers at {server}: {reason}; start one with `herdgate serve`, or name it with --server"
    )]
    Unreachable {
        /// Its URL.
        server: String,
        /// Why.
        reason: String,
    },
    /// A gateway refused or failed.
    #[error("{}", describe(.0))]
    Gateway(#[source] Box<Status>),
    /// A file cannot be read.
    #[error("{path}: {source}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The output cannot be written.
    #[error("the output cannot be written: {0}")]
    Output(#[from] std::io::Error),
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        Self::Gateway(Box::new(status))
    }
}

impl Failure {
    /// How the process ends.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Configuration(_) | Self::Usage(_) | Self::Telemetry(_) => Exit::Usage,
            // The keys that are configured are not those of the database.
            Self::Credential(CredentialError::Keys(_)) => Exit::Usage,
            _ => Exit::Failed,
        }
    }
}

fn describe(status: &Status) -> String {
    let message = status.message();
    match status.code() {
        Code::Unauthenticated => {
            format!("the gateway asks for a credential: {message}; give a token by --token or HERDGATE_TOKEN")
        }
        Code::PermissionDenied => format!("the credential is not allowed to do this: {message}"),
        Code::Unavailable => format!("the gateway cannot do this now: {message}; try again later"),
        Code::Unimplemented => format!("the gateway does not know this call: {message}; is it older?"),
        code => format!("the gateway refused ({code:?}): {message}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Error, ErrorKind};

    #[test]
    fn exit_codes_say_whose_fault_it_was() {
        for (failure, code) in [
            (Failure::Configuration(ConfigError::UnknownVariable("HERDGATE_X".into())), 64),
            (Failure::Usage("x".into()), 64),
            (Failure::Refused("x".into()), 1),
            (Failure::Store(StoreError::Unusable("x".into())), 1),
            (Failure::from(Status::unavailable("x")), 1),
            (Failure::Output(Error::from(ErrorKind::StorageFull)), 1),
        ] {
            assert_eq!(failure.exit().code(), code, "{failure}");
        }
    }

    #[test]
    fn a_refused_credential_is_answered_with_what_to_give() {
        let text = Failure::from(Status::unauthenticated("no such token")).to_string();
        assert!(text.contains("no such token") && text.contains("HERDGATE_TOKEN"), "{text}");
    }
}
