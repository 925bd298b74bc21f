//! Legacy items in the core, on both databases: they are held with the project of their request, fit the
//! columns at their longest, and are the same rows as through other doors.

use super::tests::{PROJECT, on_each_database, revision, submission, submit};
use super::{Gateway, GatewayOptions, Submission};
use crate::access::{Principal, Rights};
use crate::domain::{Door, Outcome, ParkedFor, RawFormat, StoredReason, UnchangedReason};
use crate::formats::{self, Decoded};
use chrono::Utc;
use serde_json::{Value, json};

const CREATED: Outcome = Outcome::Stored(StoredReason::Created);

pub(crate) fn legacy(format: RawFormat, item: &Value) -> Submission {
    let raw = item.to_string().into();
    let Decoded { content, warnings, for_other_jobs } = formats::decode(format, &raw, Some(PROJECT));
    assert_eq!(for_other_jobs, []);
    Submission {
        door: Door::Http,
        received_at: Utc::now(),
        raw,
        format,
        request_project: Some(PROJECT.into()),
        content,
        warnings,
        held: None,
        context: None,
    }
}

fn job(guid: &str, digit: char) -> Submission {
    legacy(RawFormat::LegacyJobJson, &json!({"revision": revision(digit), "job": {"job_guid": guid}}))
}

fn waits_for(outcome: &Outcome) -> Option<ParkedFor> {
    match outcome {
        Outcome::Parked { waiting_for, .. } => Some(*waiting_for),
        _ => None,
    }
}

async fn until_nothing_waits(gateway: &Gateway) {
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(5);
    while gateway.store().ledger_balance().await.unwrap().rows > 0 {
        assert!(tokio::time::Instant::now() < deadline, "everything is released");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_parked_legacy_job_is_stored_in_the_project_of_its_request_when_its_push_comes() {
    on_each_database(GatewayOptions::default(), async |gateway| {
        let outcomes = submit(&gateway, vec![job("late", 'c')]).await;
        assert_eq!(waits_for(&outcomes[0]), Some(ParkedFor::Push));
        let principal = Principal { source: "tester".into(), rights: Rights::EveryProject };
        let commit = json!({"revision": revision('c'), "author": "a", "comment": "c"});
        let push = json!({"push_timestamp": 1, "revisions": [commit]});
        let pushes = vec![formats::decode_push_json(0, push.to_string().into())];
        gateway.submit_pushes(&principal, Door::Http, PROJECT, pushes).await.unwrap();
        until_nothing_waits(&gateway).await;
        let stored = gateway.store().job("late").await.unwrap().unwrap().job;
        assert_eq!(stored.project, PROJECT);
    })
    .await;
}

#[tokio::test]
async fn r15_a_parked_legacy_artifact_is_added_when_its_job_comes() {
    on_each_database(GatewayOptions::default(), async |gateway| {
        let blob = json!({"job_details": [{"title": "t", "value": "v"}]});
        let item = json!({"name": "Job Info", "type": "json", "blob": blob, "job_guid": "late"});
        let outcomes = submit(&gateway, vec![legacy(RawFormat::LegacyArtifactJson, &item)]).await;
        assert_eq!(waits_for(&outcomes[0]), Some(ParkedFor::Job));
        assert_eq!(submit(&gateway, vec![job("late", 'a')]).await, [CREATED]);
        until_nothing_waits(&gateway).await;
        let stored = gateway.store().job("late").await.unwrap().unwrap();
        assert_eq!(stored.details.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_job_that_came_through_pulse_is_a_repeat_through_rest() {
    on_each_database(GatewayOptions::default(), async |gateway| {
        let pulse = submission("same", "running", 'a', |_| {});
        assert_eq!(submit(&gateway, vec![pulse]).await, [CREATED]);
        let item = json!({"revision": revision('a'), "job": {
            "job_guid": "same", "build_system_type": "mill", "job_symbol": "k", "group_symbol": "g",
            "name": "kiln", "state": "running",
            "log_references": [{"name": "live_backing_log", "url": "https://art.example.org/live.log"}],
        }});
        let outcomes = submit(&gateway, vec![legacy(RawFormat::LegacyJobJson, &item)]).await;
        assert_eq!(outcomes, [Outcome::Unchanged(UnchangedReason::Duplicate)]);
    })
    .await;
}

#[tokio::test]
async fn the_longest_texts_of_a_legacy_job_fit_their_columns_and_empty_ones_stay_empty() {
    on_each_database(GatewayOptions::default(), async |gateway| {
        let long = |length: usize| json!("ü".repeat(length));
        let platform = json!({"os_name": long(25), "platform": long(100), "architecture": long(25)});
        let widest = json!({"revision": revision('a'), "job": {
            "job_guid": long(60), "name": long(140), "job_symbol": long(35), "group_name": long(255),
            "group_symbol": long(25), "product_name": long(125), "state": long(30), "result": long(25),
            "reason": long(130), "who": long(60), "machine": long(100), "build_platform": platform,
            "machine_platform": platform, "option_collection": [long(100)], "build_system_type": long(25),
            "reference_data_name": long(255), "tier": 32_767, "end_timestamp": 253_402_300_799_i64,
            "log_references": [{"name": long(60), "url": long(600)}],
            "artifacts": [{"name": long(128), "type": long(50), "blob": 1}],
            "taskcluster_task_id": long(22), "taskcluster_retry_id": 2_147_483_647, "desc": long(70_000),
        }});
        let empty = json!({"revision": revision('a'), "job": {
            "job_guid": "empty", "result": "", "machine": "", "build_system_type": "",
            "reference_data_name": "", "build_platform": {"os_name": "", "platform": "", "architecture": ""},
        }});
        let items = [widest, empty].map(|item| legacy(RawFormat::LegacyJobJson, &item));
        assert_eq!(submit(&gateway, items.to_vec()).await, [CREATED, CREATED]);
        let stored = gateway.store().job("empty").await.unwrap().unwrap().job;
        assert_eq!((stored.result.as_str(), &*stored.machine), ("", ""));
        assert_eq!(stored.state.as_str(), "unknown");
        assert!(gateway.store().job(&"ü".repeat(50)).await.unwrap().is_some());
    })
    .await;
}
