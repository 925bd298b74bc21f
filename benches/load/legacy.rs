//! Clients that load a gateway over legacy REST.

use super::gateway::Gateway;
use super::jobs::{Jobs, Moment, PROJECT};
use super::way::Way;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use herdgate::proto;
use prost_types::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Signed collections of jobs from so many clients at once, each of which waits for the answer to one
/// before it posts the next.
#[derive(Debug, Clone, Copy)]
pub struct Collections {
    /// Jobs in a collection; the last one of a state may have fewer.
    pub size: usize,
    pub clients: usize,
}

impl Way for Collections {
    fn name(&self) -> String {
        format!("REST {} x{}", self.size, self.clients)
    }

    async fn submit(&self, gateway: &Gateway, jobs: &Jobs, moments: &'static [Moment]) -> Duration {
        let mut prepared: Vec<Vec<Bytes>> = vec![Vec::new(); self.clients];
        for &moment in moments {
            // The states of a job follow each other at one client.
            for (number, part) in jobs.parts(self.size).enumerate() {
                prepared[number % self.clients].push(collection(&part, moment));
            }
        }
        let mut connections = Vec::new();
        for _ in 0..self.clients {
            connections.push(gateway.connect().await);
        }
        let path = format!("/api/project/{PROJECT}/jobs/");
        let started = Instant::now();
        let clients: Vec<_> = connections
            .into_iter()
            .zip(prepared)
            .map(|(mut connection, collections)| {
                let path = path.clone();
                tokio::spawn(async move {
                    let mut stored = 0;
                    for collection in collections {
                        stored += all_stored(&connection.post(&path, collection).await.unpacked());
                    }
                    stored
                })
            })
            .collect();
        let mut stored = 0;
        for client in clients {
            stored += client.await.expect("a client");
        }
        assert_eq!(stored, jobs.count() * moments.len(), "every submission has its verdict");
        started.elapsed()
    }
}

/// What a collection is answered with, as far as it matters here.
#[derive(Deserialize)]
struct Verdicts<'a> {
    #[serde(borrow)]
    results: Vec<Verdict<'a>>,
}

#[derive(Deserialize)]
struct Verdict<'a> {
    verdict: &'a str,
}

/// How many items an answer has, which must be stored.
fn all_stored(answer: &[u8]) -> usize {
    let answer: Verdicts<'_> = serde_json::from_slice(answer).expect("verdicts");
    for Verdict { verdict } in &answer.results {
        assert_eq!(*verdict, "stored");
    }
    answer.results.len()
}

/// The body of a request.
pub fn collection(jobs: &Jobs, moment: Moment) -> Bytes {
    let items: Vec<Value> = jobs.indexes().map(|index| item(&jobs.job(index, moment))).collect();
    json!(items).to_string().into()
}

/// A job as legacy clients send it: the same as over gRPC, by the mapping between the two formats.
fn item(job: &proto::Job) -> Value {
    let display = job.display.as_ref().expect("a display");
    let machine = job.build_machine.as_ref().expect("a machine");
    let info = job.job_info.as_ref().expect("a summary");
    let guid = job.task_id.as_deref().expect("a task id");
    let origin = job.origin.as_ref().and_then(|origin| origin.form.as_ref());
    let Some(proto::origin::Form::Current(origin)) = origin else { panic!("an origin of today") };
    let seconds = |time: &Option<Timestamp>| time.as_ref().map_or(0, |time| time.seconds);
    let platform = json!({
        "os_name": machine.os, "platform": machine.platform, "architecture": machine.architecture,
    });
    let details: Vec<Value> = info
        .links
        .iter()
        .map(|link| {
            json!({ "title": link.label, "value": link.link_text, "url": link.url, "content_type": "link" })
        })
        .collect();
    let artifacts = if details.is_empty() {
        json!([])
    } else {
        // Blobs are text that holds JSON.
        let blob = json!({ "job_details": details }).to_string();
        json!([{ "name": "Job Info", "type": "json", "blob": blob, "job_guid": guid }])
    };
    let logs: Vec<Value> = job
        .logs
        .iter()
        .map(|log| json!({ "name": log.name, "url": log.url, "parse_status": "pending" }))
        .collect();
    let labels = job.labels.iter().flat_map(|labels| &labels.names);
    let options: serde_json::Map<String, Value> = labels.map(|name| (name.clone(), true.into())).collect();
    json!({
        "project": PROJECT,
        "revision": origin.revision,
        "superseded": [],
        "job": {
            "job_guid": guid,
            "name": display.job_name,
            "job_symbol": display.job_symbol,
            "group_name": display.group_name,
            "group_symbol": display.group_symbol,
            "product_name": "unknown",
            "desc": info.summary,
            "state": word(job.state().as_str_name(), "JOB_STATE_"),
            "result": word(job.result().as_str_name(), "JOB_RESULT_"),
            "reason": job.reason,
            "who": job.owner,
            "submit_timestamp": seconds(&job.time_scheduled),
            "start_timestamp": seconds(&job.time_started),
            "end_timestamp": seconds(&job.time_completed),
            "machine": machine.name,
            "build_platform": platform,
            "machine_platform": platform,
            "option_collection": options,
            "build_system_type": job.build_system,
            "tier": job.tier,
            "log_references": logs,
            "artifacts": artifacts,
            "taskcluster_task_id": task_id(guid),
            "taskcluster_retry_id": job.retry_id,
        },
    })
}

/// A value of an enumeration, as JSON has it.
fn word(name: &str, prefix: &str) -> String {
    name.trim_start_matches(prefix).to_lowercase()
}

/// The short form of the UUID in a guid.
fn task_id(guid: &str) -> String {
    let (uuid, _) = guid.split_once('/').expect("a retry number");
    URL_SAFE_NO_PAD.encode(Uuid::parse_str(uuid).expect("a UUID").as_bytes())
}
