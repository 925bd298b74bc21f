//! `herdgate serve`.

use super::brokers::brokers;
use super::database::{Create, lock, open};
use super::keyring::keyring;
use super::output::line;
use super::running::{Ended, Fetching, Running, StopSignals};
use super::{Context, Exit, Failure};
use crate::access::administration::check_secrets;
use crate::bug_tracker;
use crate::config::{Configuration, Key};
use crate::core::{Gateway, GatewayOptions};
use crate::doors::pulse::PulseOptions;
use crate::doors::{DashboardFiles, DoorOptions, HttpOptions, Tls, TlsFile, TlsFiles};
use crate::fetch::Fetcher;
use crate::follow_up::pushes::HostsOptions;
use crate::limits;
use crate::store::{RegistrationConflict, Store, StoreError};
use crate::telemetry::Telemetry;
use clap::Args;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

/// Everything is configuration.
#[derive(Debug, Args)]
#[command(after_help = "\
Configuration, in herdgate.toml or the environment:
  listen                     HERDGATE_LISTEN                     127.0.0.1:8000
  database.url               HERDGATE_DATABASE_URL               sqlite://herdgate.db?mode=rwc
  database.max_connections   HERDGATE_DATABASE_MAX_CONNECTIONS   16
  database.unsafe            HERDGATE_DATABASE_UNSAFE            false
  database.migrate_on_start  HERDGATE_DATABASE_MIGRATE_ON_START  true
  secret_key                 HERDGATE_SECRET_KEY                 SQLite: the file DATABASE.key
  http.trusted_proxies       HERDGATE_HTTP_TRUSTED_PROXIES       none
  http.public_url            HERDGATE_HTTP_PUBLIC_URL            where each request says it went
  tls.cert                   HERDGATE_TLS_CERT                   PEM file of certificates; unset: plain text
  tls.key                    HERDGATE_TLS_KEY                    PEM file of the private key
  tls.client_ca              HERDGATE_TLS_CLIENT_CA              PEM file of authorities of client certificates
  legacy.partial_status      HERDGATE_LEGACY_PARTIAL_STATUS      400, of a collection with rejected items; or 200
  quota.http_reads           HERDGATE_QUOTA_HTTP_READS           0: no quota; else requests a minute of one
  quota.http_writes          HERDGATE_QUOTA_HTTP_WRITES          credential, each job in a stream being one
  quota.grpc_reads           HERDGATE_QUOTA_GRPC_READS
  quota.grpc_writes          HERDGATE_QUOTA_GRPC_WRITES
  retention.days             HERDGATE_RETENTION_DAYS             0: jobs are kept for ever
  retention.repositories     HERDGATE_RETENTION_REPOSITORIES     none; names and days that count instead
  ui_dir                     HERDGATE_UI_DIR                     none; folder of a dashboard to serve at /
  logs.workers               HERDGATE_LOGS_WORKERS               8 logs read at once; 0: other gateways do
  fetch.allow_private        HERDGATE_FETCH_ALLOW_PRIVATE        false; true: private addresses may be asked
  fetch.allowed_hosts        HERDGATE_FETCH_ALLOWED_HOSTS        none; hosts, networks that may though private
  fetch.only_hosts           HERDGATE_FETCH_ONLY_HOSTS           any; hosts, networks that alone may be asked
  pushes.github_api_url      HERDGATE_PUSHES_GITHUB_API_URL      https://api.github.com
  pushes.github_token        HERDGATE_PUSHES_GITHUB_TOKEN        none: asked anonymously
  pushes.mercurial_poll_seconds
                             HERDGATE_PUSHES_MERCURIAL_POLL_SECONDS  300; 0: push logs are not polled
  bugs.bugzilla_url          HERDGATE_BUGS_BUGZILLA_URL          off; whose bugs failures are matched with
  bugs.refresh_seconds       HERDGATE_BUGS_REFRESH_SECONDS       3600
  log.format                 HERDGATE_LOG_FORMAT                 text on a terminal, else json
  log.filter                 HERDGATE_LOG_FILTER                 info
  pulse.url                  HERDGATE_PULSE_URL                  off; amqps://USER:PASSWORD@HOST/VHOST
  pulse.brokers              HERDGATE_PULSE_BROKERS              none; more brokers by name
  pulse.ca                   HERDGATE_PULSE_CA                   none; PEM file of further authorities
  pulse.prefetch             HERDGATE_PULSE_PREFETCH             2000
  pulse.connection_age_seconds
                             HERDGATE_PULSE_CONNECTION_AGE_SECONDS  3600
