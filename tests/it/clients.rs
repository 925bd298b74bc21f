//! Clients in other languages, their stubs built from the protos alone, against the real binary.

use crate::harness::command::run;
use crate::harness::corpus;
use crate::harness::gateway::PROJECT;
use crate::harness::jobs::{new_guid, new_revision, pulse, push};
use crate::harness::submitting::submit_pushes_of;
use crate::harness::{Database, Gateway, skipped};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use tokio::process::Command;

/// The real messages, or some of our own where there are none.
fn messages() -> Vec<Value> {
    corpus::messages(corpus::MESSAGES_2026).unwrap_or_else(|| {
        let revision = new_revision();
        (0..46).map(|_| pulse(&new_guid(), &revision)).collect()
    })
}

/// Runs a client that streams the messages of a file with one wrong item in their middle and reads
/// the others back; it exits with 0 only if every verdict and every job read is as it must be.
async fn stream_and_read_back(database: Database, mut client: Command) {
    let messages = messages();
    let origins: BTreeSet<_> = messages.iter().map(corpus::origin).collect();
    let projects: BTreeSet<&str> = origins.iter().map(|(project, _)| *project).collect();
    let projects: Vec<&str> = projects.into_iter().filter(|project| *project != PROJECT).collect();
    let gateway = Gateway::on(&database).with_repositories(&projects).start().await;
    for (project, revision) in origins {
        submit_pushes_of(&gateway, project, vec![push(revision)]).await;
    }
    let file = database.folder.path().join("messages.json");
    std::fs::write(&file, json!(messages).to_string()).unwrap();
    let address = gateway.address();
    let target = address.trim_start_matches("http://");
    client.arg(target).arg(&gateway.token).arg(protos()).arg(file).current_dir(database.folder.path());
    let printed = run(&mut client).await.done();
    let expected = format!("{} jobs stored and read back, 1 rejected", messages.len());
    assert!(printed.contains(&expected), "{printed}");
}

fn protos() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("proto")
}

/// What a variable of `test.sh` names; `None`, said aloud, outside of it.
fn installed(variable: &str) -> Option<PathBuf> {
    let path = std::env::var_os(variable).map(PathBuf::from);
    if path.is_none() {
        skipped(&format!("{variable} is not set; ./test.sh installs the clients and sets it"));
    }
    path
}

fn source(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(path)
}

async fn a_python_client_streams_real_jobs_and_reads_them_back(database: Database) {
    let Some(python) = installed("HERDGATE_TEST_PYTHON") else { return };
    let mut client = Command::new(python);
    client.arg(source("python/client.py"));
    stream_and_read_back(database, client).await;
}

async fn a_node_client_streams_real_jobs_and_reads_them_back(database: Database) {
    let Some(modules) = installed("HERDGATE_TEST_NODE_MODULES") else { return };
    let mut client = Command::new("node");
    client.arg(source("node/client.cjs")).env("NODE_PATH", modules);
    stream_and_read_back(database, client).await;
}

on_both_databases!(
    a_python_client_streams_real_jobs_and_reads_them_back,
    a_node_client_streams_real_jobs_and_reads_them_back,
);
