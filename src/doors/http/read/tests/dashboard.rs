//! What the dashboard needs beyond the lists of the legacy clients (dashboard contract, 2).

use super::world::{World, behind_a_dashboard, on_each_database};
use crate::domain::TaskRun;
use crate::limits;
use crate::store::entities::jobs::job;
use http_body_util::BodyExt;
use sea_orm::{ConnectionTrait, IdenStatic, Iterable};
use serde_json::Value;

/// The jobs of an answer, as objects.
async fn jobs(world: &World, query: &str) -> Vec<Value> {
    let list = world.read(&format!("/api/jobs/?{query}")).await;
    let names: Vec<&str> =
        list["job_property_names"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    let rows = list["results"].as_array().unwrap();
    rows.iter()
        .map(|row| names.iter().copied().zip(row.as_array().unwrap().iter().cloned()).collect::<Value>())
        .collect()
}

async fn ids(world: &World, query: &str) -> Vec<i64> {
    jobs(world, query).await.iter().map(|job| job["id"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn jobs_are_asked_for_by_push_change_id_and_task() {
    on_each_database(async |world| {
        let stand_in = TaskRun::stand_in("pruning-2");
        for (query, expected) in [
            ("push_id=1", vec![1]),
            ("push_id=2", vec![2, 3]),
            ("push_id__in=1,2,4", vec![1, 2, 3, 4]),
            ("push_id=3", vec![]),
            // It looks back by as much as a commit may come late.
            ("push_id__in=1,2&last_modified__gt=2017-07-14T02:40:02.000", vec![1, 2, 3]),
            ("push_id__in=1,2&last_modified__gt=2017-07-14T02:40:12.000", vec![3]),
            ("push_id__in=1,2&last_modified__gt=2030-01-01T00:00:00.000", vec![]),
            ("id=3", vec![3]),
            ("id__in=1,3", vec![1, 3]),
            (&format!("task_id={stand_in}"), vec![2]),
            (&format!("task_id={stand_in}&retry_id=0"), vec![2]),
            (&format!("task_id={stand_in}&retry_id=1"), vec![]),
            (&format!("task_id={stand_in}&retry_id=undefined"), vec![2]),
            ("task_id=AAAAAAAAAAAAAAAAAAAAAA&retry_id=0", vec![]),
            ("push_id=1&page=1", vec![1]),
            ("push_id=1&page=2", vec![]),
            ("push_id=1&of_another_year=3", vec![1]),
        ] {
            assert_eq!(ids(&world, query).await, expected, "{query}");
        }
    })
    .await;
}

#[tokio::test]
async fn more_jobs_than_a_page_has_come_on_the_next() {
    on_each_database(async |world| {
        let columns = job::Column::iter().filter(|column| !matches!(column, job::Column::Id));
        let columns: Vec<_> = columns.map(|column| column.as_str().to_owned()).collect();
        let copied: Vec<_> =
            columns.iter().map(|name| if name == "guid" { "guid || '-' || n" } else { name }).collect();
        let copies = format!(
            "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {}) \
             INSERT INTO jobs ({}) SELECT {} FROM jobs, numbers WHERE jobs.id = 1",
            limits::DASHBOARD_ROWS,
            columns.join(", "),
            copied.join(", ")
        );
        world.store.write_connection().execute_unprepared(&copies).await.unwrap();

        let first = world.read("/api/jobs/?push_id=1").await;
        assert_eq!(first["results"].as_array().unwrap().len() as u64, limits::DASHBOARD_ROWS);
        assert_eq!(first["next"], "/api/jobs/?push_id=1&page=2");
        let second = world.read(first["next"].as_str().unwrap()).await;
        assert_eq!((second["results"].as_array().unwrap().len(), &second["next"]), (1, &Value::Null));
        let (before, after) = (&first["results"][0], &second["results"][0]);
        assert_ne!(before, after, "the page goes on where the first ended");
    })
    .await;
}

#[tokio::test]
async fn a_row_has_what_the_dashboard_cannot_do_without() {
    on_each_database(async |world| {
        insta::assert_json_snapshot!("dashboard_jobs", jobs(&world, "push_id=1").await);
        for job in jobs(&world, "push_id__in=1,2,4").await {
            for name in ["job_type_name", "job_type_symbol", "job_group_name", "job_group_symbol", "platform"]
            {
                assert!(job[name].is_string(), "{name} of {job}");
            }
            assert!(job["platform_option"].is_string() && job["duration"].is_i64(), "{job}");
            assert!(!job["last_modified"].as_str().unwrap().contains(['Z', '+']), "{job}");
            assert!(is_slug(job["task_id"].as_str().unwrap()) && job["retry_id"].is_i64(), "{job}");
        }
        let list = world.read("/api/jobs/?push_id=1").await;
        assert_eq!((&list["next"], &list["previous"]), (&Value::Null, &Value::Null));
    })
    .await;
}

/// What the dashboard can select.
fn is_slug(task_id: &str) -> bool {
    task_id.len() == 22 && task_id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

#[tokio::test]
async fn a_job_without_a_task_has_the_same_stand_in_everywhere() {
    on_each_database(async |world| {
        let listed = jobs(&world, "id=2").await.remove(0);
        let detail = world.read("/api/project/quince/jobs/2/").await;
        assert_eq!(listed["task_id"], detail["task_id"]);
        assert_eq!(listed["task_id"], Value::String(TaskRun::stand_in("pruning-2")));
        assert_eq!(detail["retry_id"], 0);
        assert_eq!(detail.get("taskcluster_metadata"), None, "it is no task");
    })
    .await;
}

#[tokio::test]
async fn wrong_values_are_refused_by_name() {
    on_each_database(async |world| {
        for (query, name) in [
            ("push_id=abc", "push_id"),
            ("push_id__in=1,x", "push_id__in"),
            ("id=1.5", "id"),
            ("last_modified__gt=yesterday", "last_modified__gt"),
            ("page=0", "page"),
            ("page=-1", "page"),
        ] {
            let (status, detail, _) = world.refused(&format!("/api/jobs/?{query}")).await;
            assert_eq!(status, 400, "{query}");
            assert!(detail.starts_with(name), "{query}: {detail}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_log_of_another_origin_is_read_through_ours() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let keeper = listener.local_addr().unwrap();
    let log = axum::Router::new().route("/log", axum::routing::get(async || "<script>alert(1)</script>\n"));
    let serving = tokio::spawn(async move { axum::serve(listener, log).await.unwrap() });
    behind_a_dashboard(async |world| {
        let moved = format!("UPDATE job_logs SET url = 'http://{keeper}/log' WHERE id = 1");
        world.store.write_connection().execute_unprepared(&moved).await.unwrap();

        let detail = world.read("/api/project/quince/jobs/1/").await;
        let path = detail["logs"][0]["url"].as_str().unwrap();
        assert_eq!(path, "/api/project/quince/job-log-url/1/text/");
        let answer = world.answer(path).await;
        assert_eq!(answer.status(), 200);
        for (name, value) in [
            ("content-type", "text/plain; charset=utf-8"),
            ("x-content-type-options", "nosniff"),
            ("content-security-policy", "default-src 'none'; sandbox"),
        ] {
            assert_eq!(answer.headers()[name], value);
        }
        let text = answer.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(text, "<script>alert(1)</script>\n");
        // The others name their own origin to those who are no dashboard.
        let listed = world.read("/api/project/quince/job-log-url/?job_id=1").await;
        assert_eq!(listed[0]["url"], format!("http://{keeper}/log"));
    })
    .await;
    serving.abort();
}

#[tokio::test]
async fn a_log_that_cannot_be_had_says_why() {
    on_each_database(async |world| {
        let gone = "UPDATE job_logs SET url = 'file:///etc/passwd' WHERE id = 1";
        world.store.write_connection().execute_unprepared(gone).await.unwrap();
        let (status, detail, code) = world.refused("/api/project/quince/job-log-url/1/text/").await;
        assert_eq!((status, &*code), (502, "unobtainable"), "{detail}");
        let (status, ..) = world.refused("/api/project/quince/job-log-url/99/text/").await;
        assert_eq!(status, 404);
        let (status, ..) = world.refused("/api/project/damson/job-log-url/1/text/").await;
        assert_eq!(status, 404, "it is a log of another project");
    })
    .await;
}