secret_key encrypts stored Hawk secrets: ID:KEY entries, newest first, KEY of 32 bytes, for instance of
`openssl rand -hex 32`; PostgreSQL needs it. To replace a key: put the new one in front, restart every
gateway, run `herdgate credential rekey`, then drop the old one.
http.trusted_proxies are networks whose X-Forwarded-Host and X-Forwarded-Proto are believed.
Exchanges are registered by `herdgate exchange`, or in the environment, read at every start:
  PULSE_DATA_INGESTION_SOURCES  [{\"exchange\": ..., \"destinations\": [...], \"projects\": [...]}]
  PULSE_PUSH_SOURCES            [{\"exchange\": ..., \"routing_keys\": [...]}]
Traces and metrics are exported if OTEL_EXPORTER_OTLP_ENDPOINT is set; /metrics is always there.
SIGTERM and SIGINT end the gateway once everything taken in is decided and answered, with exit code 0.
Connections whose client takes no answers are cut after 18 s, what is undecided after 20 s; either gives
exit code 1. A second signal ends the gateway at once, with exit code 1. Submitters send again what has
no verdict.")]
pub struct ServeArgs {}

pub(super) async fn run(_arguments: ServeArgs, context: Context) -> Result<Exit, Failure> {
    let configuration = context.configuration()?;
    let tls = tls(&configuration)?;
    let telemetry = Telemetry::start(&configuration)?;
    info!(version = env!("CARGO_PKG_VERSION"), configuration = configuration.redacted(), "herdgate starts");
    let ended = serve(&configuration, tls, &telemetry).await;
    // A second signal means now: then nothing is sent any more.
    if !matches!(ended, Ok(Exit::Failed)) {
        telemetry.shutdown().await;
    }
    ended
}

async fn serve(
    configuration: &Configuration,
    tls: Option<Tls>,
    telemetry: &Telemetry,
) -> Result<Exit, Failure> {
    let mut signals = StopSignals::listen()?;
    let database = |error: StoreError| match error {
        StoreError::Unusable(problem) => Failure::Usage(format!(
            "`{}` ({}): {problem}",
            Key::DatabaseUrl.path(),
            Key::DatabaseUrl.variable()
        )),
        other => Failure::Store(other),
    };
    let _lock = lock(configuration).map_err(database)?;
    let store = open(configuration, Create::IfMissing).await.map_err(|failure| match failure {
        Failure::Store(error) => database(error),
        other => other,
    })?;
    if configuration.database.migrate_on_start {
        store.migrate().await?;
    }
    reconcile(&store, configuration).await?;
    let keyring = keyring(configuration, &store).await?;
    check_secrets(&store, &keyring).await?;
    let options = GatewayOptions { retention: configuration.retention.clone(), ..Default::default() };
    let gateway = Gateway::start(store, options).await?;
    let listener = bind(configuration).await?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    let fetching = fetching(configuration)?;
    let options = DoorOptions {
        // Nobody gets in without a credential.
        anonymous: None,
        metrics: Arc::new(telemetry.renderer()),
        keyring: Arc::new(keyring),
        reached: Arc::new(configuration.http.clone()),
        http: HttpOptions { partial_status: configuration.legacy_partial_status, ..HttpOptions::default() },
        fetcher: Some(fetching.fetcher.clone()),
        dashboard: dashboard(configuration)?,
        tls,
        quotas: configuration.quota,
        history: telemetry.history(),
    };
    let pulse = pulse_options(configuration)?;
    let refreshing = CancellationToken::new();
    if let Some(tracker) = configuration.bug_tracker.clone() {
        let (store, stop) = (gateway.store().clone(), refreshing.clone());
        tokio::spawn(bug_tracker::run(tracker, fetching.fetcher.clone(), store, stop));
    }
    // However this ends; what a refresh has not committed by then is as if it had not begun.
    let _refreshing = refreshing.drop_guard();
    let mut running = Running::start(listener, gateway, options, pulse, Some(fetching))?;
    line(&format!("herdgate listens on {scheme}://{}", running.address()))?;

    let signal = tokio::select! {
        failure = running.failed() => return Err(failure),
        signal = signals.next() => signal,
    };
    info!(signal, seconds = limits::DRAIN.as_secs(), "stopping: deciding what was taken in");
    let ended = tokio::select! {
        ended = running.drain() => ended?,
        signal = signals.next() => {
            error!(signal, "stopped at once: what had no verdict is to be sent again");
            return Ok(Exit::Failed);
        }
    };
    match ended {
        Ended::Drained => {
            info!("stopped: everything taken in is decided");
            Ok(Exit::Done)
        }
        Ended::Cut { connections } => {
            error!(
                connections,
                "stopped: everything taken in is decided, but connections were cut before every answer arrived"
            );
            Ok(Exit::Failed)
        }
        Ended::OutOfTime => {
            error!("stopped: time was over; what had no verdict is to be sent again");
            Ok(Exit::Failed)
        }
    }
}

async fn bind(configuration: &Configuration) -> Result<TcpListener, Failure> {
    let address = configuration.listen;
    TcpListener::bind(address).await.map_err(|error| {
        Failure::Usage(format!(
            "`{}` ({}): {address} cannot be listened on: {error}",
            Key::Listen.path(),
            Key::Listen.variable()
        ))
    })
}

/// Certificates and key, if there are any.
fn tls(configuration: &Configuration) -> Result<Option<Tls>, Failure> {
    let Some(files) = &configuration.tls else { return Ok(None) };
    let files = TlsFiles { cert: &files.cert, key: &files.key, client_ca: files.client_ca.as_deref() };
    Tls::load(files).map(Some).map_err(|error| {
        let key = match error.file {
            TlsFile::Cert => Key::TlsCert,
            TlsFile::Key => Key::TlsKey,
            TlsFile::ClientCa => Key::TlsClientCa,
        };
        Failure::Usage(format!("`{}` ({}): {error}", key.path(), key.variable()))
    })
}

/// The exchanges that the environment names are registered, and no others from there (R23).
async fn reconcile(store: &Store, configuration: &Configuration) -> Result<(), Failure> {
    store.reconcile_registrations(&configuration.pulse.sources).await.map_err(|conflict| match conflict {
        RegistrationConflict::Store(error) => Failure::Store(error),
        other => Failure::Usage(format!("sources of Pulse in the environment: {other}")),
    })
}

fn dashboard(configuration: &Configuration) -> Result<Option<DashboardFiles>, Failure> {
    let Some(folder) = &configuration.ui_dir else { return Ok(None) };
    DashboardFiles::open(folder).map(Some).map_err(|error| {
        let (key, variable) = (Key::UiDir.path(), Key::UiDir.variable());
        let place = folder.display();
        Failure::Usage(format!("`{key}` ({variable}): {place} has no index.html that can be read: {error}"))
    })
}

fn fetching(configuration: &Configuration) -> Result<Fetching, Failure> {
    let fetcher = Fetcher::new(configuration.fetch.clone())
        .map_err(|error| Failure::Refused(format!("nothing can be fetched: {error}")))?;
    let pushes = &configuration.pushes;
    let hosts =
        HostsOptions { github_api: pushes.github_api_url.clone(), github_token: pushes.github_token.clone() };
    let log_workers = configuration.log_workers;
    Ok(Fetching { fetcher, hosts, mercurial_poll: pushes.mercurial_poll, log_workers })
}

fn pulse_options(configuration: &Configuration) -> Result<PulseOptions, Failure> {
    Ok(PulseOptions {
        brokers: brokers(configuration)?,
        prefetch: configuration.pulse.prefetch,
        connection_age: configuration.pulse.connection_age,
    })
}
