//! Held messages: list, show, replay, discard, over gRPC and by command; artifacts that wait for
//! their job (R15); what a reader is told of a job that is held (R17).

use crate::harness::command::{herdgate_on, run};
use crate::harness::gateway::{Bearer, PROJECT, create_credential};
use crate::harness::jobs::{artifact, job_of, new_guid, new_revision, pending, push, running};
use crate::harness::reading::{get_job, held, state_of, stored};
use crate::harness::submitting::{new_push, said, submit_one, submit_pushes, submit_pushes_of, violation};
use crate::harness::{Database, Gateway, eventually};
use herdgate::proto::get_job_response::Found;
use herdgate::proto::{
    AddRepositoryRequest, DiscardHeldMessagesRequest, GetHeldMessageRequest, HeldMessage, HeldState, Job,
    JobState, ListArtifactsRequest, ListHeldMessagesRequest, Outcome, Reason, ReplayHeldMessagesRequest,
    Repository, SubmitArtifactsRequest, Verdict,
};
use prost::Message;
use serde_json::{Value, json};
use std::time::Duration;
use tonic::Code;

const RELEASE: Duration = Duration::from_secs(2);
/// A repository that jobs come for before it is registered.
const LATER: &str = "quince-later";

async fn submit_artifacts(gateway: &Gateway, artifacts: Vec<herdgate::proto::Artifact>) -> Vec<Verdict> {
    let request = SubmitArtifactsRequest { project: PROJECT.into(), artifacts };
    gateway.ingest().submit_artifacts(request).await.unwrap().into_inner().verdicts
}

async fn replay(gateway: &Gateway, id: i64) -> Verdict {
    let request = ReplayHeldMessagesRequest { ids: vec![id] };
    gateway.admin().replay_held_messages(request).await.unwrap().into_inner().verdicts.remove(0)
}

/// Sends a job of a repository that is not registered; gives the job and its held message.
async fn rejected_job(gateway: &Gateway) -> (Job, HeldMessage) {
    let job = job_of(LATER, &new_guid(), &new_revision(), JobState::Pending);
    assert_eq!(submit_one(&mut gateway.ingest(), job.clone()).await.outcome(), Outcome::Rejected);
    let message = held(gateway, job.task_id()).await.remove(0);
    (job, message)
}

async fn add_later(gateway: &Gateway) {
    let repository = Repository {
        name: LATER.into(),
        url: "https://hg.example.org/later".into(),
        dvcs_type: "hg".into(),
        active: Some(true),
        ..Repository::default()
    };
    let request = AddRepositoryRequest { repository: Some(repository) };
    gateway.admin().add_repository(request).await.unwrap();
}

async fn a_rejected_submission_is_held_with_its_reasons_and_raw_bytes(database: Database) {
    let gateway = Gateway::on(&database).start().await;
    let (job, listed) = rejected_job(&gateway).await;
    assert_eq!((listed.state(), listed.door.as_str()), (HeldState::Rejected, "grpc"));
    assert_eq!((listed.source.as_str(), listed.format.as_str()), ("harness", "protobuf_job"));
    assert_eq!((listed.project.as_str(), listed.job_guid.as_str()), (LATER, job.task_id()));
    assert_eq!(listed.violations[0].rule, "unknown_repository");
    assert_eq!(listed.raw, b"", "a list has no raw bytes");
    let request = GetHeldMessageRequest { id: listed.id, ..Default::default() };
    let shown = gateway.admin().get_held_message(request).await.unwrap().into_inner().message.unwrap();
    assert_eq!(Job::decode(shown.raw.as_slice()).unwrap(), job);
    assert_eq!(shown.raw_size, i64::try_from(shown.raw.len()).unwrap());
}

