//! The whole way of a log: claimed, fetched, unpacked, parsed, stored.

use super::load::database::Database;
use super::samples::Sample;
use super::server;
use chrono::Utc;
use herdgate::access::{Principal, Rights};
use herdgate::core::{Gateway, GatewayOptions, Submission};
use herdgate::domain::{Door, Outcome, ProjectName, Push, RawFormat, Repository, RepositoryKind, Revision};
use herdgate::fetch::{FetchOptions, Fetcher};
use herdgate::follow_up::{RunnerOptions, logs::LogWork, start};
use herdgate::formats;
use herdgate::limits;
use herdgate::store::{Store, StoreOptions};
use serde_json::json;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

const PROJECT: &str = "bench";
const REVISION: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

/// Submits jobs with a log each, then has all logs read, and prints how fast that went.
pub async fn measure(database: &Database, samples: &[Sample], logs: usize) {
    let options =
        StoreOptions { url: database.url(), max_connections: 8, unsafe_durability: false, create: true };
    let store = Store::connect(&options).await.expect("the database");
    store.migrate().await.expect("a schema");
    let gateway = with_push(store.clone()).await;
    let base = server::start(samples).await;
    let numbered: Vec<usize> = (0..logs).collect();
    for some in numbered.chunks(limits::COMMIT_BATCH_ITEMS) {
        let jobs = some.iter().map(|number| job(*number, samples, &base)).collect();
        submit(&gateway, jobs).await;
    }
    let bytes: usize = (0..logs).map(|number| samples[number % samples.len()].text.len()).sum();

    let fetcher = Fetcher::new(FetchOptions { allow_private: true, ..FetchOptions::default() }).expect("TLS");
    let stop = CancellationToken::new();
    let started = Instant::now();
    let options = RunnerOptions::default();
    let work = LogWork::new(store.clone(), fetcher, options.workers);
    let runner = start(store.clone(), work, options, gateway.follow_up_enqueued(), stop.clone());
    while store.follow_up_depth().await.expect("the database") > 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "\n{}: {logs} logs, {} workers: {:.0} logs/s, {:.0} MB/s decoded",
        database.title(),
        options.workers,
        logs as f64 / seconds,
        bytes as f64 / 1e6 / seconds,
    );
    stop.cancel();
    runner.await.expect("the runner ends");
    gateway.drain().await;
    store.close().await;
}

async fn with_push(store: Store) -> Gateway {
    let repository = Repository {
        id: 0,
        name: ProjectName::try_new(PROJECT).expect("a name"),
        url: "https://hg.example.org/bench".into(),
        kind: RepositoryKind::Mercurial,
        branch: None,
        group: None,
        active: true,
        description: String::new(),
        codebase: String::new(),
        accepts_pull_requests: false,
    };
    let repository = store.save_repository(&repository).await.expect("a repository");
    let push = Push {
        revision: Revision::try_new(REVISION).expect("a revision"),
        time: Utc::now(),
        author: "ada@example.org".into(),
        commits: Vec::new(),
        omitted_commits: 0,
    };
    store.store_push(repository.id, &push, Utc::now()).await.expect("a push");
    Gateway::start(store, GatewayOptions::default()).await.expect("a gateway")
}

fn job(number: usize, samples: &[Sample], base: &str) -> Submission {
    let which = number % samples.len();
    let log = json!({
        "name": samples[which].log_name(), "url": format!("{base}/{which}/{number}"), "parse_status": "pending",
    });
    let item = json!({"project": PROJECT, "revision": REVISION, "job": {
        "job_guid": format!("bench-{number}"), "state": "completed", "result": "testfailed",
        "log_references": [log],
    }});
    let raw = item.to_string().into();
    let decoded = formats::decode(RawFormat::LegacyJobJson, &raw, Some(PROJECT));
    Submission {
        door: Door::Http,
        received_at: Utc::now(),
        raw,
        format: RawFormat::LegacyJobJson,
        request_project: Some(PROJECT.into()),
        content: decoded.content,
        warnings: decoded.warnings,
        held: None,
        context: None,
    }
}

async fn submit(gateway: &Gateway, jobs: Vec<Submission>) {
    let principal = Principal { source: "bench".into(), rights: Rights::EveryProject };
    let verdicts = gateway.submit(&principal, jobs).await.expect("room").await;
    for verdict in verdicts {
        assert!(matches!(verdict.outcome, Outcome::Stored(_)), "{verdict:?}");
    }
}
