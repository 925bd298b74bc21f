//! Rows to begin with.

use crate::domain::{Commit, HeldState, ProjectName, Push, Repository, RepositoryKind, Revision};
use crate::store::Store;
use crate::store::entities::held::held_message;
use crate::store::entities::jobs::job;
use crate::store::entities::reference_data::{
    build_platform, job_group, job_type, machine, machine_platform, option_collection, product, signature,
};
use crate::store::ledger::{Disposition, LedgerChanges, LedgerItem};
use crate::store::time::to_micros;
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{ActiveModelTrait, ActiveValue::NotSet, ActiveValue::Set, ConnectionTrait};

pub fn now() -> DateTime<Utc> {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

pub fn hours(hours: i64) -> TimeDelta {
    TimeDelta::hours(hours)
}

/// `digit` repeated to a full revision.
pub fn revision(digit: char) -> Revision {
    Revision::try_new(&digit.to_string().repeat(40)).unwrap()
}

pub fn repository(name: &str) -> Repository {
    Repository {
        id: 0,
        name: ProjectName::try_new(name).unwrap(),
        url: format!("https://hg.example.org/{name}"),
        kind: RepositoryKind::Mercurial,
        branch: None,
        group: None,
        active: true,
        description: String::new(),
        codebase: "gecko".into(),
        accepts_pull_requests: false,
    }
}

pub async fn stored_repository(store: &Store, name: &str) -> i32 {
    store.save_repository(&repository(name)).await.unwrap().id
}

pub fn commit(revision: Revision) -> Commit {
    Commit { revision, author: "a@example.org".into(), comments: "Bug 1".into() }
}

pub fn push(revision: Revision) -> Push {
    Push {
        commits: vec![commit(revision.clone())],
        revision,
        time: now(),
        author: "p@example.org".into(),
        omitted_commits: 0,
    }
}

pub async fn stored_push(store: &Store, repository_id: i32, digit: char) -> i64 {
    store.store_push(repository_id, &push(revision(digit)), now()).await.unwrap().id
}

/// Everything that a job row points at.
#[derive(Clone, Copy)]
pub struct Parents {
    pub repository_id: i32,
    pub push_id: i64,
    signature_id: i32,
    machine_id: i32,
    product_id: i32,
}

pub async fn parents(store: &Store, project: &str) -> Parents {
    let repository_id = stored_repository(store, project).await;
    let push_id = stored_push(store, repository_id, 'a').await;
    let db = store.write_connection();
    let texts = || ("linux".to_owned(), "linux64".to_owned(), "x86_64".to_owned());
    let (os_name, platform, architecture) = texts();
    let build = build_platform::ActiveModel {
        id: NotSet,
        os_name: Set(os_name),
        platform: Set(platform),
        architecture: Set(architecture),
    };
    let (os_name, platform, architecture) = texts();
    let machine_platform = machine_platform::ActiveModel {
        id: NotSet,
        os_name: Set(os_name),
        platform: Set(platform),
        architecture: Set(architecture),
    };
    let group = job_group::ActiveModel {
        name: Set("Mochitest".into()),
        symbol: Set("M".into()),
        ..Default::default()
    };
    let job_type = job_type::ActiveModel {
        name: Set("mochitest-1".into()),
        symbol: Set("1".into()),
        ..Default::default()
    };
    let options = option_collection::ActiveModel {
        id: NotSet,
        hash: Set("5475e096dbdfed812f04c47ffc593eed29b7c112".into()),
        option_key: Set("asan\u{1f}debug".into()),
    };
    let signature = signature::ActiveModel {
        id: NotSet,
        key: Set(vec![1; 16]),
        signature: Set("92257fd89fa6de99331eb378b1c896bf48b6b3c7".into()),
        name: Set("name".into()),
        build_system: Set("taskcluster".into()),
        repository_id: Set(repository_id),
        build_platform_id: Set(build.insert(&db).await.unwrap().id),
        machine_platform_id: Set(machine_platform.insert(&db).await.unwrap().id),
        job_group_id: Set(group.insert(&db).await.unwrap().id),
        job_type_id: Set(job_type.insert(&db).await.unwrap().id),
        option_collection_id: Set(options.insert(&db).await.unwrap().id),
        reference_data_name: Set(None),
        first_submission_at: Set(to_micros(now())),
    };
    let machine = machine::ActiveModel { id: NotSet, name: Set("t-linux-1".into()) };
    let product = product::ActiveModel { id: NotSet, name: Set("firefox".into()) };
    Parents {
        repository_id,
        push_id,
        signature_id: signature.insert(&db).await.unwrap().id,
        machine_id: machine.insert(&db).await.unwrap().id,
        product_id: product.insert(&db).await.unwrap().id,
    }
}

/// A running job, changed by the transaction of this number.
pub fn job(parents: Parents, guid: &str, change_transaction: i64) -> job::ActiveModel {
    job::ActiveModel {
        id: NotSet,
        guid: Set(guid.into()),
        root_guid: Set(guid.into()),
        repository_id: Set(parents.repository_id),
        push_id: Set(parents.push_id),
        signature_id: Set(parents.signature_id),
        machine_id: Set(parents.machine_id),
        product_id: Set(parents.product_id),
        state: Set("running".into()),
        result: Set("unknown".into()),
        tier: Set(1),
        who: Set("who".into()),
        reason: Set("reason".into()),
        submit_time: Set(Some(to_micros(now()))),
        start_time: Set(None),
        end_time: Set(None),
        last_modified: Set(to_micros(now())),
        superseded_by: Set(None),
        description: Set(None),
        task_id: Set(None),
        retry_id: Set(None),
        failure_classification_id: Set(1),
        digest: Set(vec![0; 16]),
        applied_digests: Set(vec![]),
        first_door: Set("grpc".into()),
        last_door: Set("grpc".into()),
        source: Set("ci".into()),
        received_at: Set(to_micros(now())),
        committed_at: Set(to_micros(now())),
        held_at: Set(None),
        released_at: Set(None),
        repeat_count: Set(0),
        change_transaction: Set(change_transaction),
    }
}

/// A submission to hold, received at noon from source `ci` for project `try`.
pub struct ToHold<'a> {
    pub state: HeldState,
    pub waiting_for: Option<&'a str>,
    pub repository_id: i32,
    pub revision: Option<&'a str>,
    pub guid: Option<&'a str>,
    pub expires_at: DateTime<Utc>,
}