async fn held_messages_are_listed_newest_first_by_page_and_filter(database: Database) {
    let gateway = Gateway::on(&database).start().await;
    let mut guids = Vec::new();
    for _ in 0..3 {
        guids.push(rejected_job(&gateway).await.0.task_id().to_owned());
    }
    let parked = new_guid();
    submit_one(&mut gateway.ingest(), pending(&parked, &new_revision())).await;
    guids.push(parked);
    guids.reverse();
    let list = async |request: ListHeldMessagesRequest| {
        let page = gateway.admin().list_held_messages(request).await.unwrap().into_inner();
        let guids: Vec<String> = page.messages.into_iter().map(|message| message.job_guid).collect();
        (guids, page.next_page_token)
    };
    let all = ListHeldMessagesRequest::default();
    let (first, token) = list(ListHeldMessagesRequest { page_size: 3, ..all.clone() }).await;
    let (rest, end) = list(ListHeldMessagesRequest { page_size: 3, page_token: token, ..all.clone() }).await;
    assert_eq!((first.as_slice(), rest.as_slice(), end.as_str()), (&guids[..3], &guids[3..], ""));
    let only_parked = ListHeldMessagesRequest { state: HeldState::Parked.into(), ..all.clone() };
    assert_eq!(list(only_parked).await.0, guids[..1]);
    let of_project = ListHeldMessagesRequest { project: LATER.into(), ..all.clone() };
    assert_eq!(list(of_project).await.0, guids[1..]);
    let of_another_source = ListHeldMessagesRequest { source: "nobody".into(), ..all };
    assert_eq!(list(of_another_source).await.0, [""; 0]);
}

async fn a_replay_stores_what_can_be_stored_by_now(database: Database) {
    let gateway = Gateway::on(&database).start().await;
    let (job, message) = rejected_job(&gateway).await;
    assert_eq!(replay(&gateway, message.id).await.outcome(), Outcome::Rejected);
    add_later(&gateway).await;
    let message = held(&gateway, job.task_id()).await.remove(0);
    assert_eq!(said(&replay(&gateway, message.id).await), (Outcome::Parked, Reason::WaitingForPush));
    submit_pushes_of(&gateway, LATER, vec![push(job.origin.as_ref().map(revision_of).unwrap())]).await;
    eventually("the replayed job is stored", Duration::from_secs(10), async || {
        state_of(&gateway, job.task_id()).await
    })
    .await;
    assert_eq!(held(&gateway, job.task_id()).await.len(), 0);
}

fn revision_of(origin: &herdgate::proto::Origin) -> &str {
    match origin.form.as_ref() {
        Some(herdgate::proto::origin::Form::Current(form)) => form.revision(),
        other => panic!("{other:?}"),
    }
}

async fn a_push_of_an_unknown_repository_is_rejected_and_stored_by_a_replay(database: Database) {
    let gateway = Gateway::on(&database).start().await;
    let revision = new_revision();
    let verdicts = submit_pushes_of(&gateway, LATER, vec![push(&revision), push(&new_revision())]).await;
    assert_eq!(verdicts.len(), 2);
    for verdict in &verdicts {
        assert_eq!(violation(verdict), ("/project", "unknown_repository", ""));
    }
    let request = ListHeldMessagesRequest { project: LATER.into(), ..Default::default() };
    let messages = gateway.admin().list_held_messages(request).await.unwrap().into_inner().messages;
    assert_eq!(messages.len(), 2);
    let first = messages.iter().min_by_key(|message| message.id).unwrap();
    assert_eq!((first.state(), first.violations.as_slice()), (HeldState::Rejected, &*verdicts[0].violations));
    let request = GetHeldMessageRequest { id: first.id, ..Default::default() };
    let shown = gateway.admin().get_held_message(request).await.unwrap().into_inner().message.unwrap();
    assert_eq!(herdgate::proto::Push::decode(shown.raw.as_slice()).unwrap(), push(&revision));

    add_later(&gateway).await;
    assert_eq!(said(&replay(&gateway, first.id).await), (Outcome::Stored, Reason::Created));
    assert_eq!(replay(&gateway, first.id).await.outcome(), Outcome::Rejected, "it is held no more");
}

