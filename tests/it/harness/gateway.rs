//! The real binary, serving.

use super::command::{herdgate_on, run};
use super::eventually::within;
use super::{Database, eventually};
use herdgate::proto::admin_service_client::AdminServiceClient;
use herdgate::proto::ingest_service_client::IngestServiceClient;
use herdgate::proto::query_service_client::QueryServiceClient;
use std::net::SocketAddr;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::Child;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};

/// The repository that every gateway of the tests knows.
pub const PROJECT: &str = "quince-central";
/// From start to ready, of a debug build on a busy machine.
const START_PATIENCE: Duration = Duration::from_secs(60);
/// The drain may take 20 s.
const STOP_PATIENCE: Duration = Duration::from_secs(30);

/// What a client needs to call with a token.
pub type Authorized = InterceptedService<Channel, Bearer>;
/// Client of the ingest service.
pub type Ingest = IngestServiceClient<Authorized>;
/// Client of the query service.
pub type Query = QueryServiceClient<Authorized>;
/// Client of the admin service.
pub type Admin = AdminServiceClient<Authorized>;

/// Puts `authorization: Bearer <token>` on every call; without a token, nothing.
#[derive(Debug, Clone)]
pub struct Bearer(Option<MetadataValue<Ascii>>);

impl Bearer {
    /// With a token.
    pub fn token(token: &str) -> Self {
        Self(Some(format!("Bearer {token}").parse().unwrap()))
    }

    /// Without any.
    pub fn none() -> Self {
        Self(None)
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: tonic::Request<()>) -> Result<tonic::Request<()>, tonic::Status> {
        if let Some(value) = &self.0 {
            request.metadata_mut().insert("authorization", value.clone());
        }
        Ok(request)
    }
}

/// How to start a gateway.
#[derive(Debug, Clone)]
pub struct GatewayBuilder {
    database: Database,
    repositories: Vec<String>,
    variables: Variables,
}

