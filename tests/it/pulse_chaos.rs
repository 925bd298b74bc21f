//! Everything fails at random, and every confirmed message is stored, once (design rule R1).

use crate::harness::cutting_proxy::CuttingProxy;
use crate::harness::gateway::PROJECT;
use crate::harness::jobs::{new_guid, new_revision, pulse, push};
use crate::harness::postgres::PrivatePostgres;
use crate::harness::pulse::{Publisher, json_properties, new_exchange, publisher_to, registration};
use crate::harness::rabbitmq::{Broker, PrivateBroker, USER};
use crate::harness::reading::{all_jobs, get_job};
use crate::harness::submitting::submit_pushes;
use crate::harness::{Database, Gateway, eventually, long, seed};
use futures::StreamExt;
use herdgate::proto::{ListBugSuggestionsRequest, ListHeldMessagesRequest, Outcome, Push};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};
use tokio::task::JoinHandle;

const KEY: &str = "treeherder.quince-central";
/// Every so many messages one is wrong, and must be held. Of one source 10,000 are, and no more come of a long run.
const WRONG: usize = 20;
const PUBLISHERS: usize = 4;
const READS_AT_ONCE: usize = 16;
/// To work off what piled up.
const PATIENCE: Duration = Duration::from_secs(180);

/// What the broker confirmed.
#[derive(Debug, Default)]
struct Confirmed {
    good: Mutex<BTreeSet<String>>,
    wrong: Mutex<BTreeSet<String>>,
    count: AtomicUsize,
    stop: AtomicBool,
}

/// Logs and links of every message.
const PARTS: usize = 2;
/// An error line of every message. It is counted how many jobs had it, each once however often it was delivered.
const FAILURE: &str = "TEST-UNEXPECTED-FAIL | browser/test_chaos.js | the broker went away";

fn completed(guid: &str, revision: &str) -> Value {
    let parts = 0..PARTS;
    let url = |part: usize| format!("https://logs.invalid/{guid}/{part}");
    let mut message = pulse(guid, revision);
    message["state"] = "completed".into();
    message["result"] = "fail".into();
    message["timeStarted"] = "2026-01-01T12:01:00Z".into();
    message["timeCompleted"] = "2026-01-01T12:02:00Z".into();
    message["logs"] =
        parts.clone().map(|part| json!({ "name": format!("log {part}"), "url": url(part) })).collect();
    message["logs"][0]["steps"] = json!([{
        "name": "chaos", "timeStarted": "2026-01-01T12:01:00Z", "timeFinished": "2026-01-01T12:02:00Z",
        "lineStarted": 0, "lineFinished": 3, "result": "fail",
        "errors": [{"line": FAILURE, "linenumber": 1}],
    }]);
    let links =
        parts.map(|part| json!({ "label": "file", "linkText": format!("file {part}"), "url": url(part) }));
    message["jobInfo"] = json!({ "links": links.collect::<Vec<_>>() });
    message
}