async fn what_is_discarded_is_gone(database: Database) {
    let gateway = Gateway::on(&database).start().await;
    let (job, message) = rejected_job(&gateway).await;
    let request = || DiscardHeldMessagesRequest { ids: vec![message.id] };
    assert_eq!(gateway.admin().discard_held_messages(request()).await.unwrap().into_inner().discarded, 1);
    assert_eq!(gateway.admin().discard_held_messages(request()).await.unwrap().into_inner().discarded, 0);
    assert_eq!(get_job(&gateway, job.task_id()).await, None);
}

async fn reasons_are_open_but_raw_bytes_replay_and_discard_need_a_credential_of_the_project(
    database: Database,
) {
    let gateway = Gateway::on(&database).start().await;
    let (_, message) = rejected_job(&gateway).await;
    let token = create_credential(&database, "elsewhere", &["--project", "try"]).await;
    eventually("the new credential works", RELEASE, async || {
        let mut ingest = gateway.ingest_as(Bearer::token(&token));
        crate::harness::submitting::submit_batch(&mut ingest, Vec::new()).await.ok()
    })
    .await;
    for bearer in [Bearer::none(), Bearer::token(&token)] {
        let mut admin = gateway.admin_as(bearer);
        let list = admin.list_held_messages(ListHeldMessagesRequest::default()).await.unwrap().into_inner();
        assert_eq!(list.messages[0].violations, message.violations);
        let shown =
            admin.get_held_message(GetHeldMessageRequest { id: message.id, ..Default::default() }).await;
        assert_eq!(shown.unwrap().into_inner().message.unwrap().raw, b"");
        let refused = [
            admin.replay_held_messages(ReplayHeldMessagesRequest { ids: vec![message.id] }).await.err(),
            admin.discard_held_messages(DiscardHeldMessagesRequest { ids: vec![message.id] }).await.err(),
        ];
        for status in refused.map(Option::unwrap) {
            assert!(matches!(status.code(), Code::Unauthenticated | Code::PermissionDenied), "{status:?}");
        }
    }
}

async fn held_messages_are_administered_by_command(database: Database) {
    let gateway = Gateway::on(&database).start().await;
    let (job, message) = rejected_job(&gateway).await;
    let command = async |arguments: &[&str]| {
        let mut command = herdgate_on(&database);
        let server = ["--server", &gateway.address(), "--token", &gateway.token].map(ToOwned::to_owned);
        command.arg("held").args(arguments).args(server);
        run(&mut command).await
    };
    let id = message.id.to_string();
    let listed = command(&["list", "--json"]).await.json();
    assert_eq!((&listed[0]["id"], &listed[0]["job_guid"]), (&json!(message.id), &json!(job.task_id())));
    let shown = command(&["show", &id]).await.done();
    assert!(shown.contains("unknown_repository") && shown.contains(LATER), "{shown}");
    let replayed = command(&["replay", &id]).await;
    assert_eq!(replayed.code, Some(1), "what is rejected again is a failure: {replayed:?}");
    let id = held(&gateway, job.task_id()).await[0].id.to_string();
    assert_eq!(command(&["discard", &id]).await.code, Some(0));
    assert_eq!(command(&["list", "--json"]).await.json(), Value::Array(Vec::new()));
    assert_eq!(command(&["show", &id]).await.code, Some(1));
}

async fn r15_an_artifact_waits_for_its_job_and_is_stored_with_it(database: Database) {
    let gateway = Gateway::on(&database).start().await;
    let (guid, revision) = (new_guid(), new_push(&gateway).await);
    let blob = json!({"job_details": [{"title": "Report", "value": "open", "url": "https://example.org/r"}]});
    let artifacts = vec![artifact(&guid, "wishlist", &json!({"a": 1})), artifact(&guid, "Job Info", &blob)];
    for verdict in submit_artifacts(&gateway, artifacts.clone()).await {
        assert_eq!(said(&verdict), (Outcome::Parked, Reason::WaitingForJob), "{verdict:?}");
    }
    submit_one(&mut gateway.ingest(), pending(&guid, &revision)).await;
    let parts = eventually("the artifacts are attached", RELEASE, async || {
        let (_, parts) = stored(&gateway, &guid).await;
        (parts.details.len() == 1 && parts.artifact_names.contains(&"wishlist".to_owned())).then_some(parts)
    })
    .await;
    assert_eq!((parts.details[0].title.as_str(), parts.details[0].value.as_str()), ("Report", "open"));
    for verdict in submit_artifacts(&gateway, artifacts).await {
        assert_eq!(verdict.outcome(), Outcome::Unchanged, "{verdict:?}");
    }
}

