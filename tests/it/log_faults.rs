//! Logs whose servers misbehave, gateways that die while they read: each log ends as the logs contract
//! says (1.4, 1.6), once, and other work goes on.

use crate::harness::command::{herdgate_on, run};
use crate::harness::jobs::{self, new_guid};
use crate::harness::log_server::{ALLOW_THIS_MACHINE, Answer, LogServer, head};
use crate::harness::reading::get_job;
use crate::harness::submitting::{new_push, submit_batch, submit_one};
use crate::harness::{Database, Gateway, eventually, seed};
use flate2::Compression;
use flate2::write::GzEncoder;
use herdgate::proto::{GetPerformanceDataRequest, JobResult, Log, LogParseStatus, Outcome};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;
use std::io::Write;
use std::time::{Duration, Instant};

const LOG: &str = "abort: the kiln is cold\nTEST-UNEXPECTED-FAIL | kiln | too hot\n";
/// The second attempt comes 10 s after the first.
const PATIENCE: Duration = Duration::from_secs(90);

use LogParseStatus::{Failed, Parsed, SkippedSize};

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

async fn gateway_on(database: &Database) -> (Gateway, String) {
    let (variable, value) = ALLOW_THIS_MACHINE;
    let gateway = Gateway::on(database).with_variable(variable, value).start().await;
    let revision = new_push(&gateway).await;
    (gateway, revision)
}

fn job(guid: &str, revision: &str, name: &str, url: &str) -> herdgate::proto::Job {
    let log = Log { name: Some(name.into()), url: Some(url.into()), ..Log::default() };
    herdgate::proto::Job {
        logs: vec![log],
        job_info: None,
        ..jobs::completed(guid, revision, JobResult::Fail)
    }
}

async fn submit_log(gateway: &Gateway, revision: &str, name: &str, url: &str) -> String {
    let guid = new_guid();
    let verdict = submit_one(&mut gateway.ingest(), job(&guid, revision, name, url)).await;
    assert_eq!(verdict.outcome(), Outcome::Stored, "{verdict:?}");
    guid
}

/// Waits for the status of a job's log; gives how many error lines the job has then.
async fn until(gateway: &Gateway, guid: &str, status: LogParseStatus) -> usize {
    let what = format!("the log of {guid} is {status:?}");
    eventually(&what, PATIENCE, async || {
        let job = get_job(gateway, guid).await?;
        (job.logs[0].parse_status() == status).then(|| job.steps.iter().map(|step| step.errors.len()).sum())
    })
    .await
}

