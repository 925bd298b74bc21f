//! What the runner promises, with a kind of work of its own, on both databases.

use super::{Lease, Outcome, QueueTable, RunnerOptions, Work, start};
use crate::store::follow_up::{FailedAt, LOGS, Priority};
use crate::store::testing::TestDatabase;
use crate::store::{Store, StoreError};
use sea_orm::ConnectionTrait;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

static QUEUE: QueueTable = QueueTable {
    kind: "test",
    table: "test_work",
    subject: "name",
    when_begun: LOGS.when_begun,
    when_deferred: LOGS.when_deferred,
    when_done: "status = 1",
    when_failed: "status = 2",
    when_retried: "status = 0",
};

/// How each entry is to end, by its name; and what was attempted, in order.
#[derive(Clone, Default)]
struct Scripted {
    store: Option<Store>,
    attempted: Arc<Mutex<Vec<String>>>,
}

impl Work for Scripted {
    const QUEUE: &'static QueueTable = &QUEUE;
    const ATTEMPTS: u32 = 3;

    async fn perform(&self, lease: &Lease) -> Result<Outcome, StoreError> {
        let store = self.store.as_ref().unwrap();
        let name = entry(store, lease.id).await.0;
        self.attempted.lock().unwrap().push(name.clone());
        Ok(match name.as_str() {
            "done" => Outcome::Done,
            "second time" if lease.attempts == 2 => Outcome::Done,
            "dead" => Outcome::Dead { why: "no such thing".into() },
            "panics" => panic!("as scripted"),
            "slow" => {
                tokio::time::sleep(Duration::from_millis(900)).await;
                Outcome::Done
            }
            "away" => return Err(StoreError::Unavailable("restarting".into())),
            "refused" => return Err(StoreError::Data("too long".into())),
            "busy" => later(),
            "busy the second time" if lease.attempts == 2 => later(),
            "endless" => std::future::pending().await,
            _ => Outcome::Retry { why: "not yet".into(), after: None },
        })
    }
}

fn later() -> Outcome {
    Outcome::Later { why: "others first".into(), after: Duration::from_secs(3600) }
}

/// Name, status, attempts, whether queued, whether dead, last error.
type Entry = (String, i64, i64, bool, bool, Option<String>);

async fn entry(store: &Store, id: i64) -> Entry {
    let connection = store.read_connection();
    let sql = format!(
        "SELECT name, CAST(status AS BIGINT), CAST(attempts AS BIGINT), queue_priority IS NOT NULL, \
         dead_at IS NOT NULL, last_error FROM test_work WHERE id = {id}"
    );
    let statement = sea_orm::Statement::from_string(connection.get_database_backend(), sql);
    let row = connection.query_one_raw(statement).await.unwrap().unwrap();
    (
        row.try_get_by_index(0).unwrap(),
        row.try_get_by_index(1).unwrap(),
        row.try_get_by_index(2).unwrap(),
        row.try_get_by_index(3).unwrap(),
        row.try_get_by_index(4).unwrap(),
        row.try_get_by_index(5).unwrap(),
    )
}

async fn execute(store: &Store, sql: &str) {
    store.write_connection().execute_unprepared(sql).await.unwrap();
}

async fn add(store: &Store, id: i64, name: &str, priority: i16) {
    let sql = format!("INSERT INTO test_work (id, name, queue_priority) VALUES ({id}, '{name}', {priority})");
    execute(store, &sql).await;
}

async fn with_queue(test: impl AsyncFn(&Store)) {
    for database in TestDatabase::each().await {
        let store = database.store().await;
        execute(
            &store,
            "CREATE TABLE test_work (id BIGINT PRIMARY KEY, name TEXT, status SMALLINT DEFAULT 0, \
             queue_priority SMALLINT, attempts INTEGER NOT NULL DEFAULT 0, lease_owner TEXT, \
             lease_until BIGINT, next_attempt_at BIGINT, last_error TEXT, dead_at BIGINT, \
             begun_at BIGINT)",
        )
        .await;
        test(&store).await;
        store.close().await;
        database.remove().await;
    }
}

struct Started {
    attempted: Arc<Mutex<Vec<String>>>,
    enqueued: watch::Sender<u64>,
    stop: CancellationToken,
    runner: tokio::task::JoinHandle<()>,
}

const QUICK: RunnerOptions = RunnerOptions {
    workers: 4,
    lease: Duration::from_millis(600),
    poll: Duration::from_millis(20),
    first_retry: Duration::from_millis(1),
    drain: Duration::from_millis(50),
};

fn started(store: &Store, options: RunnerOptions) -> Started {
    let work = Scripted { store: Some(store.clone()), attempted: Arc::default() };
    let attempted = work.attempted.clone();
    let (enqueued, hears) = watch::channel(0);
    let stop = CancellationToken::new();
    let runner = start(store.clone(), work, options, hears, stop.clone());
    Started { attempted, enqueued, stop, runner }
}

