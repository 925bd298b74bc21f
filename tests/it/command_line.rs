//! The command line as a user meets it: exit codes, what is printed, what is refused.

use crate::harness::command::{Ran, herdgate, herdgate_on, run};
use crate::harness::gateway::PROJECT;
use crate::harness::jobs::{new_guid, new_revision, pulse};
use crate::harness::rabbitmq::Broker;
use crate::harness::reading::all_jobs;
use crate::harness::submitting::new_push;
use crate::harness::{Database, Gateway};
use herdgate::config::Key;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Stdio;

/// Wrong usage or configuration.
const USAGE: i32 = 64;

/// Writes a file into the folder that commands run in.
fn file(database: &Database, name: &str, content: &Value) -> PathBuf {
    let path = database.folder.path().join(name);
    std::fs::write(&path, content.to_string()).unwrap();
    path
}

#[tokio::test]
async fn demo_once_prints_a_verdict_for_every_sample_and_ends_well() {
    let folder = tempfile::tempdir().unwrap();
    let ran = run(herdgate(folder.path()).args(["demo", "--once"])).await;
    let printed = ran.done();
    let verdicts = printed.lines().filter(|line| line.contains("STORED")).count();
    assert!(verdicts > 0, "{printed}");
    assert!(!printed.contains("RETRY_LATER"), "{printed}");
    let (_, legacy) = printed.split_once("signed with Hawk").unwrap_or_else(|| panic!("{printed}"));
    assert_eq!(legacy.matches("STORED").count(), 2, "{printed}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "the demo leaves nothing behind");
}

#[tokio::test]
async fn demo_tells_the_way_over_pulse_where_a_broker_is_configured_and_leaves_nothing_there() {
    let Some(broker) = Broker::shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut demo = herdgate(folder.path());
    demo.args(["demo", "--once"]).env("HERDGATE_PULSE_URL", &broker.url);
    let printed = run(&mut demo).await.done();
    let (_, told) = printed.split_once("over Pulse, published").unwrap_or_else(|| panic!("{printed}"));
    assert_eq!(told.matches("stored: ").count(), 5, "{told}");
    assert_eq!(told.matches("held: rejected").count(), 1, "{told}");
    assert!(told.contains("queue and exchange are removed"), "{told}");
}

#[tokio::test]
async fn validate_ends_with_0_if_all_is_valid_and_else_with_1_and_every_violation() {
    let database = Database::sqlite();
    let good = file(&database, "good.json", &pulse(&new_guid(), &new_revision()));
    let mut bad = pulse("not_a_guid", &new_revision());
    bad["tier"] = json!(9);
    let bad = file(&database, "bad.json", &json!([pulse(&new_guid(), &new_revision()), bad]));

    let ran = run(herdgate(database.folder.path()).arg("validate").arg(&good)).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let ran =
        run(herdgate(database.folder.path()).args(["validate", "--format", "pulse"]).args([good, bad])).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    for path in ["/taskId", "/tier"] {
        assert!(ran.stdout.contains(path), "{ran:?}");
    }
}

#[tokio::test]
async fn a_repository_that_is_added_again_keeps_what_is_not_said() {
    let database = Database::sqlite();
    let add = async |options: &[&str]| {
        run(herdgate_on(&database).args(["repository", "add", "quince"]).args(options)).await
    };
    run(herdgate_on(&database).arg("migrate")).await.done();
    let refused = add(&["--active", "no"]).await;
    assert_eq!((refused.code, refused.stderr.contains("say --url")), (Some(USAGE), true), "{refused:?}");
    let everything = [
        "--url",
        "https://hg.example.org/quince",
        "--dvcs",
        "hg",
        "--branch",
        "default",
        "--group",
        "trees",
        "--codebase",
        "gecko",
        "--description",
        "about it",
        "--accepts-pull-requests",
        "yes",
    ];
    add(&everything).await.done();
    add(&["--active", "no"]).await.done();
    let listed = run(herdgate_on(&database).args(["repository", "list", "--json"])).await.done();
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let mut one = listed[0].clone();
    one.as_object_mut().unwrap().remove("id");
    let expected = json!({
        "name": "quince", "url": "https://hg.example.org/quince", "dvcs_type": "hg", "branch": "default",
        "group": "trees", "codebase": "gecko", "description": "about it", "accepts_pull_requests": true,
        "active": false,
    });
    assert_eq!(one, expected);
}

#[tokio::test]
async fn a_reader_that_went_away_changes_no_exit_code() {
    let database = Database::sqlite();
    let good = file(&database, "good.json", &pulse(&new_guid(), &new_revision()));
    let bad = file(&database, "bad.json", &json!({"surprise": 1}));
    for (document, code) in [(good, 0), (bad, 1)] {
        let mut command = herdgate(database.folder.path());
        command.arg("validate").arg(&document).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn().unwrap();
        drop(process.stdout.take());
        assert_eq!(process.wait().await.unwrap().code(), Some(code), "{document:?}");
    }
}

#[tokio::test]
async fn validate_knows_job_collections_and_push_collections() {
    let database = Database::sqlite();
    let job = json!({"project": PROJECT, "revision": new_revision(), "job": {"job_guid": "a"}});
    let push = json!({"revision": new_revision(), "push_timestamp": 1, "author": "a", "revisions": []});
    for (format, good) in [("jobs", job), ("pushes", push)] {
        let path = file(&database, "good.json", &json!([good]));
        let ran =
            run(herdgate(database.folder.path()).args(["validate", "--format", format]).arg(path)).await;
        assert_eq!(ran.code, Some(0), "{format}: {ran:?}");
        let path = file(&database, "bad.json", &json!([{"surprise": 1}]));
        let ran =
            run(herdgate(database.folder.path()).args(["validate", "--format", format]).arg(path)).await;
        assert_eq!(ran.code, Some(1), "{format}: {ran:?}");
    }
}

#[tokio::test]
async fn validate_prints_what_a_legacy_item_would_be_cut_to_and_calls_it_valid() {
    let database = Database::sqlite();
    let job = json!({"revision": new_revision(), "job": {"job_guid": "a", "who": "w".repeat(51)}});
    let path = file(&database, "long.json", &json!([job]));
    let of_jobs = ["validate", "--format", "jobs"];
    let ran = run(herdgate(database.folder.path()).args(of_jobs).arg(&path)).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stdout.contains("warning: /0/job/who: was cut to 50 characters"), "{ran:?}");
    let ran = run(herdgate(database.folder.path()).args(of_jobs).arg("--json").arg(&path)).await;
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((&report["invalid"], &report["violations"]), (&json!(0), &json!([])));
    assert_eq!(report["warnings"][0]["field_path"], "/0/job/who");
}

