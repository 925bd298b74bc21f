//! The same job gives the same rows through REST and through Pulse (design section 4.6): a message that is
//! rewritten as a legacy item by ingest contract 1.10 to 1.12 is the same job.
//!
//! Two texts differ by nature: a product name of blanks only, which REST has always taken for none, and the
//! second 0 of 1970, which REST cannot tell from an unknown time.

use super::{Job, Value, decode, job_of, json};
use crate::core::Content;
use crate::domain::RawFormat;
use crate::formats::tests::corpus::messages;
use crate::formats::tests::random_job::valid;
use chrono::DateTime;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::cell::Cell;

fn from_pulse(message: &Value) -> Option<Job> {
    match decode(RawFormat::PulseJson, &message.to_string().into(), None).content {
        Content::Job(job) => Some(*job),
        _ => None,
    }
}

/// The job that REST makes of a message.
#[track_caller]
pub(in crate::formats) fn from_rest(message: &Value) -> Job {
    let project = message["origin"]["project"].as_str();
    job_of(decode(RawFormat::LegacyJobJson, &legacy_item(message).to_string().into(), project))
}

/// A Pulse message as the item of a job collection.
fn legacy_item(message: &Value) -> Value {
    let display = &message["display"];
    let chunk = display["chunkId"].as_f64().map(|chunk| format!("{chunk:.0}")).unwrap_or_default();
    let machine = |first: &str, second: &str| {
        [first, second].into_iter().map(|name| &message[name]).find(|machine| machine.is_object())
    };
    let platform = |machine: Option<&Value>| match machine {
        Some(m) => json!({"os_name": m["os"], "platform": m["platform"], "architecture": m["architecture"]}),
        None => json!({}),
    };
    let guid = message["taskId"].as_str().unwrap();
    let is_2018 = message["origin"].get("kind").is_some();
    let no_labels = if is_2018 { json!(["opt"]) } else { json!([]) };
    let mut job = json!({
        "job_guid": guid,
        "name": display["jobName"],
        "job_symbol": format!("{}{chunk}", display["jobSymbol"].as_str().unwrap()),
        "group_name": display["groupName"],
        "group_symbol": display["groupSymbol"],
        "state": message["state"],
        "result": result(message),
        "reason": message["reason"],
        "who": message["owner"],
        "build_system_type": message["buildSystem"],
        "tier": message["tier"],
        "build_platform": platform(machine("buildMachine", "runMachine")),
        "machine_platform": platform(machine("runMachine", "buildMachine")),
        "option_collection": message.get("labels").unwrap_or(&no_labels),
        "submit_timestamp": seconds(&message["timeScheduled"]),
        "start_timestamp": seconds(&message["timeStarted"]),
        "end_timestamp": seconds(&message["timeCompleted"]),
        "log_references": log_references(message, is_2018),
        "artifacts": artifacts(message),
    });
    if let Some(name) = machine("buildMachine", "runMachine").and_then(|machine| machine.get("name")) {
        job["machine"] = name.clone();
    }
    if let Some(product) = message.get("productName") {
        job["product_name"] = product.clone();
    }
    if let Some((uuid, run)) = guid.split_once('/')
        && let (Ok(uuid), Ok(run)) = (uuid::Uuid::try_parse(uuid), run.parse::<i32>())
    {
        use base64::Engine;
        let id = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(uuid.as_bytes());
        job["taskcluster_task_id"] = json!(id);
        job["taskcluster_retry_id"] = json!(run);
    }
    let superseded = message.get("coalesced").cloned().unwrap_or_else(|| json!([]));
    json!({"revision": message["origin"]["revision"], "coalesced": superseded, "job": job})
}

/// The result map of 1.11.
fn result(message: &Value) -> &str {
    if message["state"] != "completed" {
        return "unknown";
    }
    if message["isRetried"] == true {
        return "retry";
    }
    mapped(message["result"].as_str().unwrap_or("unknown"), message)
}

fn mapped<'a>(result: &'a str, message: &Value) -> &'a str {
    match result {
        "fail" if message["jobKind"] == "test" => "testfailed",
        "fail" => "busted",
        "canceled" => "usercancel",
        other => other,
    }
}

