//! Configuration: `herdgate.toml`, the environment over it, the command line over both. Typed in one
//! pass, so that nothing is opened or bound before all of it is known to be right.

mod broker_url;
mod database_url;
mod error;
mod fetch;
mod http;
mod key;
mod pulse;
mod secret;
mod service_link;
mod settings;

pub use broker_url::BrokerUrl;
pub use database_url::{DatabasePlace, DatabaseUrl};
pub use error::{ConfigError, Origin};
pub use fetch::Pushes;
pub use http::{Http, PublicUrl};
pub use key::Key;
pub use pulse::Pulse;
pub use secret::{Secret, redact_url};
pub use settings::{DEFAULT_FILE, Environment, Setting, Settings};

use crate::access::Keyring;
use crate::bug_tracker::BugTracker;
use crate::domain::{ProjectName, Retention};
use crate::fetch::FetchOptions;
use crate::limits;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};

/// The effective configuration. `Debug` shows no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Configuration {
    /// `listen`: IP address and port of the one listener; port 0 takes a free one. Default
    /// `127.0.0.1:8000`.
    pub listen: SocketAddr,
    /// `database.*`
    pub database: Database,
    /// `pulse.*`
    pub pulse: Pulse,
    /// `secret_key`: encrypts stored Hawk secrets (R26). `ID:KEY` entries, newest first; none: the key
    /// file beside an SQLite database. PostgreSQL has no such file.
    pub secret_key: Option<Keyring>,
    /// `tls.*`; none: plain text.
    pub tls: Option<Tls>,
    /// `http.*`
    pub http: Http,
    /// `legacy.partial_status`: status of a REST collection of which items are rejected. Default 400.
    pub legacy_partial_status: PartialStatus,
    /// `quota.*`
    pub quota: Quotas,
    /// `retention.*`
    pub retention: Retention,
    /// `logs.workers`: logs that this gateway reads at once, 0 to 64, default 8; none: it reads none, and
    /// leaves them to other gateways of its database.
    pub log_workers: Option<NonZeroUsize>,
    /// `fetch.allow_private`: default false; `fetch.allowed_hosts`: default none;
    /// `fetch.only_hosts`: default any.
    pub fetch: FetchOptions,
    /// `pushes.*`
    pub pushes: Pushes,
    /// `bugs.*`: the tracker that the bug list is refreshed from; none: it is imported by command only.
    pub bug_tracker: Option<BugTracker>,
    /// `ui_dir`: folder of a built dashboard, served at `/`; none: there is none.
    pub ui_dir: Option<PathBuf>,
    /// `log.*`
    pub log: Log,
    /// `OTEL_EXPORTER_OTLP_ENDPOINT`: where traces and metrics are sent; none: nowhere. The other
    /// standard variables are read by the exporter.
    pub otlp_endpoint: Option<String>,
}

/// `database.*`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Database {
    /// `database.url`. Default `sqlite://herdgate.db?mode=rwc`.
    pub url: DatabaseUrl,
    /// `database.max_connections`: 1 to 1000, default 16.
    pub max_connections: u32,
    /// `database.unsafe`: serve even if the server may lose what it committed. Default false.
    pub allow_unsafe: bool,
    /// `database.migrate_on_start`: `serve` applies migrations. Default true.
    pub migrate_on_start: bool,
}

/// `tls.*`: paths of PEM files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// `tls.cert`: certificate chain.
    pub cert: PathBuf,
    /// `tls.key`: its private key.
    pub key: PathBuf,
    /// `tls.client_ca`: authorities whose client certificates are asked for.
    pub client_ca: Option<PathBuf>,
}

/// `quota.*`: requests a minute of one credential at one door; none: as many as it likes. Each job in a
/// stream is a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Quotas {
    /// `quota.http_reads`
    pub http_reads: Option<NonZeroU32>,
    /// `quota.http_writes`
    pub http_writes: Option<NonZeroU32>,
    /// `quota.grpc_reads`
    pub grpc_reads: Option<NonZeroU32>,
    /// `quota.grpc_writes`
    pub grpc_writes: Option<NonZeroU32>,
}

