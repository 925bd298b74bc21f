//! Writers that keep a gateway busy and keep account of what it acknowledged.

use super::eventually::eventually;
use super::gateway::{Gateway, Ingest, PROJECT};
use super::jobs::{completed, log, new_guid, running};
use super::reading::{all_jobs, count_held, stored};
use super::submitting::JobStream;
use futures::StreamExt;
use herdgate::proto::{HeldState, Job, JobResult, Outcome};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;
use tonic::Status;

/// Submissions that a writer has under way at most.
const UNDER_WAY: usize = 200;
/// Jobs that a writer sends between two looks at its verdicts.
const TURN: usize = 10;
/// A writer whose stream broke waits this long before the next.
const PAUSE: Duration = Duration::from_millis(100);
/// Of the jobs that no break touched, this many are read back with their parts.
const SAMPLE: usize = 300;

/// What was acknowledged of a job that is sent twice: running, then completed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Acknowledged {
    /// Nothing yet.
    Nothing,
    /// That it runs.
    Running,
    /// That it completed.
    Completed,
}

/// What one writer was told about each of its jobs.
#[derive(Debug, Default)]
pub struct Ledger {
    jobs: BTreeMap<String, Acknowledged>,
    /// Under way when a stream broke, to be sent again.
    unfinished: Vec<String>,
    /// Under way when any stream broke.
    touched: BTreeSet<String>,
}

/// Writers at work.
#[derive(Debug)]
pub struct Load {
    writers: Vec<JoinHandle<Ledger>>,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    acknowledged: AtomicUsize,
    breaks: std::sync::Mutex<Vec<Status>>,
}

impl Load {
    /// Starts one writer per ledger; each goes on where its ledger ends.
    pub fn start(gateway: &Gateway, revision: &str, ledgers: Vec<Ledger>) -> Self {
        let shared = Arc::new(Shared::default());
        let writers = ledgers
            .into_iter()
            .map(|ledger| {
                let (ingest, revision) = (gateway.ingest(), revision.to_owned());
                tokio::spawn(write(ingest, revision, ledger, Arc::clone(&shared)))
            })
            .collect();
        Self { writers, shared }
    }

    /// Submissions acknowledged so far.
    pub fn acknowledged(&self) -> usize {
        self.shared.acknowledged.load(Ordering::Relaxed)
    }

    /// How streams broke so far.
    pub fn breaks(&self) -> Vec<Status> {
        self.shared.breaks.lock().unwrap().clone()
    }

    /// Waits until so many more submissions are acknowledged.
    pub async fn advance(&self, submissions: usize, patience: Duration) {
        let goal = self.acknowledged() + submissions;
        eventually("submissions are acknowledged", patience, async || {
            (self.acknowledged() >= goal).then_some(())
        })
        .await;
    }

    /// Asks the writers to stop once what they have under way is decided or broken off.
    pub fn ask_to_stop(&self) {
        self.shared.stop.store(true, Ordering::Relaxed);
    }

    /// The ledgers, once all writers have stopped.
    pub async fn stopped(self) -> Vec<Ledger> {
        self.ask_to_stop();
        let mut ledgers = Vec::new();
        for writer in self.writers {
            ledgers.push(writer.await.unwrap());
        }
        ledgers
    }
}

async fn write(ingest: Ingest, revision: String, mut ledger: Ledger, shared: Arc<Shared>) -> Ledger {
    while !shared.stop.load(Ordering::Relaxed) {
        if let Err(status) = write_one_stream(&ingest, &revision, &mut ledger, &shared).await {
            shared.breaks.lock().unwrap().push(status);
            tokio::time::sleep(PAUSE).await;
        }
    }
    ledger
}

