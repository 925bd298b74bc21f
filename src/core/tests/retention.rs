//! Rounds of retention (R33): which jobs and pushes go, and which stay.

use super::{PROJECT, on_each_database, repository, revision, submission, submit};
use crate::core::retention::{Deleted, RetentionError};
use crate::core::{Gateway, GatewayOptions, Submission};
use crate::domain::{Outcome, ProjectName, Push, RawFormat, Retention, Revision};
use crate::formats;
use crate::limits;
use crate::store::model::JobFilter;
use chrono::{TimeDelta, Utc};
use std::collections::BTreeSet;
use std::num::NonZeroU32;

/// A repository beside [`PROJECT`] and `damson`.
const KEPT: &str = "medlar";

fn days(days: u32) -> Option<NonZeroU32> {
    NonZeroU32::new(days)
}

/// `0` days are for ever, as in the configuration.
fn retention(everywhere: u32, repositories: &[(&str, u32)]) -> Retention {
    let named = |(name, number): &(&str, u32)| (ProjectName::try_new(name).unwrap(), days(*number));
    Retention { days: days(everywhere), repositories: repositories.iter().map(named).collect() }
}

fn job_received(project: &str, guid: &str, days_ago: i64) -> Submission {
    let mut job = submission(guid, "pending", 'a', |_| {});
    let text = String::from_utf8(job.raw.to_vec()).unwrap();
    job.raw = text.replace(PROJECT, project).into();
    job.content = formats::decode(RawFormat::PulseJson, &job.raw, None).content;
    job.received_at -= TimeDelta::days(days_ago);
    job
}

async fn submit_all(gateway: &Gateway, jobs: Vec<Submission>) {
    let outcomes = submit(gateway, jobs).await;
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Stored(_))), "{outcomes:?}");
}

async fn store_push(gateway: &Gateway, project: &str, digit: char, days_ago: i64) {
    let store = gateway.store();
    let repositories = store.repositories().await.unwrap();
    let repository = repositories.iter().find(|one| one.name.as_str() == project).unwrap();
    let push = Push {
        revision: Revision::try_new(&revision(digit)).unwrap(),
        time: Utc::now(),
        author: "ada@example.org".into(),
        commits: vec![],
        omitted_commits: 0,
    };
    store.store_push(repository.id, &push, Utc::now() - TimeDelta::days(days_ago)).await.unwrap();
}

/// Jobs of 1, 40 and 100 days in each of three repositories, each with its number of days in its guid.
async fn jobs_of_all_ages(gateway: &Gateway) {
    gateway.store().save_repository(&repository(KEPT)).await.unwrap();
    gateway.refresh_directory().await.unwrap();
    for project in ["damson", KEPT] {
        store_push(gateway, project, 'a', 0).await;
    }
    for project in [PROJECT, "damson", KEPT] {
        let job = |days: i64| job_received(project, &format!("{project}-{days}"), days);
        submit_all(gateway, [1, 40, 100].map(job).into()).await;
    }
}

async fn guids(gateway: &Gateway) -> BTreeSet<String> {
    let jobs = gateway.store().jobs(&JobFilter::default(), 0, 10_000).await.unwrap();
    jobs.into_iter().map(|job| job.guid).collect()
}

async fn round(gateway: &Gateway, retention: &Retention) -> Deleted {
    gateway.0.retire(retention, Utc::now()).await.unwrap()
}

#[tokio::test]
async fn r33_each_repository_keeps_its_jobs_for_its_own_days_and_others_for_those_of_all() {
    on_each_database(GatewayOptions::default(), async |gateway| {
        jobs_of_all_ages(&gateway).await;
        let retention = retention(90, &[("damson", 30), (KEPT, 0)]);
        assert_eq!(round(&gateway, &retention).await, Deleted { jobs: 3, pushes: 0 });
        let left = ["quince-1", "quince-40", "damson-1", "medlar-1", "medlar-40", "medlar-100"];
        assert_eq!(guids(&gateway).await, left.map(str::to_owned).into());
    })
    .await;
}