/// Environment variables that `serve` has besides its database and address.
type Variables = Vec<(&'static str, String)>;

impl GatewayBuilder {
    /// Sets an environment variable of `serve`.
    pub fn with_variable(mut self, name: &'static str, value: impl ToString) -> Self {
        self.variables.push((name, value.to_string()));
        self
    }

    /// Registers more repositories than [`PROJECT`].
    pub fn with_repositories(mut self, names: &[&str]) -> Self {
        self.repositories.extend(names.iter().map(ToString::to_string));
        self
    }

    /// Registers the repositories, makes a credential that may administer and serves, all through
    /// the real command line.
    pub async fn start(self) -> Gateway {
        run(herdgate_on(&self.database).arg("migrate")).await.done();
        for name in &self.repositories {
            let url = format!("https://hg.example.org/{name}");
            run(herdgate_on(&self.database).args(["repository", "add", name, "--url", &url])).await.done();
        }
        let token = create_credential(&self.database, "harness", &["--admin"]).await;
        Gateway::serve(self.database, token, self.variables).await
    }
}

/// A credential, as it is shown once.
#[derive(Debug)]
pub struct Credential {
    /// Its id.
    pub client_id: String,
    /// Its secret for Hawk.
    pub hawk_secret: String,
    /// Its bearer token.
    pub token: String,
}

/// Makes a credential through the command line.
pub async fn issue_credential(database: &Database, client_id: &str, options: &[&str]) -> Credential {
    let mut command = herdgate_on(database);
    command.args(["credential", "create", client_id, "--json"]).args(options);
    let shown = run(&mut command).await.json();
    let text = |name: &str| shown[name].as_str().unwrap().to_owned();
    Credential { client_id: client_id.into(), hawk_secret: text("hawk_secret"), token: text("token") }
}

/// Makes a credential through the command line; gives its token.
pub async fn create_credential(database: &Database, client_id: &str, options: &[&str]) -> String {
    issue_credential(database, client_id, options).await.token
}

/// A gateway that serves, until it is dropped.
#[derive(Debug)]
pub struct Gateway {
    /// Its database.
    pub database: Database,
    /// Token of a credential that may administer.
    pub token: String,
    variables: Variables,
    process: Child,
    address: SocketAddr,
    output: Output,
}

impl Gateway {
    /// A gateway on an empty database.
    pub fn on(database: &Database) -> GatewayBuilder {
        GatewayBuilder {
            database: database.clone(),
            repositories: vec![PROJECT.into()],
            variables: Vec::new(),
        }
    }

    /// A second gateway on the same database.
    pub async fn beside(&self) -> Self {
        Self::serve(self.database.clone(), self.token.clone(), self.variables.clone()).await
    }

    async fn serve(database: Database, token: String, variables: Variables) -> Self {
        let mut process = herdgate_on(&database)
            .arg("serve")
            .env("HERDGATE_LISTEN", "127.0.0.1:0")
            .envs(variables.iter().cloned())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let output = Output::default();
        output.follow(process.stdout.take().unwrap());
        output.follow(process.stderr.take().unwrap());
        let address = eventually("the gateway says where it listens", START_PATIENCE, async || {
            if let Some(status) = process.try_wait().unwrap() {
                panic!("serve ended with {status}:\n{}", output.text());
            }
            output.listening()
        })
        .await;
        Self { database, token, variables, process, address, output }
    }

    /// Where it listens, for those who connect by themselves.
    pub fn socket(&self) -> SocketAddr {
        self.address
    }

    /// Where it listens.
    pub fn address(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The same for a connection of one's own.
    pub fn socket_address(&self) -> SocketAddr {
        self.address
    }

    /// Process id.
    pub fn pid(&self) -> u32 {
        self.process.id().expect("the gateway runs")
    }

    /// What it printed and logged so far.
    pub fn output(&self) -> String {
        self.output.text()
    }

    /// Resident memory, bytes.
    pub fn resident_memory(&self) -> u64 {
        self.memory("VmRSS:")
    }

    /// The most bytes of memory that the process ever had.
    pub fn peak_memory(&self) -> u64 {
        self.memory("VmHWM:")
    }

    fn memory(&self, measure: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(measure)).unwrap();
        let kibibytes: u64 = line.trim().trim_end_matches("kB").trim().parse().unwrap();
        kibibytes * 1024
    }

    /// A connection of its own.
    pub fn channel(&self) -> Channel {
        self.endpoint().connect_lazy()
    }

    /// Where and how to connect.
    pub fn endpoint(&self) -> Endpoint {
        Endpoint::from_shared(self.address()).unwrap()
    }

    /// Client of the ingest service, with the harness's token, on a connection of its own.
    pub fn ingest(&self) -> Ingest {
        self.ingest_as(Bearer::token(&self.token))
    }

    /// The same with another token, or none.
    pub fn ingest_as(&self, bearer: Bearer) -> Ingest {
        IngestServiceClient::with_interceptor(self.channel(), bearer)
    }

    /// Client of the query service, which needs no token.
    pub fn query(&self) -> Query {
        QueryServiceClient::with_interceptor(self.channel(), Bearer::none())
            .max_decoding_message_size(64 * 1024 * 1024)
    }

    /// Client of the admin service, with the harness's token.
    pub fn admin(&self) -> Admin {
        self.admin_as(Bearer::token(&self.token))
    }

    /// The same with another token, or none.
    pub fn admin_as(&self, bearer: Bearer) -> Admin {
        AdminServiceClient::with_interceptor(self.channel(), bearer)
    }

    /// SIGKILL: no chance to tidy up.
    pub async fn kill(&mut self) {
        self.process.kill().await.unwrap();
    }

    /// SIGTERM, without waiting.
    pub fn ask_to_stop(&self) {
        // The shell's own `kill`: no package has to be there for it.
        let command = format!("kill -TERM {}", self.pid());
        let status = std::process::Command::new("sh").args(["-c", &command]).status().unwrap();
        assert!(status.success());
    }

    /// Waits for the end of a gateway asked to stop.
    pub async fn stopped(&mut self) -> ExitStatus {
        within("the gateway ends", STOP_PATIENCE, self.process.wait()).await.unwrap()
    }

    /// Serves again on the same database, at another port, after the process ended.
    pub async fn restart(&mut self) {
        *self = Self::serve(self.database.clone(), self.token.clone(), self.variables.clone()).await;
    }

    /// The same with more variables in its environment.
    pub async fn restart_with(&mut self, variables: &[(&'static str, &str)]) {
        self.variables.extend(variables.iter().map(|(name, value)| (*name, (*value).to_owned())));
        self.restart().await;
    }
}

/// Lines that the gateway printed and logged.
#[derive(Debug, Clone, Default)]
struct Output(Arc<Mutex<Vec<String>>>);

impl Output {
    fn follow(&self, from: impl AsyncRead + Unpin + Send + 'static) {
        let lines = Arc::clone(&self.0);
        tokio::spawn(async move {
            let mut from = BufReader::new(from).lines();
            while let Ok(Some(line)) = from.next_line().await {
                lines.lock().unwrap().push(line);
            }
        });
    }

    fn text(&self) -> String {
        self.0.lock().unwrap().join("\n")
    }

    /// The address in the line that says `listens on http://127.0.0.1:PORT`.
    fn listening(&self) -> Option<SocketAddr> {
        self.0.lock().unwrap().iter().find_map(|line| {
            let (_, rest) = line.split_once("listens on http")?;
            let rest = rest.trim_start_matches('s').strip_prefix("://")?;
            let end =
                rest.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == ':')).unwrap_or(rest.len());
            rest[..end].parse().ok()
        })
    }
}
