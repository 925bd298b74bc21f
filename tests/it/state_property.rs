//! Guarantees 3 to 5 as a property: up to six random events on a job, through two writers at once,
//! end in a state that some sequential order of them allows, and never go backwards meanwhile.

mod model;

use crate::harness::jobs::{NOON, at, job_of, log, new_guid};
use crate::harness::reading::stored;
use crate::harness::submitting::{new_push, stream_all};
use crate::harness::{Database, Gateway, gateway::PROJECT, long, seed};
use futures::StreamExt;
use herdgate::proto::{Job, JobResult, JobState, StoredJob, Verdict};
use model::{Event, Seen};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::sync::atomic::{AtomicBool, Ordering};

/// Jobs whose events are under way at once.
const AT_ONCE: usize = 8;

const STATES: [JobState; 4] =
    [JobState::Unscheduled, JobState::Pending, JobState::Running, JobState::Completed];
const RESULTS: [JobResult; 3] = [JobResult::Success, JobResult::Exception, JobResult::Canceled];

/// Up to six events, each assigned to one of two writers.
fn events(random: &mut StdRng) -> [Vec<Event>; 2] {
    let mut writers = [Vec::new(), Vec::new()];
    let mut all: Vec<Event> = Vec::new();
    for _ in 0..random.random_range(1..=6) {
        let again = !all.is_empty() && random.random_bool(0.15);
        let event = if again {
            all[random.random_range(0..all.len())].clone()
        } else {
            let state = random.random_range(0..STATES.len());
            Event {
                state,
                result: (state == 3).then(|| random.random_range(0..RESULTS.len())),
                start: random.random_bool(0.7).then(|| random.random_range(0..3) * 10),
                log: random.random_bool(0.5).then(|| random.random_range(0..2)),
            }
        };
        all.push(event.clone());
        writers[random.random_range(0..2)].push(event);
    }
    writers
}

fn job(guid: &str, revision: &str, event: &Event) -> Job {
    Job {
        result: event.result.map(|result| RESULTS[result].into()),
        time_started: event.start.map(at),
        logs: event.log.iter().map(|number| log(guid, &format!("log-{number}"))).collect(),
        ..job_of(PROJECT, guid, revision, STATES[event.state])
    }
}

/// What the model speaks of, read from a stored job.
fn seen(job: &StoredJob, logs: usize) -> Seen {
    Seen {
        state: rank(&job.state),
        result: ["success", "exception", "usercancel"].iter().position(|word| *word == job.result),
        start: job.start_time.map(|time| time.seconds - NOON),
        logs,
    }
}

fn rank(state: &str) -> usize {
    let words = ["unscheduled", "pending", "running", "completed"];
    words.iter().position(|word| *word == state).unwrap_or_else(|| panic!("state {state}"))
}

async fn some_sequential_order_explains_what_two_concurrent_writers_did(database: Database) {
    let cases = if long() { 5000 } else { 200 };
    let mut random = StdRng::seed_from_u64(seed("state_property"));
    let gateway = Gateway::on(&database).start().await;
    // On PostgreSQL the two writers talk to two gateways.
    let beside = if database.is_sqlite() { None } else { Some(gateway.beside().await) };
    let gateways = [&gateway, beside.as_ref().unwrap_or(&gateway)];
    let revision = new_push(&gateway).await;
    let cases: Vec<_> = (0..cases).map(|_| events(&mut random)).collect();
    let checks = futures::stream::iter(&cases).map(|writers| check(gateways, &revision, writers));
    checks.buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
}

async fn check(gateways: [&Gateway; 2], revision: &str, writers: &[Vec<Event>; 2]) {
    let guid = new_guid();
    let submit = |writer: usize| {
        let jobs = writers[writer].iter().map(|event| job(&guid, revision, event)).collect();
        stream_all(gateways[writer].ingest(), jobs)
    };
    let done = AtomicBool::new(false);
    let writing = async {
        let verdicts = tokio::join!(submit(0), submit(1));
        done.store(true, Ordering::Relaxed);
        verdicts
    };
    let (verdicts, states) = tokio::join!(writing, observe(gateways[1], &guid, &done));
    assert!(states.is_sorted(), "the state went backwards: {states:?}, {writers:?}");

    let (job, parts) = stored(gateways[0], &guid).await;
    let seen = seen(&job, parts.logs.len());
    let told = [told(&verdicts.0), told(&verdicts.1)];
    assert!(
        model::explains(writers, &told, &seen),
        "no order of {writers:#?} explains verdicts {told:?} and {seen:?}"
    );
}

/// The states that GetJob shows, one after the other.
async fn observe(gateway: &Gateway, guid: &str, done: &AtomicBool) -> Vec<usize> {
    let mut states = Vec::new();
    while !done.load(Ordering::Relaxed) {
        if let Some((state, _)) = crate::harness::reading::state_of(gateway, guid).await {
            states.push(rank(&state));
        }
        tokio::task::yield_now().await;
    }
    states
}

fn told(verdicts: &[Verdict]) -> Vec<model::Told> {
    verdicts.iter().map(model::Told::from_verdict).collect()
}

on_both_databases!(some_sequential_order_explains_what_two_concurrent_writers_did);
