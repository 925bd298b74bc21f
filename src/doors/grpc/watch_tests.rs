use super::*;
use crate::doors::grpc::translate::tests_support::a_stored_job;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinHandle;
use tonic::Code;

/// Changed jobs in the order of their positions.
#[derive(Debug, Clone, Default)]
struct Changes(Arc<Mutex<Vec<StoredJob>>>);

impl Changes {
    fn add(&self, id: i64) {
        self.0.lock().unwrap().push(a_stored_job(id));
    }

    fn last(&self) -> ChangePosition {
        self.0.lock().unwrap().last().map(|job| job.change).unwrap_or_default()
    }
}

impl ChangeFeed for Changes {
    async fn changes(
        &self,
        filter: &JobFilter,
        after: ChangePosition,
        limit: u64,
    ) -> Result<ChangePage, StoreError> {
        let matches = |job: &&StoredJob| {
            job.change > after && (filter.states.is_empty() || filter.states.contains(&"running".into()))
        };
        let jobs: Vec<_> =
            self.0.lock().unwrap().iter().filter(matches).take(limit.try_into().unwrap()).cloned().collect();
        let more = jobs.len() as u64 == limit;
        let reached = if more { jobs.last().unwrap().change } else { self.last() };
        Ok(ChangePage { jobs, reached, more })
    }

    async fn change_horizon(&self) -> Result<ChangePosition, StoreError> {
        Ok(self.last())
    }

    fn database_id(&self) -> &str {
        "database"
    }
}

