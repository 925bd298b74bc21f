//! The way over Pulse, told where the environment names a broker: the samples are published to an exchange
//! of the demo's own, as jobs of other guids, and taken in from there.

use super::samples;
use crate::cli::brokers::brokers;
use crate::cli::failure::Failure;
use crate::cli::output::{Table, line};
use crate::config::Configuration;
use crate::core::{ConsumerPhase, Gateway};
use crate::domain::{DEFAULT_BROKER, ExchangeKind, QueueType, Registration, RegistrationOrigin};
use crate::doors::pulse::{Published, Publisher, PulseOptions};
use bytes::Bytes;
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

/// How long each step may take, before the demo has failed.
const PATIENCE: Duration = Duration::from_secs(20);
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// The exchange, and how the name of its registration begins: two demos have queues of their own.
const NAME: &str = "herdgate-demo";

/// The Pulse door of the demo; closed where no broker is named.
pub(super) fn options(configuration: &Configuration) -> Result<PulseOptions, Failure> {
    Ok(PulseOptions { brokers: brokers(configuration)?, ..PulseOptions::default() })
}

/// Publishes the jobs, sees that the gateway takes all of them in, and removes exchange and queue.
pub(super) async fn tell(gateway: &Gateway, pulse: &PulseOptions, jobs: &[Bytes]) -> Result<(), Failure> {
    if !pulse.brokers.has(DEFAULT_BROKER) {
        return Ok(());
    }
    let user = pulse.brokers.url(DEFAULT_BROKER)?.user.clone();
    let exchange = format!("exchange/{user}/{NAME}");
    line(&format!("\nand the same jobs over Pulse, published to {exchange}:\n"))?;
    let publisher = Publisher::open(&pulse.brokers, DEFAULT_BROKER, &exchange).await?;
    let name = format!("{NAME}-{:08x}", rand::random::<u32>());
    let registration = registration(&name, &exchange);
    gateway.store().save_registration(&registration).await.map_err(refused)?;
    let consuming = async || {
        gateway.consumers().status(&name).is_some_and(|status| status.phase == ConsumerPhase::Consuming)
    };
    until("the exchange is consumed", consuming).await?;
    let jobs: Vec<Message> = renamed(jobs)?;
    for job in &jobs {
        let key = format!("treeherder.{}", samples::PROJECT);
        if publisher.publish(&key, &job.body).await? != Published::Routed {
            return Err(Failure::Refused("the broker did not route a sample job".into()));
        }
    }
    line(&format!("{} messages, of jobs with new guids, are confirmed by the broker:\n", jobs.len()))?;
    let mut table = Table::new(&["JOB", "GUID", "OVER PULSE"]);
    let mut shown = HashSet::new();
    for job in jobs.iter().filter(|job| shown.insert(&job.guid)) {
        table.row([job.name.clone(), job.guid.clone(), decision(gateway, &job.guid).await?]);
    }
    table.print()?;
    gateway.store().remove_registration(&name, true).await.map_err(refused)?;
    until("the consumer has ended", async || gateway.consumers().status(&name).is_none()).await?;
    publisher.remove_with(&registration.queue(&user)).await?;
    publisher.close().await;
    line("\nqueue and exchange are removed")?;
    Ok(())
}

/// A message of a job.
struct Message {
    guid: String,
    name: String,
    body: Vec<u8>,
}

/// The messages as they are, but that no job has a guid which the gateway knows already.
fn renamed(jobs: &[Bytes]) -> Result<Vec<Message>, Failure> {
    let mut guids: HashMap<String, String> = HashMap::new();
    jobs.iter()
        .map(|job| {
            let mut message: Value = serde_json::from_slice(job).map_err(refused)?;
            let text = |place: &str| message.pointer(place).and_then(Value::as_str).unwrap_or_default();
            let (guid, name) = (text("/taskId").to_owned(), text("/display/jobName").to_owned());
            let run = guid.split_once('/').map_or("0", |(_, run)| run);
            let fresh = format!("{}/{run}", uuid::Uuid::new_v4());
            let guid = guids.entry(guid).or_insert(fresh).clone();
            message["taskId"] = Value::from(guid.as_str());
            Ok(Message { guid, name, body: message.to_string().into_bytes() })
        })
        .collect()
}

/// What became of a job, once that is known.
async fn decision(gateway: &Gateway, guid: &str) -> Result<String, Failure> {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if let Some(found) = gateway.store().job(guid).await? {
            let (state, result) = found.job.shown_state();
            return Ok(format!("stored: {state}/{result}"));
        }
        if let Some(held) = gateway.store().held_of_guid_prefix(guid, 1).await?.first() {
            return Ok(format!("held: {}, {} violations", held.state.as_str(), held.violations.len()));
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    Err(Failure::Refused(format!("after {} s job {guid} is not decided", PATIENCE.as_secs())))
}

fn refused(error: impl std::fmt::Display) -> Failure {
    Failure::Refused(error.to_string())
}

async fn until(what: &str, is_so: impl AsyncFn() -> bool) -> Result<(), Failure> {
    let deadline = Instant::now() + PATIENCE;
    while !is_so().await {
        if Instant::now() > deadline {
            let seconds = PATIENCE.as_secs();
            return Err(Failure::Refused(format!("after {seconds} s it is still not so that {what}")));
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    Ok(())
}

fn registration(name: &str, exchange: &str) -> Registration {
    Registration {
        name: name.into(),
        exchange: exchange.into(),
        broker: DEFAULT_BROKER.into(),
        kind: ExchangeKind::Jobs,
        destinations: Vec::new(),
        projects: Vec::new(),
        routing_keys: Vec::new(),
        may_write: vec![samples::PROJECT.into()],
        queue_type: QueueType::Classic,
        origin: RegistrationOrigin::Command,
        draining: false,
    }
}
