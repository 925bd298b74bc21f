//! Bad input: each is refused with a clear error that names field, rule and limit, and whoever may
//! not write is told so.

use crate::harness::command::{herdgate_on, run};
use crate::harness::eventually;
use crate::harness::gateway::{Bearer, PROJECT, create_credential};
use crate::harness::jobs::{Submittable, artifact, job_of, new_guid, new_revision, pending, pulse, push};
use crate::harness::submitting::{
    JobStream, new_push, said, stream_all, submit_batch, submit_one, submit_pushes, violation,
};
use crate::harness::{Database, Gateway};
use herdgate::proto::{
    AddRepositoryRequest, CreateCredentialRequest, FieldViolation, JobState, JobSubmission, ListJobsRequest,
    Outcome, Reason, SubmitArtifactsRequest, SubmitPushesRequest, ValidateJobsRequest,
};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tonic::{Code, Status};

/// A pointer into a Pulse message, the bad value put there, and the violation: path, rule, limit.
/// A limit of `*` is not looked at.
const BAD_VALUES: [(&str, &str, (&str, &str, &str)); 20] = [
    ("/state", r#""finished""#, ("/state", "enum", "*")),
    ("/jobKind", r#""bake""#, ("/jobKind", "enum", "*")),
    ("/result", r#""splendid""#, ("/result", "enum", "*")),
    ("/version", "2", ("/version", "enum", "*")),
    ("/tier", "4", ("/tier", "maximum", "3")),
    ("/tier", "0", ("/tier", "minimum", "1")),
    ("/taskId", r#""""#, ("/taskId", "minLength", "1")),
    ("/taskId", r#""a_b""#, ("/taskId", "pattern", "*")),
    ("/owner", r#""$51""#, ("/owner", "maxLength", "50")),
    ("/buildSystem", r#""$26""#, ("/buildSystem", "maxLength", "25")),
    ("/display/jobName", r#""$141""#, ("/display/jobName", "maxLength", "140")),
    ("/display/jobSymbol", r#""$26""#, ("/display/jobSymbol", "maxLength", "25")),
    ("/display/groupSymbol", r#""""#, ("/display/groupSymbol", "minLength", "1")),
    ("/display/chunkId", "0", ("/display/chunkId", "minimum", "1")),
    ("/origin/project", r#""$51""#, ("/origin/project", "maxLength", "50")),
    ("/origin/revision", r#""$39""#, ("/origin/revision", "minLength", "40")),
    (
        "/origin/revision",
        r#""A123456789012345678901234567890123456789""#,
        ("/origin/revision", "pattern", "*"),
    ),
    ("/timeScheduled", r#""yesterday""#, ("/timeScheduled", "format", "*")),
    ("/labels", r#"["fine", "not fine"]"#, ("/labels/1", "pattern", "*")),
    ("/owner", r#""a\u0000b""#, ("/owner", "nul", "*")),
];

async fn a_bad_value_is_rejected_naming_field_rule_and_limit(database: Database) {
    let gateway = Gateway::on(&database).start().await;
    let revision = new_push(&gateway).await;
    let mut messages = Vec::new();
    for (pointer, value, _) in BAD_VALUES {
        let mut message = pulse(&new_guid(), &revision);
        put(&mut message, pointer, &value_of(value));
        messages.push(message.to_string().into_bytes());
    }
    let verdicts = stream_all(gateway.ingest(), messages).await;
    for ((pointer, value, (path, rule, limit)), verdict) in BAD_VALUES.iter().zip(&verdicts) {
        assert_eq!(said(verdict), (Outcome::Rejected, Reason::Invalid), "{pointer} = {value}");
        let names = |v: &FieldViolation| v.rule == *rule && (*limit == "*" || *limit == v.limit);
        assert!(verdict.violations.iter().any(names), "{pointer} = {value}: {verdict:?}");
        assert!(verdict.violations.iter().all(|v| v.field_path == *path), "{pointer} = {value}: {verdict:?}");
        assert!(!verdict.violations[0].message.is_empty());
    }
}

async fn what_is_missing_is_named(database: Database) {
    let gateway = Gateway::on(&database).start().await;
    let revision = new_push(&gateway).await;
    let paths = [
        "/taskId",
        "/origin",
        "/origin/project",
        "/origin/revision",
        "/buildSystem",
        "/display",
        "/display/jobSymbol",
        "/display/groupSymbol",
        "/display/jobName",
        "/state",
        "/jobKind",
        "/version",
    ];
    for path in paths {
        let mut message = pulse(&new_guid(), &revision);
        let (parent, name) = path.rsplit_once('/').unwrap();
        message.pointer_mut(parent).and_then(Value::as_object_mut).unwrap().remove(name).unwrap();
        let verdict = submit_one(&mut gateway.ingest(), &message).await;
        assert_eq!(violation(&verdict), (path, "required", ""), "{verdict:?}");
    }
}

async fn all_violations_of_a_submission_are_listed(database: Database) {
    let gateway = Gateway::on(&database).start().await;
    let mut message = pulse("not_a_guid", "short");
    put(&mut message, "/state", &json!("finished"));
    put(&mut message, "/surprise", &json!(1));
    let verdict = submit_one(&mut gateway.ingest(), &message).await;
    let mut paths: Vec<&str> = verdict.violations.iter().map(|v| v.field_path.as_str()).collect();
    paths.sort_unstable();
    paths.dedup();
    assert_eq!(paths, ["/origin/revision", "/state", "/surprise", "/taskId"], "{verdict:?}");
}

async fn bytes_that_are_not_json_are_rejected_as_a_whole(database: Database) {
    let gateway = Gateway::on(&database).start().await;
    let revision = new_push(&gateway).await;
    let mut invalid_utf8 = pulse(&new_guid(), &revision).to_string().into_bytes();
    let at = invalid_utf8.iter().position(|byte| *byte == b'@').unwrap();
    invalid_utf8[at] = 0xff;
    let too_deep = "[".repeat(100_000).into_bytes();
    let list = json!([pulse(&new_guid(), &revision)]).to_string().into_bytes();
    let cases =
        [("invalid UTF-8", invalid_utf8), ("nothing", Vec::new()), ("half", b"{\"taskId\":".to_vec())];
    for (what, bytes) in cases.into_iter().chain([("too deep", too_deep), ("a list", list)]) {
        let verdict = submit_one(&mut gateway.ingest(), bytes).await;
        assert_eq!(said(&verdict), (Outcome::Rejected, Reason::Invalid), "{what}: {verdict:?}");
        assert_eq!(verdict.violations[0].field_path, "", "{what}: {verdict:?}");
    }
}

async fn an_enum_number_that_does_not_exist_is_rejected(database: Database) {
    let gateway = Gateway::on(&database).start().await;
    let revision = new_push(&gateway).await;
    let mut job = pending(&new_guid(), &revision);
    job.state = Some(99);
    let verdict = submit_one(&mut gateway.ingest(), job).await;
    let (path, rule, _) = violation(&verdict);
    assert_eq!((path, rule), ("/state", "enum"));
}

async fn a_job_of_an_unknown_repository_is_rejected(database: Database) {
    let gateway = Gateway::on(&database).start().await;
    let job = job_of("no-such-repository", &new_guid(), &new_revision(), JobState::Pending);
    let verdict = submit_one(&mut gateway.ingest(), job).await;
    let (path, rule, _) = violation(&verdict);
    assert_eq!((path, rule), ("/origin/project", "unknown_repository"));
    assert_eq!(verdict.violations[0].value_excerpt, "no-such-repository");
}

async fn a_guid_of_another_project_is_rejected_naming_both(database: Database) {
    let gateway = Gateway::on(&database).with_repositories(&["try"]).start().await;
    let (guid, revision) = (new_guid(), new_push(&gateway).await);
    let pushes = SubmitPushesRequest { project: "try".into(), pushes: vec![push(&revision)] };
    gateway.ingest().submit_pushes(pushes).await.unwrap();
    submit_one(&mut gateway.ingest(), pending(&guid, &revision)).await;
    let other = job_of("try", &guid, &revision, JobState::Running);
    let verdict = submit_one(&mut gateway.ingest(), other).await;
    assert_eq!(verdict.outcome(), Outcome::Rejected);
    let message = &verdict.violations[0].message;
    assert!(message.contains("try") && message.contains(PROJECT), "{message}");
}

async fn a_bad_push_is_rejected_and_its_neighbours_are_stored(database: Database) {
    let gateway = Gateway::on(&database).start().await;
    let mut pushes: Vec<_> = (0..3).map(|_| push(&new_revision())).collect();
    pushes[1].revision = Some("r".repeat(41));
    let verdicts = submit_pushes(&gateway, pushes).await;
    assert_eq!(violation(&verdicts[1]), ("/1/revision", "maxLength", "40"));
    for verdict in [&verdicts[0], &verdicts[2]] {
        assert_eq!(said(verdict), (Outcome::Stored, Reason::Created));
    }
}

async fn a_call_with_more_than_1000_items_is_refused_naming_the_limit(database: Database) {
    let gateway = Gateway::on(&database).start().await;
    let items = vec![JobSubmission::default(); 1001];
    let status = submit_batch(&mut gateway.ingest(), items.clone()).await.unwrap_err();
    assert_eq!(
        (status.code(), status.message().contains("1000")),
        (Code::InvalidArgument, true),
        "{status:?}"
    );
    let status =
        gateway.ingest().validate_jobs(ValidateJobsRequest { submissions: items }).await.unwrap_err();
    assert_eq!(
        (status.code(), status.message().contains("1000")),
        (Code::InvalidArgument, true),
        "{status:?}"
    );
}

async fn validating_gives_the_violations_of_submitting_and_stores_nothing(database: Database) {
    let gateway = Gateway::on(&database).start().await;
    let revision = new_push(&gateway).await;
    let mut bad = pulse(&new_guid(), &revision);
    put(&mut bad, "/tier", &json!(9));
    let submissions = vec![pending(&new_guid(), &revision).submission(), bad.submission()];
    let mut ingest = gateway.ingest_as(Bearer::none());
    let request = ValidateJobsRequest { submissions: submissions.clone() };
    let validations = ingest.validate_jobs(request).await.unwrap().into_inner().validations;
    assert_eq!((validations[0].valid, validations[1].valid), (true, false));
    let list = ListJobsRequest { project: PROJECT.into(), ..Default::default() };
    assert_eq!(gateway.query().list_jobs(list).await.unwrap().into_inner().jobs, []);

    let verdicts = submit_batch(&mut gateway.ingest(), submissions).await.unwrap();
    assert_eq!(verdicts[1].violations, validations[1].violations);
}

async fn nobody_writes_without_a_valid_token(database: Database) {
    let gateway = Gateway::on(&database).start().await;
    for bearer in [Bearer::none(), Bearer::token("wrong")] {
        for (what, status) in every_write(&gateway, bearer).await {
            assert_eq!(status.code(), Code::Unauthenticated, "{what}: {status:?}");
        }
    }
}

/// Every call that writes, and how it was refused.
async fn every_write(gateway: &Gateway, bearer: Bearer) -> Vec<(&'static str, Status)> {
    let mut ingest = gateway.ingest_as(bearer.clone());
    let mut admin = gateway.admin_as(bearer);
    let guid = new_guid();
    let stream = match JobStream::open(ingest.clone()).await {
        Err(status) => status,
        Ok(mut stream) => {
            stream.send(pending(&guid, &new_revision())).await;
            stream.into_end().await.1.unwrap_err()
        }
    };
    let batch = submit_batch(&mut ingest, vec![pending(&guid, &new_revision()).submission()]).await;
    let pushes = SubmitPushesRequest { project: PROJECT.into(), pushes: vec![push(&new_revision())] };
    let artifacts = vec![artifact(&guid, "wishlist", &json!({}))];
    let artifacts = SubmitArtifactsRequest { project: PROJECT.into(), artifacts };
    let credential = CreateCredentialRequest { client_id: "mine".into(), admin: true, ..Default::default() };
    vec![
        ("SubmitJobs", stream),
        ("SubmitJobBatch", batch.unwrap_err()),
        ("SubmitPushes", ingest.submit_pushes(pushes).await.unwrap_err()),
        ("SubmitArtifacts", ingest.submit_artifacts(artifacts).await.unwrap_err()),
        ("AddRepository", admin.add_repository(AddRepositoryRequest::default()).await.unwrap_err()),
        ("CreateCredential", admin.create_credential(credential).await.unwrap_err()),
    ]
}

async fn a_credential_writes_only_the_projects_of_its_globs(database: Database) {
    let gateway = Gateway::on(&database).with_repositories(&["quince-release", "try"]).start().await;
    let token = create_credential(&database, "quince-ci", &["--project", "quince-*"]).await;
    let mut ingest = gateway.ingest_as(Bearer::token(&token));
    gateway_knows(&gateway, &token).await;
    for (project, expected) in [
        (PROJECT, (Outcome::Parked, Reason::WaitingForPush)),
        ("quince-release", (Outcome::Parked, Reason::WaitingForPush)),
        ("try", (Outcome::Rejected, Reason::Forbidden)),
    ] {
        let job = job_of(project, &new_guid(), &new_revision(), JobState::Pending);
        assert_eq!(said(&submit_one(&mut ingest, job).await), expected, "{project}");
    }
    let pushes = SubmitPushesRequest { project: "try".into(), pushes: vec![push(&new_revision())] };
    assert_eq!(ingest.submit_pushes(pushes).await.unwrap_err().code(), Code::PermissionDenied);
    let repository =
        gateway.admin_as(Bearer::token(&token)).add_repository(AddRepositoryRequest::default()).await;
    assert_eq!(repository.unwrap_err().code(), Code::PermissionDenied);
}

async fn a_credential_without_projects_writes_nothing(database: Database) {
    let gateway = Gateway::on(&database).start().await;
    let token = create_credential(&database, "nobody", &[]).await;
    gateway_knows(&gateway, &token).await;
    let mut ingest = gateway.ingest_as(Bearer::token(&token));
    let verdict = submit_one(&mut ingest, pending(&new_guid(), &new_revision())).await;
    assert_eq!(said(&verdict), (Outcome::Rejected, Reason::Forbidden));
}

async fn a_revoked_credential_is_refused_within_2_s(database: Database) {
    let gateway = Gateway::on(&database).start().await;
    let token = create_credential(&database, "leaver", &["--project", "*"]).await;
    gateway_knows(&gateway, &token).await;
    run(herdgate_on(&database).args(["credential", "revoke", "leaver"])).await.done();
    eventually("the revoked credential is refused", Duration::from_secs(2), async || {
        let mut ingest = gateway.ingest_as(Bearer::token(&token));
        let submission = pending(&new_guid(), &new_revision()).submission();
        let refused = submit_batch(&mut ingest, vec![submission]).await.err()?;
        (refused.code() == Code::Unauthenticated).then_some(())
    })
    .await;
}

async fn a_stream_ends_when_its_credential_is_revoked(database: Database) {
    let gateway = Gateway::on(&database).start().await;
    let token = create_credential(&database, "leaver", &["--project", "*"]).await;
    gateway_knows(&gateway, &token).await;
    let mut stream = JobStream::open(gateway.ingest_as(Bearer::token(&token))).await.unwrap();
    stream.send(pending(&new_guid(), &new_revision())).await.unwrap();
    stream.receive(1).await.unwrap();
    run(herdgate_on(&database).args(["credential", "revoke", "leaver"])).await.done();
    let revoked = Instant::now();
    let refused = loop {
        stream.send(pending(&new_guid(), &new_revision())).await;
        let decided = stream.verdicts().len();
        match stream.receive(decided + 1).await {
            Err(status) => break status,
            Ok(_) => assert!(revoked.elapsed() < Duration::from_secs(3), "the stream goes on"),
        }
    };
    assert_eq!(refused.code(), Code::Unauthenticated);
}

/// Running gateways notice a new credential within 2 s.
async fn gateway_knows(gateway: &Gateway, token: &str) {
    eventually("the new credential works", Duration::from_secs(2), async || {
        submit_batch(&mut gateway.ingest_as(Bearer::token(token)), Vec::new()).await.ok()
    })
    .await;
}

/// Puts a value at a pointer whose parent is there.
fn put(message: &mut Value, pointer: &str, value: &Value) {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    message.pointer_mut(parent).unwrap()[name] = value.clone();
}

/// JSON in which `"$51"` stands for a text of 51 characters.
fn value_of(text: &str) -> Value {
    match serde_json::from_str::<Value>(text).unwrap() {
        Value::String(word) => match word.strip_prefix('$') {
            Some(length) => json!("a".repeat(length.parse().unwrap())),
            None => json!(word),
        },
        value => value,
    }
}

on_both_databases!(
    a_bad_value_is_rejected_naming_field_rule_and_limit,
    what_is_missing_is_named,
    all_violations_of_a_submission_are_listed,
    bytes_that_are_not_json_are_rejected_as_a_whole,
    an_enum_number_that_does_not_exist_is_rejected,
    a_job_of_an_unknown_repository_is_rejected,
    a_guid_of_another_project_is_rejected_naming_both,
    a_bad_push_is_rejected_and_its_neighbours_are_stored,
    a_call_with_more_than_1000_items_is_refused_naming_the_limit,
    validating_gives_the_violations_of_submitting_and_stores_nothing,
    nobody_writes_without_a_valid_token,
    a_credential_writes_only_the_projects_of_its_globs,
    a_credential_without_projects_writes_nothing,
    a_revoked_credential_is_refused_within_2_s,
    a_stream_ends_when_its_credential_is_revoked,
);
