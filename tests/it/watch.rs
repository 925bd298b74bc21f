//! `WatchJobs`: no changed job is missed, whatever the order of commits and however often the watch
//! is cut.

use crate::harness::eventually::within;
use crate::harness::gateway::PROJECT;
use crate::harness::jobs::{Submittable, completed, job_of, new_guid, pending, push, running};
use crate::harness::load::{Ledger, Load};
use crate::harness::reading::all_jobs;
use crate::harness::submitting::{JobStream, new_push, stream_all, submit_one, submit_pushes_of};
use crate::harness::{Database, Gateway, eventually, seed};
use herdgate::proto::{JobResult, JobState, WatchJobsRequest, WatchJobsResponse};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use sea_orm::{ConnectionTrait, DatabaseConnection, TransactionTrait};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::sync::watch;
use tonic::{Code, Streaming};

const WRITERS: usize = 8;
const PATIENCE: Duration = Duration::from_secs(15);

/// A watch that remembers where it is and the last state seen of every job.
struct Watcher {
    request: WatchJobsRequest,
    responses: Streaming<WatchJobsResponse>,
    states: BTreeMap<String, String>,
}

impl Watcher {
    /// Opens a watch; what changes after this returns is seen.
    async fn open(gateway: &Gateway, request: WatchJobsRequest) -> Self {
        let responses = gateway.query().watch_jobs(request.clone()).await.unwrap().into_inner();
        let mut watcher = Self { request, responses, states: BTreeMap::new() };
        watcher.take_one().await;
        watcher
    }

    async fn take_one(&mut self) {
        let response =
            within("the watch goes on", PATIENCE, self.responses.message()).await.unwrap().unwrap();
        self.states.extend(response.jobs.into_iter().map(|job| (job.job_guid, job.state)));
        self.request.cursor = response.cursor;
        self.request.from_beginning = false;
    }

    /// Cuts the watch and opens it where it was.
    async fn resume(&mut self, gateway: &Gateway) {
        self.responses = gateway.query().watch_jobs(self.request.clone()).await.unwrap().into_inner();
    }

    /// Takes responses until the states seen are these.
    async fn reach(&mut self, states: &BTreeMap<String, String>) {
        let reaching = async {
            while self.states != *states {
                self.take_one().await;
            }
        };
        if tokio::time::timeout(PATIENCE, reaching).await.is_err() {
            let missed: Vec<_> =
                states.iter().filter(|(guid, state)| self.states.get(*guid) != Some(*state)).collect();
            panic!(
                "{} of {} jobs were missed, for instance {:?}",
                missed.len(),
                states.len(),
                missed.first()
            );
        }
    }
}

async fn states(gateway: &Gateway, project: &str) -> BTreeMap<String, String> {
    all_jobs(gateway, project).await.into_iter().map(|job| (job.job_guid, job.state)).collect()
}

async fn no_change_is_missed_under_eight_writers_when_cut_and_resumed_at_random(database: Database) {
    let mut random = StdRng::seed_from_u64(seed("watch"));
    let gateway = Gateway::on(&database).start().await;
    // On PostgreSQL the watcher sits at another gateway than the writers.
    let beside = if database.is_sqlite() { None } else { Some(gateway.beside().await) };
    let watched = beside.as_ref().unwrap_or(&gateway);
    let revision = new_push(&gateway).await;
    let mut watcher = Watcher::open(watched, WatchJobsRequest::default()).await;
    let (stop, stopping) = watch::channel(false);
    let delays = (!database.is_sqlite()).then(|| {
        let (url, random) = (database.url.clone(), StdRng::seed_from_u64(random.random()));
        tokio::spawn(delay_commits(url, random, stopping))
    });
    let load =
        Load::start(&gateway, &revision, std::iter::repeat_with(Ledger::default).take(WRITERS).collect());
    let mut cuts = 0;
    let busy = tokio::time::Instant::now() + Duration::from_secs(5);
    while tokio::time::Instant::now() < busy {
        for _ in 0..random.random_range(1..6) {
            watcher.take_one().await;
        }
        watcher.resume(watched).await;
        cuts += 1;
    }
    load.stopped().await;
    stop.send_replace(true);
    if let Some(delays) = delays {
        let delayed = delays.await.unwrap();
        assert!(delayed > 0, "commits were delayed");
    }
    let states = states(&gateway, PROJECT).await;
    println!("{} jobs, {cuts} cuts", states.len());
    watcher.reach(&states).await;
}

