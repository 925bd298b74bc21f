//! The same real messages through every door give the same rows.

use crate::harness::pulse::{new_exchange, publisher_to, registration};
use crate::harness::rabbitmq::Broker;
use crate::harness::reading::{all_jobs, stored};
use crate::harness::submitting::{said, stream_all, submit_pushes_of};
use crate::harness::{Database, Gateway, corpus, eventually, jobs};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::DateTime;
use herdgate::proto::{GetJobResponse, Outcome, StoredJob, StoredLog};
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Request, StatusCode};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use uuid::Uuid;

const PROJECTS: [&str; 3] = ["autoland", "try", "mozilla-inbound"];
const PATIENCE: Duration = Duration::from_secs(20);

/// The item of a job collection that says what a Pulse message says (ingest contract 1.10 to 1.12).
fn legacy_item(message: &Value) -> Value {
    let text = |pointer: &str| message.pointer(pointer).and_then(Value::as_str);
    let seconds =
        |name: &str| text(name).map_or(0, |time| DateTime::parse_from_rfc3339(time).unwrap().timestamp());
    let guid = text("/taskId").unwrap();
    let (task, run) = guid.split_once('/').unwrap();
    let build = message.get("buildMachine").or(message.get("runMachine")).unwrap();
    let run_machine = message.get("runMachine").unwrap_or(build);
    let platform = |machine: &Value| json!({ "os_name": machine["os"], "platform": machine["platform"], "architecture": machine["architecture"] });
    let logs: Vec<Value> = message["logs"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|log| json!({ "name": log["name"], "url": log["url"], "parse_status": "pending" }))
        .collect();
    let links = message["jobInfo"]["links"].as_array().unwrap();
    let error_summaries =
        links.iter().filter(|link| link["linkText"].as_str().unwrap().ends_with("_errorsummary.log"));
    let error_summaries = error_summaries
        .map(|link| json!({ "name": "errorsummary_json", "url": link["url"], "parse_status": "pending" }));
    let logs: Vec<Value> = logs.into_iter().chain(error_summaries).collect();
    let details: Vec<Value> = links.iter().map(|link| {
        json!({ "title": link["label"], "value": link["linkText"], "url": link["url"], "content_type": "link" })
    }).collect();
    let options: Map<String, Value> = message["labels"]
        .as_array()
        .unwrap()
        .iter()
        .map(|label| (label.as_str().unwrap().into(), json!(true)))
        .collect();
    let symbol = format!(
        "{}{}",
        text("/display/jobSymbol").unwrap(),
        message["display"]["chunkId"].as_u64().map_or(String::new(), |id| id.to_string())
    );
    json!({
        "revision": text("/origin/revision"),
        "project": text("/origin/project"),
        "job": {
            "job_guid": guid,
            "name": text("/display/jobName"),
            "job_symbol": symbol,
            "group_name": text("/display/groupName"),
            "group_symbol": text("/display/groupSymbol"),
            "product_name": text("/productName").unwrap_or("unknown"),
            "build_system_type": text("/buildSystem"),
            "state": text("/state"),
            "result": result(message),
            "tier": message["tier"],
            "reason": text("/reason"),
            "who": text("/owner"),
            "machine": text("/buildMachine/name").or(text("/runMachine/name")).unwrap_or("unknown"),
            "build_platform": platform(build),
            "machine_platform": platform(run_machine),
            "option_collection": options,
            "submit_timestamp": seconds("/timeScheduled"),
            "start_timestamp": seconds("/timeStarted"),
            "end_timestamp": seconds("/timeCompleted"),
            "log_references": logs,
            "artifacts": [{ "type": "json", "name": "Job Info", "blob": { "job_details": details } }],
            "taskcluster_task_id": URL_SAFE_NO_PAD.encode(Uuid::parse_str(task).unwrap().as_bytes()),
            "taskcluster_retry_id": run.parse::<i32>().unwrap(),
        },
    })
}

/// The result map (1.11).
fn result(message: &Value) -> &str {
    let is_test = message["jobKind"] == "test";
    match (message["state"].as_str(), message["result"].as_str()) {
        (Some("completed"), _) if message["isRetried"] == true => "retry",
        (Some("completed"), Some("fail")) if is_test => "testfailed",
        (Some("completed"), Some("fail")) => "busted",
        (Some("completed"), Some("canceled")) => "usercancel",
        (Some("completed"), Some(other)) => other,
        _ => "unknown",
    }
}

