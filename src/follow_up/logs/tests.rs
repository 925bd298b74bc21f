//! Logs from their addresses to their rows, on both databases. The addresses are scripted; the doors, the
//! network and its faults are `tests/it`'s.

use super::{Blocks, Found, LogWork, Profile, Source, Unobtainable, storing};
use crate::core::legacy_tests::legacy;
use crate::core::tests::{on_each_database, revision, submit};
use crate::core::{Gateway, GatewayOptions};
use crate::domain::{Outcome, RawFormat};
use crate::follow_up::performance::PerformanceWork;
use crate::follow_up::{RunnerOptions, start};
use crate::formats::{check_performance, performance_document};
use crate::logs::LogParser;
use crate::store::batch::{FlatErrorRow, PerformanceRow};
use crate::store::entities::jobs::{
    failure_line, group_result, job, job_artifact, job_detail, job_log, log_error, log_step,
};
use crate::store::follow_up::{LOGS, Priority};
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream;
use sea_orm::{ConnectionTrait, EntityTrait, QueryOrder, Statement};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// The bytes of a log, or why there are none.
type ScriptedAnswer = Result<Vec<u8>, Unobtainable>;
/// What is at an address, one answer for each time that it is asked for; the last one stays.
type Script = HashMap<String, Vec<ScriptedAnswer>>;

#[derive(Clone, Default)]
struct Scripted {
    answers: Arc<Mutex<Script>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Source for Scripted {
    fn open<'a>(
        &'a self,
        url: &'a str,
        declared_limit: Option<u64>,
    ) -> BoxFuture<'a, Result<Blocks, Unobtainable>> {
        self.asked.lock().unwrap().push(url.to_owned());
        let mut answers = self.answers.lock().unwrap();
        let at = answers.get_mut(url).expect("an address of the script");
        let answer = if at.len() > 1 { at.remove(0) } else { at[0].clone() };
        Box::pin(async move {
            let bytes = answer?;
            match declared_limit {
                Some(limit) if bytes.len() as u64 > limit => Err(Unobtainable::TooLarge { limit }),
                _ => {
                    let blocks: Vec<_> = bytes.chunks(1000).map(|b| Ok(Bytes::copy_from_slice(b))).collect();
                    Ok(Box::pin(stream::iter(blocks)) as Blocks)
                }
            }
        })
    }
}

impl Scripted {
    fn with(self, url: &str, answers: Vec<ScriptedAnswer>) -> Self {
        self.answers.lock().unwrap().insert(url.into(), answers);
        self
    }
}

const QUICK: RunnerOptions = RunnerOptions {
    workers: 4,
    lease: Duration::from_secs(5),
    poll: Duration::from_millis(20),
    first_retry: Duration::from_millis(1),
    drain: Duration::from_millis(500),
};

