use super::fixtures::{Parents, ToHold, hold, hours, job as new_job, now, parents, revision, stored_push};
use super::on_each_database;
use crate::domain::PushTarget;
use crate::limits;
use crate::store::entities::jobs::job;
use crate::store::entities::repositories::{commit, push};
use crate::store::model::JobFilter;
use crate::store::time::to_micros;
use crate::store::{Due, Store};
use chrono::{DateTime, Utc};
use sea_orm::{ActiveModelTrait, ActiveValue::Set, ConnectionTrait, EntityTrait, PaginatorTrait, Statement};

async fn job_received(store: &Store, parents: Parents, guid: &str, received_at: DateTime<Utc>) -> i64 {
    let mut job = new_job(parents, guid, 1);
    job.received_at = Set(to_micros(received_at));
    job.insert(&store.write_connection()).await.unwrap().id
}

/// The tables that hang on jobs.
const PARTS: [&str; 10] = [
    "job_details",
    "job_artifacts",
    "job_logs",
    "log_summaries",
    "log_steps",
    "log_errors",
    "failure_lines",
    "group_results",
    "performance_data",
    "performance_fetches",
];

/// A row in each of them. The numbers of the job serve as those of its log and step, which are no others'.
fn everything_of(job: i64, push: i64) -> [String; 11] {
    [
        format!("INSERT INTO job_details (job_id, value, content_type) VALUES ({job}, 'v', 'text')"),
        format!("INSERT INTO job_artifacts (job_id, name, kind, blob) VALUES ({job}, 'a', 'json', '1')"),
        format!(
            "INSERT INTO job_logs (id, job_id, name, url, status, created_at) VALUES ({job}, {job}, 'l', 'u', 1, 0)"
        ),
        format!("INSERT INTO log_summaries (job_id, log_id, errors_truncated) VALUES ({job}, {job}, false)"),
        format!(
            "INSERT INTO log_steps (id, job_id, position, name, started_line, finished_line, result) \
             VALUES ({job}, {job}, 0, 's', 0, 1, 'success')"
        ),
        format!("INSERT INTO log_errors (job_id, step_id, line_number, line) VALUES ({job}, {job}, 1, 'e')"),
        format!("INSERT INTO failure_lines (job_id, log_id, action, line) VALUES ({job}, {job}, 'log', 1)"),
        format!(
            "INSERT INTO group_results (log_id, name, job_id, status, seconds) VALUES ({job}, 'g', {job}, 1, 0)"
        ),
        "INSERT INTO performance_series (id, repository_id, framework, hash, suite, test, \
         option_collection_hash, machine_platform, extra_options, lower_is_better, has_subtests, last_push_time) \
         VALUES (5, 1, 'talos', 'h', 's', '', 'o', 'linux64', '', true, false, 0) ON CONFLICT DO NOTHING"
            .to_owned(),
        format!(
            "INSERT INTO performance_data (job_id, series_id, push_id, push_time, value) \
             VALUES ({job}, 5, {push}, 0, 1.5)"
        ),
        format!("INSERT INTO performance_fetches (job_id, url) VALUES ({job}, 'u')"),
    ]
}

async fn guids(store: &Store) -> Vec<String> {
    store.jobs(&JobFilter::default(), 0, 1000).await.unwrap().into_iter().map(|job| job.guid).collect()
}

on_each_database! {
    async fn old_jobs_go_with_their_parts_and_no_others(store: &Store) {
        let parents = parents(store, "try").await;
        let db = store.write_connection();
        for (guid, age) in [("old", 25), ("at the limit", 24), ("young", 1)] {
            let job = job_received(store, parents, guid, now() - hours(age)).await;
            for statement in everything_of(job, parents.push_id) {
                db.execute_unprepared(&statement).await.unwrap();
            }
        }
        let before = now() - hours(24);
        let due = store.jobs_due(parents.repository_id, before, 0).await.unwrap();
        assert_eq!((due.ids.len(), due.next), (1, None));
        assert_eq!(store.retire_jobs(&due.ids, before).await.unwrap(), 1);
        assert_eq!(guids(store).await, ["at the limit", "young"]);
        for table in PARTS {
            let statement = format!("SELECT COUNT(*), COUNT(DISTINCT job_id) FROM {table}");
            let statement = Statement::from_string(db.get_database_backend(), statement);
            let counted = db.query_one_raw(statement).await.unwrap().unwrap();
            let count = |column| counted.try_get_by_index::<i64>(column).unwrap();
            assert_eq!((count(0), count(1)), (2, 2), "{table}");
        }
    }
}