/// Writes until told to stop or the stream breaks; either way the ledger says what was acknowledged.
async fn write_one_stream(
    ingest: &Ingest,
    revision: &str,
    ledger: &mut Ledger,
    shared: &Shared,
) -> Result<(), Status> {
    let mut stream = JobStream::open(ingest.clone()).await?;
    let mut sent = BTreeMap::new();
    let mut again = std::mem::take(&mut ledger.unfinished).into_iter();
    let mut started = Vec::new();
    let end = loop {
        let stopping = shared.stop.load(Ordering::Relaxed);
        let finishing = std::mem::take(&mut started);
        if !stopping {
            started.extend(again.by_ref().take(TURN));
            started.resize_with(TURN, new_guid);
        }
        let runs = started.iter().map(|guid| (guid, Acknowledged::Running));
        let completions = finishing.iter().map(|guid| (guid, Acknowledged::Completed));
        let mut open = true;
        for (guid, step) in runs.chain(completions) {
            ledger.jobs.entry(guid.clone()).or_insert(Acknowledged::Nothing);
            match stream.send(event(guid, revision, step)).await {
                Some(sequence) => sent.insert(sequence, (guid.clone(), step)),
                None => {
                    open = false;
                    break;
                }
            };
        }
        if stopping {
            stream.half_close();
        }
        let wanted = if stopping || !open { usize::MAX } else { sent.len().saturating_sub(UNDER_WAY) };
        let before = stream.verdicts().len();
        let received = stream.receive(wanted).await.map(|_| ());
        shared.acknowledged.fetch_add(stream.verdicts().len() - before, Ordering::Relaxed);
        if received.is_err() || stopping || !open {
            break received;
        }
    };
    for (sequence, verdict) in stream.verdicts() {
        let (guid, step) = &sent[sequence];
        assert!(matches!(verdict.outcome(), Outcome::Stored | Outcome::Unchanged), "{verdict:?}");
        let known = ledger.jobs.get_mut(guid).expect("it was sent");
        *known = (*known).max(*step);
    }
    let unfinished = |known: &Acknowledged| *known != Acknowledged::Completed;
    ledger.unfinished =
        ledger.jobs.iter().filter(|(_, a)| unfinished(a)).map(|(guid, _)| guid.clone()).collect();
    ledger.touched.extend(ledger.unfinished.iter().cloned());
    end
}

fn event(guid: &str, revision: &str, step: Acknowledged) -> Job {
    match step {
        Acknowledged::Completed => completed(guid, revision, JobResult::Success),
        Acknowledged::Nothing | Acknowledged::Running => {
            Job { logs: vec![log(guid, "live_backing_log")], ..running(guid, revision) }
        }
    }
}

/// What of the jobs that were sent must be true of a gateway's database: every acknowledged one is
/// there, at least as far as acknowledged, none is there twice, none is written by half.
pub async fn assert_kept(gateway: &Gateway, ledgers: &[Ledger]) {
    let mut states = BTreeMap::new();
    for job in all_jobs(gateway, PROJECT).await {
        let before = states.insert(job.job_guid.clone(), job.state);
        assert_eq!(before, None, "{} is stored twice", job.job_guid);
    }
    for (guid, acknowledged) in ledgers.iter().flat_map(|ledger| &ledger.jobs) {
        let reached = match states.get(guid).map(String::as_str) {
            None => Acknowledged::Nothing,
            Some("running") => Acknowledged::Running,
            Some("completed") => Acknowledged::Completed,
            Some(other) => panic!("{guid} is {other}"),
        };
        assert!(reached >= *acknowledged, "{guid}: acknowledged {acknowledged:?}, stored {reached:?}");
    }
    let sent = |guid: &String| ledgers.iter().any(|ledger| ledger.jobs.contains_key(guid));
    assert!(states.keys().all(sent), "only what was sent is stored");
    assert_eq!(count_held(gateway, PROJECT, HeldState::Rejected).await, 0);

    let touched = ledgers.iter().flat_map(|ledger| &ledger.touched);
    let touched = touched.filter(|guid| states.contains_key(*guid));
    let sample = states.keys().step_by(states.len() / SAMPLE + 1);
    let whole = futures::stream::iter(touched.chain(sample)).map(|guid| assert_whole(gateway, guid));
    whole.buffer_unordered(8).collect::<Vec<()>>().await;
}

async fn assert_whole(gateway: &Gateway, guid: &str) {
    let (job, parts) = stored(gateway, guid).await;
    let expected = if job.state == "completed" { (2, 2) } else { (1, 0) };
    assert_eq!(
        (parts.logs.len(), parts.details.len()),
        expected,
        "logs and details of {guid}, {}",
        job.state
    );
}
