//! Messages that tell of pushes, through a real broker: fetched from a host, stored, and the jobs that
//! waited for them released.

use crate::harness::command::{herdgate_on, run};
use crate::harness::jobs::{new_guid, new_revision, pulse};
use crate::harness::pulse::{TAKEN_IN, held_of, name_of, new_exchange, publisher_to, queue_of, registration};
use crate::harness::rabbitmq::Broker;
use crate::harness::reading::{held, state_of};
use crate::harness::{Database, Gateway, eventually};
use axum::http::{StatusCode, Uri};
use herdgate::proto::ListPushesRequest;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// From a push that is stored to the job that waited for it.
const RELEASE: Duration = Duration::from_secs(2);
const BASE: &str = "1111111111111111111111111111111111111111";

/// A host that has answers by path and query; 404 for all else.
#[derive(Clone)]
struct Host {
    url: String,
    answers: Arc<Mutex<HashMap<String, Value>>>,
}

impl Host {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let host = Self { url, answers: Arc::default() };
        let answering = host.clone();
        let router = axum::Router::new().fallback(move |uri: Uri| {
            let answers = answering.answers.lock().unwrap();
            let answer = answers.get(uri.path_and_query().unwrap().as_str()).map(ToString::to_string);
            async move { answer.ok_or(StatusCode::NOT_FOUND) }
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        host
    }

    fn has(&self, path: String, answer: Value) {
        self.answers.lock().unwrap().insert(path, answer);
    }
}

fn listed(sha: &str) -> Value {
    json!({"sha": sha, "commit": {"message": "why", "author": {"name": "Ada", "email": "ada@example.org"},
        "committer": {"date": "2020-01-02T00:00:00Z"}}})
}

fn logged(node: &str) -> Value {
    json!({"date": 1469830246, "user": "ada@example.org", "changesets": [
        {"node": node, "author": "Ada", "desc": "why"}]})
}

async fn start(database: &Database, host: &Host) -> Option<(Gateway, Broker)> {
    let broker = Broker::shared()?;
    run(herdgate_on(database).arg("migrate")).await.done();
    for (name, path, options) in [
        ("quince-git", "acme/quince", &["--branch", "main,pull request"][..]),
        ("quince-hg", "acme/quince-hg", &["--dvcs", "hg"][..]),
    ] {
        let url = format!("{}/{path}", host.url);
        run(herdgate_on(database).args(["repository", "add", name, "--url", &url]).args(options))
            .await
            .done();
    }
    let gateway = Gateway::on(&broker.for_gateway_on(database))
        .with_variable("HERDGATE_FETCH_ALLOWED_HOSTS", "127.0.0.1")
        .with_variable("HERDGATE_PUSHES_GITHUB_API_URL", &host.url)
        .with_variable("HERDGATE_PUSHES_MERCURIAL_POLL_SECONDS", 0)
        .start()
        .await;
    Some((gateway, broker))
}

fn of_kind(exchange: &str, kind: &str) -> Value {
    json!({"exchange": exchange, "kind": kind, "routing_keys": ["#"]})
}

/// A job of this project that waits for its push.
async fn parked(gateway: &Gateway, broker: &Broker, project: &str, revision: &str) -> String {
    let guid = new_guid();
    let mut message = pulse(&guid, revision);
    message["origin"]["project"] = project.into();
    let publisher = publisher_to(gateway, broker, &registration(&new_exchange())).await;
    publisher.send(&format!("treeherder.{project}"), &message).await;
    eventually("it is parked", TAKEN_IN, async || held(gateway, &guid).await.pop()).await;
    guid
}

async fn the_three_kinds_of_messages_bring_their_pushes_and_release_what_waits(database: Database) {
    let host = Host::start().await;
    let Some((gateway, broker)) = start(&database, &host).await else { return };
    let [pushed, pulled, logged_revision] = [new_revision(), new_revision(), new_revision()];
    let repo = "/repos/acme/quince";
    let page = "per_page=100&page=1";
    host.has(format!("{repo}/compare/{BASE}...{pushed}?{page}"), json!({"commits": [listed(&pushed)]}));
    host.has(format!("{repo}/pulls/7/commits?{page}"), json!([listed(&pulled)]));
    host.has(
        "/acme/quince-hg/json-pushes?version=2&full=1&startID=8&endID=9".into(),
        json!({"lastpushid": 9, "pushes": {"9": logged(&logged_revision)}}),
    );
    let url = format!("{}/acme/quince", host.url);
    let push = json!({"details": {"event.base.repo.branch": "main", "event.base.sha": BASE,
        "event.head.sha": pushed, "event.head.repo.url": format!("{url}.git")}});
    let pull = json!({"details": {"event.pullNumber": "7", "event.base.repo.url": url}});
    let hg = json!({"payload": {"repo_url": format!("{url}-hg"), "pushlog_pushes": [{"pushid": 9}]}});
    for (kind, project, revision, message) in [
        ("github-push", "quince-git", &pushed, push),
        ("github-pull-request", "quince-git", &pulled, pull),
        ("hg-push", "quince-hg", &logged_revision, hg),
    ] {
        let guid = parked(&gateway, &broker, project, revision).await;
        let exchange = new_exchange();
        let publisher = publisher_to(&gateway, &broker, &of_kind(&exchange, kind)).await;
        publisher.send("primary.any", &message).await;
        let known = async || {
            let wanted = ListPushesRequest { project: project.into(), ..Default::default() };
            let pushes = gateway.query().list_pushes(wanted).await.unwrap().into_inner().pushes;
            pushes.iter().any(|push| push.revision == *revision).then_some(())
        };
        eventually(&format!("{kind} brings its push"), TAKEN_IN, known).await;
        eventually(&format!("{kind} releases the job"), RELEASE, async || state_of(&gateway, &guid).await)
            .await;
        assert_eq!(publisher.waiting(&queue_of(&exchange)).await, Some(0), "{}", name_of(&exchange));
        assert_eq!(held_of(&gateway, &exchange).await, []);
    }
}

async fn what_is_no_message_of_a_known_repository_is_held_and_blocks_nothing(database: Database) {
    let host = Host::start().await;
    let Some((gateway, broker)) = start(&database, &host).await else { return };
    let revision = new_revision();
    host.has(
        format!("/repos/acme/quince/compare/{BASE}...{revision}?per_page=100&page=1"),
        json!({"commits": [listed(&revision)]}),
    );
    let exchange = new_exchange();
    let publisher = publisher_to(&gateway, &broker, &of_kind(&exchange, "github-push")).await;
    let message = |branch: &str| {
        json!({"details": {"event.base.repo.branch": branch, "event.base.sha": BASE,
            "event.head.sha": revision, "event.head.repo.url": format!("{}/acme/quince", host.url)}})
    };
    let guid = parked(&gateway, &broker, "quince-git", &revision).await;
    publisher.send("primary", &json!("nonsense")).await;
    publisher.send("primary", &message("elsewhere")).await;
    publisher.send("primary", &message("main")).await;
    eventually("the good one is followed", TAKEN_IN, async || state_of(&gateway, &guid).await).await;
    let rules: Vec<String> =
        held_of(&gateway, &exchange).await.into_iter().map(|one| one.violations[0].rule.clone()).collect();
    assert_eq!(rules, ["unknown_repository", "push_message"]);

    // Once the repository is known, what is held is followed like a new message.
    let url = format!("{}/acme/quince", host.url);
    let add = ["repository", "add", "late", "--url", &url, "--branch", "elsewhere"].map(ToOwned::to_owned);
    run(herdgate_on(&gateway.database).args(add)).await.done();
    let id = held_of(&gateway, &exchange).await[0].id.to_string();
    let replayed = eventually("it is replayed", Duration::from_secs(10), async || {
        let command = ["held", "replay", &id, "--server", &gateway.address(), "--token", &gateway.token]
            .map(ToOwned::to_owned);
        (run(herdgate_on(&gateway.database).args(command)).await.code == Some(0)).then_some(())
    });
    replayed.await;
    assert_eq!(held_of(&gateway, &exchange).await.len(), 1);
}

on_both_databases!(
    the_three_kinds_of_messages_bring_their_pushes_and_release_what_waits,
    what_is_no_message_of_a_known_repository_is_held_and_blocks_nothing,
);