async fn each_answer_of_a_server_has_the_outcome_of_the_contract(database: Database) {
    let (gateway, revision) = gateway_on(&database).await;
    let server = LogServer::start().await;
    server.serve("/hop-2", vec![Answer::redirect("/hop-3")]);
    server.serve("/hop-3", vec![Answer::ok(LOG)]);
    let cut = &gzip(&LOG.repeat(100))[..40];
    let gzipped = "Content-Encoding: gzip\r\n";
    let short = [head("200 OK", "Content-Length: 500\r\n"), LOG.into()].concat();
    let loops = Answer::redirect("/loop");
    let large = head("200 OK", "Content-Length: 5242881\r\n");
    let brotli = Answer::status("200 OK", "Content-Encoding: br\r\n", "x");
    let broken = Answer::status("500 Internal Server Error", "", "");
    let text = "builds-4h";
    // Path, log name, answers, status after the first attempts, error lines.
    let cases: Vec<(&str, &str, Vec<Answer>, LogParseStatus, usize)> = vec![
        ("/plain", text, vec![Answer::ok(LOG)], Parsed, 2),
        ("/hop", text, vec![Answer::redirect("/hop-2")], Parsed, 2),
        ("/403", text, vec![Answer::status("403 Forbidden", "", "")], Failed, 0),
        ("/404", text, vec![Answer::status("404 Not Found", "", "")], Failed, 0),
        ("/500", text, vec![broken.clone()], Failed, 0),
        ("/loop", text, vec![loops], Failed, 0),
        ("/gzip", text, vec![Answer::status("200 OK", gzipped, gzip(LOG))], Parsed, 2),
        ("/undeclared-gzip", text, vec![Answer::ok(gzip(LOG))], Parsed, 2),
        ("/cut-gzip", text, vec![Answer::status("200 OK", gzipped, cut)], Failed, 0),
        ("/wrong-length", text, vec![Answer::Bytes(short)], Failed, 0),
        ("/wrong-type", text, vec![Answer::status("200 OK", "Content-Type: image/png\r\n", LOG)], Parsed, 2),
        ("/brotli", text, vec![brotli], Failed, 0),
        ("/not-http", text, vec![Answer::Bytes(b"kiln\r\n\r\n".into())], Failed, 0),
        ("/too-large", "live_backing_log", vec![Answer::Bytes(large)], SkippedSize, 0),
        ("/empty-summary", "errorsummary_json", vec![Answer::ok("")], Parsed, 0),
        ("/no-summary", "errorsummary_json", vec![Answer::ok("kiln")], Failed, 0),
    ];
    let mut submitted = Vec::new();
    for (path, name, answers, status, errors) in cases {
        let url = server.serve(path, answers);
        submitted.push((path, submit_log(&gateway, &revision, name, &url).await, status, errors));
    }
    for (path, guid, status, errors) in &submitted {
        assert_eq!(until(&gateway, guid, *status).await, *errors, "{path}");
    }
    // What can get better is tried again, what cannot is not.
    server.serve("/500", vec![Answer::ok(LOG)]);
    server.serve("/404", vec![Answer::ok(LOG)]);
    let (_, broken, ..) = submitted.iter().find(|(path, ..)| *path == "/500").expect("one of the cases");
    assert_eq!(until(&gateway, broken, Parsed).await, 2, "read at the second attempt");
    assert_eq!(server.asked("/500"), 2);
    for path in ["/403", "/404", "/brotli", "/no-summary", "/too-large"] {
        assert_eq!(server.asked(path), 1, "{path}");
    }
}

/// 20 logs of another host, one after the other, each of them read soon.
async fn others_are_read_meanwhile(gateway: &Gateway, revision: &str) {
    let server = LogServer::start_at("127.0.0.2").await;
    let started = Instant::now();
    for number in 0..20 {
        let url = server.serve(&format!("/quick-{number}"), vec![Answer::ok(LOG)]);
        let guid = submit_log(gateway, revision, "builds-4h", &url).await;
        assert_eq!(until(gateway, &guid, Parsed).await, 2);
    }
    println!("20 logs one after the other beside bad ones: {:?}", started.elapsed());
    assert!(started.elapsed() < Duration::from_secs(25), "{:?}", started.elapsed());
}

async fn a_host_that_sends_byte_by_byte_keeps_no_other_waiting_and_is_given_up(database: Database) {
    /// Twice as many as read logs.
    const DRIPS: usize = 16;
    let (gateway, revision) = gateway_on(&database).await;
    let server = LogServer::start().await;
    let whole = [head("200 OK", ""), LOG.repeat(10).into()].concat();
    let drip = Answer::Drip(whole, Duration::from_millis(200));
    let mut guids = Vec::new();
    for number in 0..DRIPS {
        let url = server.serve(&format!("/drip-{number}"), vec![drip.clone()]);
        guids.push(submit_log(&gateway, &revision, "builds-4h", &url).await);
    }
    let asked = || (0..DRIPS).filter(|number| server.asked(&format!("/drip-{number}")) > 0).count();
    eventually("every worker has one", PATIENCE, async || (asked() >= 8).then_some(())).await;
    others_are_read_meanwhile(&gateway, &revision).await;
    until(&gateway, &guids[0], Failed).await;
}

