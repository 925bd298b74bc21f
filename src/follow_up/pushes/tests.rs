//! From a message to the stored push, with a host that answers as scripted, on both databases.

use super::{Hosts, HostsOptions, PushWork, poller};
use crate::access::{Principal, Rights};
use crate::core::tests::{PROJECT, on_each_database, revision, submission, submit};
use crate::core::{DeliveryContext, Gateway, GatewayOptions, PushNoticeSubmission};
use crate::domain::{
    Outcome, ProjectName, PushTarget, Repository, RepositoryKind, StoredReason, UnchangedReason,
};
use crate::fetch::{AllowedHost, FetchOptions, Fetcher, Url};
use crate::follow_up::{RunnerOptions, start};
use crate::formats::push_notices::{NoticeKind, read_push_notice};
use crate::store::follow_up::{PUSH_FETCHES, WorkEntry};
use crate::store::model::StoredPush;
use axum::http::{HeaderMap, StatusCode, Uri};
use bytes::Bytes;
use chrono::Utc;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const BASE: &str = "1111111111111111111111111111111111111111";
const HEAD: &str = "2222222222222222222222222222222222222222";

/// What the host says, one after the other; the last again and again.
type Says = Vec<(u16, Vec<(&'static str, String)>, String)>;

/// A host that answers each path and query as scripted, and remembers what it was asked.
#[derive(Clone)]
struct Host {
    base: String,
    script: Arc<Mutex<HashMap<String, Says>>>,
    asked: Arc<Mutex<Vec<(String, HeaderMap)>>>,
}

impl Host {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let host = Self { base, script: Arc::default(), asked: Arc::default() };
        let answering = host.clone();
        let router = axum::Router::new().fallback(move |uri: Uri, headers: HeaderMap| {
            let answer = answering.answer(&uri, headers);
            async move { answer }
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        host
    }

    fn says(&self, path: &str, says: Says) {
        self.script.lock().unwrap().insert(path.into(), says);
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().iter().map(|(path, _)| path.clone()).collect()
    }

    fn answer(&self, uri: &Uri, headers: HeaderMap) -> (StatusCode, HeaderMap, String) {
        let path = uri.path_and_query().unwrap().to_string();
        self.asked.lock().unwrap().push((path.clone(), headers));
        let mut script = self.script.lock().unwrap();
        let Some(says) = script.get_mut(&path) else {
            return (StatusCode::NOT_FOUND, HeaderMap::new(), String::new());
        };
        let (status, headers, body) = if says.len() > 1 { says.remove(0) } else { says[0].clone() };
        let headers = headers
            .into_iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect();
        (StatusCode::from_u16(status).unwrap(), headers, body)
    }
}

fn ok(body: impl ToString) -> Says {
    vec![(200, vec![], body.to_string())]
}

fn listed(sha: &str) -> Value {
    json!({"sha": sha, "commit": {"message": "why", "author": {"name": "Ada", "email": "ada@example.org"},
        "committer": {"date": "2020-01-02T00:00:00Z"}}})
}

/// A gateway that follows messages up, its host, and a repository of each kind there.
struct World {
    gateway: Gateway,
    host: Host,
    hosts: Arc<Hosts>,
    git: Repository,
    mercurial: Repository,
}

async fn world(test: impl AsyncFn(&World)) {
    on_each_database(GatewayOptions::default(), async |gateway| {
        let host = Host::start().await;
        let git = register(&gateway, &host, PROJECT, RepositoryKind::Git, Some("main,pull request")).await;
        let mercurial = register(&gateway, &host, "hg", RepositoryKind::Mercurial, None).await;
        gateway.refresh_directory().await.unwrap();
        let fetch = FetchOptions {
            allowed_hosts: vec![AllowedHost::parse("127.0.0.1").unwrap()],
            ..FetchOptions::default()
        };
        let options = HostsOptions {
            github_api: Url::parse(&host.base).unwrap().join("api/").unwrap(),
            github_token: None,
        };
        let hosts = Arc::new(Hosts::new(Fetcher::new(fetch).unwrap(), options));
        let stop = CancellationToken::new();
        let runner = start(
            gateway.store().clone(),
            PushWork::new(gateway.clone(), hosts.clone()),
            RunnerOptions {
                poll: Duration::from_millis(50),
                first_retry: Duration::from_millis(50),
                ..RunnerOptions::default()
            },
            gateway.follow_up_enqueued(),
            stop.clone(),
        );
        test(&World { gateway, host, hosts, git, mercurial }).await;
        stop.cancel();
        runner.await.unwrap();
    })
    .await;
}

async fn register(
    gateway: &Gateway,
    host: &Host,
    name: &str,
    kind: RepositoryKind,
    branch: Option<&str>,
) -> Repository {
    let repository = Repository {
        id: 0,
        name: ProjectName::try_new(name).unwrap(),
        url: format!("{}/acme/{name}", host.base),
        kind,
        branch: branch.map(Into::into),
        group: None,
        active: true,
        description: String::new(),
        codebase: String::new(),
        accepts_pull_requests: false,
    };
    gateway.store().save_repository(&repository).await.unwrap()
}

impl World {
    async fn told(&self, kind: NoticeKind, message: &Value) -> Outcome {
        let raw = Bytes::from(message.to_string());
        let notice = PushNoticeSubmission {
            received_at: Utc::now(),
            notice: read_push_notice(kind, &raw),
            raw,
            format: kind.raw_format(),
            context: Arc::new(DeliveryContext::default()),
        };
        let principal = Principal { source: "exchange/x".into(), rights: Rights::EveryProject };
        self.gateway.submit_push_notices(&principal, vec![notice]).await.remove(0).outcome
    }

    fn github_push(&self, base: &str, head: &str) -> Value {
        json!({"details": {"event.base.repo.branch": "main", "event.base.sha": base, "event.head.sha": head,
            "event.head.repo.url": format!("{}/acme/quince.git", self.host.base)}})
    }

    fn mercurial_push(&self, id: u64) -> Value {
        json!({"payload": {"repo_url": format!("{}/acme/hg/", self.host.base), "pushlog_pushes": [
            {"pushid": id, "push_full_json_url": "http://169.254.169.254/never-asked"}]}})
    }

    async fn pushes(&self, repository: &Repository) -> Vec<StoredPush> {
        let known = ['a', 'b'].map(revision);
        let name = repository.name.as_str();
        let mut pushes = self.gateway.store().pushes(name, None, None, 100).await.unwrap();
        pushes.retain(|push| !known.contains(&push.revision));
        pushes
    }

    async fn waiting(&self, dead: bool) -> Vec<WorkEntry> {
        self.gateway.store().list_work(&PUSH_FETCHES, dead, 0, 10).await.unwrap()
    }

    /// Waits until something is so.
    async fn until<T>(&self, what: &str, look: impl AsyncFn() -> Option<T>) -> T {
        for _ in 0..200 {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("not in 10 s: {what}; asked {:?}", self.host.asked());
    }

    async fn stored(&self, repository: &Repository) -> StoredPush {
        self.until("the push is stored", async || self.pushes(repository).await.pop()).await
    }

    async fn given_up(&self) -> String {
        self.until("it is given up", async || self.waiting(true).await.pop()?.last_error).await
    }
}

const COMPARED: &str = "/api/repos/acme/quince/compare/1111111111111111111111111111111111111111...\
                        2222222222222222222222222222222222222222?per_page=100&page=1";

#[tokio::test]
async fn what_a_message_tells_of_is_stored_and_releases_the_jobs_that_wait_for_it() {
    world(async |world| {
        let revision = revision('c');
        world.host.says(COMPARED, ok(json!({"commits": [listed(BASE), listed(&revision)]})));
        let parked = submit(&world.gateway, vec![submission("waits", "pending", 'c', |_| {})]).await;
        assert!(matches!(parked[0], Outcome::Parked { .. }));
        let told = world.told(NoticeKind::GitHubPush, &world.github_push(BASE, HEAD)).await;
        assert_eq!(told, Outcome::Stored(StoredReason::Created));
        let push = world.stored(&world.git).await;
        assert_eq!(
            (push.revision, push.author.as_str(), push.commit_count),
            (revision, "ada@example.org", 2)
        );
        let arrived = std::time::Instant::now();
        world
            .until("the parked job is stored", async || world.gateway.store().job("waits").await.unwrap())
            .await;
        assert!(arrived.elapsed() < Duration::from_secs(2));
        world.until("the queue is empty", async || world.waiting(false).await.is_empty().then_some(())).await;
    })
    .await;
}

#[tokio::test]
async fn commits_are_read_page_by_page() {
    world(async |world| {
        let many: Vec<Value> = (0..100).map(|n| listed(&format!("{n:040}"))).collect();
        world.host.says(COMPARED, ok(json!({"commits": many})));
        world.host.says(&COMPARED.replace("&page=1", "&page=2"), ok(json!({"commits": [listed(HEAD)]})));
        world.told(NoticeKind::GitHubPush, &world.github_push(BASE, HEAD)).await;
        let push = world.stored(&world.git).await;
        assert_eq!((push.revision.as_str(), push.commit_count), (HEAD, 101));
    })
    .await;
}

#[tokio::test]
async fn a_push_of_more_commits_than_are_read_is_given_up_rather_than_stored_by_a_wrong_tip() {
    world(async |world| {
        for page in 0..100 {
            let many: Vec<Value> = (0..100).map(|n| listed(&format!("{:040}", page * 100 + n))).collect();
            let path = COMPARED.replace("&page=1", &format!("&page={}", page + 1));
            world.host.says(&path, ok(json!({"commits": many})));
        }
        world.told(NoticeKind::GitHubPush, &world.github_push(BASE, HEAD)).await;
        assert!(world.given_up().await.contains("10000 commits or more"));
        assert!(world.pushes(&world.git).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn every_error_status_is_tried_again_until_the_host_has_it() {
    world(async |world| {
        let mut says: Says = [500, 404, 403].map(|status| (status, vec![], "no".into())).into();
        says.extend(ok(json!({"commits": [listed(HEAD)]})));
        world.host.says(COMPARED, says);
        world.told(NoticeKind::GitHubPush, &world.github_push(BASE, HEAD)).await;
        assert_eq!(world.stored(&world.git).await.revision, HEAD);
        assert_eq!(world.host.asked().len(), 4);
    })
    .await;
}

#[tokio::test]
async fn a_failure_shows_while_it_is_tried_again() {
    world(async |world| {
        world.host.says(COMPARED, vec![(500, vec![], "no".into())]);
        world.told(NoticeKind::GitHubPush, &world.github_push(BASE, HEAD)).await;
        let entry = world
            .until("the failure shows", async || {
                world.waiting(false).await.pop().filter(|entry| entry.last_error.is_some())
            })
            .await;
        assert!(entry.last_error.unwrap().contains("500"));
        assert_eq!(entry.subject, format!("{PROJECT} compare {BASE}...{HEAD}"));
    })
    .await;
}

#[tokio::test]
async fn a_spent_rate_limit_is_waited_for_by_everything_that_is_asked_there() {
    world(async |world| {
        let reset = (Utc::now().timestamp() + 600).to_string();
        let spent = vec![("x-ratelimit-remaining", "0".to_owned()), ("x-ratelimit-reset", reset)];
        world.host.says(COMPARED, vec![(403, spent, "rate limit".into())]);
        world.told(NoticeKind::GitHubPush, &world.github_push(BASE, HEAD)).await;
        let waits = async |index: usize| {
            let next = world.waiting(false).await.get(index)?.next_attempt_at?;
            (next > Utc::now() + Duration::from_secs(300)).then_some(())
        };
        world.until("it waits for the limit", async || waits(0).await).await;
        world.told(NoticeKind::GitHubPush, &world.github_push(HEAD, BASE)).await;
        world.until("the other waits too", async || waits(1).await).await;
        assert_eq!(world.host.asked().len(), 1);
        let attempts: Vec<_> = world.waiting(false).await.iter().map(|entry| entry.attempts).collect();
        assert_eq!(attempts, [1, 0], "what did not even ask has made no attempt");
    })
    .await;
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_or_has_no_commit_is_given_up_with_its_reason() {
    for (body, reason) in [("{\"commits\": [{\"sha\"", "cannot be read"), ("{\"commits\": []}", "no commit")]
    {
        world(async |world| {
            world.host.says(COMPARED, ok(body));
            world.told(NoticeKind::GitHubPush, &world.github_push(BASE, HEAD)).await;
            let why = world.given_up().await;
            assert!(why.contains(reason), "{why}");
            assert_eq!(world.host.asked().len(), 1);
            assert!(world.pushes(&world.git).await.is_empty());
        })
        .await;
    }
}

#[tokio::test]
async fn a_pull_request_that_is_as_it_was_is_not_sent_again() {
    world(async |world| {
        let path = "/api/repos/acme/quince/pulls/7/commits?per_page=100&page=1";
        let tagged = vec![("etag", "\"7\"".to_owned())];
        let body = json!([listed(HEAD)]).to_string();
        world.host.says(path, vec![(200, tagged, body), (304, vec![], String::new())]);
        let message = json!({"details": {"event.pullNumber": "7",
            "event.base.repo.url": format!("{}/acme/quince", world.host.base)}});
        world.told(NoticeKind::GitHubPullRequest, &message).await;
        assert_eq!(world.stored(&world.git).await.revision, HEAD);
        let is_done = async || world.waiting(false).await.is_empty().then_some(());
        world.until("it is done", is_done).await;
        world.told(NoticeKind::GitHubPullRequest, &message).await;
        world.until("it is done again", is_done).await;
        let tag = world.host.asked.lock().unwrap()[1].1["if-none-match"].clone();
        assert_eq!(tag, "\"7\"");
        assert!(world.waiting(true).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_mercurial_server_is_asked_at_the_address_of_the_repository() {
    world(async |world| {
        let log = json!({"lastpushid": 9, "pushes": {"9": {"date": 1469830246, "user": "ada@example.org",
            "changesets": [{"node": HEAD, "author": "Ada", "desc": "why"}]}}});
        // Told of before the server has it.
        let empty = json!({"lastpushid": 8, "pushes": {}}).to_string();
        let path = "/acme/hg/json-pushes?version=2&full=1&startID=8&endID=9";
        world.host.says(path, vec![(200, vec![], empty), (200, vec![], log.to_string())]);
        world.told(NoticeKind::MercurialPush, &world.mercurial_push(9)).await;
        let push = world.stored(&world.mercurial).await;
        assert_eq!((push.revision.as_str(), push.author.as_str()), (HEAD, "ada@example.org"));
        assert_eq!(world.host.asked(), [path, path]);
    })
    .await;
}

#[tokio::test]
async fn a_message_without_a_repository_is_held_and_one_without_a_push_is_skipped() {
    world(async |world| {
        let mut elsewhere = world.github_push(BASE, HEAD);
        elsewhere["details"]["event.base.repo.branch"] = "other".into();
        for (kind, message, rule) in [
            (NoticeKind::GitHubPush, elsewhere, "unknown_repository"),
            (NoticeKind::GitHubPush, json!({"a": 1}), "push_message"),
            (NoticeKind::MercurialPush, json!([]), "push_message"),
        ] {
            let Outcome::Rejected(violations) = world.told(kind, &message).await else { panic!("{message}") };
            assert_eq!(violations[0].rule, rule);
        }
        let deleted = world.github_push(BASE, "0000000000000000000000000000000000000000");
        let skipped = world.told(NoticeKind::GitHubPush, &deleted).await;
        assert_eq!(skipped, Outcome::Unchanged(UnchangedReason::NothingToStore));
        assert!(world.waiting(false).await.is_empty() && world.host.asked().is_empty());
    })
    .await;
}

#[tokio::test]
async fn the_poller_stores_what_no_message_told_of_and_goes_on_from_there() {
    world(async |world| {
        let push = |node: &str| {
            json!({"date": 1, "user": "a", "changesets": [{"node": node, "author": "a", "desc": "x"}]})
        };
        let path = "/acme/hg/json-pushes?version=2&full=1";
        let obsoleted = json!({"date": 1, "user": "a", "changesets": []});
        let log = json!({"lastpushid": 5, "pushes": {"4": push(BASE), "5": obsoleted}});
        world.host.says(path, ok(log));
        let later = format!("{path}&startID=5&endID=105");
        world.host.says(&later, ok(json!({"lastpushid": 6, "pushes": {"6": push(HEAD)}})));
        // The log was begun anew on the server.
        let anew = format!("{path}&startID=6&endID=106");
        world.host.says(&anew, ok(json!({"lastpushid": 2, "pushes": {}})));
        let round = async || poller::look_at_all(&world.gateway, &world.hosts, Duration::ZERO).await;
        round().await;
        assert_eq!(world.pushes(&world.mercurial).await.len(), 1);
        round().await;
        assert_eq!(world.pushes(&world.mercurial).await.len(), 2);
        round().await;
        let asked: Vec<String> =
            world.host.asked().into_iter().filter(|path| path.starts_with("/acme/hg")).collect();
        assert_eq!(asked, [path.to_owned(), later, anew, path.to_owned()]);
        poller::look_at_all(&world.gateway, &world.hosts, Duration::from_secs(300)).await;
        assert_eq!(world.host.asked().len(), asked.len(), "another gateway just looked");
    })
    .await;
}

#[tokio::test]
async fn the_poller_passes_over_what_it_cannot_read_and_asks_for_less_of_what_is_too_large() {
    world(async |world| {
        let push = |node: &str, user: Value| {
            json!({"date": 1, "user": user, "changesets": [{"node": node, "author": "a", "desc": "x"}]})
        };
        let path = "/acme/hg/json-pushes?version=2&full=1";
        let slice = |from: u64, to: u64| format!("{path}&startID={from}&endID={to}");
        world.host.says(path, ok(json!({"lastpushid": 0, "pushes": {}})));
        // A body that is longer than any answer may be.
        world.host.says(&slice(0, 100), vec![(200, vec![], " ".repeat(33 * 1024 * 1024))]);
        let log = |pushes: Value| ok(json!({"lastpushid": 52, "pushes": pushes}));
        let unread = push(BASE, Value::Null);
        world.host.says(&slice(0, 50), log(json!({"1": unread, "2": push(BASE, "a".into())})));
        world.host.says(&slice(50, 150), log(json!({"51": push(HEAD, "a".into())})));
        let round = async || poller::look_at_all(&world.gateway, &world.hosts, Duration::ZERO).await;
        round().await;
        round().await;
        let stored = world.pushes(&world.mercurial).await;
        let mut revisions: Vec<&str> = stored.iter().map(|push| push.revision.as_str()).collect();
        revisions.sort_unstable();
        assert_eq!(revisions, [BASE, HEAD]);
        let asked = world.host.asked().len();
        world.host.says(&slice(52, 152), log(json!({})));
        round().await;
        assert_eq!(world.host.asked()[asked..], [slice(52, 152)], "it goes on from there");
    })
    .await;
}

#[tokio::test]
async fn a_revision_is_asked_for_on_request() {
    world(async |world| {
        let answer = json!({"pushes": {"1": {"date": 1, "user": "a",
            "changesets": [{"node": HEAD, "author": "a", "desc": "x"}]}}});
        world.host.says(&format!("/acme/hg/json-pushes?version=2&full=1&changeset={HEAD}"), ok(answer));
        world
            .host
            .says(&format!("/api/repos/acme/quince/commits/{BASE}?per_page=100&page=1"), ok(listed(BASE)));
        let target = |text: &str| PushTarget::Revision(crate::domain::full_revision(text).unwrap());
        let wanted = [(world.mercurial.id, target(HEAD)), (world.git.id, target(BASE))];
        world.gateway.store().enqueue_push_fetches(&wanted, Utc::now()).await.unwrap();
        assert_eq!(world.stored(&world.mercurial).await.revision, HEAD);
        assert_eq!(world.stored(&world.git).await.revision, BASE);
    })
    .await;
}

/// A file of the corpus; `None`, said aloud, where there is none.
fn corpus(file: &str) -> Option<Value> {
    let folder = std::env::var_os("HERDGATE_CORPUS")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus"), PathBuf::from);
    let path = folder.join("pushes").join(file);
    let Ok(text) = std::fs::read(&path) else {
        println!("skipped: no corpus at {}", path.display());
        return None;
    };
    Some(serde_json::from_slice(&text).unwrap())
}

#[tokio::test]
async fn real_messages_and_answers_are_stored_as_they_are() {
    let files = ["github_push.json", "github_push_compare.json", "github_pr.json", "github_pr_commits.json"];
    let [Some(push), Some(compared), Some(pull), Some(commits)] = files.map(corpus) else { return };
    let [Some(hg), Some(log)] = ["hg_push.json", "hg_push_commits.json"].map(corpus) else { return };
    world(async |world| {
        let (mut push, mut pull, mut hg) = (push.clone(), pull.clone(), hg.clone());
        let url = format!("{}/acme/quince.git", world.host.base);
        push["details"]["event.head.repo.url"] = url.clone().into();
        push["details"]["event.base.repo.branch"] = "main".into();
        pull["details"]["event.base.repo.url"] = url.into();
        hg["payload"]["repo_url"] = format!("{}/acme/hg", world.host.base).into();
        let sha = |name: &str| push["details"][name].as_str().unwrap();
        let (base, head) = (sha("event.base.sha"), sha("event.head.sha"));
        let path = format!("/api/repos/acme/quince/compare/{base}...{head}?per_page=100&page=1");
        world.host.says(&path, ok(&compared[0]));
        world.host.says("/api/repos/acme/quince/pulls/1692/commits?per_page=100&page=1", ok(&commits));
        let path = "/acme/hg/json-pushes?version=2&full=1&startID=136597&endID=136598";
        world.host.says(path, ok(&log));
        world.told(NoticeKind::GitHubPush, &push).await;
        world.told(NoticeKind::GitHubPullRequest, &pull).await;
        world.told(NoticeKind::MercurialPush, &hg).await;
        let last = |list: &Value, name: &str| list.as_array().unwrap().last().unwrap()[name].clone();
        let logged = &log["pushes"]["136598"]["changesets"];
        for (repository, revision, count) in [
            (&world.git, last(&compared[0]["commits"], "sha"), compared[0]["commits"].as_array()),
            (&world.git, last(&commits, "sha"), commits.as_array()),
            (&world.mercurial, last(logged, "node"), logged.as_array()),
        ] {
            let stored = world
                .until("the push is stored", async || {
                    world.pushes(repository).await.into_iter().find(|push| push.revision == revision)
                })
                .await;
            assert_eq!(stored.commit_count, i64::try_from(count.unwrap().len()).unwrap());
        }
    })
    .await;
}