async fn submit_sums_the_verdicts_up(database: Database) {
    let gateway = Gateway::on(&database).start().await;
    let revision = new_push(&gateway).await;
    let mut jobs: Vec<Value> = (0..5).map(|_| pulse(&new_guid(), &revision)).collect();
    jobs.push(pulse(&new_guid(), &new_revision()));
    jobs.push(jobs[0].clone());
    let good = file(&database, "good.json", &json!(jobs));
    let mut bad = pulse(&new_guid(), &revision);
    bad["tier"] = json!(9);
    let bad = file(&database, "bad.json", &bad);
    let submit = async |files: &[&PathBuf], token: &str| {
        let mut command = herdgate_on(&database);
        command.args(["submit", "--json", "--server", &gateway.address()]).args(files);
        run(command.env("HERDGATE_TOKEN", token)).await
    };

    let summary = submit(&[&good], &gateway.token).await.json();
    for (verdict, count) in [("stored", 5), ("parked", 1), ("unchanged", 1), ("rejected", 0)] {
        assert_eq!(summary[verdict], json!(count), "{verdict}: {summary}");
    }
    assert_eq!(all_jobs(&gateway, PROJECT).await.len(), 5);
    let ran = submit(&[&good, &bad], &gateway.token).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stdout.contains("/tier"), "{ran:?}");
    assert_eq!(submit(&[&good], "wrong").await.code, Some(1));
}

async fn push_submit_stores_a_push_collection(database: Database) {
    let gateway = Gateway::on(&database).start().await;
    let revision = new_revision();
    let commit = json!({"revision": revision, "author": "Ada <ada@example.org>", "comment": "Bake"});
    let push = json!([{
        "revision": revision,
        "push_timestamp": 1_384_353_511,
        "author": "ada@example.org",
        "revisions": [commit],
    }]);
    let collection = file(&database, "pushes.json", &push);
    let mut command = herdgate_on(&database);
    command.args(["push", "submit", PROJECT]).arg(collection);
    command.args(["--server", &gateway.address(), "--token", &gateway.token]);
    let printed = run(&mut command).await.done();
    assert!(printed.contains(&revision) && printed.contains("STORED"), "{printed}");
    let list = herdgate::proto::ListPushesRequest { project: PROJECT.into(), ..Default::default() };
    let pushes = gateway.query().list_pushes(list).await.unwrap().into_inner().pushes;
    assert_eq!((pushes.len(), pushes[0].revision.as_str()), (1, revision.as_str()));
}