async fn slow_and_endless_logs_delay_nobody_and_take_no_memory(database: Database) {
    let (gateway, revision) = gateway_on(&database).await;
    let server = LogServer::start().await;
    let slow = Answer::Drip([head("200 OK", ""), LOG.into()].concat(), Duration::from_millis(300));
    let line = format!("{}\n", "x".repeat(999));
    let endless = Answer::Endless(head("200 OK", ""), line.repeat(64).into());
    let one_line = Answer::Endless(head("200 OK", ""), vec![b'y'; 65536]);
    let before = gateway.peak_memory();
    for number in 0..2 {
        for (kind, answer) in [("slow", &slow), ("endless", &endless), ("line", &one_line)] {
            let url = server.serve(&format!("/{kind}-{number}"), vec![answer.clone()]);
            submit_log(&gateway, &revision, "builds-4h", &url).await;
        }
    }
    eventually("all are being read", PATIENCE, async || {
        let asked = ["/slow-1", "/endless-1", "/line-1"].iter().all(|path| server.asked(path) == 1);
        asked.then_some(())
    })
    .await;
    others_are_read_meanwhile(&gateway, &revision).await;
    let grown = gateway.peak_memory() - before;
    assert!(grown < 128 * 1024 * 1024, "grew by {grown} bytes");
}

/// Logs of which everything that may be kept is as long as it may be.
fn greedy_logs() -> [(&'static str, &'static str, String); 5] {
    let long = "x".repeat(1 << 20);
    let lines = |line: &dyn Fn(usize) -> String| (0..100).map(line).collect::<String>();
    let texts: Vec<String> = ["test", "subtest", "message", "signature", "stack", "stackwalk_stdout"]
        .map(|name| format!("\"{name}\": \"{}\"", &long[..400_000]))
        .into();
    let record = |n| format!("{{\"action\": \"log\", \"line\": {n}, {}}}\n", texts.join(", "));
    let marker = "(results: 0, elapsed: 0 secs) (at now)";
    [
        ("/details", "builds-4h", lines(&|_| format!("PERFHERDER_DATA TinderboxPrint: {long}\n"))),
        ("/errors", "builds-4h", lines(&|n| format!("abort: {n} PERFHERDER_DATA {long}\n"))),
        ("/steps", "builds-4h", lines(&|_| format!("========= Started PERFHERDER_DATA {long} {marker}\n"))),
        ("/flat-errors", "live_backing_log", lines(&|n| format!("abort: {n} PERFHERDER_DATA {long}\n"))),
        ("/failures", "errorsummary_json", lines(&record)),
    ]
}

async fn no_log_takes_more_than_64_mib(database: Database) {
    let (mut gateway, revision) = gateway_on(&database).await;
    let server = LogServer::start().await;
    let usual = server.serve("/usual", vec![Answer::ok(LOG)]);
    for (path, name, text) in greedy_logs() {
        // Each by itself: what a database has in its cache of the one before is not memory of this one.
        gateway.ask_to_stop();
        gateway.stopped().await;
        gateway.restart().await;
        let guid = submit_log(&gateway, &revision, "builds-4h", &usual).await;
        until(&gateway, &guid, Parsed).await;
        let before = gateway.peak_memory();
        // Without a declared length, nothing is skipped for its size.
        let answer = [head("200 OK", ""), text.into()].concat();
        let url = server.serve(path, vec![Answer::Bytes(answer)]);
        let guid = submit_log(&gateway, &revision, name, &url).await;
        until(&gateway, &guid, Parsed).await;
        let grown = gateway.peak_memory() - before;
        println!("{path}: memory grew by {} KiB", grown / 1024);
        assert!(grown < 64 * 1024 * 1024, "{path}: grew by {grown} bytes");
    }
}

