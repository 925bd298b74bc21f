//! The decision table of the logs contract (1.8): every row, through every door that can say it, on both
//! databases: what is fetched, what is stored, what is generated.

use crate::harness::gateway::PROJECT;
use crate::harness::jobs::{self, Submittable, new_guid};
use crate::harness::log_server::{ALLOW_THIS_MACHINE, Answer, LogServer};
use crate::harness::pulse::{Publisher, all_stored, new_exchange, publisher_to, registration};
use crate::harness::rabbitmq::Broker;
use crate::harness::reading::get_job;
use crate::harness::submitting::{new_push, submit_one};
use crate::harness::{Database, Gateway, eventually};
use herdgate::proto::{
    JobResult, ListBugSuggestionsRequest, ListWorkRequest, Log, LogParseStatus, Outcome, StoredLog,
};
use serde_json::{Value, json};
use std::time::Duration;

/// Everything is read within this time, of a debug build on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

const LOG: &str = "\
========= Started bake (results: 0, elapsed: 1 secs) (at 2018-06-26 09:30:00) =========\n\
abort: the kiln is cold\n\
TinderboxPrint: kiln: <a href=\"https://h.example.org/k\">seven</a>\n\
========= Finished bake (results: 2, elapsed: 1 secs) (at 2018-06-26 09:31:00) =========\n";

/// What suggestions are for, by who made them.
const SUPPLIED_SUGGESTION: &str = "suggested by the submitter";
const OF_SUPPLIED_ERROR: &str = "abort: said by the submitter";
const OF_ERROR_IN_LOG: &str = "abort: the kiln is cold";

use LogParseStatus::{Failed, Parsed, Pending};

/// Steps that a job has in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Steps {
    None,
    Supplied,
    OfTheLog,
}

/// A row of the table.
#[derive(Debug, Clone, Copy)]
struct Row {
    number: &'static str,
    log: Option<(&'static str, LogParseStatus)>,
    summary: bool,
    suggestions: bool,
    /// Work done: whether the log is fetched, its status in the end, whose steps there are. Details
    /// come with fetching.
    fetched: bool,
    status: LogParseStatus,
    steps: Steps,
}

const fn row(
    number: &'static str,
    log: Option<(&'static str, LogParseStatus)>,
    (summary, suggestions): (bool, bool),
    (fetched, status, steps): (bool, LogParseStatus, Steps),
) -> Row {
    Row { number, log, summary, suggestions, fetched, status, steps }
}

const SUMMARY_NAME: &str = "text_log_summary";
const DEFAULT: &str = "buildbot_text";
const OTHER: &str = "builds-4h";
const UNKNOWN: &str = "kiln-notes";
const NONE: (bool, bool) = (false, false);
const SUMMARY: (bool, bool) = (true, false);
const SUGGESTIONS: (bool, bool) = (false, true);
const BOTH: (bool, bool) = (true, true);

const TABLE: [Row; 26] = [
    row("1", None, NONE, (false, Pending, Steps::None)),
    row("2", None, SUMMARY, (false, Pending, Steps::Supplied)),
    row("3", None, BOTH, (false, Pending, Steps::Supplied)),
    row("4", None, SUGGESTIONS, (false, Pending, Steps::None)),
    row("5", Some((DEFAULT, Pending)), NONE, (true, Parsed, Steps::OfTheLog)),
    row("5, other name", Some((OTHER, Pending)), NONE, (true, Parsed, Steps::OfTheLog)),
    row("6", Some((DEFAULT, Pending)), SUGGESTIONS, (true, Parsed, Steps::OfTheLog)),
    row("7", Some((DEFAULT, Pending)), SUMMARY, (false, Parsed, Steps::Supplied)),
    row("8", Some((DEFAULT, Pending)), BOTH, (false, Parsed, Steps::Supplied)),
    row("9", Some((OTHER, Pending)), SUMMARY, (true, Parsed, Steps::Supplied)),
    row("9, suggestions", Some((OTHER, Pending)), BOTH, (true, Parsed, Steps::Supplied)),
    row("10", Some((DEFAULT, Parsed)), NONE, (false, Parsed, Steps::None)),
    row("10, other name", Some((OTHER, Parsed)), NONE, (false, Parsed, Steps::None)),
    row("11", Some((DEFAULT, Parsed)), SUMMARY, (false, Parsed, Steps::Supplied)),
    row("11, other name", Some((OTHER, Parsed)), SUMMARY, (false, Parsed, Steps::Supplied)),
    row("12", Some((DEFAULT, Parsed)), BOTH, (false, Parsed, Steps::Supplied)),
    row("13", Some((OTHER, Parsed)), SUGGESTIONS, (false, Parsed, Steps::None)),
    row("14", Some((DEFAULT, Failed)), NONE, (false, Failed, Steps::None)),
    row("15", Some((DEFAULT, Failed)), SUMMARY, (false, Parsed, Steps::Supplied)),
    row("15, suggestions", Some((DEFAULT, Failed)), BOTH, (false, Parsed, Steps::Supplied)),
    row("16", Some((OTHER, Failed)), SUMMARY, (false, Failed, Steps::Supplied)),
    row("16, suggestions", Some((OTHER, Failed)), BOTH, (false, Failed, Steps::Supplied)),
    row("17, alone", Some((UNKNOWN, Pending)), NONE, (false, Pending, Steps::None)),
    row("17, summary", Some((UNKNOWN, Pending)), SUMMARY, (false, Pending, Steps::Supplied)),
    row("17, parsed", Some((UNKNOWN, Parsed)), BOTH, (false, Parsed, Steps::Supplied)),
    row("17, failed", Some((UNKNOWN, Failed)), SUGGESTIONS, (false, Failed, Steps::None)),
];

/// How a job comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Grpc,
    Rest,
    /// Published to an exchange, and consumed from its queue.
    Pulse,
}

impl Way {
    /// A Pulse message has no word for the status of a log: it is parsed if its steps come with it, and
    /// pending else (logs contract 1.7).
    fn can_say(self, row: Row) -> bool {
        self != Self::Pulse
            || row.log.is_none_or(|(_, status)| status == Pending || (status == Parsed && row.summary))
    }
}

fn summary() -> Value {
    let step = json!({
        "name": "supplied", "started": "2018-06-26 09:30:00", "finished": "2018-06-26 09:31:00",
        "started_linenumber": 0, "finished_linenumber": 3, "result": "busted",
        "errors": [{"line": OF_SUPPLIED_ERROR, "linenumber": 1}],
    });
    json!({"logurl": "https://logs.example.org", "step_data": {"steps": [step], "errors_truncated": false}})
}

fn artifacts(row: Row) -> Vec<(&'static str, Value)> {
    let bugs = json!({"open_recent": [], "all_others": []});
    let suggestions = json!([{"search": SUPPLIED_SUGGESTION, "search_terms": ["abort"], "bugs": bugs}]);
    let summary = row.summary.then(|| (SUMMARY_NAME, summary()));
    summary.into_iter().chain(row.suggestions.then_some(("Bug suggestions", suggestions))).collect()
}

/// The same as [`summary`], as a message has it in a log.
fn steps() -> Value {
    json!([{
        "name": "supplied", "timeStarted": "2018-06-26T09:30:00Z", "timeFinished": "2018-06-26T09:31:00Z",
        "lineStarted": 0, "lineFinished": 3, "result": "fail",
        "errors": [{"line": OF_SUPPLIED_ERROR, "linenumber": 1}],
    }])
}

/// Everything that a submission needs.
struct Place<'a> {
    gateway: &'a Gateway,
    revision: &'a str,
    /// To the exchange of the gateway; `None`: there is no broker.
    publisher: Option<&'a Publisher>,
}