on_each_database! {
    async fn what_is_due_is_found_behind_a_page_of_what_is_not(store: &Store) {
        let parents = parents(store, "try").await;
        let young = (0..limits::RETENTION_PAGE).map(|number| {
            let mut job = new_job(parents, &number.to_string(), 1);
            job.received_at = Set(to_micros(now()));
            job
        });
        for some in young.collect::<Vec<_>>().chunks(500) {
            job::Entity::insert_many(some.to_vec()).exec(&store.write_connection()).await.unwrap();
        }
        let old = job_received(store, parents, "old", now() - hours(2)).await;
        let before = now() - hours(1);
        let first = store.jobs_due(parents.repository_id, before, 0).await.unwrap();
        assert!(first.ids.is_empty());
        let second = store.jobs_due(parents.repository_id, before, first.next.unwrap()).await.unwrap();
        assert_eq!(second, Due { ids: vec![old], next: None });
    }
}

on_each_database! {
    async fn a_job_that_was_written_to_since_it_was_found_due_stays(store: &Store) {
        let parents = parents(store, "try").await;
        let id = job_received(store, parents, "young", now()).await;
        assert_eq!(store.retire_jobs(&[id], now() - hours(1)).await.unwrap(), 0);
        assert_eq!(guids(store).await, ["young"]);
    }
}

on_each_database! {
    async fn old_jobs_of_another_repository_are_not_due(store: &Store) {
        let parents = parents(store, "try").await;
        job_received(store, parents, "old", now() - hours(2)).await;
        let due = store.jobs_due(parents.repository_id + 1, now(), 0).await.unwrap();
        assert_eq!(due, Due::default());
    }
}

on_each_database! {
    async fn of_old_pushes_only_those_go_that_nothing_hangs_on_or_waits_for(store: &Store) {
        let with_job = parents(store, "try").await;
        let repository_id = with_job.repository_id;
        job_received(store, with_job, "young", now() + hours(2)).await;
        stored_push(store, repository_id, 'b').await;
        let waited_for = stored_push(store, repository_id, 'c').await;
        let revision = revision('c');
        let waiting = ToHold { repository_id, revision: Some(&revision.as_str()[..12]), ..ToHold::default() };
        hold(store, 1, waiting).await;

        let unripe = store.pushes_due(repository_id, now(), 0).await.unwrap();
        assert_eq!(unripe, Due::default(), "none was received before then");
        let due = store.pushes_due(repository_id, now() + hours(1), 0).await.unwrap();
        assert_eq!((due.ids.len(), due.next), (3, None));
        let target = PushTarget::PullRequest(7);
        store.enqueue_push_fetches(&[(repository_id, target)], now()).await.unwrap();
        store.remember_push_etag(1, Some("\"7\"")).await.unwrap();
        let etag = async || store.push_fetch(1).await.unwrap().unwrap().etag;
        assert_eq!(etag().await.as_deref(), Some("\"7\""));
        assert_eq!(store.retire_pushes(repository_id, &due.ids).await.unwrap(), 1);
        assert_eq!(etag().await, None, "the host is to give the whole push again");
        let read = store.read_connection();
        let mut left: Vec<i64> =
            push::Entity::find().all(&read).await.unwrap().into_iter().map(|push| push.id).collect();
        left.sort_unstable();
        assert_eq!(left, [with_job.push_id, waited_for]);
        assert_eq!(commit::Entity::find().count(&read).await.unwrap(), 2);
    }
}