/// Status of a REST collection of which items are rejected and the others stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PartialStatus {
    /// 400.
    #[default]
    BadRequest,
    /// 200, as it used to be; only `results` tells.
    Ok,
}

/// `log.*`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// `log.format`; none: text on a terminal, JSON otherwise.
    pub format: Option<LogFormat>,
    /// `log.filter`: directives such as `info,herdgate=debug`. Default `info`.
    pub filter: String,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

const DEFAULT_LISTEN: &str = "127.0.0.1:8000";
const DEFAULT_DATABASE_URL: &str = "sqlite://herdgate.db?mode=rwc";
const DEFAULT_MAX_CONNECTIONS: u32 = 16;
const MOST_CONNECTIONS: u32 = 1000;
const MOST_LOG_WORKERS: usize = 64;
/// A hundred years.
const MOST_DAYS: u32 = 36_500;
const OTLP_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

impl Configuration {
    /// Types what was set. Relative paths of SQLite files are taken from `directory`.
    ///
    /// # Errors
    /// The first value that its key does not take.
    pub fn new(
        settings: &Settings,
        environment: &Environment,
        directory: &Path,
    ) -> Result<Self, ConfigError> {
        let path = |key| settings.get(key).map(|setting| PathBuf::from(&setting.text));
        Ok(Self {
            listen: typed(settings, Key::Listen, DEFAULT_LISTEN, |text| {
                text.parse().map_err(|_| {
                    format!("{text:?} must be an IP address and a port, for instance {DEFAULT_LISTEN}")
                })
            })?,
            database: Database {
                url: typed(settings, Key::DatabaseUrl, DEFAULT_DATABASE_URL, |text| {
                    DatabaseUrl::parse(text, directory)
                })?,
                max_connections: max_connections(settings)?,
                allow_unsafe: typed(settings, Key::DatabaseUnsafe, "false", truth)?,
                migrate_on_start: typed(settings, Key::DatabaseMigrateOnStart, "true", truth)?,
            },
            pulse: pulse::pulse(settings, environment)?,
            secret_key: secret_key(settings)?,
            tls: tls(settings)?,
            http: http::http(settings)?,
            legacy_partial_status: typed(settings, Key::LegacyPartialStatus, "400", |text| match text {
                "400" => Ok(PartialStatus::BadRequest),
                "200" => Ok(PartialStatus::Ok),
                other => Err(format!("{other:?} must be 400 or 200")),
            })?,
            quota: Quotas {
                http_reads: quota(settings, Key::QuotaHttpReads)?,
                http_writes: quota(settings, Key::QuotaHttpWrites)?,
                grpc_reads: quota(settings, Key::QuotaGrpcReads)?,
                grpc_writes: quota(settings, Key::QuotaGrpcWrites)?,
            },
            retention: Retention {
                days: typed(settings, Key::RetentionDays, "0", days)?,
                repositories: typed(settings, Key::RetentionRepositories, "{}", days_by_repository)?,
            },
            log_workers: log_workers(settings)?,
            fetch: fetch::fetch(settings)?,
            pushes: fetch::pushes(settings)?,
            bug_tracker: fetch::bugs(settings)?,
            ui_dir: path(Key::UiDir),
            log: Log { format: log_format(settings)?, filter: log_filter(settings)? },
            otlp_endpoint: environment.get(OTLP_ENDPOINT)?.map(str::to_owned),
        })
    }

    /// The effective configuration in one line, secrets and passwords replaced.
    pub fn redacted(&self) -> String {
        format!("{self:?}")
    }
}

