//! The examples of the README, run as they stand there but for the address.

use crate::harness::command::{herdgate_on, run};
use crate::harness::gateway::issue_credential;
use crate::harness::rabbitmq::Broker;
use crate::harness::reading::{all_jobs, state_of};
use crate::harness::{Database, Gateway, eventually, skipped};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::process::Command;

const PATIENCE: Duration = Duration::from_secs(20);
/// A job of `samples/jobs.json` and one of `samples/legacy_jobs.json`.
const SAMPLE_JOB: &str = "0f3a6d2e-8c41-4b7a-9d10-5e2b7c9a1f01/0";
const LEGACY_SAMPLE_JOB: &str = "e61a7c0f5b2d4938a1f0c3d2b4a59687e0f1a2b3";

/// The shell block that follows `<!-- example: name -->`.
fn example(name: &str) -> String {
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let (_, after) = readme.split_once(&format!("<!-- example: {name} -->\n```sh\n")).unwrap();
    after.split_once("```\n").unwrap().0.to_owned()
}

/// A gateway as the README makes it, with the push of the samples.
struct Reader {
    gateway: Gateway,
    hawk_secret: String,
    token: String,
}

impl Reader {
    async fn new(database: &Database) -> Self {
        let gateway = Gateway::on(database).with_repositories(&["quarry"]).start().await;
        let credential = issue_credential(database, "my-ci", &["--project", "quarry"]).await;
        let reader = Self { gateway, hawk_secret: credential.hawk_secret, token: credential.token };
        let push = example("push");
        let (_, command) = push.split_once('\n').unwrap();
        eventually("the credential is known", PATIENCE, async || {
            (reader.shell(command, None).output().await.unwrap().status.success()).then_some(())
        })
        .await;
        reader
    }

    /// Runs a block in a folder of its own that has the protos and samples, with `python` as the Python
    /// of an environment.
    fn shell(&self, script: &str, python: Option<&Path>) -> Command {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let folder =
            self.gateway.database.folder.path().join(format!("reader-{:08x}", rand::random::<u32>()));
        std::fs::create_dir(&folder).unwrap();
        for name in ["proto", "samples"] {
            std::os::unix::fs::symlink(root.join(name), folder.join(name)).unwrap();
        }
        let socket = self.gateway.socket();
        let script = script
            .replace("127.0.0.1:8000", &socket.to_string())
            .replace("\\n8000\\n", &format!("\\n{}\\n", socket.port()));
        let binaries = Path::new(env!("CARGO_BIN_EXE_herdgate")).parent().unwrap();
        let pythons = python.and_then(Path::parent).into_iter().map(Path::to_path_buf);
        let known = std::env::split_paths(&std::env::var_os("PATH").unwrap()).collect::<Vec<_>>();
        let path: Vec<PathBuf> = pythons.chain([binaries.to_path_buf()]).chain(known).collect();
        let mut command = Command::new("bash");
        // What a command of the gateway's own would have.
        for (name, value) in herdgate_on(&self.gateway.database).as_std().get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command
            .args(["-euo", "pipefail", "-c", &script])
            .current_dir(folder)
            .env("PATH", std::env::join_paths(path).unwrap())
            .env("HERDGATE_TOKEN", &self.token)
            .env("HAWK_SECRET", &self.hawk_secret)
            .kill_on_drop(true);
        command
    }
}

/// What a variable of `test.sh` names.
fn installed(variable: &str) -> Option<PathBuf> {
    let path = std::env::var_os(variable).map(PathBuf::from);
    if path.is_none() {
        skipped(&format!("{variable} is not set; ./test.sh installs the clients and sets it"));
    }
    path
}

async fn the_grpc_example_stores_the_samples(database: Database) {
    let Some(python) = installed("HERDGATE_TEST_PYTHON") else { return };
    let reader = Reader::new(&database).await;
    let said = run(&mut reader.shell(&example("grpc"), Some(&python))).await.done();
    assert!(said.contains(&format!("{SAMPLE_JOB} OUTCOME_STORED")), "{said}");
    assert!(state_of(&reader.gateway, SAMPLE_JOB).await.is_some());
}

async fn the_example_of_the_python_client_stores_a_job(database: Database) {
    let Some(clients) = installed("HERDGATE_TEST_LEGACY_CLIENTS") else { return };
    let reader = Reader::new(&database).await;
    let python = clients.join("4.0.0/venv/bin/python");
    let said = run(&mut reader.shell(&example("python-client"), Some(&python))).await.done();
    assert!(said.contains("'verdict': 'stored'"), "{said}");
    assert_eq!(all_jobs(&reader.gateway, "quarry").await.len(), 1);
}

async fn the_curl_example_is_signed_right_and_stores_the_samples(database: Database) {
    let reader = Reader::new(&database).await;
    let said = run(&mut reader.shell(&example("curl"), None)).await.done();
    assert!(said.contains(r#""verdict":"stored""#), "{said}");
    assert!(state_of(&reader.gateway, LEGACY_SAMPLE_JOB).await.is_some());
    let listed = run(&mut reader.shell(&example("held"), None)).await;
    assert_eq!(listed.code, Some(0), "{listed:?}");
}

async fn the_pulse_example_stores_the_samples(database: Database) {
    let Some(broker) = Broker::shared() else { return };
    let reader = Reader::new(&broker.for_gateway_on(&database)).await;
    // The names of others' tests do not meet on the shared broker.
    let exchange = format!("exchange/herd-{:08x}/v1/jobs", rand::random::<u32>());
    let script = example("pulse").replace("exchange/herd/v1/jobs", &exchange);
    run(&mut reader.shell(&script, None)).await.done();
    eventually("the samples are stored", PATIENCE, async || state_of(&reader.gateway, SAMPLE_JOB).await)
        .await;
}

on_both_databases!(
    the_grpc_example_stores_the_samples,
    the_example_of_the_python_client_stores_a_job,
    the_curl_example_is_signed_right_and_stores_the_samples,
    the_pulse_example_stores_the_samples,
);
