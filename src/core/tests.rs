//! What only the core itself can be asked, on both databases: the encodings of gRPC cannot say it, or
//! its bounds are out of reach of a test over the wire.

mod internal_errors;
mod parked;
mod retention;

use super::{Content, Gateway, GatewayOptions, HoldingLimits, Submission};
use crate::access::{Principal, Rights};
use crate::domain::{
    Door, Job, JobResult, JobState, Outcome, Push, RawFormat, Repository, RepositoryKind, Revision,
    StoredReason, UnchangedReason, Violation,
};
use crate::domain::{HeldState, ProjectName};
use crate::formats;
use crate::store::Store;
use crate::store::entities::jobs::{job, job_log};
use crate::store::model::HeldFilter;
use crate::store::testing::TestDatabase;
use chrono::Utc;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, JoinType, QueryFilter, QueryOrder, QuerySelect, RelationTrait,
};
use serde_json::json;

pub(crate) const PROJECT: &str = "quince";

pub(crate) fn revision(digit: char) -> String {
    digit.to_string().repeat(40)
}

/// A gateway with one repository and the pushes `a` and `b`, on each database.
pub(crate) async fn on_each_database<F: AsyncFn(Gateway)>(options: GatewayOptions, test: F) {
    for database in TestDatabase::each().await {
        let store = database.store().await;
        store.save_repository(&repository(PROJECT)).await.unwrap();
        store.save_repository(&repository("damson")).await.unwrap();
        let gateway = Gateway::start(store.clone(), options.clone()).await.unwrap();
        for digit in ['a', 'b'] {
            store_push(&store, &revision(digit)).await;
        }
        test(gateway.clone()).await;
        gateway.drain().await;
        store.close().await;
        database.remove().await;
    }
}

fn repository(name: &str) -> Repository {
    Repository {
        id: 0,
        name: ProjectName::try_new(name).unwrap(),
        url: format!("https://hg.example.org/{name}"),
        kind: RepositoryKind::Mercurial,
        branch: None,
        group: None,
        active: true,
        description: String::new(),
        codebase: String::new(),
        accepts_pull_requests: false,
    }
}

async fn store_push(store: &Store, revision: &str) {
    let repositories = store.repositories().await.unwrap();
    let repository = repositories.iter().find(|r| r.name.as_str() == PROJECT).unwrap();
    let push = Push {
        revision: Revision::try_new(revision).unwrap(),
        time: Utc::now(),
        author: "ada@example.org".into(),
        commits: vec![],
        omitted_commits: 0,
    };
    store.store_push(repository.id, &push, Utc::now()).await.unwrap();
}

/// A submission of a job as Pulse JSON has it; `change` alters what no encoding of this door can say.
pub(crate) fn submission(guid: &str, state: &str, digit: char, change: impl FnOnce(&mut Job)) -> Submission {
    let message = json!({
        "taskId": guid.replace('_', "/"), "origin": {"project": PROJECT, "revision": revision(digit)},
        "buildSystem": "mill", "display": {"jobSymbol": "k", "groupSymbol": "g", "jobName": "kiln"},
        "state": state, "jobKind": "test", "version": 1,
        "logs": [{"name": "live_backing_log", "url": "https://art.example.org/live.log"}],
    });
    let raw = message.to_string().into();
    let Content::Job(mut job) = formats::decode(RawFormat::PulseJson, &raw, None).content else {
        panic!("the message is valid")
    };
    job.guid = crate::domain::JobGuid::try_new(guid).unwrap();
    change(&mut job);
    Submission {
        door: Door::Http,
        received_at: Utc::now(),
        raw,
        format: RawFormat::PulseJson,
        request_project: None,
        content: Content::Job(job),
        warnings: vec![],
        held: None,
        context: None,
    }
}

