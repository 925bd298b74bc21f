//! A gateway with a few repositories, pushes and jobs whose every number is known, and the paths that
//! read them.

use crate::access::{Principal, Rights};
use crate::core::{Content, Gateway, GatewayOptions, Submission};
use crate::domain::{
    Commit, ContentType, Door, Job, JobDetail, JobGuid, JobResult, JobState, LogReference, NamedSymbol,
    OpaqueArtifact, OptionSet, Outcome, ParseStatus, Parts, Platform, ProjectName, Push, RawFormat,
    ReferenceData, Repository, RepositoryKind, Revision, TaskRun,
};
use crate::doors::budget::ByteBudget;
use crate::doors::http::{HttpDoor, HttpOptions};
use crate::fetch::{FetchOptions, Fetcher};
use crate::limits;
use crate::store::Store;
use crate::store::testing::TestDatabase;
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use chrono::{DateTime, Utc};
use http_body_util::BodyExt;
use sea_orm::ConnectionTrait;
use serde_json::Value;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tower::ServiceExt;

/// Times of the three pushes, an hour apart.
pub const PUSH_TIMES: [i64; 3] = [1_384_353_511, 1_384_357_111, 1_384_360_711];

pub struct World {
    pub store: Store,
    pub gateway: Gateway,
    router: Router,
}

/// Runs a test on each kind of database.
pub async fn on_each_database<F: AsyncFn(World)>(test: F) {
    on_each_database_with(HttpOptions::default(), test).await;
}

/// The same behind a dashboard.
pub async fn behind_a_dashboard<F: AsyncFn(World)>(test: F) {
    on_each_database_with(HttpOptions { serves_dashboard: true, ..HttpOptions::default() }, test).await;
}

async fn on_each_database_with<F: AsyncFn(World)>(options: HttpOptions, test: F) {
    for database in TestDatabase::each().await {
        let store = database.store().await;
        for (name, active) in [("quince", true), ("damson", true), ("medlar", false)] {
            store.save_repository(&repository(name, active)).await.unwrap();
        }
        let gateway = Gateway::start(store.clone(), GatewayOptions::default()).await.unwrap();
        populate(&gateway).await;
        let budget = ByteBudget::new(limits::IN_FLIGHT_BYTES);
        let door = HttpDoor {
            gateway: gateway.clone(),
            options,
            budget,
            fetcher: Some(
                Fetcher::new(FetchOptions { allow_private: true, ..FetchOptions::default() }).unwrap(),
            ),
            log_readers: Arc::new(Semaphore::new(limits::LOG_TEXT_READERS)),
        };
        let (router, _) = crate::doors::http::read::routes().with_state(door).split_for_parts();
        test(World { store: store.clone(), gateway: gateway.clone(), router }).await;
        gateway.drain().await;
        store.close().await;
        database.remove().await;
    }
}