async fn an_artifact_of_a_known_job_is_attached_at_once(database: Database) {
    let gateway = Gateway::on(&database).start().await;
    let (guid, revision) = (new_guid(), new_push(&gateway).await);
    submit_one(&mut gateway.ingest(), running(&guid, &revision)).await;
    let verdicts = submit_artifacts(&gateway, vec![artifact(&guid, "wishlist", &json!({"a": 1}))]).await;
    assert_eq!(said(&verdicts[0]), (Outcome::Stored, Reason::PartsAdded));
    assert_eq!(stored(&gateway, &guid).await.1.artifact_names, ["wishlist"]);
}

async fn artifacts_of_a_job_are_read_over_grpc_as_far_as_an_answer_takes_them(database: Database) {
    let gateway = Gateway::on(&database).start().await;
    let (guid, revision) = (new_guid(), new_push(&gateway).await);
    submit_one(&mut gateway.ingest(), running(&guid, &revision)).await;
    let large = json!({"text": "x".repeat(2 * 1024 * 1024)});
    for (name, blob) in [("wishlist", &json!({"a": 1})), ("slab", &large), ("beam", &large)] {
        let verdicts = submit_artifacts(&gateway, vec![artifact(&guid, name, blob)]).await;
        assert_eq!(said(&verdicts[0]), (Outcome::Stored, Reason::PartsAdded), "{verdicts:?}");
    }
    let ask = async |guid: &str, name: &str| {
        let request = ListArtifactsRequest { job_guid: guid.into(), name: name.into() };
        gateway.query().list_artifacts(request).await.map(tonic::Response::into_inner)
    };
    let all = ask(&guid, "").await.unwrap();
    let names: Vec<&str> = all.artifacts.iter().map(|artifact| &*artifact.name).collect();
    assert_eq!((names, all.artifacts_left_out), (vec!["wishlist", "slab"], true));
    assert_eq!((&*all.artifacts[0].r#type, &*all.artifacts[0].blob_json), ("json", "{\"a\":1}"));
    let one = ask(&guid, "beam").await.unwrap();
    assert_eq!((one.artifacts.len(), one.artifacts_left_out), (1, false));
    assert_eq!(one.artifacts[0].blob_json, large.to_string());
    assert_eq!(ask(&guid, "nothing").await.unwrap().artifacts, []);
    for (guid, name, code) in [("nobody/0", "", Code::NotFound), (&guid, "a\0", Code::InvalidArgument)] {
        assert_eq!(ask(guid, name).await.unwrap_err().code(), code, "{guid:?} {name:?}");
    }
}

async fn r17_a_reader_is_told_what_is_held_of_a_job_that_is_not_stored(database: Database) {
    let gateway = Gateway::on(&database).start().await;
    assert_eq!(get_job(&gateway, &new_guid()).await, None);
    let (rejected, _) = rejected_job(&gateway).await;
    let parked = pending(&new_guid(), &new_revision());
    submit_one(&mut gateway.ingest(), parked.clone()).await;
    for (job, state, violations) in [(rejected, HeldState::Rejected, 1), (parked, HeldState::Parked, 0)] {
        let found = get_job(&gateway, job.task_id()).await.unwrap().found;
        let Some(Found::Held(message)) = found else { panic!("not held: {found:?}") };
        assert_eq!((message.state(), message.violations.len()), (state, violations));
    }
}

async fn r17_a_job_says_how_it_came_in(database: Database) {
    let gateway = Gateway::on(&database).start().await;
    let (guid, revision) = (new_guid(), new_revision());
    submit_one(&mut gateway.ingest(), pending(&guid, &revision)).await;
    submit_pushes(&gateway, vec![push(&revision)]).await;
    eventually("the job is released", Duration::from_secs(10), async || state_of(&gateway, &guid).await)
        .await;
    let parked = stored(&gateway, &guid).await.0.provenance.unwrap();
    assert!(parked.held_at.is_some() && parked.released_at.is_some(), "{parked:?}");

    let straight = new_guid();
    for _ in 0..2 {
        submit_one(&mut gateway.ingest(), running(&straight, &revision)).await;
    }
    let straight = stored(&gateway, &straight).await.0.provenance.unwrap();
    assert_eq!((straight.held_at, straight.released_at), (None, None));
    assert_eq!((straight.first_door.as_str(), straight.last_door.as_str()), ("grpc", "grpc"));
    assert_eq!((straight.source.as_str(), straight.repeats), ("harness", 1));
    assert!(straight.received_at.is_some() && straight.committed_at.is_some(), "{straight:?}");
}

/// Bytes that are weighed before they are loaded must not hide whose messages the others are.
async fn nobody_discards_or_replays_others_messages_behind_a_large_one(database: Database) {
    let gateway = Gateway::on(&database).with_repositories(&["hers"]).start().await;
    let large = format!("\"{}\"", "x".repeat(17 * 1024 * 1024));
    let token = create_credential(&database, "mason", &["--project", PROJECT]).await;
    eventually("the credential is known", RELEASE * 5, async || {
        gateway.post(&token, "jobs/", "[]").await.status.is_success().then_some(())
    })
    .await;
    let refused = gateway.post(&token, "jobs/", &large).await;
    assert_eq!(refused.json()["code"], "malformed_request", "{:?}", refused.json());
    let parked: Vec<Job> =
        (0..2).map(|_| job_of("hers", &new_guid(), &new_revision(), JobState::Pending)).collect();
    for job in &parked {
        assert_eq!(submit_one(&mut gateway.ingest(), job.clone()).await.outcome(), Outcome::Parked);
    }
    let everything = gateway.admin().list_held_messages(ListHeldMessagesRequest::default()).await.unwrap();
    let ids: Vec<i64> = everything.into_inner().messages.iter().map(|message| message.id).collect();
    assert_eq!(ids.len(), 3);

    let mut admin = gateway.admin_as(Bearer::token(&token));
    let discard = admin.discard_held_messages(DiscardHeldMessagesRequest { ids: ids.clone() }).await;
    assert_eq!(discard.unwrap_err().code(), Code::PermissionDenied);
    let replay = admin.replay_held_messages(ReplayHeldMessagesRequest { ids: ids.clone() }).await;
    assert_eq!(replay.unwrap_err().code(), Code::PermissionDenied);
    for job in &parked {
        assert_eq!(held(&gateway, job.task_id()).await.len(), 1);
    }
    // An administrator's replay gets behind it too.
    let verdicts =
        gateway.admin().replay_held_messages(ReplayHeldMessagesRequest { ids }).await.unwrap().into_inner();
    let parked = verdicts.verdicts.iter().filter(|verdict| verdict.outcome() == Outcome::Parked);
    assert_eq!(parked.count(), 2);
}

on_both_databases!(
    nobody_discards_or_replays_others_messages_behind_a_large_one,
    a_rejected_submission_is_held_with_its_reasons_and_raw_bytes,
    held_messages_are_listed_newest_first_by_page_and_filter,
    a_replay_stores_what_can_be_stored_by_now,
    a_push_of_an_unknown_repository_is_rejected_and_stored_by_a_replay,
    what_is_discarded_is_gone,
    reasons_are_open_but_raw_bytes_replay_and_discard_need_a_credential_of_the_project,
    held_messages_are_administered_by_command,
    r15_an_artifact_waits_for_its_job_and_is_stored_with_it,
    an_artifact_of_a_known_job_is_attached_at_once,
    artifacts_of_a_job_are_read_over_grpc_as_far_as_an_answer_takes_them,
    r17_a_reader_is_told_what_is_held_of_a_job_that_is_not_stored,
    r17_a_job_says_how_it_came_in,
);