async fn a_gateway_killed_while_it_reads_leaves_every_log_parsed_or_failed_once(database: Database) {
    const KILLS: usize = 20;
    const LOGS: usize = 5;
    let mut random = StdRng::seed_from_u64(seed("kill while parsing"));
    let (mut gateway, revision) = gateway_on(&database).await;
    let server = LogServer::start().await;
    let body = format!("{}{}", LOG, "nothing of interest\n".repeat(40_000));
    let mut guids = Vec::new();
    for kill in 0..KILLS {
        let mut submissions = Vec::new();
        for number in 0..LOGS {
            let path = format!("/{kill}-{number}");
            let answer =
                if number == 0 { Answer::status("404 Not Found", "", "") } else { Answer::ok(&*body) };
            let url = server.serve(&path, vec![answer]);
            let guid = new_guid();
            submissions.push(jobs::Submittable::submission(job(&guid, &revision, "builds-4h", &url)));
            guids.push((guid, number == 0));
        }
        let verdicts = submit_batch(&mut gateway.ingest(), submissions).await.unwrap();
        assert!(verdicts.iter().all(|verdict| verdict.outcome() == Outcome::Stored), "{verdicts:?}");
        tokio::time::sleep(Duration::from_millis(random.random_range(0..400))).await;
        gateway.kill().await;
        gateway.restart().await;
    }
    // On PostgreSQL, where others may work, what a killed gateway held is due when its lease ends.
    let patience = Duration::from_secs(240);
    for (guid, is_missing) in &guids {
        let status = if *is_missing { Failed } else { Parsed };
        let job = eventually("every log is settled", patience, async || {
            let job = get_job(&gateway, guid).await?;
            (job.logs[0].parse_status() == status).then_some(job)
        })
        .await;
        let errors: Vec<_> =
            job.steps.iter().flat_map(|step| &step.errors).filter_map(|e| e.line.as_deref()).collect();
        let whole: Vec<_> = LOG.lines().collect();
        assert_eq!(errors, if *is_missing { vec![] } else { whole }, "{guid}: a whole summary, once");
    }
}

/// How a log that is no proper text has to end.
struct Strange {
    path: &'static str,
    name: &'static str,
    answer: Answer,
    status: LogParseStatus,
    /// The last error, if it was given up.
    given_up_for: Option<&'static str>,
    /// Line numbers and texts of the error lines.
    errors: &'static [(i64, &'static str)],
    /// Performance values that are kept.
    values: &'static [f64],
}