fn seconds(time: &Value) -> Option<i64> {
    let time = time.as_str()?;
    let zoned =
        DateTime::parse_from_rfc3339(time).or_else(|_| DateTime::parse_from_rfc3339(&format!("{time}Z")));
    Some(zoned.unwrap().timestamp())
}

fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn log_references(message: &Value, is_2018: bool) -> Vec<Value> {
    let logs = list(message, "/logs").iter().map(|log| {
        let status = if log.get("steps").is_some() { "parsed" } else { "pending" };
        json!({"name": log["name"], "url": log["url"], "parse_status": status})
    });
    let links = list(message, "/jobInfo/links").iter().filter_map(|link| {
        let (text, url) = (link["linkText"].as_str()?, link["url"].as_str()?);
        let performance = !is_2018 && url.contains("perfherder-data") && url.ends_with(".json");
        let name = match text.ends_with("_errorsummary.log") {
            true => "errorsummary_json",
            false if performance => text,
            false => return None,
        };
        Some(json!({"name": name, "url": url, "parse_status": "pending"}))
    });
    logs.chain(links).collect()
}

/// The artifacts of 1.12. The summary also names its log, as section 7.6 asks of submitters.
fn artifacts(message: &Value) -> Vec<Value> {
    let mut artifacts = Vec::new();
    if message.get("jobInfo").is_some() {
        let details = list(message, "/jobInfo/links").iter().map(|link| {
            json!({
                "title": link["label"], "value": link["linkText"], "url": link["url"],
                "content_type": "link",
            })
        });
        let blob = json!({"job_details": details.collect::<Vec<_>>()});
        artifacts.push(json!({"type": "json", "name": "Job Info", "blob": blob}));
    }
    if let Some(log) = list(message, "/logs").iter().find(|log| log.get("steps").is_some()) {
        let steps = list(log, "/steps").iter().enumerate().map(|(order, step)| {
            json!({
                "name": step["name"], "result": mapped(step["result"].as_str().unwrap(), message),
                "started": step["timeStarted"], "finished": step["timeFinished"],
                "started_linenumber": step["lineStarted"], "finished_linenumber": step["lineFinished"],
                "errors": list(step, "/errors"), "order": order,
            })
        });
        let data =
            json!({"steps": steps.collect::<Vec<_>>(), "errors_truncated": log.get("errorsTruncated")});
        let blob = json!({"logurl": log["url"], "logname": log["name"], "step_data": data});
        artifacts.push(json!({"type": "json", "name": "text_log_summary", "blob": blob}));
    }
    artifacts.extend(list(message, "/extra/artifacts").iter().cloned());
    artifacts
}

#[test]
fn the_messages_of_both_shapes_are_the_same_jobs_through_rest() {
    let mut of_2018 = messages("jobs/pulse_jobs_2018.json", 5);
    for message in &mut of_2018 {
        message["origin"]["project"] = json!("mozilla-central");
    }
    for message in messages("jobs/pulse_jobs_2026.json", 46).into_iter().chain(of_2018) {
        let (pulse, rest) = (from_pulse(&message).unwrap(), from_rest(&message));
        assert_eq!(rest, pulse);
        assert_eq!(rest.content_digest(), pulse.content_digest(), "sent again, it is a repeat");
    }
}

#[test]
fn any_valid_message_is_the_same_job_through_rest() {
    let mut runner = TestRunner::new(Config { cases: 500, failure_persistence: None, ..Config::default() });
    let compared = Cell::new(0);
    let checked = runner.run(&valid(), |mut message| {
        if message.get("productName").and_then(Value::as_str).is_some_and(|name| name.trim().is_empty()) {
            message["productName"] = json!("product");
        }
        // Artifacts in `extra` may be wrong in what they say; those messages are no jobs.
        if let Some(pulse) = from_pulse(&message) {
            prop_assert_eq!(from_rest(&message), pulse);
            compared.set(compared.get() + 1);
        }
        Ok(())
    });
    checked.unwrap_or_else(|error| panic!("{error}"));
    assert!(compared.get() > 250, "only {} of 500 were valid", compared.get());
}
