//! The unmodified Python package of legacy submitters, in every version they have, against the real
//! binary. `test.sh` installs each version into an environment of its own.

use crate::harness::command::run;
use crate::harness::corpus;
use crate::harness::gateway::{Credential, PROJECT, issue_credential};
use crate::harness::jobs::push;
use crate::harness::submitting::submit_pushes_of;
use crate::harness::{Database, Gateway, eventually, skipped};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::process::Command;

/// Each reads what those before it posted; 5.0 can only read.
const VERSIONS: [&str; 4] = ["3.0.0", "3.1.0", "4.0.0", "5.0.0"];
/// The version with every way of posting.
const POSTS_EVERYTHING: &str = "3.1.0";
/// Project of the real jobs of the Buildbot era.
const CORPUS_PROJECT: &str = "mozilla-central";

fn python_with(version: &str) -> Option<PathBuf> {
    let Some(folder) = std::env::var_os("HERDGATE_TEST_LEGACY_CLIENTS").map(PathBuf::from) else {
        skipped("HERDGATE_TEST_LEGACY_CLIENTS is not set; ./test.sh installs the clients and sets it");
        return None;
    };
    Some(folder.join(version).join("venv/bin/python"))
}

/// A script of `tests/clients/legacy` that is told the gateway and the credential first.
fn script(python: PathBuf, name: &str, gateway: &Gateway, credential: &Credential) -> Command {
    let mut command = Command::new(python);
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/legacy").join(name));
    command.arg(gateway.address()).arg(&credential.client_id).arg(&credential.hawk_secret);
    command
}

async fn every_version_of_the_client_posts_and_reads_everything(database: Database) {
    let gateway = Gateway::on(&database).start().await;
    let credential = issue_credential(&database, "kiln-ci", &["--project", "quince-*"]).await;
    until_known(&gateway, &credential).await;
    let state = database.folder.path().join("posted.json");
    for version in VERSIONS {
        let Some(python) = python_with(version) else { return };
        let mut client = script(python, "client.py", &gateway, &credential);
        let printed = run(client.arg(PROJECT).arg(&state)).await.done();
        assert!(printed.contains(&format!("treeherder-client {version}: posted")), "{printed}");
    }
}

/// A running gateway notices a new credential within 2 s.
async fn until_known(gateway: &Gateway, credential: &Credential) {
    eventually("the credential is known", Duration::from_secs(10), async || {
        let answer = gateway.post(&credential.token, "jobs/", "[]").await.json();
        (answer["code"] != "unauthenticated").then_some(())
    })
    .await;
}

/// What is stored of the job with a guid, as the jobs list gives it.
async fn stored_jobs(gateway: &Gateway) -> BTreeMap<String, Value> {
    let body = gateway.get(&format!("/api/project/{CORPUS_PROJECT}/jobs/?count=2000")).await.json();
    let rows = body["results"].as_array().unwrap();
    rows.iter().map(|row| (row["job_guid"].as_str().unwrap().to_owned(), row.clone())).collect()
}

