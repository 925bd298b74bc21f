//! Filters and pages of details, logs and artifacts.

use super::world::{ids, on_each_database};
use serde_json::Value;

fn values(list: &Value) -> Vec<&str> {
    list["results"].as_array().unwrap().iter().map(|row| row["value"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn details_are_found_by_job_or_push_and_narrowed_by_the_rest() {
    on_each_database(async |world| {
        let both: &[&str] = &["target.tar.gz", "a plain value"];
        for (query, expected) in [
            ("job_guid=pruning-1", both),
            ("job__guid=pruning-1", both),
            ("job_id=1", both),
            ("job_id__in=1,2", both),
            ("push_id=1", both),
            ("job_guid=pruning-2", &[]),
            ("push_id=2", &[]),
            ("job_id=1&title=artifact uploaded", &["target.tar.gz"]),
            ("job_id=1&value=a+plain+value", &["a plain value"]),
            ("job_id=1&repository=quince", both),
            ("job_id=1&repository=damson", &[]),
            ("job_id=1&count=1", &["target.tar.gz"]),
            ("job_id=1&count=1&offset=1", &["a plain value"]),
            ("job_id=1&count=2000&offset=2", &[]),
        ] {
            let list = world.read(&format!("/api/jobdetail/?{}", query.replace(' ', "%20"))).await;
            assert_eq!(values(&list), expected, "{query}");
        }
    })
    .await;
}

#[tokio::test]
async fn next_leads_through_all_details_and_previous_back() {
    on_each_database(async |world| {
        let first = world.read("/api/jobdetail/?job_guid=pruning-1&title=&count=1").await;
        assert_eq!((values(&first), &first["previous"]), (vec!["target.tar.gz"], &Value::Null));
        let second = world.read(first["next"].as_str().unwrap()).await;
        assert_eq!((values(&second), &second["next"]), (vec!["a plain value"], &Value::Null));
        let back = world.read(second["previous"].as_str().unwrap()).await;
        assert_eq!(values(&back), values(&first));
        assert_eq!((&back["next"], &back["previous"]), (&first["next"], &Value::Null));
    })
    .await;
}

#[tokio::test]
async fn logs_are_those_of_jobs_of_the_repository() {
    on_each_database(async |world| {
        for (path, expected) in [
            ("quince/job-log-url/?job_id=1", &[1, 2][..]),
            ("quince/job-log-url/?job_id=2&job_id=1", &[1, 2]),
            ("quince/job-log-url/?job_id=77", &[]),
            ("damson/job-log-url/?job_id=1", &[]),
            ("nowhere/job-log-url/?job_id=1", &[]),
        ] {
            assert_eq!(ids(&world.read(&format!("/api/project/{path}")).await), expected, "{path}");
        }
    })
    .await;
}

#[tokio::test]
async fn artifacts_are_filtered_newest_first_and_paged() {
    on_each_database(async |world| {
        for (query, expected) in [
            ("", &[2, 1][..]),
            ("id=1", &[1]),
            ("id__in=1,2", &[2, 1]),
            ("job_id=1", &[2, 1]),
            ("job_id__gt=1", &[]),
            ("name=notes", &[2]),
            ("name__in=notes,Bug suggestions", &[2, 1]),
            ("type=json", &[1]),
            ("count=1", &[2]),
            ("count=1&offset=1", &[1]),
            ("job_id__in=1&count=1&offset=1", &[1]),
        ] {
            let path = format!("/api/project/quince/artifact/?{}", query.replace(' ', "%20"));
            assert_eq!(ids(&world.read(&path).await), expected, "{query}");
        }
        assert_eq!(ids(&world.read("/api/project/damson/artifact/").await), [0; 0]);
    })
    .await;
}
