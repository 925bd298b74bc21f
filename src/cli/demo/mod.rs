//! `herdgate demo`: the real gateway, a temporary database, and sample jobs submitted by the real
//! client.

mod broker;
mod samples;
mod show;
mod signed;

use super::output::{line, notice};
use super::running::{Ended, Running, StopSignals};
use super::server::{Connection, connect};
use super::submit::submit_all;
use super::{Context, Exit, Failure, verdicts};
use crate::access::administration::{self, IssuedCredential};
use crate::access::{Keyring, Principal, Rights, WantedCredential};
use crate::config::{Configuration, Key, Origin, Quotas, Settings};
use crate::core::{Gateway, GatewayOptions};
use crate::domain::{ProjectName, Repository, RepositoryKind};
use crate::doors::pulse::PulseOptions;
use crate::doors::{DoorOptions, HttpOptions};
use crate::proto::get_job_response::Found;
use crate::proto::ingest_service_client::IngestServiceClient;
use crate::proto::query_service_client::QueryServiceClient;
use crate::proto::{GetJobRequest, GetJobResponse, Push, SubmitPushesRequest};
use crate::store::{Store, StoreOptions};
use crate::telemetry::Telemetry;
use chrono::Utc;
use clap::Args;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;

/// How the demo runs.
#[derive(Debug, Args)]
#[command(after_help = "\
Nothing of the configuration is read but HERDGATE_LOG_*, HERDGATE_PULSE_URL, HERDGATE_PULSE_CA and OTEL_*;
everybody may write while it runs. With a broker, the samples are published to it too.")]
pub struct DemoArgs {
    /// Exit after the verdicts
    #[arg(long)]
    once: bool,
    /// IP address and port; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDRESS")]
    listen: SocketAddr,
}

/// How long a parked job may take to be stored once its push is there, before the demo has failed.
const RELEASE_PATIENCE: Duration = Duration::from_secs(5);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

pub(super) async fn run(arguments: DemoArgs, context: Context) -> Result<Exit, Failure> {
    let mut signals = StopSignals::listen()?;
    let folder = tempfile::tempdir()?;
    let configuration = configuration(&context, folder.path())?;
    let telemetry = Telemetry::start(&configuration)?;
    let store = database(&configuration).await?;
    let keyring = Keyring::parse(&Keyring::generate()).map_err(|error| Failure::Usage(error.to_string()))?;
    let credential = signed::credential(&store, &keyring).await?;
    let administrator = administrator(&store, &keyring).await?;
    let gateway = Gateway::start(store, GatewayOptions::default()).await?;
    gateway.refresh_directory().await?;
    let listener = TcpListener::bind(arguments.listen)
        .await
        .map_err(|error| Failure::Usage(format!("--listen {}: {error}", arguments.listen)))?;
    let anybody = Principal { source: "demo".into(), rights: Rights::EveryProject };
    let options = DoorOptions {
        anonymous: Some(anybody),
        metrics: Arc::new(telemetry.renderer()),
        keyring: Arc::new(keyring),
        reached: Arc::new(configuration.http.clone()),
        http: HttpOptions::default(),
        fetcher: None,
        dashboard: None,
        tls: None,
        quotas: Quotas::default(),
        history: telemetry.history(),
    };
    // Nothing is fetched: the logs of the bundled jobs are nowhere.
    let pulse = broker::options(&configuration)?;
    let mut running = Running::start(listener, gateway.clone(), options, pulse.clone(), None)?;
    let address = running.address();
    let server = format!("http://{address}");

    let shown = tokio::select! {
        shown = tell(&server, address, &credential, &gateway, &pulse) => shown,
        // Nothing is left to drain then.
        failure = running.failed() => return Err(failure),
        signal = signals.next() => Err(Failure::Refused(format!("stopped by {signal}"))),
    };
    if shown.is_ok() && !arguments.once {
        show::invitation(&server, administrator.secrets.token.reveal())?;
        tokio::select! {
            failure = running.failed() => return Err(failure),
            _ = signals.next() => notice("stopping; the demo's database is removed"),
        }
    }
    let ended = tokio::select! {
        ended = running.drain() => ended,
        _ = signals.next() => Ok(Ended::OutOfTime),
    };
    shown?;
    Ok(if ended? == Ended::Drained { Exit::Done } else { Exit::Failed })
}

/// A credential to sign in to the console with.
async fn administrator(store: &Store, keyring: &Keyring) -> Result<IssuedCredential, Failure> {
    let wanted = WantedCredential {
        client_id: "demo-admin".into(),
        admin: true,
        description: "Signs in to the console of the demo".into(),
        ..WantedCredential::default()
    };
    Ok(administration::create(store, keyring, wanted, Utc::now()).await?)
}