/// Reads everything that is queued.
async fn read_all(gateway: &Gateway, source: &Scripted) {
    let store = gateway.store();
    let stop = CancellationToken::new();
    let work = LogWork::new(store.clone(), source.clone(), QUICK.workers);
    let runner = start(store.clone(), work, QUICK, gateway.follow_up_enqueued(), stop.clone());
    let work = PerformanceWork::new(store.clone(), source.clone());
    let fetches = start(store.clone(), work, QUICK, gateway.follow_up_enqueued(), stop.clone());
    let end = tokio::time::Instant::now() + Duration::from_secs(30);
    while store.follow_up_depth().await.unwrap() > 0 {
        assert!(tokio::time::Instant::now() < end, "the queue gets empty");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    stop.cancel();
    runner.await.unwrap();
    fetches.await.unwrap();
}

/// Submits a completed job with logs (name, address, status) and artifacts.
async fn submit_job(gateway: &Gateway, guid: &str, logs: Value, artifacts: Value) {
    let item = json!({
        "revision": revision('a'),
        "job": {"job_guid": guid, "state": "completed", "result": "testfailed",
                "log_references": logs, "artifacts": artifacts},
    });
    let outcomes = submit(gateway, vec![legacy(RawFormat::LegacyJobJson, &item)]).await;
    assert!(matches!(outcomes[0], Outcome::Stored(_)), "{outcomes:?}");
}

fn log(name: &str, url: &str) -> Value {
    json!([{"name": name, "url": url, "parse_status": "pending"}])
}

const URL: &str = "https://logs.example.org/one.txt";
const TEXT: &str = "========= Started bake (results: 0, elapsed: 1 secs) (at 2018-06-26 09:30:00) =========\n\
    abort: the kiln is cold\n\
    TinderboxPrint: kiln: <a href=\"https://h.example.org/k\">seven</a>\n\
    ========= Finished bake (results: 2, elapsed: 1 secs) (at 2018-06-26 09:31:00) =========\n";

async fn statuses(gateway: &Gateway) -> Vec<(i16, Option<i16>, i32, Option<String>)> {
    let rows = job_log::Entity::find().order_by_asc(job_log::Column::Id);
    let rows = rows.all(&gateway.store().read_connection()).await.unwrap();
    rows.into_iter().map(|row| (row.status, row.queue_priority, row.attempts, row.last_error)).collect()
}

/// Status of a log in the end, attempts at it, and why the last one failed.
type Ended = (i16, i32, Option<&'static str>);

/// Name, lines, result, and the (number, text) of the errors.
type StepSeen = (String, i32, i32, String, Vec<(i32, String)>);

/// Steps in their order.
async fn steps(gateway: &Gateway) -> Vec<StepSeen> {
    let connection = gateway.store().read_connection();
    let steps = log_step::Entity::find().order_by_asc(log_step::Column::StartedLine);
    let errors = log_error::Entity::find().order_by_asc(log_error::Column::LineNumber);
    let errors = errors.all(&connection).await.unwrap();
    let of = |step: &log_step::Model| {
        let own = errors.iter().filter(|error| error.step_id == Some(step.id));
        own.map(|error| (error.line_number, error.line.clone())).collect()
    };
    let steps = steps.all(&connection).await.unwrap();
    steps.iter().map(|s| (s.name.clone(), s.started_line, s.finished_line, s.result.clone(), of(s))).collect()
}

fn baked() -> Vec<StepSeen> {
    vec![("bake".into(), 0, 3, "busted".into(), vec![(1, "abort: the kiln is cold".into())])]
}

fn gone() -> Unobtainable {
    Unobtainable::ForGood { why: "the answer is 404".into() }
}

fn broken() -> Unobtainable {
    Unobtainable::ForNow { why: "the answer is 500".into(), after: None }
}

#[tokio::test]
async fn a_log_becomes_steps_errors_and_details_once() {
    on_each_database(GatewayOptions::default(), async |gateway| {
        let source = Scripted::default().with(URL, vec![Ok(TEXT.into())]);
        submit_job(&gateway, "one", log("builds-4h", URL), json!([])).await;
        read_all(&gateway, &source).await;
        assert_eq!(statuses(&gateway).await, [(1, None, 1, None)]);
        assert_eq!(steps(&gateway).await, baked());
        let connection = gateway.store().read_connection();
        let times = &log_step::Entity::find().all(&connection).await.unwrap()[0];
        assert_eq!(times.started_at.zip(times.finished_at).map(|(start, end)| end - start), Some(60_000_000));
        let details = job_detail::Entity::find().all(&connection).await.unwrap();
        let shown: Vec<_> = details.iter().map(|d| (&*d.title, &*d.value, d.url.as_deref())).collect();
        assert_eq!(shown, [("kiln", "seven", Some("https://h.example.org/k"))]);
        assert_eq!(*source.asked.lock().unwrap(), [URL]);
    })
    .await;
}

#[tokio::test]
async fn a_task_runners_log_becomes_a_flat_list_of_errors() {
    on_each_database(GatewayOptions::default(), async |gateway| {
        let text = "[task 2026-01-01T00:00:00Z] abort: \0 one\nfine\nabort: two\n";
        let source = Scripted::default().with(URL, vec![Ok(text.into())]);
        submit_job(&gateway, "one", log("live_backing_log", URL), json!([])).await;
        read_all(&gateway, &source).await;
        let rows = log_error::Entity::find().order_by_asc(log_error::Column::LineNumber);
        let rows = rows.all(&gateway.store().read_connection()).await.unwrap();
        let shown: Vec<_> = rows.iter().map(|row| (row.step_id, row.line_number, &*row.line)).collect();
        assert_eq!(shown.last(), Some(&(None, 2, "abort: two")));
        assert_eq!(steps(&gateway).await, []);
    })
    .await;
}

#[tokio::test]
async fn a_log_that_a_job_refers_to_twice_is_stored_and_counted_once() {
    on_each_database(GatewayOptions::default(), async |gateway| {
        let mirror = "https://mirror.example.org/one.txt";
        let failure = "TEST-UNEXPECTED-FAIL | kiln/test_glaze.js | the glaze runs";
        let source = Scripted::default()
            .with(URL, vec![Ok(format!("{failure}\n").into())])
            .with(mirror, vec![Ok(format!("{failure}\nfine\nabort: late\n{failure}\n").into())]);
        let logs = [log("live_backing_log", URL), log("live_backing_log", mirror)];
        let logs: Vec<Value> = logs.iter().map(|log| log[0].clone()).collect();
        submit_job(&gateway, "one", logs[..1].into(), json!([])).await;
        read_all(&gateway, &source).await;
        submit_job(&gateway, "one", logs.into(), json!([])).await;
        read_all(&gateway, &source).await;
        let connection = gateway.store().read_connection();
        let rows = log_error::Entity::find().order_by_asc(log_error::Column::Id).all(&connection);
        let shown: Vec<_> = rows.await.unwrap().into_iter().map(|row| (row.line_number, row.line)).collect();
        assert_eq!(shown, [(0, failure.into()), (2, "abort: late".into()), (3, failure.into())]);
        let sql = "SELECT CAST(MAX(jobs) AS BIGINT) FROM failure_sightings";
        let statement = Statement::from_string(connection.get_database_backend(), sql);
        let seen = connection.query_one_raw(statement).await.unwrap().unwrap();
        assert_eq!(seen.try_get_by_index::<i64>(0).unwrap(), 1, "one job");
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_had_ends_as_contract_1_4_says() {
    on_each_database(GatewayOptions::default(), async |gateway| {
        let huge = vec![b'x'; 5 * 1024 * 1024 + 1];
        let cases: [(&str, Vec<ScriptedAnswer>, Ended); 6] = [
            ("builds-4h", vec![Err(gone())], (2, 1, Some("the answer is 404"))),
            ("builds-4h", vec![Err(broken()), Err(broken()), Ok(TEXT.into())], (1, 3, None)),
            (
                "builds-4h",
                vec![Err(broken())],
                (2, 11, Some("the answer is 500; given up after 11 attempts")),
            ),
            (
                "live_backing_log",
                vec![Ok(huge.clone())],
                (3, 1, Some("the log declares more than 5242880 bytes, which are the most that is read of its kind")),
            ),
            ("builds-4h", vec![Ok(huge)], (1, 1, None)),
            ("errorsummary_json", vec![Ok(Vec::new())], (1, 1, None)),
        ];
        let mut source = Scripted::default();
        for (number, (name, answers, _)) in cases.iter().enumerate() {
            let url = format!("https://logs.example.org/{number}");
            submit_job(&gateway, &format!("job-{number}"), log(name, &url), json!([])).await;
            source = source.with(&url, answers.clone());
        }
        read_all(&gateway, &source).await;
        for (found, (name, _, (status, attempts, why))) in statuses(&gateway).await.iter().zip(&cases) {
            assert_eq!(found, &(*status, None, *attempts, why.map(Into::into)), "{name}");
        }
        // What is skipped for its size is nobody's trouble.
        let dead = gateway.store().list_all_work(true, (0, 0), 10).await.unwrap();
        let failed = cases.iter().filter(|(_, _, (status, ..))| *status == 2).count();
        assert_eq!(dead.len(), failed);
    })
    .await;
}

#[tokio::test]
async fn an_error_summary_becomes_failure_lines_or_fails_at_once() {
    on_each_database(GatewayOptions::default(), async |gateway| {
        let good =
            "{\"action\": \"test_result\", \"line\": 3, \"test\": \"a\\u0000b\", \"status\": \"FAIL\"}\n";
        let (one, two) = ("https://logs.example.org/1", "https://logs.example.org/2");
        let source =
            Scripted::default().with(one, vec![Ok(good.into())]).with(two, vec![Ok("nonsense".into())]);
        submit_job(&gateway, "one", log("errorsummary_json", one), json!([])).await;
        submit_job(&gateway, "two", log("errorsummary_json", two), json!([])).await;
        read_all(&gateway, &source).await;
        let lines = failure_line::Entity::find().all(&gateway.store().read_connection()).await.unwrap();
        assert_eq!(lines.len(), 1);
        assert_eq!((lines[0].line, lines[0].test.as_deref()), (3, Some("a\u{fffd}b")));
        let statuses = statuses(&gateway).await;
        assert_eq!((statuses[0].0, statuses[1].0, statuses[1].2), (1, 2, 1));
    })
    .await;
}

#[tokio::test]
async fn groups_of_an_error_summary_are_stored_with_its_failures_and_go_with_their_job() {
    on_each_database(GatewayOptions::default(), async |gateway| {
        let group = |name: &str, status: &str, duration: Value| {
            let record = json!({"action": "group_result", "line": 9, "group": name, "status": status,
                "duration": duration});
            format!("{record}\n")
        };
        let failure = "{\"action\": \"log\", \"line\": 1, \"message\": \"m\", \"level\": \"ERROR\"}\n";
        let text = [
            failure,
            &group("a\0a.ini", "OK", json!(61_500)),
            &group("b/b.ini", "ERROR", json!(null)),
            &group("c\\c.ini", "OK", json!(1000)),
            &group("d.ini", "TIMEOUT", json!(7_200_001)),
        ];
        let source = Scripted::default().with(URL, vec![Ok(text.concat().into())]);
        submit_job(&gateway, "one", log("errorsummary_json", URL), json!([])).await;
        read_all(&gateway, &source).await;
        let connection = gateway.store().write_connection();
        let groups = async || {
            let rows = group_result::Entity::find().order_by_asc(group_result::Column::Name);
            rows.all(&connection).await.unwrap()
        };
        let rows = groups().await;
        let shown: Vec<_> = rows.iter().map(|row| (&*row.name, row.status, row.seconds)).collect();
        assert_eq!(shown, [("a\u{fffd}a.ini", 1, 61), ("b/b.ini", 2, 0), ("d.ini", 10, 0)]);
        assert_eq!(failure_line::Entity::find().all(&connection).await.unwrap().len(), 1);
        job::Entity::delete_many().exec(&connection).await.unwrap();
        assert_eq!(groups().await, []);
    })
    .await;
}

#[tokio::test]
async fn r31_a_supplied_summary_stays_even_without_steps_and_parsing_adds_details() {
    on_each_database(GatewayOptions::default(), async |gateway| {
        let source = Scripted::default().with(URL, vec![Ok(TEXT.into())]);
        let blob = json!({"step_data": {"steps": [], "errors_truncated": false}, "logurl": URL});
        let summary = json!([{"name": "text_log_summary", "type": "json", "blob": blob}]);
        submit_job(&gateway, "one", log("builds-4h", URL), summary).await;
        read_all(&gateway, &source).await;
        assert_eq!(statuses(&gateway).await[0].0, 1);
        assert_eq!(steps(&gateway).await, []);
        let details = job_detail::Entity::find().all(&gateway.store().read_connection()).await.unwrap();
        assert_eq!(details.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn what_was_read_under_a_lost_lease_is_not_stored() {
    on_each_database(GatewayOptions::default(), async |gateway| {
        submit_job(&gateway, "one", log("builds-4h", URL), json!([])).await;
        let store = gateway.store();
        let lost = store.claim_work(&LOGS, Priority::Failures, "me", 10, 20, 8).await.unwrap().remove(0);
        let kept =
            store.claim_work(&LOGS, Priority::Failures, "you", 20, i64::MAX, 8).await.unwrap().remove(0);
        let source = Scripted::default().with(URL, vec![Ok(TEXT.into())]);
        let work = LogWork::new(store.clone(), source, QUICK.workers);
        super::Work::perform(&work, &lost).await.unwrap();
        assert_eq!(steps(&gateway).await, []);
        assert_eq!(statuses(&gateway).await[0].0, 0);
        super::Work::perform(&work, &kept).await.unwrap();
        assert_eq!(steps(&gateway).await, baked());
        assert_eq!(statuses(&gateway).await[0].0, 1);
    })
    .await;
}

/// Both hold the row of a series, or of a failure, when the other comes for it.
#[tokio::test]
async fn a_log_and_a_batch_with_the_same_series_and_failure_wait_for_each_other_in_one_order() {
    on_each_database(GatewayOptions::default(), async |gateway| {
        submit_job(&gateway, "read", log("live_backing_log", URL), json!([])).await;
        submit_job(&gateway, "sent", json!([]), json!([])).await;
        let store = gateway.store();
        let lease = store.claim_work(&LOGS, Priority::Failures, "me", 10, 20, 8).await.unwrap().remove(0);
        let jobs = job::Entity::find().order_by_asc(job::Column::Id);
        let sent = jobs.all(&store.read_connection()).await.unwrap()[1].id;
        let line = "TEST-UNEXPECTED-FAIL | kiln/test_glaze.js | the glaze runs";
        let mut parser = LogParser::new(Profile::Of2026, check_performance);
        parser.feed(format!("PERFHERDER_DATA: {DOCUMENT}\n{line}\n").as_bytes());
        let found = Found::Text(parser.finish());
        let document = performance_document(serde_json::from_str(DOCUMENT).unwrap()).unwrap();

        let mut batch = store.begin_batch().await.unwrap();
        batch.add_performance(&[PerformanceRow { job_id: sent, document: &document }]).await.unwrap();
        let reading = storing::store(store, &lease, URL, &found);
        let sending = async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            batch.add_flat_errors(&[FlatErrorRow { job_id: sent, line_number: 1, line }]).await?;
            batch.commit().await
        };
        let (read, sent) = tokio::join!(reading, sending);
        assert!(read.is_ok() && sent.is_ok(), "{read:?} {sent:?}");
        assert_eq!(statuses(&gateway).await[0].0, 1);
    })
    .await;
}

#[tokio::test]
async fn a_failed_log_that_is_sent_again_is_read_again() {
    on_each_database(GatewayOptions::default(), async |gateway| {
        let source = Scripted::default().with(URL, vec![Err(gone()), Ok(TEXT.into())]);
        let running = |who: &str| {
            json!({"revision": revision('a'), "job": {"job_guid": "one", "state": "running", "who": who,
                   "log_references": log("builds-4h", URL)}})
        };
        submit(&gateway, vec![legacy(RawFormat::LegacyJobJson, &running("ada"))]).await;
        read_all(&gateway, &source).await;
        assert_eq!(statuses(&gateway).await[0].0, 2);
        submit_job(&gateway, "one", log("builds-4h", URL), json!([])).await;
        read_all(&gateway, &source).await;
        assert_eq!(statuses(&gateway).await, [(1, None, 1, None)]);
        assert_eq!(steps(&gateway).await, baked());
    })
    .await;
}

const DOCUMENT: &str =
    r#"{"framework": {"name": "talos"}, "suites": [{"name": "kiln", "value": 7.5, "subtests": []}]}"#;

#[tokio::test]
async fn r31_documents_of_performance_data_are_fetched_by_their_links_and_those_of_logs_are_kept() {
    on_each_database(GatewayOptions::default(), async |gateway| {
        let (good, bad) =
            ("https://a.example.org/perfherder-data-1.json", "https://a.example.org/perfherder-data-2.json");
        let line = format!("PERFHERDER_DATA: {DOCUMENT}\n");
        let source = Scripted::default()
            .with(URL, vec![Ok(line.into())])
            .with(good, vec![Err(broken()), Ok(DOCUMENT.into())])
            .with(bad, vec![Ok("{}".into())]);
        let detail =
            |value: &str, url: &str| json!({"title": "artifact uploaded", "value": value, "url": url});
        let details =
            json!([detail("1", good), detail("2", bad), detail("3", "https://a.example.org/other.json")]);
        let artifacts = json!([{"name": "Job Info", "type": "json", "blob": {"job_details": details}}]);
        submit_job(&gateway, "one", log("builds-4h", URL), artifacts).await;
        read_all(&gateway, &source).await;
        let rows = job_artifact::Entity::find().order_by_asc(job_artifact::Column::Name);
        let rows = rows.all(&gateway.store().read_connection()).await.unwrap();
        let document: Value = serde_json::from_str(DOCUMENT).unwrap();
        let shown: Vec<(bool, Value)> = rows
            .iter()
            .map(|row| (row.name == "performance_data", serde_json::from_str(&row.blob).unwrap()))
            .collect();
        assert_eq!(
            shown,
            [
                (true, json!({"logurl": URL, "performance_data": [document]})),
                (false, json!({"logurl": good, "performance_data": [document]})),
            ]
        );
        let dead = gateway.store().list_all_work(true, (0, 0), 10).await.unwrap();
        assert_eq!(dead.len(), 1);
        assert_eq!((dead[0].1.kind, &*dead[0].1.subject), ("fetch_performance", bad));
    })
    .await;
}
