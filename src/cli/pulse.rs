//! `herdgate pulse`.

use super::brokers::{brokers, named};
use super::output::{json, line, notice};
use super::publish::{exchange, routing_key};
use super::{Context, Exit, Failure, verdicts};
use crate::domain::ExchangeKind;
use crate::doors::grpc::translate;
use crate::doors::pulse::{Tail, Tailed};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

/// Looking at a broker.
#[derive(Debug, Subcommand)]
pub enum PulseCommand {
    /// Show what is published to an exchange, without taking it from anybody
    ///
    /// Listens on an exclusive queue of its own, queue/USER/tail-RANDOM, that goes with the command;
    /// what was published before is not shown. Ends with Ctrl-C, or after --count messages.
    Tail(TailArgs),
}

/// What to listen to.
#[derive(Debug, Args)]
pub struct TailArgs {
    /// Exchange, for instance exchange/USER/v1/jobs
    #[arg(value_parser = exchange)]
    exchange: String,
    /// Routing key; * is any one word, # any words
    #[arg(default_value = "#", value_parser = routing_key)]
    key: String,
    /// Say what Herdgate would make of each message; whether repository and push exist is not checked
    #[arg(long)]
    validate: bool,
    /// What the messages tell of: jobs, github-push, github-pull-request or hg-push [default: what the
    /// well-known exchanges of pushes carry, otherwise jobs]
    #[arg(long, value_parser = kind)]
    kind: Option<ExchangeKind>,
    /// End after so many messages
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Print JSON, one object a message
    #[arg(long)]
    json: bool,
    /// Broker of the configuration [default: default]
    #[arg(long, value_name = "NAME")]
    broker: Option<String>,
}

pub(super) async fn run(command: PulseCommand, context: Context) -> Result<Exit, Failure> {
    let PulseCommand::Tail(arguments) = command;
    let configuration = context.configuration()?;
    crate::telemetry::log_to_stderr(&configuration.log);
    let brokers = brokers(&configuration)?;
    let broker = named(&brokers, arguments.broker.as_deref())?;
    let kind = arguments.kind.or_else(|| ExchangeKind::of_push_exchange(&arguments.exchange));
    let carried = (arguments.exchange.as_str(), kind.unwrap_or(ExchangeKind::Jobs));
    let mut tail = Tail::open(&brokers, broker, carried, &arguments.key).await?;
    notice(&format!("listening to {} for {} on {}", arguments.exchange, arguments.key, tail.queue()));
    let mut shown = 0;
    while arguments.count.is_none_or(|count| shown < count) {
        let message = tokio::select! {
            message = tail.next() => message?,
            interrupted = tokio::signal::ctrl_c() => {
                interrupted?;
                break;
            }
        };
        if arguments.json {
            json(&as_value(&arguments, message))?;
        } else {
            show(&arguments, message)?;
        }
        shown += 1;
    }
    Ok(Exit::Done)
}

fn kind(word: &str) -> Result<ExchangeKind, String> {
    let known = ExchangeKind::ALL.map(ExchangeKind::as_str).join(", ");
    ExchangeKind::from_word(word).ok_or_else(|| format!("use one of {known}"))
}

/// The body as people read it: JSON laid out, other text as it is, other bytes as digits.
fn body(message: &Tailed) -> String {
    match (serde_json::from_slice::<Value>(&message.body), std::str::from_utf8(&message.body)) {
        (Ok(document), _) => format!("{document:#}"),
        (Err(_), Ok(text)) => text.to_owned(),
        (Err(_), Err(_)) => hex::encode(&message.body),
    }
}

fn show(arguments: &TailArgs, message: Tailed) -> std::io::Result<()> {
    let time = message.received_at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
    line(&format!("--- {time} {} {}", arguments.exchange, message.routing_key))?;
    line(&format!("properties {} headers {}", message.properties, message.headers))?;
    line(&body(&message))?;
    if arguments.validate {
        line(if message.violations.is_empty() { "valid" } else { "would be rejected:" })?;
        for violation in message.violations.into_iter().map(translate::violation) {
            line(&format!("violation {}", verdicts::violation(&violation)))?;
        }
        for warning in message.warnings.into_iter().map(translate::violation) {
            line(&format!("warning {}", verdicts::violation(&warning)))?;
        }
    }
    Ok(())
}

fn as_value(arguments: &TailArgs, message: Tailed) -> Value {
    let document = serde_json::from_slice::<Value>(&message.body).unwrap_or_else(|_| body(&message).into());
    let mut value = json!({
        "received_at": message.received_at.to_rfc3339(),
        "exchange": arguments.exchange,
        "routing_key": message.routing_key,
        "properties": message.properties,
        "headers": message.headers,
        "body": document,
    });
    if arguments.validate {
        let listed = |found: Vec<crate::domain::Violation>| -> Value {
            found.into_iter().map(|one| verdicts::violation_json(&translate::violation(one))).collect()
        };
        value["violations"] = listed(message.violations);
        value["warnings"] = listed(message.warnings);
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(body: &'static [u8]) -> Tailed {
        Tailed {
            received_at: chrono::Utc::now(),
            routing_key: "a.b".into(),
            properties: json!({}),
            headers: json!({}),
            body: body.into(),
            violations: Vec::new(),
            warnings: Vec::new(),
        }
    }

    #[test]
    fn a_body_is_shown_whatever_it_is() {
        for (raw, shown) in
            [(&b"{\"a\":1}"[..], "{\n  \"a\": 1\n}"), (b"no json", "no json"), (b"\xff\x00", "ff00")]
        {
            assert_eq!(body(&message(raw)), shown);
        }
    }
}