fn typed<T>(
    settings: &Settings,
    key: Key,
    default: &str,
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> Result<T, ConfigError> {
    let (text, origin) = match settings.get(key) {
        Some(setting) => (setting.text.as_str(), setting.origin.clone()),
        None => (default, Origin::Default),
    };
    parse(text).map_err(|problem| ConfigError::Value { key, origin, problem })
}

fn truth(text: &str) -> Result<bool, String> {
    text.parse().map_err(|_| format!("{text:?} must be true or false"))
}

fn max_connections(settings: &Settings) -> Result<u32, ConfigError> {
    typed(settings, Key::DatabaseMaxConnections, &DEFAULT_MAX_CONNECTIONS.to_string(), |text| {
        text.parse()
            .ok()
            .filter(|number| (1..=MOST_CONNECTIONS).contains(number))
            .ok_or_else(|| format!("{text:?} must be a whole number from 1 to {MOST_CONNECTIONS}"))
    })
}

fn log_workers(settings: &Settings) -> Result<Option<NonZeroUsize>, ConfigError> {
    typed(settings, Key::LogsWorkers, &limits::FOLLOW_UP_WORKERS.to_string(), |text| {
        let number: Option<usize> = text.parse().ok().filter(|number| *number <= MOST_LOG_WORKERS);
        number.map(NonZeroUsize::new).ok_or_else(|| {
            format!("{text:?} must be a whole number up to {MOST_LOG_WORKERS}, or 0 to read no logs here")
        })
    })
}

/// Requests a minute; 0 and unset are no quota.
fn quota(settings: &Settings, key: Key) -> Result<Option<NonZeroU32>, ConfigError> {
    typed(settings, key, "0", |text| {
        let number: Result<u32, _> = text.parse();
        number
            .map(NonZeroU32::new)
            .map_err(|_| format!("{text:?} must be a whole number of requests a minute, or 0 for no quota"))
    })
}

/// 0 is for ever.
fn days(text: &str) -> Result<Option<NonZeroU32>, String> {
    let number: Option<u32> = text.parse().ok().filter(|days| *days <= MOST_DAYS);
    number
        .map(NonZeroU32::new)
        .ok_or_else(|| format!("{text:?} must be a whole number of days up to {MOST_DAYS}, or 0 for ever"))
}

fn days_by_repository(text: &str) -> Result<BTreeMap<ProjectName, Option<NonZeroU32>>, String> {
    let form = "must name repositories and days, in the environment as {\"try\": \"30\"}";
    let named: BTreeMap<String, String> = serde_json::from_str(text).map_err(|_| form.to_owned())?;
    let entry = |(name, text): (String, String)| {
        let project = ProjectName::try_new(&name).map_err(|error| format!("{name:?}: {error}"))?;
        Ok((project, days(&text).map_err(|problem| format!("{name}: {problem}"))?))
    };
    named.into_iter().map(entry).collect()
}

fn tls(settings: &Settings) -> Result<Option<Tls>, ConfigError> {
    let path = |key| settings.get(key).map(|setting| PathBuf::from(&setting.text));
    match (path(Key::TlsCert), path(Key::TlsKey), path(Key::TlsClientCa)) {
        (Some(cert), Some(key), client_ca) => Ok(Some(Tls { cert, key, client_ca })),
        (Some(_), None, _) => Err(ConfigError::Missing { missing: Key::TlsKey, given: Key::TlsCert }),
        (None, Some(_), _) => Err(ConfigError::Missing { missing: Key::TlsCert, given: Key::TlsKey }),
        (None, None, Some(_)) => Err(ConfigError::Missing { missing: Key::TlsCert, given: Key::TlsClientCa }),
        (None, None, None) => Ok(None),
    }
}

fn secret_key(settings: &Settings) -> Result<Option<Keyring>, ConfigError> {
    settings
        .get(Key::SecretKey)
        .map(|_| {
            typed(settings, Key::SecretKey, "", |text| {
                Keyring::parse(text).map_err(|error| error.to_string())
            })
        })
        .transpose()
}

fn log_format(settings: &Settings) -> Result<Option<LogFormat>, ConfigError> {
    settings
        .get(Key::LogFormat)
        .map(|_| {
            typed(settings, Key::LogFormat, "", |text| match text {
                "text" => Ok(LogFormat::Text),
                "json" => Ok(LogFormat::Json),
                other => Err(format!("{other:?} must be \"text\" or \"json\"")),
            })
        })
        .transpose()
}

fn log_filter(settings: &Settings) -> Result<String, ConfigError> {
    typed(settings, Key::LogFilter, "info", |text| {
        tracing_subscriber::EnvFilter::try_new(text)
            .map(|_| text.to_owned())
            .map_err(|error| format!("{text:?} is no log filter ({error}); try info or info,herdgate=debug"))
    })
}

#[cfg(test)]
mod tests;