struct Watching {
    responses: mpsc::Receiver<Result<WatchJobsResponse, Status>>,
    notices: watch::Sender<u64>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

async fn open(changes: &Changes, request: WatchJobsRequest) -> Result<Watching, Refusal> {
    let watch = Watch::open(changes.clone(), request, |project| project == "autoland").await?;
    let (notices, receiver) = watch::channel(0);
    let (sender, responses) = mpsc::channel(1);
    let stop = CancellationToken::new();
    let context = WatchContext { changes: receiver, stop: stop.clone() };
    let task = tokio::spawn(watch.serve(context, sender));
    Ok(Watching { responses, notices, stop, task })
}

impl Watching {
    async fn response(&mut self) -> (Vec<i64>, String) {
        let response = self.responses.recv().await.unwrap().unwrap();
        (response.jobs.iter().map(|job| job.id).collect(), response.cursor)
    }
}

fn everything() -> WatchJobsRequest {
    WatchJobsRequest { from_beginning: true, ..Default::default() }
}

#[tokio::test(start_paused = true)]
async fn a_watch_says_first_where_it_begins_and_then_what_changes() {
    let changes = Changes::default();
    changes.add(1);
    let mut watching = open(&changes, WatchJobsRequest::default()).await.unwrap();
    let (jobs, cursor) = watching.response().await;
    assert_eq!((jobs.len(), cursor.is_empty()), (0, false));
    changes.add(2);
    watching.notices.send_modify(|n| *n += 1);
    assert_eq!(watching.response().await.0, [2], "what was there before the watch is not delivered");
}

#[tokio::test(start_paused = true)]
async fn a_lost_notice_costs_a_second() {
    let changes = Changes::default();
    let mut watching = open(&changes, everything()).await.unwrap();
    watching.response().await;
    let begun = Instant::now();
    tokio::task::yield_now().await;
    changes.add(1);
    assert_eq!(watching.response().await.0, [1]);
    assert!(begun.elapsed() <= limits::WATCH_POLL + Duration::from_millis(10));
}

#[tokio::test(start_paused = true)]
async fn a_watch_resumes_after_the_last_response_that_was_handled() {
    let changes = Changes::default();
    (1..=3).for_each(|id| changes.add(id));
    let mut watching = open(&changes, everything()).await.unwrap();
    watching.response().await;
    let (jobs, cursor) = watching.response().await;
    assert_eq!(jobs, [1, 2, 3]);
    drop(watching);
    changes.add(4);
    let mut watching = open(&changes, WatchJobsRequest { cursor, ..Default::default() }).await.unwrap();
    watching.response().await;
    assert_eq!(watching.response().await.0, [4]);
}

#[tokio::test(start_paused = true)]
async fn every_page_is_delivered_without_waiting_for_notices() {
    let changes = Changes::default();
    let count = 2 * limits::WATCH_PAGE as i64 + 1;
    (1..=count).for_each(|id| changes.add(id));
    let mut watching = open(&changes, everything()).await.unwrap();
    let begun = Instant::now();
    let mut seen = Vec::new();
    while i64::try_from(seen.len()).unwrap() < count {
        seen.extend(watching.response().await.0);
    }
    assert_eq!(seen, (1..=count).collect::<Vec<_>>());
    assert!(begun.elapsed() < limits::WATCH_POLL);
}

#[tokio::test(start_paused = true)]
async fn each_response_of_a_page_that_was_split_resumes_after_its_own_jobs() {
    let changes = Changes::default();
    for id in 1..=5 {
        let description = Some("x".repeat(limits::RESPONSE_BYTES / 3));
        changes.0.lock().unwrap().push(StoredJob { description, ..a_stored_job(id) });
    }
    let mut watching = open(&changes, everything()).await.unwrap();
    watching.response().await;
    let (jobs, cursor) = watching.response().await;
    assert_eq!(jobs, [1, 2]);
    drop(watching);
    let mut watching = open(&changes, WatchJobsRequest { cursor, ..Default::default() }).await.unwrap();
    watching.response().await;
    assert_eq!(watching.response().await.0, [3, 4]);
}

#[tokio::test(start_paused = true)]
async fn a_watcher_to_whom_nothing_matches_gets_a_fresh_cursor_now_and_then() {
    let changes = Changes::default();
    let request = WatchJobsRequest { states: vec!["pending".into()], ..everything() };
    let mut watching = open(&changes, request).await.unwrap();
    let (_, first) = watching.response().await;
    let begun = Instant::now();
    changes.add(1);
    let (jobs, cursor) = watching.response().await;
    assert!(jobs.is_empty());
    assert_ne!(cursor, first);
    assert!(begun.elapsed() >= limits::WATCH_CURSOR_INTERVAL);
}

#[tokio::test(start_paused = true)]
async fn a_silent_watch_never_holds_a_cursor_that_is_about_to_expire() {
    let changes = Changes::default();
    let mut watching = open(&changes, everything()).await.unwrap();
    watching.response().await;
    let begun = Instant::now();
    watching.response().await;
    assert!(begun.elapsed() < limits::WATCH_CURSOR_AGE / 100);
}

#[tokio::test]
async fn what_cannot_be_watched_is_refused() {
    let changes = Changes::default();
    let cursor_of = |database, days| {
        let then = Utc::now() - chrono::TimeDelta::days(days);
        watch_cursor::encode(DatabaseTag::of(database), ChangePosition::default(), then)
    };
    let with = |cursor: String| WatchJobsRequest { cursor, ..Default::default() };
    for (request, code) in [
        (WatchJobsRequest { projects: vec!["nowhere".into()], ..everything() }, Code::InvalidArgument),
        (WatchJobsRequest { states: vec!["a\0".into()], ..everything() }, Code::InvalidArgument),
        (with("nonsense".into()), Code::InvalidArgument),
        (with(cursor_of("another", 0)), Code::OutOfRange),
        (with(cursor_of("database", 8)), Code::OutOfRange),
    ] {
        match open(&changes, request.clone()).await {
            Err(refusal) => assert_eq!(Status::from(refusal).code(), code, "{request:?}"),
            Ok(_) => panic!("{request:?}"),
        }
    }
    let known = WatchJobsRequest { projects: vec!["autoland".into()], ..with(cursor_of("database", 6)) };
    assert!(open(&changes, known).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_watch_of_a_database_that_was_put_back_to_an_earlier_state_has_to_begin_again() {
    let changes = Changes::default();
    (1..=3).for_each(|id| changes.add(id));
    let mut watching = open(&changes, WatchJobsRequest::default()).await.unwrap();
    let (_, cursor) = watching.response().await;
    changes.0.lock().unwrap().truncate(2);
    let status = watching.responses.recv().await.unwrap().unwrap_err();
    assert_eq!(status.code(), Code::OutOfRange);
    let again = WatchJobsRequest { cursor, ..Default::default() };
    let refused = open(&changes, again).await.err().map(|refusal| Status::from(refusal).code());
    assert_eq!(refused, Some(Code::OutOfRange));
}

#[tokio::test]
async fn shutdown_ends_a_watch_with_unavailable() {
    let mut watching = open(&Changes::default(), everything()).await.unwrap();
    watching.response().await;
    watching.stop.cancel();
    let status = watching.responses.recv().await.unwrap().unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    watching.task.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_watch_ends_with_its_watcher() {
    let watching = open(&Changes::default(), everything()).await.unwrap();
    drop(watching.responses);
    watching.task.await.unwrap();
}
