//! Performance data that came with jobs.

use super::world::{artifact, job, on_each_database, submit};
use crate::domain::{Job, Parts};
use serde_json::{Value, json};

fn measured(guid: &str, push: char, value: f64) -> Job {
    measured_again(guid, push, &[value])
}

/// With one and the same suite as often as there are values.
fn measured_again(guid: &str, push: char, values: &[f64]) -> Job {
    let suite = |value: &f64| {
        json!({"name": "tp5o", "value": value, "extraOptions": ["e10s"], "lowerIsBetter": false,
            "subtests": [{"name": "a.html", "value": 1.5}]})
    };
    let suites: Vec<Value> = values.iter().map(suite).collect();
    let blob = json!({"performance_data": {"framework": {"name": "talos"}, "suites": suites}});
    let artifacts = vec![artifact("performance_data", "json", &blob.to_string())];
    Job { parts: Parts { artifacts, ..Parts::default() }, ..job(guid, push, "completed", "success") }
}

fn values(data: &Value) -> Vec<f64> {
    let series = data.as_object().unwrap().values();
    series.flat_map(|rows| rows.as_array().unwrap()).map(|row| row["value"].as_f64().unwrap()).collect()
}

#[tokio::test]
async fn series_and_values_are_objects_by_the_hash_of_the_series() {
    on_each_database(async |world| {
        submit(&world.gateway, measured("measured-1", 'a', 2.25)).await;
        submit(&world.gateway, measured("measured-2", 'b', 3.0)).await;
        for name in ["signatures", "data"] {
            let body = world.read(&format!("/api/project/quince/performance/{name}/")).await;
            insta::assert_json_snapshot!(format!("performance_{name}"), body);
        }
        assert_eq!(world.read("/api/project/damson/performance/signatures/").await, json!({}));
    })
    .await;
}

#[tokio::test]
async fn series_and_values_are_narrowed_by_what_the_clients_send() {
    on_each_database(async |world| {
        submit(&world.gateway, measured("measured-1", 'a', 2.25)).await;
        submit(&world.gateway, measured("measured-2", 'b', 3.0)).await;
        let all = world.read("/api/project/quince/performance/signatures/").await;
        let (whole, _) =
            all.as_object().unwrap().iter().find(|(_, series)| series["test"].is_null()).unwrap();
        for (query, count) in [
            ("", 2),
            ("framework=1", 2),
            ("framework=talos", 2),
            ("framework=2", 0),
            ("subtests=0", 1),
            (&*format!("parent_signature={whole}"), 1),
            ("platform=linux1804-64", 2),
            ("platform=beos", 0),
            ("interval=86400", 0),
            ("interval=2000000000", 2),
            ("start_date=ignored", 2),
        ] {
            let found = world.read(&format!("/api/project/quince/performance/signatures/?{query}")).await;
            assert_eq!(found.as_object().unwrap().len(), count, "{query}");
        }
        for (query, expected) in [
            (&*format!("signatures={whole}"), &[2.25, 3.0][..]),
            (&*format!("signatures={whole}&push_id=2"), &[3.0]),
            (&*format!("signatures={whole}&interval=86400"), &[]),
            ("signatures=x", &[]),
            ("job_id=5&signature_id=1&signature_id=2", &[2.25, 1.5]),
        ] {
            let found = world.read(&format!("/api/project/quince/performance/data/?{query}")).await;
            let mut found = values(&found);
            found.sort_by(f64::total_cmp);
            let mut expected = expected.to_vec();
            expected.sort_by(f64::total_cmp);
            assert_eq!(found, expected, "{query}");
        }
    })
    .await;
}

#[tokio::test]
async fn values_of_a_job_come_with_their_series_and_a_job_without_any_is_400() {
    on_each_database(async |world| {
        submit(&world.gateway, measured("measured-1", 'a', 2.25)).await;
        submit(&world.gateway, measured("measured-2", 'b', 3.0)).await;
        let path = "/api/project/quince/performance/job-data/";
        insta::assert_json_snapshot!("job_data", world.read(&format!("{path}?job_id=6")).await);
        let both = world.read(&format!("{path}?job_id=5&job_id=6")).await;
        assert_eq!(both.as_array().unwrap().len(), 4);
        let none = "no performance data is known of these jobs";
        for other in [format!("{path}?job_id=1"), path.replace("quince", "damson") + "?job_id=6"] {
            let (status, detail, _) = world.refused(&other).await;
            assert_eq!((status, &*detail), (400, none), "{other}");
        }
    })
    .await;
}

#[tokio::test]
async fn of_several_values_that_a_job_has_of_a_series_the_first_stays() {
    on_each_database(async |world| {
        submit(&world.gateway, measured_again("measured-1", 'a', &[2.25, 7.0])).await;
        let data = world.read("/api/project/quince/performance/data/?subtests=0").await;
        assert_eq!(values(&data), [2.25]);
    })
    .await;
}