async fn with_pushes(gateway: Gateway, messages: &[Value]) -> Gateway {
    for project in PROJECTS {
        let of_project = messages.iter().map(corpus::origin).filter(|(name, _)| *name == project);
        let revisions: BTreeSet<&str> = of_project.map(|(_, revision)| revision).collect();
        let pushes = revisions.into_iter().map(jobs::push).collect();
        for verdict in submit_pushes_of(&gateway, project, pushes).await {
            assert_eq!(said(&verdict).0, Outcome::Stored, "{verdict:?}");
        }
    }
    gateway
}

/// Every row with its parts, by guid, without ids and without what tells of the receipt.
async fn rows(gateway: &Gateway, count: usize) -> BTreeMap<String, (StoredJob, GetJobResponse)> {
    let listed = eventually("every job is stored", PATIENCE, async || {
        let mut listed = Vec::new();
        for project in PROJECTS {
            listed.extend(all_jobs(gateway, project).await);
        }
        (listed.len() == count).then_some(listed)
    })
    .await;
    let mut rows = BTreeMap::new();
    for job in listed {
        let (mut job, mut parts) = stored(gateway, &job.job_guid).await;
        (job.id, job.push_id, job.last_modified, job.provenance) = (0, 0, None, None);
        for log in &mut parts.logs {
            let StoredLog { name, url, parse_status, .. } = std::mem::take(log);
            *log = StoredLog { name, url, parse_status, ..StoredLog::default() };
        }
        rows.insert(job.job_guid.clone(), (job, parts));
    }
    rows
}

async fn by_grpc(database: &Database, messages: &[Value]) -> Gateway {
    let gateway =
        with_pushes(Gateway::on(database).with_repositories(&PROJECTS).start().await, messages).await;
    let bytes = messages.iter().map(|message| message.to_string().into_bytes()).collect();
    for verdict in stream_all(gateway.ingest(), bytes).await {
        assert_eq!(said(&verdict).0, Outcome::Stored, "{verdict:?}");
    }
    gateway
}

async fn the_same_messages_give_equal_rows_over_grpc_and_rest(database: Database) {
    let Some(messages) = corpus::messages(corpus::MESSAGES_2026) else { return };
    let streamed = by_grpc(&database, &messages).await;

    let posted = Gateway::on(&database.another().await).with_repositories(&PROJECTS).start().await;
    let posted = with_pushes(posted, &messages).await;
    for project in PROJECTS {
        let of_project = messages.iter().filter(|message| corpus::origin(message).0 == project);
        let items: Vec<Value> = of_project.map(legacy_item).collect();
        let request = Request::post(format!("/api/project/{project}/jobs/"))
            .header(AUTHORIZATION, format!("Bearer {}", posted.token))
            .header(CONTENT_TYPE, "application/json");
        let answer = posted.send(request.body(json!(items).to_string()).unwrap()).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    }
    let (streamed, posted) = (rows(&streamed, messages.len()).await, rows(&posted, messages.len()).await);
    for (guid, row) in &streamed {
        assert_eq!(Some(row), posted.get(guid));
    }
}

async fn the_same_messages_give_equal_rows_over_grpc_and_pulse(database: Database) {
    let Some(messages) = corpus::messages(corpus::MESSAGES_2026) else { return };
    let Some(broker) = Broker::shared() else { return };
    let streamed = by_grpc(&database, &messages).await;

    let other = broker.for_gateway_on(&database.another().await);
    let bound = with_pushes(Gateway::on(&other).with_repositories(&PROJECTS).start().await, &messages).await;
    let publisher = publisher_to(&bound, &broker, &registration(&new_exchange())).await;
    for message in &messages {
        publisher.send(&format!("treeherder.{}", corpus::origin(message).0), message).await;
    }
    let (streamed, bound) = (rows(&streamed, messages.len()).await, rows(&bound, messages.len()).await);
    for (guid, row) in &streamed {
        assert_eq!(Some(row), bound.get(guid));
    }
}

on_both_databases!(
    the_same_messages_give_equal_rows_over_grpc_and_rest,
    the_same_messages_give_equal_rows_over_grpc_and_pulse,
);
