//! `herdgate publish`.

use super::brokers::{brokers, named};
use super::output::{line, notice};
use super::{Context, Exit, Failure, read_file, verdicts};
use crate::doors::grpc::translate;
use crate::doors::pulse::{Published, Publisher};
use crate::formats::{self, DocumentFormat};
use crate::limits;
use bytes::Bytes;
use clap::Args;
use futures::StreamExt;
use std::path::PathBuf;

/// Messages to publish.
#[derive(Debug, Args)]
#[command(after_help = "\
Connects to HERDGATE_PULSE_URL. Messages are checked against the published schema first: if one is wrong,
none is published. The exchange is declared, a durable topic exchange; messages are persistent and
confirmed by the broker. One that no queue is bound for is a failure: nobody would ever see it.")]
pub struct PublishArgs {
    /// Routing key, DESTINATION.PROJECT
    #[arg(value_parser = routing_key)]
    routing_key: String,
    /// Messages: one Pulse job message, a JSON list of them, or one a line; `-` reads standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Exchange [default: exchange/USER/v1/jobs]
    #[arg(long, value_parser = exchange)]
    exchange: Option<String>,
    /// Publish whatever the files hold
    #[arg(long)]
    no_validate: bool,
    /// Broker of the configuration [default: default]
    #[arg(long, value_name = "NAME")]
    broker: Option<String>,
}

/// A message with the place that it came from.
struct Message {
    place: String,
    body: Bytes,
}

pub(super) async fn run(arguments: PublishArgs, context: Context) -> Result<Exit, Failure> {
    let configuration = context.configuration()?;
    crate::telemetry::log_to_stderr(&configuration.log);
    let brokers = brokers(&configuration)?;
    let broker = named(&brokers, arguments.broker.as_deref())?;
    let messages = messages(&arguments.files)?;
    if messages.is_empty() {
        return Err(Failure::Refused("the files hold no message".into()));
    }
    if !arguments.no_validate && !are_valid(&messages)? {
        notice("nothing is published; --no-validate publishes all the same");
        return Ok(Exit::Failed);
    }
    let exchange = match arguments.exchange {
        Some(exchange) => exchange,
        None => format!("exchange/{}/v1/jobs", brokers.url(broker)?.user),
    };
    let publisher = Publisher::open(&brokers, broker, &exchange).await?;
    let key = arguments.routing_key.as_str();
    let (mut routed, mut failed) = (0_usize, 0_usize);
    let publishing = messages.iter().map(|message| {
        let publisher = &publisher;
        async move { (message, publisher.publish(key, &message.body).await) }
    });
    // In order: what is sent next waits for its turn on the one channel.
    let mut published = futures::stream::iter(publishing).buffered(limits::PUBLISH_IN_FLIGHT);
    while let Some((message, published)) = published.next().await {
        let problem = match published? {
            Published::Routed => {
                routed += 1;
                continue;
            }
            Published::Unroutable => {
                format!("no queue is bound to {exchange} for {key}; is the exchange registered?")
            }
            Published::Refused => "the broker could not take it; try again".into(),
        };
        failed += 1;
        line(&format!("{}: {problem}", message.place))?;
    }
    drop(published);
    publisher.close().await;
    notice(&format!("{routed} published to {exchange}, {failed} not"));
    Ok(if failed == 0 { Exit::Done } else { Exit::Failed })
}

fn messages(files: &[PathBuf]) -> Result<Vec<Message>, Failure> {
    let mut messages = Vec::new();
    for file in files {
        let bodies = formats::split_items(&read_file(file)?.into());
        let placed = bodies
            .into_iter()
            .enumerate()
            .map(|(index, body)| Message { place: format!("{}:{index}", file.display()), body });
        messages.extend(placed);
    }
    Ok(messages)
}

/// Prints what is wrong with each.
fn are_valid(messages: &[Message]) -> Result<bool, Failure> {
    let mut valid = true;
    for message in messages {
        for report in formats::validate(DocumentFormat::Pulse, &message.body) {
            for violation in report.violations.into_iter().map(translate::violation) {
                valid = false;
                line(&format!("{}: {}", message.place, verdicts::violation(&violation)))?;
            }
        }
    }
    Ok(valid)
}

/// Text that the protocol can carry as a routing key.
pub(super) fn routing_key(text: &str) -> Result<String, String> {
    short(text, limits::ROUTING_KEY)
}

/// Text that can be the name of an exchange.
pub(super) fn exchange(text: &str) -> Result<String, String> {
    if text.is_empty() { Err("must not be empty".into()) } else { short(text, limits::EXCHANGE) }
}

fn short(text: &str, limit: usize) -> Result<String, String> {
    if text.len() <= limit { Ok(text.into()) } else { Err(format!("must be at most {limit} bytes long")) }
}