/// Valid performance data in one line, of so many bytes or a little more.
fn performance_line(length: usize) -> String {
    let subtest = r#"{"name": "kiln", "value": 7}"#;
    let subtests = vec![subtest; length / subtest.len() + 1].join(",");
    let suites = format!(r#"[{{"name": "oven", "subtests": [{subtests}]}}]"#);
    format!(r#"PERFHERDER_DATA: {{"framework": {{"name": "talos"}}, "suites": {suites}}}"#)
}

fn strange_logs() -> Vec<Strange> {
    let utf_16 = |text: &str| -> Vec<u8> {
        std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
    };
    let performance = format!("{}\n{}\n{LOG}", performance_line(10 << 20), performance_line(0));
    let read = Strange {
        path: "",
        name: "builds-4h",
        answer: Answer::ok(""),
        status: Parsed,
        given_up_for: None,
        errors: &[],
        values: &[],
    };
    let after_long_line = format!("\n{}", LOG.lines().next().unwrap());
    vec![
        Strange {
            path: "/line-of-300-mib",
            answer: Answer::Long(head("200 OK", ""), (b'y', 300 << 20), after_long_line.into()),
            errors: &[(1, "abort: the kiln is cold")],
            ..read
        },
        Strange {
            path: "/line-of-2-gib",
            answer: Answer::Long(head("200 OK", ""), (b'y', 2 << 30), vec![]),
            status: Failed,
            given_up_for: Some("the received length is above 1073741824 bytes"),
            ..read
        },
        Strange {
            path: "/declared-line-of-2-gib",
            answer: Answer::Bytes(head("200 OK", "Content-Length: 2147483648\r\n")),
            status: Failed,
            given_up_for: Some("the declared length is above 1073741824 bytes"),
            ..read
        },
        // What is no UTF-8 is not recognised by anything, and harms nothing.
        Strange { path: "/utf-16", answer: Answer::ok(utf_16(LOG)), ..read },
        Strange {
            path: "/nul",
            answer: Answer::ok("\0\0\0\nabort: the \0kiln\n\0\n"),
            errors: &[(1, "abort: the \u{fffd}kiln")],
            ..read
        },
        Strange {
            path: "/error-summary-of-one-line",
            name: "errorsummary_json",
            answer: Answer::Long(head("200 OK", ""), (b'y', 2 << 30), vec![]),
            status: Failed,
            given_up_for: Some("line 0 has more than 4194304 bytes"),
            ..read
        },
        Strange {
            path: "/utf-16-error-summary",
            name: "errorsummary_json",
            answer: Answer::ok(utf_16("{\"action\": \"log\", \"line\": 1}\n")),
            status: Failed,
            given_up_for: Some("line 0 is no record of an error summary: expected value at line 1 column 1"),
            ..read
        },
        Strange {
            path: "/performance-line-of-10-mib",
            answer: Answer::ok(performance),
            errors: &[(2, "abort: the kiln is cold"), (3, "TEST-UNEXPECTED-FAIL | kiln | too hot")],
            values: &[7.0],
            ..read
        },
    ]
}

/// Why logs were given up, by their URL.
async fn given_up(database: &Database) -> Vec<(String, String)> {
    let listed = run(herdgate_on(database).args(["work", "list", "--dead", "--json"])).await.json();
    let text = |piece: &Value, name: &str| piece[name].as_str().unwrap().to_owned();
    let pieces = listed.as_array().unwrap().iter();
    pieces.map(|piece| (text(piece, "subject"), text(piece, "last_error"))).collect()
}

async fn strange_logs_end_as_the_contract_says_and_delay_no_other(database: Database) {
    let (gateway, revision) = gateway_on(&database).await;
    let server = LogServer::start().await;
    let before = gateway.peak_memory();
    let mut reasons = Vec::new();
    for strange in strange_logs() {
        let path = strange.path;
        let started = Instant::now();
        let url = server.serve(path, vec![strange.answer]);
        let guid = submit_log(&gateway, &revision, strange.name, &url).await;
        let next = server.serve(&format!("{path}-next"), vec![Answer::ok(LOG)]);
        let next = submit_log(&gateway, &revision, "builds-4h", &next).await;
        assert_eq!(until(&gateway, &next, Parsed).await, 2, "the log after {path}");
        let delay = started.elapsed();
        assert!(delay < Duration::from_secs(10), "the log after {path} took {delay:?}");
        until(&gateway, &guid, strange.status).await;
        println!("{path}: ended after {:?}, the next after {delay:?}", started.elapsed());

        let job = get_job(&gateway, &guid).await.unwrap();
        let lines = job.steps.iter().flat_map(|step| &step.errors);
        let errors: Vec<_> = lines.map(|error| (error.linenumber(), error.line())).collect();
        assert_eq!(errors, strange.errors, "{path}");
        let request = GetPerformanceDataRequest { job_guid: guid };
        let measured = gateway.query().get_performance_data(request).await.unwrap().into_inner();
        let values: Vec<_> = measured.data.iter().map(|datum| datum.value).collect();
        assert_eq!(values, strange.values, "{path}");
        reasons.extend(strange.given_up_for.map(|reason| (url, reason.to_owned())));
    }
    assert_eq!(given_up(&database).await, reasons);
    let grown = gateway.peak_memory() - before;
    println!("memory grew by {} KiB", grown / 1024);
    assert!(grown < 128 * 1024 * 1024, "grew by {grown} bytes");
}

on_both_databases!(
    each_answer_of_a_server_has_the_outcome_of_the_contract,
    a_host_that_sends_byte_by_byte_keeps_no_other_waiting_and_is_given_up,
    slow_and_endless_logs_delay_nobody_and_take_no_memory,
    no_log_takes_more_than_64_mib,
    strange_logs_end_as_the_contract_says_and_delay_no_other,
    a_gateway_killed_while_it_reads_leaves_every_log_parsed_or_failed_once,
);