impl World {
    /// The answer as it is.
    pub async fn answer(&self, path: &str) -> axum::response::Response {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    /// Status and body.
    pub async fn get(&self, path: &str) -> (u16, Value) {
        let response = self.answer(path).await;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let text = String::from_utf8_lossy(&body).into_owned();
        (status, serde_json::from_slice(&body).unwrap_or(Value::String(text)))
    }

    /// The answer to a request as it is.
    pub async fn send(&self, request: Request) -> axum::response::Response {
        self.router.clone().oneshot(request).await.unwrap()
    }

    /// The body of an answer that is 200.
    pub async fn read(&self, path: &str) -> Value {
        let (status, body) = self.get(path).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    /// Status, `detail` and `code` of a refusal.
    pub async fn refused(&self, path: &str) -> (u16, String, String) {
        let (status, body) = self.get(path).await;
        let text = |name: &str| body[name].as_str().unwrap_or_else(|| panic!("{path}: {body}")).to_owned();
        (status, text("detail"), text("code"))
    }
}

/// The `id` of each row.
pub fn ids(rows: &Value) -> Vec<i64> {
    rows.as_array().unwrap().iter().map(|row| row["id"].as_i64().unwrap()).collect()
}

fn repository(name: &str, active: bool) -> Repository {
    Repository {
        id: 0,
        name: ProjectName::try_new(name).unwrap(),
        url: format!("https://hg.example.org/{name}"),
        kind: RepositoryKind::Mercurial,
        branch: None,
        group: Some("orchard".to_owned()).filter(|_| name == "quince"),
        active,
        description: String::new(),
        codebase: "gecko".into(),
        accepts_pull_requests: false,
    }
}

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap()
}

/// `digit` repeated to a full revision.
pub fn revision(digit: char) -> Revision {
    Revision::try_new(&digit.to_string().repeat(40)).unwrap()
}

/// A revision that begins with two digits and ends in the number.
fn commit(digits: &str, number: usize) -> Commit {
    Commit {
        revision: Revision::try_new(&format!("{digits}{number:038}")).unwrap(),
        author: "Ada <ada@example.org>".into(),
        comments: format!("Bug {number} - prune"),
    }
}

async fn populate(gateway: &Gateway) {
    let store = gateway.store();
    let pushes = [
        ('a', PUSH_TIMES[0], "ada@example.org", vec![commit("e1", 1), commit("e1", 2)]),
        ('b', PUSH_TIMES[1], "ben@example.org", (1..=25).map(|number| commit("e2", number)).collect()),
        ('c', PUSH_TIMES[2], "ada@example.org", vec![]),
    ];
    for (digit, time, author, commits) in pushes {
        let push = Push {
            revision: revision(digit),
            time: at(time),
            author: author.into(),
            commits,
            omitted_commits: 0,
        };
        store.store_push(1, &push, Utc::now()).await.unwrap();
    }
    let elsewhere = Push {
        revision: revision('a'),
        time: at(0),
        author: "cyd@example.org".into(),
        commits: vec![],
        omitted_commits: 0,
    };
    store.store_push(2, &elsewhere, Utc::now()).await.unwrap();
    for job in jobs() {
        submit(gateway, job).await;
    }
    let fixed = "UPDATE jobs SET last_modified = 1500000000000000 + 1000000 * id";
    store.write_connection().execute_unprepared(fixed).await.unwrap();
}

/// Has a job stored.
pub async fn submit(gateway: &Gateway, job: Job) {
    let submission = Submission {
        door: Door::Http,
        received_at: Utc::now(),
        raw: job.guid.to_string().into(),
        format: RawFormat::PulseJson,
        request_project: None,
        content: Content::Job(Box::new(job)),
        warnings: vec![],
        held: None,
        context: None,
    };
    let principal = Principal { source: "tester".into(), rights: Rights::EveryProject };
    let verdicts = gateway.submit(&principal, vec![submission]).await.unwrap().await;
    assert!(matches!(verdicts[0].outcome, Outcome::Stored(_)), "{verdicts:?}");
}

fn jobs() -> [Job; 4] {
    [
        Job {
            submit_time: Some(at(1_384_353_600)),
            start_time: Some(at(1_384_353_660)),
            end_time: Some(at(1_384_353_720)),
            parts: Parts {
                logs: vec![
                    log("live_backing_log", ParseStatus::Pending),
                    log("resource-usage.json", ParseStatus::Parsed),
                ],
                details: vec![
                    detail(Some("artifact uploaded"), "target.tar.gz", Some("https://art.example.org/t")),
                    detail(None, "a plain value", None),
                ],
                artifacts: vec![
                    artifact("Bug suggestions", "json", r#"[{"search": "it broke"}]"#),
                    artifact("notes", "text", "as they are"),
                ],
                superseded: vec![JobGuid::try_new("pruning-3").unwrap()],
                task: Some(TaskRun { task_id: "A1b2C3d4E5f6G7h8I9j0Kw".into(), retry_id: 0 }),
                ..Parts::default()
            },
            ..job("pruning-1", 'a', "completed", "success")
        },
        Job {
            tier: 2,
            who: "ben@example.org".into(),
            reason: "nightly".into(),
            machine: "press-7".into(),
            reference: ReferenceData {
                build_system: "buildbot".into(),
                build_platform: platform("win", "windows10-64"),
                machine_platform: platform("win", "windows11-64"),
                group: named("Pressing", "P"),
                job_type: named("press-2", "2"),
                options: OptionSet::new(["debug", "asan"]),
                reference_data_name: Some("Press the quinces".into()),
            },
            ..job("pruning-2", 'b', "running", "unknown")
        },
        Job { parts: Parts::default(), ..job("pruning-3", 'b', "pending", "unknown") },
        Job {
            project: ProjectName::try_new("damson").unwrap(),
            reference: ReferenceData { options: OptionSet::default(), ..reference() },
            ..job("stoning-1", 'a', "completed", "busted")
        },
    ]
}

/// A job without parts of repository `quince`.
pub fn job(guid: &str, push: char, state: &str, result: &str) -> Job {
    Job {
        guid: JobGuid::try_new(guid).unwrap(),
        project: ProjectName::try_new("quince").unwrap(),
        revision: revision(push),
        reference: reference(),
        state: JobState::from_word(state),
        result: JobResult::from_word(result),
        tier: 1,
        who: "ada@example.org".into(),
        reason: "scheduler".into(),
        product: "orchard".into(),
        machine: "shears-1".into(),
        submit_time: None,
        start_time: None,
        end_time: None,
        description: None,
        parts: Parts::default(),
    }
}

fn reference() -> ReferenceData {
    ReferenceData {
        build_system: "mill".into(),
        build_platform: platform("linux", "linux64"),
        machine_platform: platform("linux", "linux1804-64"),
        group: named("Pruning", "Pr"),
        job_type: named("prune-1", "1"),
        options: OptionSet::new(["opt"]),
        reference_data_name: None,
    }
}

fn platform(os: &str, name: &str) -> Platform {
    Platform { os_name: os.into(), platform: name.into(), architecture: "x86_64".into() }
}

fn named(name: &str, symbol: &str) -> NamedSymbol {
    NamedSymbol { name: name.into(), symbol: symbol.into() }
}

pub fn log(name: &str, status: ParseStatus) -> LogReference {
    LogReference { name: name.into(), url: format!("https://art.example.org/{name}"), status }
}

fn detail(title: Option<&str>, value: &str, url: Option<&str>) -> JobDetail {
    JobDetail {
        title: title.map(Into::into),
        value: value.into(),
        url: url.map(Into::into),
        content_type: ContentType::Text,
    }
}

pub fn artifact(name: &str, kind: &str, blob: &str) -> OpaqueArtifact {
    OpaqueArtifact { name: name.into(), kind: kind.into(), blob: blob.into() }
}
