//! Reaching a broker.

use crate::config::BrokerUrl;
use crate::limits;
use crate::store::StoreError;
use lapin::tcp::OwnedTLSConfig;
use lapin::uri::{AMQPAuthority, AMQPQueryString, AMQPScheme, AMQPUri, AMQPUserInfo};
use lapin::{Connection, ConnectionProperties, ErrorKind};
use std::collections::BTreeMap;
use tokio::time::timeout;

/// The brokers of the configuration.
#[derive(Debug, Clone, Default)]
pub struct Brokers {
    urls: BTreeMap<String, BrokerUrl>,
    authorities: Option<String>,
}

/// What goes wrong between Herdgate and a broker. The text says what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum PulseError {
    /// Not in the configuration.
    #[error(
        "no broker is named {0:?}; `pulse.url` (HERDGATE_PULSE_URL) is the one named default, others stand \
         in `pulse.brokers` (HERDGATE_PULSE_BROKERS)"
    )]
    UnknownBroker(String),
    /// No connection.
    #[error("the broker {broker} cannot be reached: {reason}")]
    Unreachable {
        /// Its URL without the password.
        broker: String,
        /// Why.
        reason: String,
    },
    /// It did not answer in time.
    #[error("the broker does not answer")]
    Silent,
    /// The exchange is not there.
    #[error(
        "there is no exchange {0:?} at the broker; its publisher declares it, until then it is looked for \
         again"
    )]
    NoExchange(String),
    /// The queue is not what it would be declared as.
    #[error(
        "the queue {queue:?} exists with other properties ({reason}); delete it at the broker, or register \
         the exchange with the queue_type that it has"
    )]
    OtherQueue {
        /// The queue.
        queue: String,
        /// The broker's words.
        reason: String,
    },
    /// The exchange is not what it would be declared as.
    #[error("the exchange {exchange:?} exists with other properties: {reason}")]
    OtherExchange {
        /// The exchange.
        exchange: String,
        /// The broker's words.
        reason: String,
    },
    /// The user may not do it.
    #[error("the broker does not allow it: {0}")]
    Forbidden(String),
    /// The broker ended the consumer.
    #[error("the broker ended the consumer; its queue was deleted or moved")]
    Cancelled,
    /// Somebody else still consumes the queue that is to go.
    #[error("its queue is empty, and still consumed by another gateway or not quite empty; tried again")]
    StillUsed,
    /// The connection or channel is gone, for whatever reason.
    #[error("the connection to the broker is lost: {0}")]
    Lost(String),
    /// Our database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<lapin::Error> for PulseError {
    fn from(error: lapin::Error) -> Self {
        match reply(&error) {
            Some((ACCESS_REFUSED, reason)) => Self::Forbidden(reason),
            _ => Self::Lost(error.to_string()),
        }
    }
}

/// Reply codes of the protocol.
pub(super) const ACCESS_REFUSED: u16 = 403;
pub(super) const NOT_FOUND: u16 = 404;
pub(super) const PRECONDITION_FAILED: u16 = 406;

/// What the broker said, if it is the broker that refused.
pub(super) fn reply(error: &lapin::Error) -> Option<(u16, String)> {
    match error.kind() {
        ErrorKind::ProtocolError(error) => Some((error.get_id(), error.get_message().to_string())),
        _ => None,
    }
}

/// Waits for an answer of the broker, but not for ever.
pub(super) async fn answer<T>(
    asked: impl Future<Output = Result<T, lapin::Error>>,
) -> Result<Result<T, lapin::Error>, PulseError> {
    timeout(limits::PULSE_ANSWER, asked).await.map_err(|_| PulseError::Silent)
}

impl Brokers {
    /// Those at these URLs, trusting these authorities (PEM) beside the public ones.
    pub fn new(urls: BTreeMap<String, BrokerUrl>, authorities: Option<String>) -> Self {
        Self { urls, authorities }
    }

    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.urls.keys().map(String::as_str)
    }

    /// Whether there is one of this name.
    pub fn has(&self, name: &str) -> bool {
        self.urls.contains_key(name)
    }

    /// Where the one of this name is.
    ///
    /// # Errors
    /// If there is none.
    pub fn url(&self, name: &str) -> Result<&BrokerUrl, PulseError> {
        self.urls.get(name).ok_or_else(|| PulseError::UnknownBroker(name.into()))
    }

    /// Connects to the one of this name.
    ///
    /// # Errors
    /// If there is none, it does not answer within [`limits::PULSE_ANSWER`], or refuses.
    pub(super) async fn connect(&self, name: &str) -> Result<Connection, PulseError> {
        let url = self.url(name)?;
        let unreachable = |reason: String| PulseError::Unreachable { broker: url.to_string(), reason };
        let title = format!("herdgate {}", env!("CARGO_PKG_VERSION"));
        let properties = ConnectionProperties::default().with_connection_name(title.into());
        let tls = OwnedTLSConfig { identity: None, cert_chain: self.authorities.clone() };
        let runtime = lapin::runtime::default_runtime().map_err(|error| unreachable(error.to_string()))?;
        let connecting = Connection::connect_uri_with_config(uri(url), properties, tls, runtime);
        match timeout(limits::PULSE_ANSWER, connecting).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(error)) => Err(unreachable(error.to_string())),
            Err(_) => {
                let seconds = limits::PULSE_ANSWER.as_secs();
                Err(unreachable(format!("it did not answer within {seconds} s")))
            }
        }
    }
}

fn uri(url: &BrokerUrl) -> AMQPUri {
    AMQPUri {
        scheme: if url.tls { AMQPScheme::AMQPS } else { AMQPScheme::AMQP },
        authority: AMQPAuthority {
            userinfo: AMQPUserInfo { username: url.user.clone(), password: url.password.expose().to_owned() },
            host: url.host.clone(),
            port: url.port,
        },
        vhost: url.vhost.clone(),
        query: AMQPQueryString {
            heartbeat: u16::try_from(limits::PULSE_HEARTBEAT.as_secs()).ok(),
            ..AMQPQueryString::default()
        },
    }
}
