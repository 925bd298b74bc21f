//! The command line, run as a user runs it.

use super::Database;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;
use tokio::process::Command;

/// The longest that a command other than `serve` may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// The binary, free of the `HERDGATE_*` variables of the test run.
pub fn herdgate(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_herdgate"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("HERDGATE_") || name.to_string_lossy().starts_with("OTEL_") {
            command.env_remove(name);
        }
    }
    command.current_dir(folder).env("NO_COLOR", "1").stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// What secrets are sealed with on PostgreSQL.
pub const SECRET_KEY: &str = "tests:6c0b9d1f6c0b9d1f6c0b9d1f6c0b9d1f6c0b9d1f6c0b9d1f6c0b9d1f6c0b9d1f";

/// The binary on a database.
pub fn herdgate_on(database: &Database) -> Command {
    let mut command = herdgate(database.folder.path());
    command.env("HERDGATE_DATABASE_URL", &database.url);
    if !database.is_sqlite() {
        // SQLite keeps its key in a file of its own.
        command.env("HERDGATE_SECRET_KEY", SECRET_KEY);
    }
    command.envs(database.environment.iter().map(|(variable, value)| (variable, value)));
    command
}

/// What a command did.
#[derive(Debug)]
pub struct Ran {
    /// Exit code; `None`: ended by a signal.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Ran {
    /// The standard output of a command that must succeed.
    pub fn done(self) -> String {
        assert_eq!(self.code, Some(0), "{self:#?}");
        self.stdout
    }

    /// Standard output as JSON.
    pub fn json(self) -> serde_json::Value {
        let text = self.done();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// Both outputs, for texts that may be on either.
    pub fn text(&self) -> String {
        format!("{}\n{}", self.stdout, self.stderr)
    }
}

/// Runs a command to its end.
pub async fn run(command: &mut Command) -> Ran {
    run_within(PATIENCE, command).await
}

/// Runs a command to its end, which takes at most so long; then it is killed.
pub async fn run_within(patience: Duration, command: &mut Command) -> Ran {
    let output: Output = tokio::time::timeout(patience, command.kill_on_drop(true).output())
        .await
        .unwrap_or_else(|_| panic!("{command:?} did not end within {patience:?}"))
        .unwrap();
    Ran {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}