fn nonsense(number: usize) -> Submission {
    let raw = format!("nonsense {number}").into();
    let content = formats::decode(RawFormat::PulseJson, &raw, None).content;
    Submission { raw, content, ..submission("x", "pending", 'a', |_| {}) }
}

pub(crate) async fn submit(gateway: &Gateway, submissions: Vec<Submission>) -> Vec<Outcome> {
    let principal = Principal { source: "tester".into(), rights: Rights::EveryProject };
    let verdicts = gateway.submit(&principal, submissions).await.unwrap().await;
    verdicts.into_iter().map(|verdict| verdict.outcome).collect()
}

fn rules(outcome: &Outcome) -> Vec<&str> {
    match outcome {
        Outcome::Rejected(violations) => violations.iter().map(|v: &Violation| &*v.rule).collect(),
        other => panic!("{other:?} is no refusal"),
    }
}

async fn execute(store: &Store, sql: &str) {
    store.write_connection().execute_unprepared(sql).await.unwrap();
}

#[tokio::test]
async fn r8_a_retry_takes_over_its_unfinished_base_and_a_repeat_of_the_base_is_a_duplicate() {
    on_each_database(GatewayOptions::default(), async |gateway| {
        let base = || submission("abc", "running", 'a', |_| {});
        assert_eq!(submit(&gateway, vec![base()]).await, [Outcome::Stored(StoredReason::Created)]);
        let retry = submission("abc_1", "completed", 'a', |_| {});
        assert_eq!(submit(&gateway, vec![retry]).await, [Outcome::Stored(StoredReason::Updated)]);
        assert_eq!(submit(&gateway, vec![base()]).await, [Outcome::Unchanged(UnchangedReason::Duplicate)]);
        assert!(gateway.store().job("abc").await.unwrap().is_none());
        let job = gateway.store().job("abc_1").await.unwrap().unwrap().job;
        assert_eq!((job.state, job.provenance.repeats), (JobState::Completed, 1));
    })
    .await;
}

