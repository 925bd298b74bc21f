//! What pushes and time do to what is parked.

use super::{PROJECT, on_each_database, revision, submission, submit};
use crate::access::{Principal, Rights};
use crate::core::{Gateway, GatewayOptions, HoldingLimits};
use crate::domain::{Door, HeldState, JobGuid, Outcome, RawFormat};
use crate::formats;
use crate::limits;
use crate::store::entities::held::pending_supersede;
use crate::store::model::HeldFilter;
use chrono::{TimeDelta, Utc};
use sea_orm::{EntityTrait, PaginatorTrait};
use serde_json::json;
use std::time::Duration;
use tokio::time::{Instant, sleep};

async fn submit_pushes(gateway: &Gateway, digits: &[char]) {
    let principal = Principal { source: "tester".into(), rights: Rights::EveryProject };
    let push = |digit: &char| json!({"revision": revision(*digit), "push_timestamp": 1, "author": "a", "revisions": []});
    let pushes = digits.iter().map(push).map(|push| formats::decode_push_json(0, push.to_string().into()));
    gateway.submit_pushes(&principal, Door::Http, PROJECT, pushes.collect()).await.unwrap();
}

async fn until_nothing_waits(gateway: &Gateway) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while gateway.store().ledger_balance().await.unwrap().rows > 0 {
        assert!(Instant::now() < deadline, "everything is released");
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn r14_what_was_parked_in_one_batch_is_released_in_order_of_receipt() {
    on_each_database(GatewayOptions::default(), async |gateway| {
        // Of two completions the first is final; digests order them at random.
        let guids: Vec<String> = (0..20).map(|number| format!("job-{number}")).collect();
        let finished = |guid: &str, result: &str| {
            let mut finished = submission(guid, "completed", 'c', |_| {});
            let text = String::from_utf8(finished.raw.to_vec()).unwrap();
            finished.raw = text.replacen('{', &format!("{{\"result\":\"{result}\","), 1).into();
            finished.content = formats::decode(RawFormat::PulseJson, &finished.raw, None).content;
            finished
        };
        let all = guids.iter().flat_map(|g| [finished(g, "success"), finished(g, "exception")]).collect();
        let outcomes = submit(&gateway, all).await;
        assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Parked { .. })), "{outcomes:?}");
        submit_pushes(&gateway, &['c']).await;
        until_nothing_waits(&gateway).await;
        for guid in &guids {
            let job = gateway.store().job(guid).await.unwrap().unwrap().job;
            assert_eq!(job.result.as_str(), "success", "{guid}");
        }
    })
    .await;
}

#[tokio::test]
async fn r14_a_push_that_many_wait_for_does_not_delay_the_next_one() {
    on_each_database(GatewayOptions::default(), async |gateway| {
        let many = limits::RELEASE_CHUNK * 5 / 2;
        let guids: Vec<String> = (0..many).map(|number| format!("many-{number}")).collect();
        for guids in guids.chunks(limits::COMMIT_BATCH_ITEMS) {
            submit(&gateway, guids.iter().map(|g| submission(g, "pending", 'c', |_| {})).collect()).await;
        }
        submit(&gateway, vec![submission("alone", "pending", 'd', |_| {})]).await;
        submit_pushes(&gateway, &['c', 'd']).await;
        until_nothing_waits(&gateway).await;
        let committed =
            async |guid: &str| gateway.store().job(guid).await.unwrap().unwrap().job.provenance.committed_at;
        assert!(committed("alone").await < committed(guids.last().unwrap()).await);
    })
    .await;
}

#[tokio::test]
async fn r13_what_is_held_expires_by_the_limits_of_the_gateway() {
    let (parked_age, rejected_age) = (TimeDelta::zero(), TimeDelta::hours(1));
    let holding = HoldingLimits { parked_age, rejected_age, ..HoldingLimits::default() };
    on_each_database(GatewayOptions { holding, ..GatewayOptions::default() }, async |gateway| {
        let superseding = submission("one", "running", 'a', |job| {
            job.parts.superseded = vec![JobGuid::try_new("unknown").unwrap()];
        });
        submit(&gateway, vec![superseding, submission("waits", "pending", 'c', |_| {})]).await;
        let remembered = async || {
            pending_supersede::Entity::find().count(&gateway.store().read_connection()).await.unwrap()
        };
        assert_eq!(remembered().await, 1);
        gateway.0.expire().await.unwrap();
        assert_eq!(remembered().await, 0);
        let held = gateway.store().held_messages(&HeldFilter::default(), None, 10).await.unwrap();
        assert_eq!(held[0].state, HeldState::Expired);
        let left = held[0].expires_at - Utc::now();
        assert!(left <= rejected_age && left > rejected_age - TimeDelta::minutes(5), "{left}");
    })
    .await;
}

#[tokio::test]
async fn r13_what_was_rejected_and_is_parked_when_it_comes_again_waits_as_long_as_any() {
    let (parked_age, rejected_age) = (TimeDelta::hours(1), TimeDelta::hours(100));
    let holding = HoldingLimits { parked_age, rejected_age, ..HoldingLimits::default() };
    on_each_database(GatewayOptions { holding, ..GatewayOptions::default() }, async |gateway| {
        let sent = |first: bool| {
            let mut job = submission("one", "running", 'c', |_| {});
            let text = String::from_utf8(job.raw.to_vec()).unwrap();
            job.raw = text.replace(PROJECT, "medlar").into();
            job.content = formats::decode(RawFormat::PulseJson, &job.raw, None).content;
            job.received_at -= if first { TimeDelta::hours(2) } else { TimeDelta::zero() };
            job
        };
        let outcomes = submit(&gateway, vec![sent(true)]).await;
        assert!(matches!(outcomes[..], [Outcome::Rejected(_)]), "{outcomes:?}");
        gateway.store().save_repository(&super::repository("medlar")).await.unwrap();
        gateway.refresh_directory().await.unwrap();
        let outcomes = submit(&gateway, vec![sent(false)]).await;
        assert!(matches!(outcomes[..], [Outcome::Parked { .. }]), "{outcomes:?}");
        let held = gateway.store().held_messages(&HeldFilter::default(), None, 10).await.unwrap();
        assert_eq!((held.len(), held[0].state), (1, HeldState::Parked));
        assert!(held[0].received_at > Utc::now() - TimeDelta::hours(1), "received when it was sent again");
        assert!(held[0].expires_at < Utc::now() + TimeDelta::hours(2), "{:?}", held[0].expires_at);
    })
    .await;
}
