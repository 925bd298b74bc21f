//! The console in a real browser: `tests/clients/browser`, which `test.sh` installs.

use crate::harness::command::run_within;
use crate::harness::gateway::PROJECT;
use crate::harness::jobs::{job_of, new_guid, new_revision, push};
use crate::harness::submitting::{stream_all, submit_one, submit_pushes_of};
use crate::harness::{Database, Gateway, corpus, skipped};
use herdgate::proto::{JobState, Outcome};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::process::Command;

/// A repository that jobs come for before it is registered.
const LATER: &str = "quince-later";
/// Of the whole walk, with every picture, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(300);

/// Browser and modules, as `test.sh` names them.
fn installed() -> Option<(PathBuf, PathBuf)> {
    let path = |variable: &str| std::env::var_os(variable).map(PathBuf::from);
    let found = path("HERDGATE_TEST_BROWSER").zip(path("HERDGATE_TEST_BROWSER_MODULES"));
    if found.is_none() {
        skipped("HERDGATE_TEST_BROWSER is not set; ./test.sh installs a browser and sets it");
    }
    found
}

/// Runs the walk through the console; `told` is what it is told besides.
async fn walk(gateway: &Gateway, name: &str, told: Value) {
    let Some((browser, modules)) = installed() else { return };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let pictures = root.join("target/console").join(name);
    std::fs::create_dir_all(&pictures).unwrap();
    let mut all = json!({
        "gateway": gateway.address(), "token": gateway.token, "project": PROJECT, "browser": browser,
        "pictures": pictures,
    });
    all.as_object_mut().unwrap().extend(told.as_object().unwrap().clone());
    let mut node = Command::new("node");
    node.arg(root.join("tests/clients/browser/console.cjs"));
    node.env("NODE_PATH", modules).env("CONSOLE_TEST", all.to_string());
    let printed = run_within(PATIENCE, &mut node).await.done();
    assert!(printed.contains("the console is as it should be"), "{printed}");
}

/// Has the corpus stored; gives the jobs as the walk is told of them, none where there is no corpus.
async fn ingest_corpus(gateway: &Gateway) -> Value {
    let Some(messages) = corpus::all_messages() else { return json!([]) };
    for (project, revisions) in corpus::revisions(&messages) {
        let pushes = revisions.into_iter().map(push).collect();
        for verdict in submit_pushes_of(gateway, project, pushes).await {
            assert_eq!(verdict.outcome(), Outcome::Stored, "{verdict:?}");
        }
    }
    let sent: Vec<Vec<u8>> = messages.iter().map(|message| message.to_string().into_bytes()).collect();
    for verdict in stream_all(gateway.ingest(), sent).await {
        assert_eq!(verdict.outcome(), Outcome::Stored, "{verdict:?}");
    }
    let job = |message: &Value| {
        let (project, revision) = corpus::origin(message);
        let (guid, name) = (&message["taskId"], &message["display"]["jobName"]);
        json!({"guid": guid, "project": project, "revision": revision, "name": name})
    };
    messages.iter().map(job).collect()
}

async fn every_page_looks_right_and_does_what_it_says(database: Database) {
    // Logs come from a host of the walk's own.
    let builder = Gateway::on(&database).with_variable("HERDGATE_FETCH_ALLOWED_HOSTS", "127.0.0.1");
    let gateway = builder.with_repositories(&corpus::PROJECTS).start().await;
    let (guid, revision) = (new_guid(), new_revision());
    let job = job_of(LATER, &guid, &revision, JobState::Pending);
    assert_eq!(submit_one(&mut gateway.ingest(), job).await.outcome(), Outcome::Rejected);
    let name = if database.is_sqlite() { "sqlite" } else { "postgresql" };
    let rejected = json!({"guid": guid, "project": LATER, "revision": revision});
    let jobs = ingest_corpus(&gateway).await;
    walk(&gateway, name, json!({"rejected": rejected, "corpus": jobs})).await;
}

on_both_databases!(every_page_looks_right_and_does_what_it_says,);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r3_a_job_submitted_to_one_gateway_appears_in_the_console_of_another() {
    let Some(database) = Database::postgres().await else { return };
    let gateway = Gateway::on(&database).start().await;
    let other = gateway.beside().await;
    walk(&gateway, "two-gateways", json!({"other": other.address()})).await;
}