async fn submit(place: &Place<'_>, way: Way, row: Row, guid: &str, url: &str) {
    match way {
        Way::Grpc => {
            let mut job = jobs::completed(guid, place.revision, JobResult::Fail);
            job.job_info = None;
            let log = |(name, status): (&str, LogParseStatus)| Log {
                name: Some(name.into()),
                url: Some(url.into()),
                parse_status: Some(status.into()),
                ..Log::default()
            };
            job.logs = row.log.map(log).into_iter().collect();
            let artifact = |(name, blob): (&str, Value)| jobs::artifact(guid, name, &blob);
            job.artifacts = artifacts(row).into_iter().map(artifact).collect();
            stored_by(place.gateway, job).await;
        }
        Way::Rest => {
            let word = |status| match status {
                Parsed => "parsed",
                Failed => "failed",
                _ => "pending",
            };
            let log = |(name, status)| json!({"name": name, "url": url, "parse_status": word(status)});
            let artifact = |(name, blob)| json!({"name": name, "type": "json", "blob": blob});
            let item = json!({"project": PROJECT, "revision": place.revision, "job": {
                "job_guid": guid, "state": "completed", "result": "busted",
                "log_references": row.log.map(log).into_iter().collect::<Vec<_>>(),
                "artifacts": artifacts(row).into_iter().map(artifact).collect::<Vec<_>>(),
            }});
            let answer = place.gateway.post(&place.gateway.token, "jobs/", json!([item])).await;
            assert_eq!(answer.status, 200, "row {}: {answer:?}", row.number);
        }
        Way::Pulse => {
            let mut message = jobs::pulse(guid, place.revision);
            let is_parsed = row.log.is_some_and(|(_, status)| status == Parsed);
            let log = |(name, _)| {
                let mut log = json!({"name": name, "url": url});
                if is_parsed {
                    log["steps"] = steps();
                }
                log
            };
            // Steps stand in for the summary.
            let artifacts =
                artifacts(row).into_iter().filter(|(name, _)| !is_parsed || *name != SUMMARY_NAME);
            let artifact = |(name, blob)| json!({"name": name, "type": "json", "blob": blob});
            message["state"] = "completed".into();
            message["result"] = "fail".into();
            message["logs"] = row.log.map(log).into_iter().collect();
            message["extra"] = json!({"artifacts": artifacts.map(artifact).collect::<Vec<_>>()});
            let publisher = place.publisher.expect("rows are told over Pulse only where a broker is");
            publisher.send(&format!("treeherder.{PROJECT}"), &message).await;
            all_stored(place.gateway, &[guid.to_owned()]).await;
        }
    }
}