impl Default for ToHold<'_> {
    fn default() -> Self {
        Self {
            state: HeldState::Parked,
            waiting_for: Some("push"),
            repository_id: 1,
            revision: None,
            guid: None,
            expires_at: now() + hours(72),
        }
    }
}

/// Holds a submission as the writer does: row and ledger together. `n` tells it from all others.
pub async fn hold(store: &Store, n: u8, what: ToHold<'_>) -> i64 {
    let rejected = what.state != HeldState::Parked;
    let transaction = store.begin_write().await.unwrap();
    let reason = if rejected { "maxLength" } else { "" };
    let row = held_message::ActiveModel {
        id: NotSet,
        state: Set(what.state.as_str().into()),
        door: Set("grpc".into()),
        source: Set("ci".into()),
        format: Set("pulse_json".into()),
        content_digest: Set(vec![n; 16]),
        project: Set(Some("try".into())),
        revision: Set(what.revision.map(Into::into)),
        guid: Set(what.guid.map(Into::into)),
        waiting_for: Set(what.waiting_for.filter(|_| !rejected).map(Into::into)),
        repository_id: Set(Some(what.repository_id)),
        raw: Set(vec![n; 10]),
        raw_size: Set(10),
        raw_truncated: Set(false),
        violations: Set(None),
        reason: Set(reason.into()),
        context: Set(None),
        routing_key: Set(None),
        received_at: Set(to_micros(now())),
        last_received_at: Set(to_micros(now())),
        expires_at: Set(to_micros(what.expires_at)),
        repeat_count: Set(0),
    };
    let id = row.insert(&transaction).await.unwrap().id;
    let item = LedgerItem {
        source: "ci".into(),
        project: Some("try".into()),
        state: what.state.as_str().into(),
        reason: reason.into(),
        bytes: 10,
    };
    let mut ledger = LedgerChanges::default();
    ledger.add(Disposition::Held, &item, "");
    ledger.add(Disposition::of_state(what.state), &item, "");
    ledger.write(&transaction).await.unwrap();
    transaction.commit().await.unwrap();
    id
}

/// Runs SQL that both databases understand.
pub async fn execute(store: &Store, sql: &str) {
    store.write_connection().execute_unprepared(sql).await.unwrap();
}
