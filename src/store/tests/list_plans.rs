//! How the databases find the rows of lists: by the index that was made for it, and never by reading a
//! whole table of jobs.

use super::fixtures::{execute, job, parents, stored_repository};
use crate::store::lists::statements::{
    Share, dashboard_list, detail_list, group_result_list, job_list, log_list, push_list, state_of,
};
use crate::store::lists::{
    Comparison, Condition, DashboardQuery, DetailCondition, DetailPlace, JobCondition, JobNumber, JobText,
    PushCondition, TaskSelector, Window,
};
use crate::store::testing::TestDatabase;
use crate::store::time::from_micros;
use crate::store::{Backend, Store};
use sea_orm::sea_query::{PostgresQueryBuilder, SelectStatement, SqliteQueryBuilder};
use sea_orm::{ActiveModelTrait, ConnectionTrait, QueryTrait, Statement};

/// Enough that reading all of them is the dearest plan by far.
const JOBS: i64 = 30_000;
/// Jobs of a push.
const JOBS_OF_PUSH: i64 = 10;
/// The repository of one job in a hundred: for the others a walk by id alone is as good.
const SMALL_REPOSITORY: i32 = 2;
/// Far behind what one page shows.
const PAGE: Window = Window { offset: 100, count: 100 };

/// 30,000 jobs of 3,000 pushes, each with a log, a detail and a group of tests; one in a hundred is of
/// another repository.
async fn populate(store: &Store) {
    let parents = parents(store, "quince").await;
    let other = stored_repository(store, "damson").await;
    job(parents, "first", 1).insert(&store.write_connection()).await.unwrap();
    let repository = parents.repository_id;
    let numbers = |count: i64| {
        format!("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})")
    };
    let pushes = format!(
        "{} INSERT INTO pushes (repository_id, revision, author, time, received_at)
         SELECT {repository}, 'e' || i, 'author' || (i % 50), i, i FROM n",
        numbers(JOBS / JOBS_OF_PUSH)
    );
    let commits = "INSERT INTO commits (push_id, position, revision, author, comments)
         SELECT id, 1, 'c' || id, 'a', '' FROM pushes";
    let columns = "signature_id, machine_id, product_id, state, result, tier, who, reason, digest, \
                   applied_digests, first_door, last_door, source, received_at, committed_at";
    let jobs = format!(
        "{} INSERT INTO jobs (guid, root_guid, repository_id, push_id, last_modified, change_transaction,
                              {columns})
         SELECT 'guid' || i, 'guid' || i, CASE WHEN i % 100 = 0 THEN {other} ELSE {repository} END,
                {} + (i - 1) / {JOBS_OF_PUSH}, CAST(i AS BIGINT) * 1000000, i, {columns}
         FROM n CROSS JOIN (SELECT * FROM jobs WHERE guid = 'first') AS one",
        numbers(JOBS),
        parents.push_id + 1
    );
    let logs = "INSERT INTO job_logs (job_id, name, url, status, created_at)
         SELECT id, 'log', 'url', 0, 0 FROM jobs";
    let details = "INSERT INTO job_details (job_id, title, value, content_type)
         SELECT id, '', 'value', 'text' FROM jobs";
    let groups = "INSERT INTO group_results (log_id, name, job_id, status, seconds)
         SELECT id, 'group', job_id, 1, 0 FROM job_logs";
    for statement in [&*pushes, commits, &jobs, logs, details, groups] {
        execute(store, statement).await;
    }
    // SQLite has no statistics in operation either.
    if matches!(store.backend(), Backend::Postgres { .. }) {
        execute(store, "ANALYZE").await;
    }
}

async fn plan(store: &Store, select: &SelectStatement) -> String {
    let connection = store.read_connection();
    let (explain, column) = match store.backend() {
        Backend::Postgres { .. } => {
            (format!("EXPLAIN {}", select.to_string(PostgresQueryBuilder)), "QUERY PLAN")
        }
        Backend::Sqlite { .. } => {
            (format!("EXPLAIN QUERY PLAN {}", select.to_string(SqliteQueryBuilder)), "detail")
        }
    };
    let statement = Statement::from_string(connection.get_database_backend(), explain);
    let lines = connection.query_all_raw(statement).await.unwrap();
    lines.iter().map(|line| line.try_get::<String>("", column).unwrap() + "\n").collect()
}

/// Tables that hold as many rows as there are jobs or commits must not be read from end to end.
fn assert_uses(plan: &str, index: &str, what: &str) {
    for table in ["jobs", "job_logs", "job_details", "commits", "group_results"] {
        for scan in [format!("Seq Scan on {table}"), format!("SCAN {table}\n")] {
            assert!(!plan.contains(&scan), "{what}:\n{plan}");
        }
    }
    assert!(plan.contains(index), "{what} does not use {index}:\n{plan}");
}

fn number(column: JobNumber, comparison: Comparison<i64>) -> JobCondition {
    Condition::Number(column, comparison)
}

fn text(column: JobText, value: &str) -> JobCondition {
    Condition::Text(column, Comparison::Equal(value.into()))
}