async fn stored_by(gateway: &Gateway, job: impl Submittable) {
    let verdict = submit_one(&mut gateway.ingest(), job).await;
    assert_eq!(verdict.outcome(), Outcome::Stored, "{verdict:?}");
}

async fn every_row_of_the_decision_table_holds_at_every_door(database: Database) {
    let server = LogServer::start().await;
    let (variable, value) = ALLOW_THIS_MACHINE;
    let broker = Broker::shared();
    let database = broker.as_ref().map_or(database.clone(), |broker| broker.for_gateway_on(&database));
    let gateway = Gateway::on(&database).with_variable(variable, value).start().await;
    let revision = new_push(&gateway).await;
    let publisher = match &broker {
        Some(broker) => Some(publisher_to(&gateway, broker, &registration(&new_exchange())).await),
        None => None,
    };
    let place = Place { gateway: &gateway, revision: &revision, publisher: publisher.as_ref() };

    let ways: &[Way] =
        if publisher.is_some() { &[Way::Grpc, Way::Rest, Way::Pulse] } else { &[Way::Grpc, Way::Rest] };
    let mut submitted = Vec::new();
    for way in ways.iter().copied() {
        for row in TABLE.into_iter().filter(|row| way.can_say(*row)) {
            let path = format!("/{way:?}/{}", submitted.len());
            let url = server.serve(&path, vec![Answer::ok(LOG)]);
            let guid = new_guid();
            submit(&place, way, row, &guid, &url).await;
            submitted.push((way, row, guid, path));
        }
    }
    let all_read = async || {
        let waiting = gateway.admin().list_work(ListWorkRequest::default()).await.unwrap().into_inner();
        waiting.items.is_empty().then_some(())
    };
    eventually("all logs are read that are to be read", PATIENCE, all_read).await;
    for (way, row, guid, path) in &submitted {
        let what = format!("row {} through {way:?}", row.number);
        let settled = async || {
            let job = get_job(&gateway, guid).await.unwrap();
            let status = job.logs.first().map(StoredLog::parse_status);
            (row.log.is_none() || status == Some(row.status)).then_some(job)
        };
        let job = eventually(&what, PATIENCE, settled).await;
        assert_eq!(server.asked(path), usize::from(row.fetched), "{what}: fetched");
        let names: Vec<_> = job.steps.iter().map(|step| &*step.name).collect();
        let expected: &[&str] = match row.steps {
            Steps::None => &[],
            Steps::Supplied => &["supplied"],
            Steps::OfTheLog => &["bake"],
        };
        assert_eq!(names, expected, "{what}: steps");
        let errors: Vec<_> = job.steps.iter().map(|step| step.errors.len()).collect();
        assert_eq!(errors, vec![1; names.len()], "{what}: error lines");
        let details: Vec<_> = job.details.iter().map(|detail| &*detail.value).collect();
        assert_eq!(details, if row.fetched { vec!["seven"] } else { vec![] }, "{what}: details");
        let kept: &[&str] = if row.suggestions { &["Bug suggestions"] } else { &[] };
        assert_eq!(job.artifact_names, kept, "{what}: artifacts");
        let suggested: &[&str] = match row.steps {
            // Supplied ones stay: nothing is generated in their place.
            _ if row.suggestions => &[SUPPLIED_SUGGESTION],
            Steps::None => &[],
            Steps::Supplied => &[OF_SUPPLIED_ERROR],
            Steps::OfTheLog => &[OF_ERROR_IN_LOG],
        };
        assert_eq!(suggestions(&gateway, guid).await, suggested, "{what}: suggestions");
    }
}

/// What the suggestions for a job are for.
async fn suggestions(gateway: &Gateway, guid: &str) -> Vec<String> {
    let request = ListBugSuggestionsRequest { job_guid: guid.into() };
    let answer = gateway.query().list_bug_suggestions(request).await.unwrap().into_inner();
    answer.suggestions.into_iter().map(|suggestion| suggestion.search).collect()
}

on_both_databases!(every_row_of_the_decision_table_holds_at_every_door);