impl Started {
    async fn until(&self, store: &Store, id: i64, is_so: impl Fn(&Entry) -> bool) -> Entry {
        for _ in 0..1000 {
            let entry = entry(store, id).await;
            if is_so(&entry) {
                return entry;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("entry {id} is {:?}", entry(store, id).await);
    }

    async fn stopped(self) {
        self.stop.cancel();
        self.runner.await.unwrap();
    }
}

fn is_settled(entry: &Entry) -> bool {
    !entry.3
}

#[tokio::test]
async fn each_outcome_is_written_down_and_one_entry_does_not_hold_up_the_others() {
    with_queue(async |store| {
        for (id, name) in (1..).zip(["dead", "panics", "never", "second time", "done"]) {
            add(store, id, name, 0).await;
        }
        let work = started(store, QUICK);
        let dead = work.until(store, 1, is_settled).await;
        assert_eq!(dead, ("dead".into(), 2, 1, false, true, Some("no such thing".into())));
        let panicked = work.until(store, 2, is_settled).await;
        assert_eq!((panicked.1, panicked.2, panicked.4), (2, 3, true));
        let never = work.until(store, 3, is_settled).await;
        let why = Some("not yet; given up after 3 attempts".into());
        assert_eq!(never, ("never".into(), 2, 3, false, true, why));
        let second = work.until(store, 4, is_settled).await;
        assert_eq!(second, ("second time".into(), 1, 2, false, false, None));
        let done = work.until(store, 5, is_settled).await;
        assert_eq!(done, ("done".into(), 1, 1, false, false, None));
        work.stopped().await;
    })
    .await;
}

#[tokio::test]
async fn what_cannot_begin_yet_is_no_attempt_and_hides_no_error_of_one() {
    with_queue(async |store| {
        add(store, 1, "busy", 0).await;
        add(store, 2, "busy the second time", 0).await;
        let work = started(store, QUICK);
        let busy = work.until(store, 1, |entry| entry.2 == 0 && entry.5.is_some()).await;
        assert_eq!(busy, ("busy".into(), 0, 0, true, false, Some("others first".into())));
        let tried = work.attempted.clone();
        let was_put_off = |entry: &Entry| {
            tried.lock().unwrap().iter().filter(|name| **name == entry.0).count() == 2 && entry.2 == 1
        };
        let second = work.until(store, 2, was_put_off).await;
        assert_eq!(second, ("busy the second time".into(), 2, 1, true, false, Some("not yet".into())));
        work.stopped().await;
        let sql = "SELECT COUNT(*) FROM test_work WHERE begun_at IS NULL AND id = 1";
        let connection = store.read_connection();
        let statement = sea_orm::Statement::from_string(connection.get_database_backend(), sql);
        let row = connection.query_one_raw(statement).await.unwrap().unwrap();
        assert_eq!(row.try_get_by_index::<i64>(0).unwrap(), 1, "it never began");
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_stored_leaves_the_state_of_its_entry_and_is_retried_unless_it_is_refused() {
    with_queue(async |store| {
        add(store, 1, "away", 0).await;
        add(store, 2, "refused", 0).await;
        let work = started(store, QUICK);
        let away = work.until(store, 1, is_settled).await;
        let why = "storing failed: the database is unavailable: restarting; given up after 3 attempts";
        assert_eq!(away, ("away".into(), 0, 3, false, true, Some(why.into())));
        let refused = work.until(store, 2, is_settled).await;
        let why = "storing failed: the database refuses the data: too long";
        assert_eq!(refused, ("refused".into(), 0, 1, false, true, Some(why.into())));
        work.stopped().await;
    })
    .await;
}

#[tokio::test]
async fn work_that_outlasts_its_lease_keeps_it_and_is_done_once() {
    with_queue(async |store| {
        let (one, other) = (started(store, QUICK), started(store, QUICK));
        tokio::time::sleep(Duration::from_millis(200)).await;
        add(store, 1, "slow", 1).await;
        let done = one.until(store, 1, is_settled).await;
        assert_eq!((done.1, done.2), (1, 1));
        let attempts = one.attempted.lock().unwrap().len() + other.attempted.lock().unwrap().len();
        assert_eq!(attempts, 1);
        one.stopped().await;
        other.stopped().await;
    })
    .await;
}

#[tokio::test]
async fn a_lost_lease_lets_nothing_be_written() {
    with_queue(async |store| {
        add(store, 1, "done", 0).await;
        let mine = store.claim_work(&QUEUE, Priority::Failures, "me", 10, 20, 8).await.unwrap().remove(0);
        assert!(store.claim_work(&QUEUE, Priority::Failures, "you", 19, 40, 8).await.unwrap().is_empty());
        let yours = store.claim_work(&QUEUE, Priority::Failures, "you", 20, 40, 8).await.unwrap().remove(0);
        assert_eq!((mine.attempts, yours.attempts), (1, 2));
        assert!(!store.extend_lease(&QUEUE, &mine, 99).await.unwrap());
        assert!(!store.finish_work(&QUEUE, &mine).await.unwrap());
        assert!(!store.postpone_work(&QUEUE, &mine, FailedAt::Work, "late", 99).await.unwrap());
        assert!(!store.bury_work(&QUEUE, &mine, FailedAt::Work, "late", 99).await.unwrap());
        assert_eq!(entry(store, 1).await, ("done".into(), 0, 2, true, false, None));
        assert!(store.finish_work(&QUEUE, &yours).await.unwrap());
    })
    .await;
}

#[tokio::test]
async fn entries_of_failed_jobs_come_first_and_the_others_take_turns() {
    with_queue(async |store| {
        for id in 1..=6 {
            add(store, id, "done", 1).await;
            add(store, id + 10, "done", 0).await;
        }
        let of = async |first, owner, limit| -> Vec<i64> {
            let leases = store.claim_work(&QUEUE, first, owner, 0, 100, limit).await.unwrap();
            leases.into_iter().map(|lease| lease.id).collect()
        };
        assert_eq!(of(Priority::Failures, "a", 4).await, [11, 12, 13, 14]);
        assert_eq!(of(Priority::Others, "b", 1).await, [1]);
        assert_eq!(of(Priority::Failures, "c", 4).await, [15, 16, 2, 3]);
    })
    .await;
}

#[tokio::test]
async fn what_was_just_enqueued_is_worked_on_at_once() {
    with_queue(async |store| {
        let work = started(store, RunnerOptions { poll: Duration::from_secs(3600), ..QUICK });
        tokio::time::sleep(Duration::from_millis(50)).await;
        add(store, 1, "done", 0).await;
        work.enqueued.send_modify(|count| *count += 1);
        work.until(store, 1, is_settled).await;
        work.stopped().await;
    })
    .await;
}

#[tokio::test]
async fn a_stopping_gateway_gives_back_what_does_not_end_in_time() {
    with_queue(async |store| {
        add(store, 1, "endless", 0).await;
        let work = started(store, QUICK);
        work.until(store, 1, |entry| entry.2 == 1).await;
        work.stopped().await;
        assert_eq!(entry(store, 1).await, ("endless".into(), 0, 0, true, false, None));
        let again = store.claim_work(&QUEUE, Priority::Failures, "next", 0, 9, 1).await.unwrap();
        assert_eq!(again.len(), 1, "it is due at once");
    })
    .await;
}

#[tokio::test]
async fn work_whose_attempts_all_ended_with_their_gateways_is_given_up() {
    with_queue(async |store| {
        add(store, 1, "done", 0).await;
        execute(store, "UPDATE test_work SET attempts = 3").await;
        let work = started(store, QUICK);
        let dead = work.until(store, 1, is_settled).await;
        assert_eq!((dead.1, dead.4), (2, true));
        assert!(work.attempted.lock().unwrap().is_empty(), "it was not begun again");
        work.stopped().await;
    })
    .await;
}

#[tokio::test]
async fn dead_work_is_listed_with_its_reason_and_can_be_queued_again() {
    with_queue(async |store| {
        for id in 1..=3 {
            add(store, id, "dead", 0).await;
        }
        let work = started(store, QUICK);
        for id in 1..=3 {
            work.until(store, id, is_settled).await;
        }
        work.stopped().await;
        let listed = store.list_work(&QUEUE, true, 1, 10).await.unwrap();
        let shown: Vec<_> = listed.iter().map(|e| (e.id, &*e.subject, e.last_error.as_deref())).collect();
        assert_eq!(shown, [(2, "dead", Some("no such thing")), (3, "dead", Some("no such thing"))]);
        assert!(store.list_work(&QUEUE, false, 0, 10).await.unwrap().is_empty());

        assert_eq!(store.retry_work(&QUEUE, Some(&[2])).await.unwrap(), 1);
        assert_eq!(store.list_work(&QUEUE, false, 0, 10).await.unwrap()[0].attempts, 0);
        assert_eq!(store.retry_work(&QUEUE, Some(&[])).await.unwrap(), 0);
        assert_eq!(store.retry_work(&QUEUE, None).await.unwrap(), 3);
    })
    .await;
}

#[tokio::test]
async fn on_sqlite_the_leases_of_a_process_that_died_end_at_the_next_start() {
    with_queue(async |store| {
        add(store, 1, "done", 0).await;
        let now = chrono::Utc::now().timestamp_micros();
        let hour = 3_600_000_000;
        store.claim_work(&QUEUE, Priority::Failures, "dead", now, now + hour, 1).await.unwrap();
        let work = started(store, QUICK);
        if matches!(store.backend(), crate::store::Backend::Sqlite { .. }) {
            work.until(store, 1, is_settled).await;
        } else {
            tokio::time::sleep(Duration::from_millis(300)).await;
            assert!(!is_settled(&entry(store, 1).await), "others may be at work");
        }
        work.stopped().await;
    })
    .await;
}
