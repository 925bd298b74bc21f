//! Real messages: parked before their pushes, stored with them, unchanged when sent again.

use crate::harness::gateway::PROJECT;
use crate::harness::jobs::{job_of, link, log, new_guid, new_revision, push};
use crate::harness::reading::{all_jobs, count_held, stored};
use crate::harness::submitting::{said, stream_all, submit_pushes_of};
use crate::harness::{Database, Gateway, corpus, eventually};
use herdgate::proto::{HeldState, Outcome, Reason};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// "Stored within 2 s of the push arriving."
const RELEASE: Duration = Duration::from_secs(2);

async fn real_messages_wait_for_their_pushes_and_are_stored_once(database: Database) {
    let Some(messages) = corpus::all_messages() else { return };
    assert_eq!(messages.len(), 46 + 5);
    let gateway = Gateway::on(&database).with_repositories(&corpus::PROJECTS).start().await;
    let submit = async || stream_all(gateway.ingest(), messages.iter().map(bytes).collect()).await;

    for (message, verdict) in messages.iter().zip(submit().await) {
        assert_eq!(said(&verdict), (Outcome::Parked, Reason::WaitingForPush), "{message} {verdict:?}");
        assert!(verdict.expires_at.is_some(), "a parked submission says until when");
    }
    assert_eq!(jobs_by_guid(&gateway).await.len(), 0);

    let pushed = Instant::now();
    for (project, revisions) in corpus::revisions(&messages) {
        let pushes = revisions.iter().map(|revision| push(revision)).collect();
        for verdict in submit_pushes_of(&gateway, project, pushes).await {
            assert_eq!(said(&verdict), (Outcome::Stored, Reason::Created), "{verdict:?}");
        }
    }
    let stored_jobs = eventually("all real messages are stored", Duration::from_secs(20), async || {
        Some(jobs_by_guid(&gateway).await).filter(|jobs| jobs.len() == messages.len())
    })
    .await;
    assert!(pushed.elapsed() < RELEASE, "released after {:?}", pushed.elapsed());
    for project in corpus::PROJECTS {
        assert_eq!(count_held(&gateway, project, HeldState::Parked).await, 0);
        assert_eq!(count_held(&gateway, project, HeldState::Rejected).await, 0);
    }
    for message in &messages {
        let (project, state) = &stored_jobs[message["taskId"].as_str().unwrap()];
        assert_eq!(project, corpus::origin(message).0);
        assert_eq!(state, message["state"].as_str().unwrap());
    }

    for (message, verdict) in messages.iter().zip(submit().await) {
        assert_eq!(said(&verdict), (Outcome::Unchanged, Reason::Duplicate), "{message} {verdict:?}");
    }
    assert_eq!(jobs_by_guid(&gateway).await, stored_jobs, "nothing changed by sending again");
}

async fn a_released_message_says_when_it_was_held_and_released(database: Database) {
    let gateway = Gateway::on(&database).start().await;
    let (guid, revision) = (new_guid(), new_revision());
    let mut job = job_of(PROJECT, &guid, &revision, herdgate::proto::JobState::Running);
    job.logs = vec![log(&guid, "live_backing_log")];
    job.job_info = Some(herdgate::proto::JobInfo { summary: None, links: vec![link(&guid, "shot.png")] });
    stream_all(gateway.ingest(), vec![job]).await;
    submit_pushes_of(&gateway, PROJECT, vec![push(&revision)]).await;
    eventually("the job is stored", Duration::from_secs(10), async || {
        (all_jobs(&gateway, PROJECT).await.len() == 1).then_some(())
    })
    .await;

    let (job, parts) = stored(&gateway, &guid).await;
    let provenance = job.provenance.unwrap();
    let (held, released) = (provenance.held_at.unwrap(), provenance.released_at.unwrap());
    assert!((held.seconds, held.nanos) <= (released.seconds, released.nanos));
    assert_eq!((provenance.first_door.as_str(), provenance.source.as_str()), ("grpc", "harness"));
    assert_eq!((parts.logs.len(), parts.details.len()), (1, 1));
}

fn bytes(message: &Value) -> Vec<u8> {
    message.to_string().into_bytes()
}

/// Project and state of every stored job; no guid may be there twice.
async fn jobs_by_guid(gateway: &Gateway) -> BTreeMap<String, (String, String)> {
    let mut jobs = BTreeMap::new();
    for project in corpus::PROJECTS {
        for job in all_jobs(gateway, project).await {
            let before = jobs.insert(job.job_guid.clone(), (job.project, job.state));
            assert_eq!(before, None, "{} is stored twice", job.job_guid);
        }
    }
    jobs
}

on_both_databases!(
    real_messages_wait_for_their_pushes_and_are_stored_once,
    a_released_message_says_when_it_was_held_and_released,
);