/// Holds locks on random running jobs, each for a random time, in transactions that have an id:
/// transactions of the gateway that started before others then commit after them.
async fn delay_commits(url: String, mut random: StdRng, stopping: watch::Receiver<bool>) -> usize {
    let connection = sea_orm::Database::connect(url).await.unwrap();
    let mut delayed = 0;
    while !*stopping.borrow() {
        let transaction = connection.begin().await.unwrap();
        let lock = "SELECT id, pg_current_xact_id() FROM jobs WHERE state = 'running' \
                    ORDER BY random() LIMIT 2 FOR UPDATE SKIP LOCKED";
        delayed += usize::from(transaction.execute_unprepared(lock).await.unwrap().rows_affected() > 0);
        tokio::time::sleep(Duration::from_millis(random.random_range(20..200))).await;
        transaction.commit().await.unwrap();
    }
    delayed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_commits_after_later_ones_is_not_missed_on_postgresql() {
    let Some(database) = Database::postgres().await else { return };
    let gateway = Gateway::on(&database).start().await;
    let revision = new_push(&gateway).await;
    let late = new_guid();
    let others: Vec<String> = (0..32).map(|_| new_guid()).collect();
    submit_one(&mut gateway.ingest(), pending(&late, &revision)).await;
    let mut watcher = Watcher::open(&gateway, WatchJobsRequest::default()).await;

    let connection: DatabaseConnection = sea_orm::Database::connect(&database.url).await.unwrap();
    let lock = connection.begin().await.unwrap();
    lock.execute_unprepared(&format!("SELECT id FROM jobs WHERE guid = '{late}' FOR UPDATE")).await.unwrap();
    let mut stream = JobStream::open(gateway.ingest()).await.unwrap();
    stream.send(running(&late, &revision)).await.unwrap();
    eventually("the change waits for the lock", PATIENCE, async || {
        let waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' \
                       AND datname = current_database()";
        let rows = connection.execute_unprepared(waiting).await.unwrap().rows_affected();
        (rows > 0).then_some(())
    })
    .await;
    // Those that another writer takes commit while the first is kept waiting.
    let mut later = JobStream::open(gateway.ingest()).await.unwrap();
    for guid in &others {
        later.send(pending(guid, &revision)).await.unwrap();
    }
    eventually("others commit first", PATIENCE, async || {
        states(&gateway, PROJECT).await.keys().any(|guid| *guid != late).then_some(())
    })
    .await;
    lock.commit().await.unwrap();
    stream.receive(1).await.unwrap();
    later.receive(others.len()).await.unwrap();
    watcher.reach(&states(&gateway, PROJECT).await).await;
}

async fn a_watch_sees_a_change_without_asking_for_it(database: Database) {
    let gateway = Gateway::on(&database).start().await;
    let revision = new_push(&gateway).await;
    let mut watcher = Watcher::open(&gateway, WatchJobsRequest::default()).await;
    let guid = new_guid();
    for (job, state) in [(pending(&guid, &revision), "pending"), (running(&guid, &revision), "running")] {
        submit_one(&mut gateway.ingest(), job).await;
        watcher.reach(&BTreeMap::from([(guid.clone(), state.into())])).await;
    }
}

async fn a_watch_from_the_beginning_delivers_every_stored_job_first(database: Database) {
    let gateway = Gateway::on(&database).start().await;
    let revision = new_push(&gateway).await;
    stream_all(gateway.ingest(), (0..1200).map(|_| pending(&new_guid(), &revision)).collect()).await;
    let request = WatchJobsRequest { from_beginning: true, ..Default::default() };
    let mut watcher = Watcher::open(&gateway, request).await;
    watcher.reach(&states(&gateway, PROJECT).await).await;
}

async fn a_watch_delivers_only_what_its_filters_let_through(database: Database) {
    let gateway = Gateway::on(&database).with_repositories(&["try"]).start().await;
    let (first, second) = (new_push(&gateway).await, new_push(&gateway).await);
    submit_pushes_of(&gateway, "try", vec![push(&first)]).await;
    let guids: BTreeMap<&str, String> =
        ["first", "second", "try", "completed"].map(|name| (name, new_guid())).into();
    let push_id = {
        let list = herdgate::proto::ListPushesRequest {
            project: PROJECT.into(),
            revision: first.clone(),
            ..Default::default()
        };
        gateway.query().list_pushes(list).await.unwrap().into_inner().pushes[0].id
    };
    let all = WatchJobsRequest::default();
    let cases = [
        (all.clone(), vec!["first", "second", "try", "completed"]),
        (WatchJobsRequest { projects: vec!["try".into()], ..all.clone() }, vec!["try"]),
        (
            WatchJobsRequest { projects: vec!["try".into(), PROJECT.into()], ..all.clone() },
            vec!["first", "second", "try", "completed"],
        ),
        (WatchJobsRequest { push_id, ..all.clone() }, vec!["first", "completed"]),
        (WatchJobsRequest { states: vec!["completed".into()], ..all.clone() }, vec!["completed"]),
        (WatchJobsRequest { push_id, states: vec!["pending".into()], ..all }, vec!["first"]),
    ];
    let mut watchers = Vec::new();
    for (request, names) in cases {
        watchers.push((Watcher::open(&gateway, request).await, names));
    }
    let jobs = vec![
        pending(&guids["first"], &first),
        pending(&guids["second"], &second),
        job_of("try", &guids["try"], &first, JobState::Pending),
        completed(&guids["completed"], &first, JobResult::Success),
    ];
    submit_batch_of(&gateway, jobs).await;
    for (mut watcher, names) in watchers {
        let wanted: BTreeSet<&String> = names.iter().map(|name| &guids[name]).collect();
        let expected = states(&gateway, PROJECT).await.into_iter().chain(states(&gateway, "try").await);
        watcher.reach(&expected.filter(|(guid, _)| wanted.contains(guid)).collect()).await;
    }
}

async fn submit_batch_of(gateway: &Gateway, jobs: Vec<herdgate::proto::Job>) {
    let submissions = jobs.into_iter().map(Submittable::submission).collect();
    crate::harness::submitting::submit_batch(&mut gateway.ingest(), submissions).await.unwrap();
}

async fn a_cursor_of_another_database_is_out_of_range(database: Database) {
    let gateway = Gateway::on(&database).start().await;
    let other = Gateway::on(&database.another().await).start().await;
    let cursor = Watcher::open(&other, WatchJobsRequest::default()).await.request.cursor;
    assert_eq!(refusal(&gateway, &cursor).await, Code::OutOfRange);
}

async fn a_cursor_that_is_none_is_an_invalid_argument(database: Database) {
    let gateway = Gateway::on(&database).start().await;
    assert_eq!(refusal(&gateway, "not a cursor").await, Code::InvalidArgument);
}

async fn refusal(gateway: &Gateway, cursor: &str) -> Code {
    let request = WatchJobsRequest { cursor: cursor.into(), ..Default::default() };
    match gateway.query().watch_jobs(request).await {
        Err(status) => status.code(),
        Ok(response) => response.into_inner().message().await.unwrap_err().code(),
    }
}

on_both_databases!(
    no_change_is_missed_under_eight_writers_when_cut_and_resumed_at_random,
    a_watch_sees_a_change_without_asking_for_it,
    a_watch_from_the_beginning_delivers_every_stored_job_first,
    a_watch_delivers_only_what_its_filters_let_through,
    a_cursor_of_another_database_is_out_of_range,
    a_cursor_that_is_none_is_an_invalid_argument,
);