#[tokio::test]
async fn r33_only_the_repositories_that_are_named_lose_jobs_where_all_others_keep_them_for_ever() {
    on_each_database(GatewayOptions::default(), async |gateway| {
        jobs_of_all_ages(&gateway).await;
        assert_eq!(round(&gateway, &retention(0, &[("damson", 90)])).await.jobs, 1);
        assert!(!guids(&gateway).await.contains("damson-100"));
    })
    .await;
}

#[tokio::test]
async fn r33_nothing_is_ever_deleted_unless_days_are_set() {
    let unset = GatewayOptions::default().retention;
    assert!(unset.is_off() && retention(0, &[(KEPT, 0)]).is_off());
    assert!(!retention(1, &[]).is_off() && !retention(0, &[(KEPT, 1)]).is_off());
    on_each_database(GatewayOptions::default(), async |gateway| {
        jobs_of_all_ages(&gateway).await;
        assert_eq!(round(&gateway, &unset).await, Deleted::default());
        assert_eq!(guids(&gateway).await.len(), 9);
    })
    .await;
}

#[tokio::test]
async fn r33_a_round_goes_on_to_the_last_page_past_pages_of_young_jobs() {
    on_each_database(GatewayOptions::default(), async |gateway| {
        let page = usize::try_from(limits::RETENTION_PAGE).unwrap();
        submit_all(&gateway, vec![job_received(PROJECT, "old-first", 2)]).await;
        let young: Vec<String> = (0..page).map(|number| format!("young-{number}")).collect();
        for some in young.chunks(limits::COMMIT_BATCH_ITEMS) {
            submit_all(&gateway, some.iter().map(|guid| job_received(PROJECT, guid, 0)).collect()).await;
        }
        // More than one batch of them.
        let old = limits::RETENTION_BATCH + 1;
        submit_all(&gateway, (0..old).map(|n| job_received(PROJECT, &format!("old-{n}"), 2)).collect()).await;
        assert_eq!(round(&gateway, &retention(1, &[])).await.jobs, 1 + old as u64);
        assert_eq!(guids(&gateway).await, young.into_iter().collect());
    })
    .await;
}

#[tokio::test]
async fn r33_a_push_goes_in_the_round_in_which_its_last_job_goes() {
    on_each_database(GatewayOptions::default(), async |gateway| {
        store_push(&gateway, "damson", 'a', 100).await;
        submit_all(&gateway, vec![job_received("damson", "one", 40), job_received("damson", "two", 100)])
            .await;
        assert_eq!(round(&gateway, &retention(90, &[])).await, Deleted { jobs: 1, pushes: 0 });
        assert_eq!(round(&gateway, &retention(30, &[])).await, Deleted { jobs: 1, pushes: 1 });
        assert_eq!(gateway.store().pushes("damson", None, None, 10).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn r33_nothing_is_deleted_anywhere_while_a_repository_that_is_named_is_not_known() {
    on_each_database(GatewayOptions::default(), async |gateway| {
        jobs_of_all_ages(&gateway).await;
        let misspelt = retention(90, &[("damson", 30), ("meddlar", 0)]);
        let error = gateway.0.retire(&misspelt, Utc::now()).await.unwrap_err();
        assert!(
            matches!(&error, RetentionError::UnknownRepository { names } if names == "meddlar"),
            "{error:?}"
        );
        let said = error.to_string();
        assert!(
            said.contains("retention.repositories") && said.contains("herdgate repository list"),
            "{said}"
        );
        assert_eq!(guids(&gateway).await.len(), 9);

        gateway.store().save_repository(&repository("meddlar")).await.unwrap();
        gateway.refresh_directory().await.unwrap();
        assert_eq!(round(&gateway, &misspelt).await.jobs, 4);
    })
    .await;
}
