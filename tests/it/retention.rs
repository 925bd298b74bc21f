//! Retention (R33) as an operator configures it.

use crate::harness::gateway::PROJECT;
use crate::harness::jobs::{job_of, new_guid, new_revision, push};
use crate::harness::reading::{all_jobs, state_of};
use crate::harness::submitting::{submit_one, submit_pushes_of};
use crate::harness::{Database, Gateway, eventually};
use herdgate::proto::{JobState, Outcome};
use sea_orm::ConnectionTrait;
use std::time::Duration;

/// A repository whose jobs are kept.
const KEPT: &str = "quince-kept";
/// The first round begins at the start.
const PATIENCE: Duration = Duration::from_secs(30);
/// Microseconds of 40 days.
const FORTY_DAYS: i64 = 40 * 24 * 3600 * 1_000_000;

async fn submit(gateway: &Gateway, project: &str) -> String {
    let (guid, revision) = (new_guid(), new_revision());
    let pushed = submit_pushes_of(gateway, project, vec![push(&revision)]).await;
    assert_eq!(pushed[0].outcome(), Outcome::Stored, "{pushed:?}");
    let job = job_of(project, &guid, &revision, JobState::Pending);
    let verdict = submit_one(&mut gateway.ingest(), job).await;
    assert_eq!(verdict.outcome(), Outcome::Stored, "{verdict:?}");
    guid
}

/// Stops the gateway and has everything in its database received 40 days earlier.
async fn forty_days_later(gateway: &mut Gateway) {
    gateway.ask_to_stop();
    gateway.stopped().await;
    let connection = sea_orm::Database::connect(&gateway.database.url).await.unwrap();
    for table in ["jobs", "pushes"] {
        let back = format!("UPDATE {table} SET received_at = received_at - {FORTY_DAYS}");
        connection.execute_unprepared(&back).await.unwrap();
    }
    connection.close().await.unwrap();
}

async fn r33_old_jobs_go_but_those_of_a_repository_that_keeps_its_own(database: Database) {
    let mut gateway = Gateway::on(&database).with_repositories(&[KEPT]).start().await;
    let old = submit(&gateway, PROJECT).await;
    let kept = submit(&gateway, KEPT).await;
    forty_days_later(&mut gateway).await;
    // Without retention nothing goes.
    gateway.restart().await;
    let young = submit(&gateway, PROJECT).await;
    assert!(state_of(&gateway, &old).await.is_some());
    gateway.ask_to_stop();
    gateway.stopped().await;

    let misspelt = r#"{"quince-kpet": "0"}"#;
    let days = ("HERDGATE_RETENTION_DAYS", "30");
    gateway.restart_with(&[days, ("HERDGATE_RETENTION_REPOSITORIES", misspelt)]).await;
    eventually("it says that a name is wrong", PATIENCE, async || {
        let said = gateway.output();
        (said.contains("quince-kpet") && said.contains("nothing is deleted")).then_some(())
    })
    .await;
    assert!(state_of(&gateway, &old).await.is_some());
    gateway.ask_to_stop();
    gateway.stopped().await;

    gateway.restart_with(&[("HERDGATE_RETENTION_REPOSITORIES", r#"{"quince-kept": "0"}"#)]).await;
    eventually("the old job goes", PATIENCE, async || state_of(&gateway, &old).await.is_none().then_some(()))
        .await;
    let left = |jobs: Vec<herdgate::proto::StoredJob>| -> Vec<String> {
        jobs.into_iter().map(|job| job.job_guid).collect()
    };
    assert_eq!(left(all_jobs(&gateway, PROJECT).await), [young]);
    assert_eq!(left(all_jobs(&gateway, KEPT).await), [kept]);
}

on_both_databases!(r33_old_jobs_go_but_those_of_a_repository_that_keeps_its_own,);