/// The defaults, with a database in the folder and the broker that is configured; the log tells warnings
/// only unless asked for more.
fn configuration(context: &Context, folder: &Path) -> Result<Configuration, Failure> {
    let mut settings = Settings::default();
    for key in [Key::LogFormat, Key::LogFilter, Key::PulseUrl, Key::PulseCa] {
        if let Some(text) = context.environment.get(&key.variable())? {
            settings.set(key, text.into(), Origin::Environment);
        }
    }
    if settings.get(Key::LogFilter).is_none() {
        settings.set(Key::LogFilter, "warn".into(), Origin::Default);
    }
    let file = folder.join("demo.db");
    settings.set(Key::DatabaseUrl, format!("sqlite://{}?mode=rwc", file.display()), Origin::Default);
    Ok(Configuration::new(&settings, &context.environment, folder)?)
}

/// A new database with the repository of the samples.
async fn database(configuration: &Configuration) -> Result<Store, Failure> {
    let options = StoreOptions {
        url: configuration.database.url.as_str().to_owned(),
        max_connections: configuration.database.max_connections,
        unsafe_durability: false,
        create: true,
    };
    let store = Store::connect(&options).await?;
    store.migrate().await?;
    let name = ProjectName::try_new(samples::PROJECT)
        .map_err(|error| Failure::Refused(format!("the sample repository: {error}")))?;
    let repository = Repository {
        id: 0,
        name,
        url: "https://hg.quarry.example/quarry".into(),
        kind: RepositoryKind::Mercurial,
        branch: None,
        group: Some("demo".into()),
        active: true,
        description: "The repository of `herdgate demo`".into(),
        codebase: "quarry".into(),
        accepts_pull_requests: false,
    };
    store.save_repository(&repository).await?;
    Ok(store)
}

/// The story: a push, the jobs, the push that came late, a job read back, jobs the legacy way.
async fn tell(
    server: &str,
    address: SocketAddr,
    credential: &IssuedCredential,
    gateway: &Gateway,
    pulse: &PulseOptions,
) -> Result<(), Failure> {
    let connection = connect(server, None).await?;
    let samples = samples::load()?;
    line(&format!("herdgate demo: a gateway on {server} with an empty temporary database\n"))?;

    submit_push(&connection, &samples.push).await?;
    line(&format!(
        "push {} is known; now {} jobs in one stream:\n",
        samples.push_revision(),
        samples.jobs.len()
    ))?;
    let submitted = submit_all(connection.clone(), &samples.jobs, || {}).await;
    if let Some(failure) = submitted.gave_up {
        return Err(failure);
    }
    let decided: Vec<_> = submitted.verdicts.into_iter().map(Option::unwrap_or_default).collect();
    show::verdicts(&samples.jobs, &decided)?;

    submit_push(&connection, &samples.late_push).await?;
    let since = Instant::now();
    let parked = decided.iter().filter(|verdict| verdict.outcome() == crate::proto::Outcome::Parked);
    for verdict in parked {
        stored(&connection, &verdict.job_guid).await?;
        line(&format!(
            "\npush {} came: the parked job {} is STORED, {} ms later",
            samples.late_push_revision(),
            verdict.job_guid,
            since.elapsed().as_millis()
        ))?;
    }
    let full = stored(&connection, &samples.read_back).await?;
    line("\none of the jobs, read back with GetJob:\n")?;
    show::job(&full)?;

    line("\nand a collection of the legacy REST API, signed with Hawk:\n")?;
    let results = signed::submit(address, credential, samples::LEGACY_JOBS).await?;
    signed::show(&results)?;
    broker::tell(gateway, pulse, &samples.jobs).await
}

async fn submit_push(connection: &Connection, push: &Push) -> Result<(), Failure> {
    let request = SubmitPushesRequest { project: samples::PROJECT.into(), pushes: vec![push.clone()] };
    let answer = IngestServiceClient::new(connection.clone()).submit_pushes(request).await?.into_inner();
    match answer.verdicts.iter().find(|verdict| verdicts::is_refused(verdict)) {
        None => Ok(()),
        Some(verdict) => Err(Failure::Refused(format!("the sample push is refused: {}", verdict.detail))),
    }
}

/// Reads a job until it is stored.
async fn stored(connection: &Connection, guid: &str) -> Result<GetJobResponse, Failure> {
    let mut client = QueryServiceClient::new(connection.clone());
    let deadline = Instant::now() + RELEASE_PATIENCE;
    loop {
        let answer = client.get_job(GetJobRequest { job_guid: guid.into() }).await?.into_inner();
        if matches!(answer.found, Some(Found::Job(_))) {
            return Ok(answer);
        }
        if Instant::now() > deadline {
            return Err(Failure::Refused(format!(
                "job {guid} is still not stored after {} s",
                RELEASE_PATIENCE.as_secs()
            )));
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}