async fn a_tier_set_by_command_wins_over_the_submitted_one(database: Database) {
    let gateway = Gateway::on(&database).start().await;
    let revision = new_push(&gateway).await;
    let guids = [new_guid(), new_guid()];
    let submit = async |guid: &str| {
        crate::harness::submitting::submit_one(&mut gateway.ingest(), &pulse(guid, &revision)).await;
        crate::harness::reading::stored(&gateway, guid).await.0
    };
    let first = submit(&guids[0]).await;
    assert_eq!(first.tier, 1);
    let mut command = herdgate_on(&database);
    command.args(["tier", "set", &first.signature, "3", "--server", &gateway.address()]);
    run(command.args(["--token", &gateway.token])).await.done();
    assert_eq!(submit(&guids[1]).await.tier, 3);
}

fn assert_names(ran: &Ran, what: &str) {
    assert_eq!(ran.code, Some(USAGE), "{ran:?}");
    assert!(ran.stderr.contains(what), "{what}: {ran:?}");
}

#[tokio::test]
async fn an_unknown_configuration_key_is_refused_by_name() {
    let database = Database::sqlite();
    std::fs::write(database.folder.path().join("herdgate.toml"), "lissen = \"127.0.0.1:0\"\n").unwrap();
    assert_names(&run(herdgate_on(&database).arg("serve")).await, "lissen");
    std::fs::remove_file(database.folder.path().join("herdgate.toml")).unwrap();
    assert_names(
        &run(herdgate_on(&database).arg("serve").env("HERDGATE_LISSEN", "x")).await,
        "HERDGATE_LISSEN",
    );
}

#[tokio::test]
async fn a_value_that_a_key_does_not_take_is_refused_by_the_key() {
    let database = Database::sqlite();
    for (variable, value) in [("HERDGATE_LISTEN", "here"), ("HERDGATE_DATABASE_URL", "mysql://h/d")] {
        assert_names(&run(herdgate_on(&database).arg("serve").env(variable, value)).await, variable);
    }
}

#[tokio::test]
async fn wrong_usage_ends_with_64() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [vec!["bake"], vec!["serve", "--surprise"], vec!["repository", "add"], vec!["submit"]] {
        let ran = run(herdgate(folder.path()).args(&arguments)).await;
        assert_eq!(ran.code, Some(USAGE), "{arguments:?}: {ran:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_gateway_on_one_sqlite_file_is_refused() {
    let database = Database::sqlite();
    let mut gateway = Gateway::on(&database).start().await;
    let second = run(herdgate_on(&database).arg("serve").env("HERDGATE_LISTEN", "127.0.0.1:0")).await;
    assert_eq!(second.code, Some(USAGE), "{second:?}");
    new_push(&gateway).await;
    // The lock goes with the process, however it ends.
    gateway.kill().await;
    gateway.restart().await;
}

#[tokio::test]
async fn a_command_other_than_serve_makes_no_database_out_of_a_typing_error() {
    let database = Database::sqlite();
    let ran = run(herdgate_on(&database).args(["repository", "list"])).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.text().contains("herdgate.db"), "the path is named: {ran:?}");
    assert_eq!(std::fs::read_dir(database.folder.path()).unwrap().count(), 0);
}

async fn credentials_are_listed_without_secrets(database: Database) {
    let gateway = Gateway::on(&database).start().await;
    let listed = run(herdgate_on(&database).args(["credential", "list", "--json"])).await.done();
    assert!(listed.contains("harness"), "{listed}");
    assert!(!listed.contains(&gateway.token) && !gateway.output().contains(&gateway.token));
}

on_both_databases!(
    submit_sums_the_verdicts_up,
    push_submit_stores_a_push_collection,
    a_tier_set_by_command_wins_over_the_submitted_one,
    credentials_are_listed_without_secrets,
);

#[tokio::test]
async fn every_key_of_the_configuration_is_in_the_help_and_in_the_guide_with_its_variable() {
    let folder = tempfile::tempdir().unwrap();
    let help = run(herdgate(folder.path()).args(["serve", "--help"])).await.done();
    let guide = include_str!("../../docs/OPERATING.md");
    for key in Key::ALL {
        for (place, text) in [("the help of serve", &*help), ("docs/OPERATING.md", guide)] {
            assert!(text.contains(key.path()), "{} is missing in {place}", key.path());
            assert!(text.contains(&key.variable()), "{} is missing in {place}", key.variable());
        }
    }
}
