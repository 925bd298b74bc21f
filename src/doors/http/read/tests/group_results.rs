//! How the groups of tests of a push ended.

use super::world::{World, job, log, on_each_database, revision, submit};
use crate::domain::{Job, ParseStatus, Parts, TaskRun};
use sea_orm::ConnectionTrait;
use serde_json::json;

const TASK: &str = "A1b2C3d4E5f6G7h8I9j0Kw";
const OK: i16 = 1;
const ERROR: i16 = 2;
const SKIP: i16 = 3;
const OTHER: i16 = 10;

/// A job with two error summaries.
fn tested(guid: &str, push: char, task: Option<TaskRun>) -> Job {
    let logs = ["first", "second"].map(|name| log(name, ParseStatus::Parsed)).into();
    Job { parts: Parts { logs, task, ..Parts::default() }, ..job(guid, push, "completed", "testfailed") }
}

/// What an error summary of a job says.
async fn record(world: &World, guid: &str, summary: &str, groups: &[(&str, i16)]) {
    for (name, status) in groups {
        let sql = format!(
            "INSERT INTO group_results (log_id, name, job_id, status, seconds) \
             SELECT l.id, '{name}', j.id, {status}, 0 FROM job_logs l JOIN jobs j ON j.id = l.job_id \
             WHERE j.guid = '{guid}' AND l.name = '{summary}'"
        );
        let done = world.store.write_connection().execute_unprepared(&sql).await.unwrap();
        assert_eq!(done.rows_affected(), 1, "{sql}");
    }
}

#[tokio::test]
async fn groups_that_passed_or_failed_are_those_of_the_last_run_of_each_task() {
    on_each_database(async |world| {
        let run = |retry_id| Some(TaskRun { task_id: TASK.into(), retry_id });
        submit(&world.gateway, tested("second-run", 'a', run(1))).await;
        submit(&world.gateway, tested("first-run", 'a', run(0))).await;
        submit(&world.gateway, tested("no-task", 'a', None)).await;
        submit(&world.gateway, tested("elsewhere", 'b', None)).await;
        let first = [("a", OK), ("b", ERROR), ("c", SKIP), ("d", OTHER), ("e", ERROR)];
        record(&world, "first-run", "first", &first).await;
        record(&world, "second-run", "first", &[("b", OK), ("a", ERROR)]).await;
        record(&world, "no-task", "first", &[("a", ERROR), ("b", OK)]).await;
        record(&world, "no-task", "second", &[("a", OK), ("b", SKIP)]).await;
        record(&world, "elsewhere", "first", &[("a", OK)]).await;

        let path = format!("/api/project/quince/push/group_results/?revision={}", revision('a'));
        let expected = json!({
            TASK: {"a": false, "b": true, "e": false},
            (TaskRun::stand_in("no-task")): {"a": false, "b": true},
        });
        assert_eq!(world.read(&path).await, expected);
        let short = "/api/project/quince/push/group_results/?revision=aaaaaaaaaaaa&colour=red";
        assert_eq!(world.read(short).await, expected);
        let other_repository = path.replace("quince", "damson");
        assert_eq!(world.read(&other_repository).await, json!({}));
    })
    .await;
}