fn legacy_jobs() -> Option<Vec<Value>> {
    let text = std::fs::read_to_string(corpus::folder()?.join("jobs/legacy_jobs.jsonl")).unwrap();
    Some(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

async fn real_jobs_of_the_buildbot_era_are_stored_as_they_were_sent(database: Database) {
    let (Some(python), Some(folder), Some(jobs)) =
        (python_with(POSTS_EVERYTHING), corpus::folder(), legacy_jobs())
    else {
        return;
    };
    let gateway = Gateway::on(&database).with_repositories(&[CORPUS_PROJECT]).start().await;
    let credential = issue_credential(&database, "kiln-ci", &["--project", "mozilla-*"]).await;
    until_known(&gateway, &credential).await;
    let pushes = folder.join("pushes/push_collection.json");
    let tips: Vec<Value> = serde_json::from_slice(&std::fs::read(&pushes).unwrap()).unwrap();
    let tips: BTreeSet<&str> = tips.iter().map(|push| push["revision"].as_str().unwrap()).collect();
    let revisions: BTreeSet<&str> = jobs.iter().map(|job| job["revision"].as_str().unwrap()).collect();

    let mut client = script(python, "corpus.py", &gateway, &credential);
    client.arg(CORPUS_PROJECT).arg(folder.join("jobs/legacy_jobs.jsonl")).arg(&pushes).arg("50");
    let sent = run(&mut client).await.json();
    assert_eq!(sent["jobs"], jobs.len());
    // Jobs of a revision that no push has yet wait for it.
    let waiting = jobs.iter().filter(|job| !tips.contains(job["revision"].as_str().unwrap())).count();
    assert_eq!(stored_jobs(&gateway).await.len(), jobs.len() - waiting);
    for revision in revisions.into_iter().filter(|revision| !tips.contains(revision)) {
        submit_pushes_of(&gateway, CORPUS_PROJECT, vec![push(revision)]).await;
    }
    let stored =
        crate::harness::eventually("all jobs are stored", std::time::Duration::from_secs(10), async || {
            Some(stored_jobs(&gateway).await).filter(|stored| stored.len() == jobs.len())
        })
        .await;

    for item in &jobs {
        let job = &item["job"];
        let row = &stored[job["job_guid"].as_str().unwrap()];
        for (column, sent) in [
            ("job_type_name", &job["name"]),
            ("job_type_symbol", &job["job_symbol"]),
            ("job_group_symbol", &job["group_symbol"]),
            ("state", &job["state"]),
            ("result", &job["result"]),
            ("reason", &job["reason"]),
            // Cut to its column (contract-ingest 2.1).
            ("who", &json!(job["who"].as_str().unwrap().chars().take(50).collect::<String>())),
            ("machine_name", &job["machine"]),
            ("submit_timestamp", &job["submit_timestamp"]),
            ("start_timestamp", &job["start_timestamp"]),
            ("end_timestamp", &job["end_timestamp"]),
            ("ref_data_name", &job["reference_data_name"]),
            ("build_platform", &job["build_platform"]["platform"]),
            ("build_os", &job["build_platform"]["os_name"]),
            ("build_architecture", &job["build_platform"]["architecture"]),
            ("platform", &job["machine_platform"]["platform"]),
            ("machine_platform_os", &job["machine_platform"]["os_name"]),
            ("machine_platform_architecture", &job["machine_platform"]["architecture"]),
        ] {
            assert_eq!(&row[column], sent, "{column} of {}", job["job_guid"]);
        }
        // A group name of null is the word for what is not known (contract-ingest 2.1).
        let group = job["group_name"].as_str().unwrap_or("unknown");
        assert_eq!(row["job_group_name"], group);
        let options: BTreeSet<&str> =
            job["option_collection"].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(row["option_collection_hash"], option_hash(&options));
        assert_eq!(row["signature"], signature(job, group, &options), "{}", job["job_guid"]);
    }
}

/// Contract-ingest 2.6, written down a second time so that the test does not ask the code it tests.
fn option_hash(options: &BTreeSet<&str>) -> String {
    sha1_hex(&options.iter().copied().collect::<String>())
}

/// Contract-ingest 2.7, likewise.
fn signature(job: &Value, group: &str, options: &BTreeSet<&str>) -> String {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let platform =
        |name: &str| ["os_name", "platform", "architecture"].map(|part| text(&job[name][part])).concat();
    sha1_hex(
        &[
            // No job of the corpus names its build system.
            "buildbot".to_owned(),
            CORPUS_PROJECT.to_owned(),
            platform("build_platform"),
            platform("machine_platform"),
            group.to_owned(),
            text(&job["group_symbol"]),
            text(&job["name"]),
            text(&job["job_symbol"]),
            option_hash(options),
            text(&job["reference_data_name"]),
        ]
        .concat(),
    )
}

fn sha1_hex(text: &str) -> String {
    use sha1::Digest;
    hex::encode(sha1::Sha1::digest(text.as_bytes()))
}

on_both_databases!(
    every_version_of_the_client_posts_and_reads_everything,
    real_jobs_of_the_buildbot_era_are_stored_as_they_were_sent,
);