/// Conditions of lists of jobs and the index that finds them.
fn job_lists() -> Vec<(Vec<JobCondition>, &'static str)> {
    let lately = || number(JobNumber::LastModified, Comparison::Greater((JOBS - 500) * 1_000_000));
    let in_walk = "jobs_repository_id_id_idx";
    let by_push = "jobs_push_id_last_modified_idx";
    vec![
        (vec![], in_walk),
        (vec![text(JobText::State, "running")], in_walk),
        (vec![text(JobText::TypeName, "mochitest-1"), text(JobText::MachineName, "t-linux-1")], in_walk),
        (vec![number(JobNumber::PushId, Comparison::Equal(290))], by_push),
        (vec![number(JobNumber::PushId, Comparison::OneOf(vec![100, 290]))], by_push),
        (vec![number(JobNumber::PushId, Comparison::OneOf(vec![100, 290])), lately()], by_push),
        (vec![number(JobNumber::PushId, Comparison::Equal(290)), text(JobText::Who, "who")], by_push),
        (vec![text(JobText::Guid, "guid777")], "guid"),
        (vec![lately()], "jobs_repository_id_last_modified_idx"),
        (vec![lately(), text(JobText::Result, "unknown")], "jobs_repository_id_last_modified_idx"),
    ]
}

#[tokio::test]
async fn every_list_is_found_by_its_index() {
    for database in TestDatabase::each().await {
        let store = database.store().await;
        populate(&store).await;
        for (conditions, index) in job_lists() {
            let plan = plan(&store, &job_list(SMALL_REPOSITORY, &conditions, PAGE, Share::Unknown)).await;
            assert_uses(&plan, index, &format!("{conditions:?}"));
        }
        let long_ago = number(JobNumber::LastModified, Comparison::Greater(0));
        let walk = plan(&store, &job_list(SMALL_REPOSITORY, &[long_ago], PAGE, Share::NearlyAll)).await;
        assert_uses(&walk, "jobs_repository_id_id_idx", "what changed since long ago");
        let one_job = number(JobNumber::Id, Comparison::Equal(777));
        assert_uses(
            &plan(&store, &job_list(SMALL_REPOSITORY, &[one_job], PAGE, Share::Unknown)).await,
            "",
            "one job",
        );

        let lately = from_micros((JOBS - 500) * 1_000_000);
        let task = |uuid| TaskSelector { task_id: "stand-in".into(), uuid, retry_id: None };
        let of_pushes = DashboardQuery { pushes: Some(vec![100, 290]), ..DashboardQuery::default() };
        for (query, index) in [
            (of_pushes.clone(), "jobs_push_id_last_modified_idx"),
            (DashboardQuery { modified_after: Some(lately), ..of_pushes }, "jobs_push_id_last_modified_idx"),
            (
                DashboardQuery { task: Some(task(None)), ..DashboardQuery::default() },
                "jobs_task_beside_guid_idx",
            ),
            (
                DashboardQuery { task: Some(task(Some(uuid::Uuid::nil()))), ..DashboardQuery::default() },
                "jobs_guid_key",
            ),
        ] {
            // SQLite names the index of a unique column by a number of its own.
            let named_by_sqlite = matches!(store.backend(), Backend::Sqlite { .. });
            let index =
                if index == "jobs_guid_key" && named_by_sqlite { "sqlite_autoindex_jobs" } else { index };
            assert_uses(&plan(&store, &dashboard_list(&query)).await, index, &format!("{query:?}"));
        }

        let state = plan(&store, &state_of(&[100, 290])).await;
        assert_uses(&state, "jobs_push_id_last_modified_idx", "the state of pushes");

        let page = Window { offset: 10, count: 10 };
        for (conditions, index) in [
            (vec![], "pushes_repository_id_time_id_idx"),
            (vec![PushCondition::Time(Comparison::AtLeast(2900))], "pushes_repository_id_time_id_idx"),
            (vec![PushCondition::Author("author7".into())], "pushes_repository_id_lower_author_idx"),
            (vec![PushCondition::Revision("c77".into())], "commits_revision_idx"),
            (vec![PushCondition::Revision("c".repeat(40))], "commits_revision_idx"),
        ] {
            let plan = plan(&store, &push_list(1, &conditions, page).into_query()).await;
            assert_uses(&plan, index, &format!("{conditions:?}"));
        }

        let logs = log_list(1, &[5, 77], 100).into_query();
        assert_uses(&plan(&store, &logs).await, "job_logs_job_id_name_url_key", "logs");
        let groups = group_result_list(77, 100).into_query();
        assert_uses(&plan(&store, &groups).await, "group_results_job_id_idx", "groups");
        for condition in [
            DetailCondition::JobId(Comparison::Equal(5)),
            DetailCondition::JobGuid("guid77".into()),
            DetailCondition::PushId(77),
        ] {
            let details =
                detail_list(std::slice::from_ref(&condition), DetailPlace::Start, page).into_query();
            let index = "job_details_job_id_title_value_key";
            assert_uses(&plan(&store, &details).await, index, &format!("{condition:?}"));
        }
        store.close().await;
        database.remove().await;
    }
}
