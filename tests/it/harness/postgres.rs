//! PostgreSQL: databases on the server of the test run, and servers that a test may stop.

use super::ports::free_ports;
use super::{eventually, skipped};
use sea_orm::ConnectionTrait;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// Creates a database with a random name; gives its URL.
pub async fn create_database(server: &str) -> String {
    let name = format!("it_{:016x}", rand::random::<u64>());
    let connection = sea_orm::Database::connect(server).await.expect("the PostgreSQL of the tests is there");
    connection.execute_unprepared(&format!("CREATE DATABASE {name}")).await.unwrap();
    connection.close().await.unwrap();
    let (base, _) = server.rsplit_once('/').expect("the URL ends in a database name");
    format!("{base}/{name}")
}

/// A server of its own in a temporary folder, for tests that stop and start it.
#[derive(Debug)]
pub struct PrivatePostgres {
    folder: TempDir,
    binaries: PathBuf,
    port: u16,
}

impl PrivatePostgres {
    /// A running server; `None`, said aloud, where PostgreSQL is not installed.
    pub async fn start_new() -> Option<Self> {
        let Some(binaries) = binaries() else {
            skipped("no PostgreSQL binaries under /usr/lib/postgresql or on PATH");
            return None;
        };
        let folder = tempfile::Builder::new().prefix("herdgate-pg-").tempdir().unwrap();
        if runs_as_root() {
            run(Command::new("chown").arg("postgres").arg(folder.path()));
        }
        let [port] = free_ports();
        let server = Self { folder, binaries, port };
        run(server.command("initdb").args(["--username=postgres", "--auth=trust", "--encoding=UTF8"]));
        server.start().await;
        Some(server)
    }

    /// URL of its first database.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Number of the process that all others of the server are children of; for the benchmarks.
    #[allow(dead_code, reason = "shared with the benchmarks")]
    pub fn process(&self) -> Option<u32> {
        let file = std::fs::read_to_string(self.folder.path().join("data/postmaster.pid")).ok()?;
        file.lines().next()?.parse().ok()
    }

    /// Starts it, and waits until it takes connections.
    pub async fn start(&self) {
        let options = format!(
            "-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories={}",
            self.port,
            self.folder.path().display()
        );
        let log = self.folder.path().join("server.log");
        run(self
            .command("pg_ctl")
            .args(["start", "--wait", "--silent", "--options", &options, "--log"])
            .arg(log));
        eventually("PostgreSQL takes connections", Duration::from_secs(30), async || {
            sea_orm::Database::connect(self.url()).await.ok()
        })
        .await;
    }

    /// Changes a setting of the running server.
    pub async fn set(&self, name: &str, value: &str) {
        let connection = sea_orm::Database::connect(self.url()).await.unwrap();
        connection.execute_unprepared(&format!("ALTER SYSTEM SET {name} = {value}")).await.unwrap();
        connection.execute_unprepared("SELECT pg_reload_conf()").await.unwrap();
        connection.close().await.unwrap();
        let question = format!("DO $$ BEGIN ASSERT current_setting('{name}') = '{value}'; END $$");
        eventually("PostgreSQL takes a setting over", Duration::from_secs(30), async || {
            let connection = sea_orm::Database::connect(self.url()).await.ok()?;
            connection.execute_unprepared(&question).await.ok()
        })
        .await;
    }

    /// Stops it at once, as a crash would: open transactions are lost, committed ones are not.
    pub fn crash(&self) {
        run(self.command("pg_ctl").args(["stop", "--wait", "--silent", "--mode=immediate"]));
    }

    /// Stops it in order, breaking off open connections.
    pub fn stop(&self) {
        run(self.command("pg_ctl").args(["stop", "--wait", "--silent", "--mode=fast"]));
    }

    /// A command on its data folder, not run as root, which PostgreSQL refuses.
    fn command(&self, name: &str) -> Command {
        let program = self.binaries.join(name);
        let mut command = if runs_as_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.arg("--pgdata").arg(self.folder.path().join("data")).current_dir(self.folder.path());
        command
    }
}

impl Drop for PrivatePostgres {
    fn drop(&mut self) {
        // It may be stopped already.
        let mut stop = self.command("pg_ctl");
        stop.args(["stop", "--wait", "--silent", "--mode=immediate"]);
        let _ = stop.stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}

fn binaries() -> Option<PathBuf> {
    let has_server = |folder: &PathBuf| folder.join("pg_ctl").is_file();
    let mut packaged: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .filter(has_server)
        .collect();
    packaged.sort();
    let path = std::env::var_os("PATH").unwrap_or_default();
    packaged.pop().or_else(|| std::env::split_paths(&path).find(has_server))
}

fn runs_as_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(Path::new("/proc/self")).is_ok_and(|process| process.uid() == 0)
}

/// Runs a command that must succeed. Its output goes to files, not pipes, which a server would keep open.
fn run(command: &mut Command) {
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status().unwrap();
    assert!(status.success(), "{command:?} ended with {status}");
}
