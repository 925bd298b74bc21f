//! The way over Pulse, told where the environment names a broker: the samples are published to an exchange
//! of the demo's own, and taken in from there.

use super::samples;
use crate::cli::brokers::brokers;
use crate::cli::failure::Failure;
use crate::cli::output::line;
use crate::config::Configuration;
use crate::core::{ConsumerPhase, Gateway};
use crate::domain::{DEFAULT_BROKER, ExchangeKind, QueueType, Registration, RegistrationOrigin};
use crate::doors::pulse::{Published, Publisher, PulseOptions};
use bytes::Bytes;
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
    let exchange = format!("exchange/{}/{NAME}", pulse.brokers.url(DEFAULT_BROKER)?.user);
    line(&format!("\nand the same jobs over Pulse, published to {exchange}:\n"))?;
    let publisher = Publisher::open(&pulse.brokers, DEFAULT_BROKER, &exchange).await?;
    let name = format!("{NAME}-{:08x}", rand::random::<u32>());
    gateway.store().save_registration(&registration(&name, &exchange)).await.map_err(refused)?;
    let consuming = async || {
        gateway.consumers().status(&name).is_some_and(|status| status.phase == ConsumerPhase::Consuming)
    };
    until("the exchange is consumed", consuming).await?;
    for job in jobs {
        let key = format!("treeherder.{}", samples::PROJECT);
        if publisher.publish(&key, job).await? != Published::Routed {
            return Err(Failure::Refused("the broker did not route a sample job".into()));
        }
    }
    line(&format!("{} messages are confirmed by the broker", jobs.len()))?;
    publisher.close().await;
    gateway.store().remove_registration(&name, false).await.map_err(refused)?;
    // A removed exchange is forgotten once its queue is empty, and so is decided to the last message.
    let forgotten = async || matches!(gateway.store().registration(&name).await, Ok(None));
    until("its queue is empty", forgotten).await?;
    line("all are decided as before, only the door is another; the queue is gone")?;
    Ok(())
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