#[tokio::test]
async fn an_artifact_goes_to_the_job_that_had_its_guid_when_it_was_its_turn() {
    on_each_database(GatewayOptions::default(), async |gateway| {
        let artifact = |name: &str| {
            let raw =
                json!({"job_guid": "abc", "name": name, "type": "json", "blob": "{}"}).to_string().into();
            let content = formats::decode(RawFormat::LegacyArtifactJson, &raw, Some(PROJECT)).content;
            assert!(matches!(content, Content::Artifact(_)), "{content:?}");
            let format = RawFormat::LegacyArtifactJson;
            let request_project = Some(PROJECT.to_owned());
            Submission { raw, content, format, request_project, ..submission("x", "pending", 'a', |_| {}) }
        };
        let job = |guid: &str, state: &str| submission(guid, state, 'a', |_| {});
        let all = vec![
            job("abc", "running"),
            artifact("of the first"),
            job("abc_1", "completed"),
            job("abc", "pending"),
            artifact("of the second"),
        ];
        let outcomes = gateway.submit_request(&principal(), all).await.unwrap().await;
        assert!(outcomes.iter().all(|v| matches!(v.outcome, Outcome::Stored(_))), "{outcomes:?}");
        for (guid, name) in [("abc_1", "of the first"), ("abc", "of the second")] {
            let stored = gateway.store().job(guid).await.unwrap().unwrap();
            assert_eq!(stored.artifact_names, [name], "{guid}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_push_that_the_database_refuses_is_held_and_its_neighbours_are_stored() {
    on_each_database(GatewayOptions::default(), async |gateway| {
        // A rule that no other check knows.
        let store = gateway.store();
        let statements: &[&str] = if store.sqlite_path().is_some() {
            &["CREATE TRIGGER broken BEFORE INSERT ON pushes WHEN NEW.author = 'bad' \
               BEGIN SELECT RAISE(ABORT, 'refused'); END"]
        } else {
            &["ALTER TABLE pushes ADD CONSTRAINT broken CHECK (author <> 'bad')"]
        };
        for statement in statements {
            execute(store, statement).await;
        }
        let pushes = [('c', "good"), ('d', "bad"), ('e', "good")].map(|(digit, author)| {
            let push =
                json!({"revision": revision(digit), "push_timestamp": 1, "author": author, "revisions": []});
            formats::decode_push_json(0, push.to_string().into())
        });
        let verdicts = gateway.submit_pushes(&principal(), Door::Http, PROJECT, pushes.into()).await.unwrap();
        let [first, second, third] = &verdicts[..] else { panic!("{verdicts:?}") };
        for stored in [first, third] {
            assert_eq!(stored.outcome, Outcome::Stored(StoredReason::Created));
        }
        assert_eq!(rules(&second.outcome), ["database"]);
        let held = store.held_messages(&HeldFilter::default(), None, 10).await.unwrap();
        assert_eq!((held.len(), held[0].revision.clone()), (1, Some(revision('d'))));
    })
    .await;
}

fn principal() -> Principal {
    Principal { source: "tester".into(), rights: Rights::EveryProject }
}

#[tokio::test]
async fn r8_a_retry_beside_a_completed_base_gets_a_row_of_its_own() {
    on_each_database(GatewayOptions::default(), async |gateway| {
        let both = ["abc", "abc_2"].map(|guid| submission(guid, "completed", 'a', |_| {}));
        let created = Outcome::Stored(StoredReason::Created);
        assert_eq!(submit(&gateway, both.to_vec()).await, [created.clone(), created]);
        assert!(gateway.store().job("abc").await.unwrap().is_some());
    })
    .await;
}

#[tokio::test]
async fn r10_another_word_is_applied_only_to_what_is_neither_running_nor_completed() {
    on_each_database(GatewayOptions::default(), async |gateway| {
        let odd =
            |guid: &str| submission(guid, "pending", 'a', |job| job.state = JobState::from_word("TODO"));
        let jobs = [("p", "pending"), ("r", "running"), ("c", "completed")];
        submit(&gateway, jobs.map(|(guid, state)| submission(guid, state, 'a', |_| {})).to_vec()).await;
        let stale = Outcome::Unchanged(UnchangedReason::StaleState);
        assert_eq!(
            submit(&gateway, vec![odd("p"), odd("r"), odd("c")]).await,
            [Outcome::Stored(StoredReason::Updated), stale.clone(), stale]
        );
        assert_eq!(gateway.store().job("p").await.unwrap().unwrap().job.state.as_str(), "TODO");
    })
    .await;
}

#[tokio::test]
async fn r14_a_revision_prefix_finds_its_push_and_is_rejected_once_it_is_ambiguous() {
    on_each_database(GatewayOptions::default(), async |gateway| {
        let by_prefix = |guid: &str| {
            submission(guid, "pending", 'a', |job| job.revision = Revision::try_new("aaaaaaaaaaaa").unwrap())
        };
        let created = Outcome::Stored(StoredReason::Created);
        assert_eq!(submit(&gateway, vec![by_prefix("one")]).await, [created]);
        store_push(gateway.store(), &format!("aaaaaaaaaaaa{}", "c".repeat(28))).await;
        assert_eq!(rules(&submit(&gateway, vec![by_prefix("two")]).await[0]), ["ambiguous_revision"]);
        let short =
            submission("three", "pending", 'a', |job| job.revision = Revision::try_new("aaaa").unwrap());
        assert_eq!(rules(&submit(&gateway, vec![short]).await[0]), ["minLength"]);
    })
    .await;
}

#[tokio::test]
async fn a_submission_that_the_database_refuses_is_rejected_alone() {
    on_each_database(GatewayOptions::default(), async |gateway| {
        // Something that our own checks let through and the database does not.
        let refuse = if gateway.store().sqlite_path().is_some() {
            "CREATE TRIGGER refuse BEFORE INSERT ON jobs WHEN NEW.guid = 'bad' \
             BEGIN SELECT RAISE(ABORT, 'refused by a trigger'); END"
        } else {
            "ALTER TABLE jobs ADD CONSTRAINT refuse CHECK (guid <> 'bad')"
        };
        execute(gateway.store(), refuse).await;
        let mut guids: Vec<String> = (0..40).map(|number| format!("good-{number}")).collect();
        guids.insert(17, "bad".into());
        let all = guids.iter().map(|guid| submission(guid, "pending", 'a', |_| {})).collect();
        let outcomes = submit(&gateway, all).await;
        for (guid, outcome) in guids.iter().zip(&outcomes) {
            if guid == "bad" {
                assert_eq!(rules(outcome), ["database"]);
            } else {
                assert_eq!(outcome, &Outcome::Stored(StoredReason::Created), "{guid}");
            }
        }
        let held = gateway.store().held_messages(&HeldFilter::default(), None, 10).await.unwrap();
        assert_eq!(held.iter().map(|held| held.guid.as_deref()).collect::<Vec<_>>(), [Some("bad")]);
    })
    .await;
}

#[tokio::test]
async fn a_push_that_is_gone_from_the_database_is_not_taken_from_memory() {
    on_each_database(GatewayOptions::default(), async |gateway| {
        submit(&gateway, vec![submission("one", "pending", 'b', |_| {})]).await;
        execute(gateway.store(), "DELETE FROM jobs").await;
        execute(gateway.store(), &format!("DELETE FROM pushes WHERE revision = '{}'", revision('b'))).await;
        let outcomes = submit(&gateway, vec![submission("two", "pending", 'b', |_| {})]).await;
        assert!(matches!(outcomes[0], Outcome::Parked { .. }), "{outcomes:?}");
    })
    .await;
}

#[tokio::test]
async fn r13_a_full_car_park_refuses_and_names_its_limits() {
    let holding = HoldingLimits { parked_items: 3, ..HoldingLimits::default() };
    on_each_database(GatewayOptions { holding, ..GatewayOptions::default() }, async |gateway| {
        let waiting = |n: usize| submission(&format!("w{n}"), "pending", 'c', |_| {});
        for n in 0..3 {
            assert!(matches!(submit(&gateway, vec![waiting(n)]).await[0], Outcome::Parked { .. }));
        }
        let refused = submit(&gateway, vec![waiting(3)]).await;
        assert_eq!(rules(&refused[0]), ["parking_full"]);
        let Outcome::Rejected(violations) = &refused[0] else { unreachable!() };
        assert!(violations[0].limit.as_deref().unwrap().starts_with("3 items"));
        assert!(matches!(submit(&gateway, vec![waiting(0)]).await[0], Outcome::Parked { .. }), "a repeat");
        assert!(gateway.store().ledger_balance().await.unwrap().balances());
    })
    .await;
}

#[tokio::test]
async fn r13_rejected_submissions_beyond_the_limit_are_kept_as_counts() {
    let holding = HoldingLimits { rejected_items: 5, ..HoldingLimits::default() };
    on_each_database(GatewayOptions { holding, ..GatewayOptions::default() }, async |gateway| {
        for number in 0..12 {
            assert_eq!(rules(&submit(&gateway, vec![nonsense(number)]).await[0]), ["json"]);
        }
        let rejected = HeldFilter { state: Some(HeldState::Rejected), ..HeldFilter::default() };
        let held = gateway.store().held_messages(&rejected, None, 100).await.unwrap();
        assert!(held.len() <= 5, "{} are held", held.len());
        let balance = gateway.store().ledger_balance().await.unwrap();
        assert!(balance.balances(), "{balance:?}");
        assert_eq!(balance.held, 12);
        assert_eq!(balance.gone, 12 - held.len() as i64);
    })
    .await;
}

#[tokio::test]
async fn r16_a_pending_log_is_queued_with_its_completed_job_failures_first() {
    on_each_database(GatewayOptions::default(), async |gateway| {
        submit(&gateway, vec![submission("one", "running", 'a', |_| {})]).await;
        assert_eq!(gateway.store().follow_up_depth().await.unwrap(), 0);
        // The completion says nothing about logs; the one that is there becomes due.
        let completed = submission("one", "completed", 'a', |job| job.parts.logs.clear());
        submit(&gateway, vec![completed]).await;
        assert_eq!(gateway.store().follow_up_depth().await.unwrap(), 1);
        let result = |guid, result| submission(guid, "completed", 'a', |job| job.result = result);
        let (success, failure) = (JobResult::Success, JobResult::TestFailed);
        submit(&gateway, vec![result("two", success), result("three", failure)]).await;

        type Entry = (String, i32, Option<String>, Option<i64>);
        let queue: Vec<Entry> = job_log::Entity::find()
            .select_only()
            .column(job::Column::Guid)
            .columns([job_log::Column::Attempts, job_log::Column::LeaseOwner, job_log::Column::LeaseUntil])
            .join(JoinType::InnerJoin, job_log::Relation::Job.def())
            .filter(job_log::Column::QueuePriority.is_not_null())
            .order_by_asc(job_log::Column::QueuePriority)
            .order_by_asc(job_log::Column::Id)
            .into_tuple()
            .all(&gateway.store().read_connection())
            .await
            .unwrap();
        // The first completed without a result, which is no success.
        assert_eq!(queue, ["one", "three", "two"].map(|guid| (guid.to_owned(), 0, None, None)));
    })
    .await;
}

#[tokio::test]
async fn a_log_that_was_given_up_is_not_queued_again_by_a_submission_that_comes_too_late() {
    on_each_database(GatewayOptions::default(), async |gateway| {
        submit(&gateway, vec![submission("one", "completed", 'a', |_| {})]).await;
        assert_eq!(gateway.store().follow_up_depth().await.unwrap(), 1);
        execute(gateway.store(), "UPDATE job_logs SET queue_priority = NULL, dead_at = 1").await;
        let late = submit(&gateway, vec![submission("one", "running", 'a', |_| {})]).await;
        assert_eq!(late, [Outcome::Unchanged(UnchangedReason::StaleState)]);
        assert_eq!(gateway.store().follow_up_depth().await.unwrap(), 0);
    })
    .await;
}

#[tokio::test]
async fn r1_received_equals_decided_and_held_balances_after_a_mix_of_everything() {
    on_each_database(GatewayOptions::default(), async |gateway| {
        let mix = vec![
            submission("one", "pending", 'a', |_| {}),
            submission("one", "running", 'a', |_| {}),
            submission("two", "pending", 'c', |_| {}),
            submission("two", "pending", 'c', |_| {}),
            nonsense(1),
            nonsense(1),
        ];
        let words: Vec<&str> = submit(&gateway, mix).await.iter().map(Outcome::as_str).collect();
        assert_eq!(words, ["stored", "stored", "parked", "parked", "rejected", "rejected"]);
        let balance = gateway.store().ledger_balance().await.unwrap();
        assert!(balance.balances(), "{balance:?}");
        assert_eq!((balance.held, balance.rows), (2, 2));
        let held = gateway.store().held_messages(&HeldFilter::default(), None, 10).await.unwrap();
        assert!(held.iter().all(|held| held.repeats == 1), "{held:?}");
    })
    .await;
}

#[tokio::test]
async fn r13_a_parked_submission_stays_parked_when_it_is_resent_and_refused() {
    let holding = HoldingLimits { parked_items: 1, ..HoldingLimits::default() };
    on_each_database(GatewayOptions { holding, ..GatewayOptions::default() }, async |gateway| {
        let waiting = || submission("w", "pending", 'c', |_| {});
        submit(&gateway, vec![waiting()]).await;
        assert!(matches!(submit(&gateway, vec![waiting()]).await[0], Outcome::Parked { .. }));
        let nobody = Principal { source: "tester".into(), rights: Rights::Projects([].into()) };
        let refused = gateway.submit(&nobody, vec![waiting()]).await.unwrap().await;
        assert_eq!(rules(&refused[0].outcome), ["forbidden_project"]);
        let held = gateway.store().held_messages(&HeldFilter::default(), None, 10).await.unwrap();
        assert_eq!(held.iter().map(|held| held.state).collect::<Vec<_>>(), [HeldState::Parked]);
        assert!(gateway.store().ledger_balance().await.unwrap().balances());
    })
    .await;
}

#[tokio::test]
async fn what_was_refused_as_too_large_to_keep_is_kept_whole_once_it_is_parked() {
    on_each_database(GatewayOptions::default(), async |gateway| {
        let large = |project: &str| {
            let mut large = submission("large", "pending", 'c', |_| {});
            let text = String::from_utf8(large.raw.to_vec()).unwrap();
            let blanks = " ".repeat(crate::limits::REJECTED_RAW_BYTES);
            large.raw = format!("{}{blanks}", text.replace(PROJECT, project)).into();
            large.content = formats::decode(RawFormat::PulseJson, &large.raw, None).content;
            large
        };
        assert_eq!(rules(&submit(&gateway, vec![large("sloe")]).await[0]), ["unknown_repository"]);
        gateway.store().save_repository(&repository("sloe")).await.unwrap();
        gateway.refresh_directory().await.unwrap();
        assert!(matches!(submit(&gateway, vec![large("sloe")]).await[0], Outcome::Parked { .. }));
        let held = gateway.store().held_messages(&HeldFilter::default(), None, 10).await.unwrap();
        assert_eq!((held.len(), held[0].raw_truncated), (1, false));
        assert!(gateway.store().ledger_balance().await.unwrap().balances());
    })
    .await;
}

#[tokio::test]
async fn a_refused_push_is_held_with_its_project_and_replays_to_the_same_refusal() {
    on_each_database(GatewayOptions::default(), async |gateway| {
        let principal = Principal { source: "tester".into(), rights: Rights::EveryProject };
        let push = json!({"revision": revision('d'), "author": "a", "revisions": []});
        let pushes = vec![formats::decode_push_json(0, push.to_string().into())];
        let verdicts = gateway.submit_pushes(&principal, Door::Http, PROJECT, pushes).await.unwrap();
        let refusal = rules(&verdicts[0].outcome).join(" ");
        let held = gateway.store().held_messages(&HeldFilter::default(), None, 10).await.unwrap();
        assert_eq!(held[0].project.as_deref(), Some(PROJECT));
        let replayed = gateway.replay(&principal, &[held[0].id]).await.unwrap();
        assert_eq!(rules(&replayed[0].outcome).join(" "), refusal);
        assert_eq!(gateway.store().ledger_balance().await.unwrap().rows, 1);
    })
    .await;
}

#[tokio::test]
async fn a_replay_without_rights_of_its_source_or_an_administrator_is_refused() {
    on_each_database(GatewayOptions::default(), async |gateway| {
        submit(&gateway, vec![submission("w", "pending", 'c', |_| {})]).await;
        let held = gateway.store().held_messages(&HeldFilter::default(), None, 10).await.unwrap();
        let somebody = Principal { source: "somebody".into(), rights: Rights::EveryProject };
        let replayed = gateway.replay(&somebody, &[held[0].id]).await.unwrap();
        assert_eq!(rules(&replayed[0].outcome), ["forbidden_project"]);
        let admin = Principal { source: "admin".into(), rights: Rights::Administrator };
        let replayed = gateway.replay(&admin, &[held[0].id]).await.unwrap();
        assert!(matches!(replayed[0].outcome, Outcome::Parked { .. }), "{replayed:?}");
    })
    .await;
}