/// Publishes until told to stop, with a new connection whenever the old one breaks.
async fn publish(broker: Broker, exchange: String, revision: String, confirmed: Arc<Confirmed>) {
    while !confirmed.stop.load(Ordering::Relaxed) {
        let opened = tokio::spawn({
            let (broker, exchange) = (broker.clone(), exchange.clone());
            async move { Publisher::open(&broker, &exchange).await }
        });
        // A broker that is away makes it panic: then again.
        let Ok(publisher) = opened.await else {
            tokio::time::sleep(Duration::from_millis(200)).await;
            continue;
        };
        while !confirmed.stop.load(Ordering::Relaxed) {
            let number = confirmed.count.load(Ordering::Relaxed);
            let guid = new_guid();
            let mut message = completed(&guid, &revision);
            let wrong = number.is_multiple_of(WRONG);
            if wrong {
                message["state"] = "sleeping".into();
            }
            let body = message.to_string();
            let sending = publisher.try_publish(KEY, body.as_bytes(), json_properties());
            match tokio::time::timeout(Duration::from_secs(10), sending).await {
                Ok(Ok(true)) => {
                    let set = if wrong { &confirmed.wrong } else { &confirmed.good };
                    set.lock().unwrap().insert(guid);
                    confirmed.count.fetch_add(1, Ordering::Relaxed);
                }
                // Not confirmed: nothing was promised.
                Ok(Ok(false) | Err(_)) | Err(_) => break,
            }
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Blow {
    KillBroker,
    KillGateway,
    CrashPostgres,
    CutConnection,
}

async fn assert_all_is_there(gateway: &Gateway, confirmed: &Confirmed, exchange: &str) {
    let good = confirmed.good.lock().unwrap().clone();
    eventually("every confirmed good message is stored", PATIENCE, async || {
        let stored: BTreeSet<String> =
            all_jobs(gateway, PROJECT).await.into_iter().map(|job| job.job_guid).collect();
        good.is_subset(&stored).then_some(())
    })
    .await;
    let stored: Vec<String> = all_jobs(gateway, PROJECT).await.into_iter().map(|job| job.job_guid).collect();
    futures::stream::iter(&stored)
        .for_each_concurrent(READS_AT_ONCE, async |guid| {
            let parts = get_job(gateway, guid).await.unwrap();
            assert_eq!((parts.logs.len(), parts.details.len()), (PARTS, PARTS), "{guid} is stored whole");
        })
        .await;
    // Of messages that were never confirmed some may still come.
    eventually("the failure of every job is counted once", PATIENCE, async || {
        let counted = counted(gateway, &stored[0]).await;
        let jobs = all_jobs(gateway, PROJECT).await.len();
        assert!(counted <= jobs, "{counted} counted of {jobs} jobs");
        (counted == jobs).then_some(())
    })
    .await;
    let wrong = confirmed.wrong.lock().unwrap().clone();
    eventually("every confirmed wrong message is held", PATIENCE, async || {
        let held = held_guids(gateway, exchange).await;
        let distinct: BTreeSet<String> = held.iter().cloned().collect();
        assert_eq!(distinct.len(), held.len(), "none is held twice");
        wrong.is_subset(&distinct).then_some(())
    })
    .await;
    println!("{} stored of {} confirmed, {} held", stored.len(), good.len(), wrong.len());
}

/// Registers a push; failures of old ones are not counted for long.
async fn push_of_today(gateway: &Gateway) -> String {
    let revision = new_revision();
    let push = Push { push_timestamp: Some(SystemTime::now().into()), ..push(&revision) };
    let verdicts = submit_pushes(gateway, vec![push]).await;
    assert_eq!(verdicts[0].outcome(), Outcome::Stored, "{verdicts:?}");
    revision
}

/// Of how many jobs the failure was counted: the one that is asked for, and "the others".
async fn counted(gateway: &Gateway, guid: &str) -> usize {
    let request = ListBugSuggestionsRequest { job_guid: guid.into() };
    let answer = gateway.query().list_bug_suggestions(request).await.unwrap().into_inner();
    let [suggestion] = &answer.suggestions[..] else { panic!("{answer:?}") };
    1 + usize::try_from(suggestion.counter).unwrap()
}

async fn held_guids(gateway: &Gateway, exchange: &str) -> Vec<String> {
    let mut request =
        ListHeldMessagesRequest { source: exchange.into(), page_size: 1000, ..Default::default() };
    let mut guids = Vec::new();
    loop {
        let page = gateway.admin().list_held_messages(request.clone()).await.unwrap().into_inner();
        guids.extend(page.messages.into_iter().map(|held| held.job_guid));
        if page.next_page_token.is_empty() {
            return guids;
        }
        request.page_token = page.next_page_token;
    }
}

async fn survive(
    database: Database,
    postgres: Option<PrivatePostgres>,
    mut broker: PrivateBroker,
    blows: &[Blow],
) {
    let mut random = StdRng::seed_from_u64(seed("pulse chaos"));
    let wanted = if long() { 100_000 } else { 3_000 };
    let proxy = CuttingProxy::before(broker.address()).await;
    let through_proxy = Broker { url: format!("amqp://{USER}:{USER}@{}", proxy.address) };
    // There is nothing behind the addresses of the logs.
    let without_logs = through_proxy.for_gateway_on(&database).with("HERDGATE_LOGS_WORKERS", "0");
    let mut gateway = Gateway::on(&without_logs).start().await;
    let revision = push_of_today(&gateway).await;
    let exchange = new_exchange();
    drop(publisher_to(&gateway, &broker.broker(), &registration(&exchange)).await);
    let confirmed = Arc::new(Confirmed::default());
    let publishers: Vec<JoinHandle<()>> = (0..PUBLISHERS)
        .map(|_| {
            let (broker, exchange) = (broker.broker(), exchange.clone());
            tokio::spawn(publish(broker, exchange, revision.clone(), confirmed.clone()))
        })
        .collect();
    for (number, blow) in blows.iter().enumerate() {
        let goal = wanted * (number + 1) / (blows.len() + 1);
        eventually("messages are confirmed", PATIENCE, async || {
            (confirmed.count.load(Ordering::Relaxed) >= goal).then_some(())
        })
        .await;
        tokio::time::sleep(Duration::from_millis(random.random_range(0..500))).await;
        println!("{blow:?} after {} messages", confirmed.count.load(Ordering::Relaxed));
        match blow {
            Blow::KillBroker => {
                broker.kill();
                broker.start().await;
            }
            Blow::KillGateway => {
                gateway.kill().await;
                gateway.restart().await;
            }
            Blow::CrashPostgres => {
                if let Some(postgres) = &postgres {
                    postgres.crash();
                    postgres.start().await;
                }
            }
            Blow::CutConnection => proxy.cut_after(random.random_range(1..20_000)),
        }
    }
    eventually("messages are confirmed", PATIENCE, async || {
        (confirmed.count.load(Ordering::Relaxed) >= wanted).then_some(())
    })
    .await;
    confirmed.stop.store(true, Ordering::Relaxed);
    for publisher in publishers {
        publisher.await.unwrap();
    }
    assert_all_is_there(&gateway, &confirmed, &exchange).await;
}

/// So many of each, in a random order.
fn blows(counts: &[(Blow, usize)]) -> Vec<Blow> {
    let times = if long() { 5 } else { 1 };
    let mut blows: Vec<Blow> =
        counts.iter().flat_map(|(blow, count)| std::iter::repeat_n(*blow, count * times)).collect();
    let mut random = StdRng::seed_from_u64(seed("order of blows"));
    for last in (1..blows.len()).rev() {
        blows.swap(last, random.random_range(0..=last));
    }
    blows
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_postgresql_no_confirmed_message_is_lost_or_stored_twice() {
    let Some(postgres) = PrivatePostgres::start_new().await else { return };
    let Some(broker) = PrivateBroker::start_new().await else { return };
    let database = Database::on_server(&postgres.url()).await;
    let blows = blows(&[
        (Blow::KillBroker, 2),
        (Blow::KillGateway, 2),
        (Blow::CrashPostgres, 1),
        (Blow::CutConnection, 2),
    ]);
    survive(database, Some(postgres), broker, &blows).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_sqlite_no_confirmed_message_is_lost_or_stored_twice() {
    let Some(broker) = PrivateBroker::start_new().await else { return };
    let blows = blows(&[(Blow::KillBroker, 1), (Blow::KillGateway, 2), (Blow::CutConnection, 2)]);
    survive(Database::sqlite(), None, broker, &blows).await;
}
