//! The real binary as a process of its own, and what it uses.

use super::eventually;
use super::http::{Connection, Signer};
use super::jobs::PROJECT;
use herdgate::proto::ingest_service_client::IngestServiceClient;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Request, Status};

/// Adds the token to every call.
#[derive(Debug, Clone)]
pub struct Bearer(MetadataValue<Ascii>);

impl tonic::service::Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

/// A client that is let in.
pub type Ingest = IngestServiceClient<InterceptedService<Channel, Bearer>>;

/// A running gateway.
pub struct Gateway {
    process: Child,
    address: String,
    token: Bearer,
    signer: Arc<Signer>,
}

/// What gateway and database used.
#[derive(Debug, Clone, Copy, Default)]
pub struct Usage {
    /// CPU seconds of the gateway.
    pub gateway_cpu: f64,
    /// CPU seconds of the database server, 0 where it has no process of its own.
    pub database_cpu: f64,
    /// Statements sent.
    pub statements: f64,
}

impl Usage {
    pub fn since(&self, before: &Self) -> Self {
        Self {
            gateway_cpu: self.gateway_cpu - before.gateway_cpu,
            database_cpu: self.database_cpu - before.database_cpu,
            statements: self.statements - before.statements,
        }
    }

    /// Each of the figures divided by `parts`.
    pub fn per(&self, parts: f64) -> Self {
        Self {
            gateway_cpu: self.gateway_cpu / parts,
            database_cpu: self.database_cpu / parts,
            statements: self.statements / parts,
        }
    }
}

impl Gateway {
    /// Starts one on an empty database.
    pub fn start(url: &str) -> Self {
        Self::start_with(url, &[])
    }

    /// Starts one on an empty database, with variables of the environment besides.
    pub fn start_with(url: &str, variables: &[(&str, &str)]) -> Self {
        command(url, &["migrate"]);
        command(
            url,
            &["repository", "add", PROJECT, "--url", "https://hg.example.org/bench", "--dvcs", "hg"],
        );
        let created = command(url, &["credential", "create", "bench", "--project", PROJECT, "--json"]);
        let created: serde_json::Value = serde_json::from_str(&created).expect("JSON");
        let created = |name: &str| created[name].as_str().expect("both secrets are printed").to_owned();
        let bearer = format!("Bearer {}", created("token")).parse().expect("a header value");
        let signer = Arc::new(Signer::new(&created("client_id"), &created("hawk_secret")));
        Self::serve(url, variables, Bearer(bearer), signer)
    }

    /// Ends it in order and starts it anew on the same database, with these variables instead.
    pub fn restart_with(self, url: &str, variables: &[(&str, &str)]) -> Self {
        let (token, signer) = (self.token.clone(), Arc::clone(&self.signer));
        self.stop();
        Self::serve(url, variables, token, signer)
    }

    fn serve(url: &str, variables: &[(&str, &str)], token: Bearer, signer: Arc<Signer>) -> Self {
        let mut process = binary(url)
            .arg("serve")
            .envs(variables.iter().copied())
            .env("HERDGATE_LISTEN", "127.0.0.1:0")
            .env("HERDGATE_LOG_FILTER", "warn")
            // Nobody keeps the logs that the jobs name; reading logs is measured by `logs`.
            .env("HERDGATE_LOGS_WORKERS", "0")
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let output = BufReader::new(process.stdout.take().expect("piped"));
        let mut lines = output.lines().map_while(Result::ok);
        let address = lines
            .find_map(|line| {
                let at = line.find("http://127.0.0.1:")?;
                Some(line[at..].split(['"', ' ', ',']).next()?.to_owned())
            })
            .expect("the gateway says where it listens");
        std::thread::spawn(move || lines.for_each(drop));
        Self { process, address, token, signer }
    }

    /// Host and port that it listens on.
    fn authority(&self) -> &str {
        self.address.trim_start_matches("http://")
    }

    /// A connection over HTTP/1.1.
    pub async fn connect(&self) -> Connection {
        Connection::open(self.authority(), Arc::clone(&self.signer)).await
    }

    /// A client with a connection of its own.
    pub async fn ingest(&self) -> Ingest {
        let endpoint = Channel::from_shared(self.address.clone()).expect("an address");
        let channel = eventually("the gateway answers", Duration::from_secs(10), async || {
            endpoint.connect().await.ok()
        })
        .await;
        IngestServiceClient::with_interceptor(channel, self.token.clone())
    }

    /// What was used so far.
    pub async fn usage(&self, database: Option<u32>) -> Usage {
        Usage {
            gateway_cpu: cpu_seconds(self.process.id()).0,
            database_cpu: database.map_or(0.0, tree_cpu_seconds),
            statements: self.statements().await,
        }
    }

    async fn statements(&self) -> f64 {
        self.sum_of(|line| line.starts_with("herdgate_database_statements_total")).await
    }

    /// Submissions that were decided at a door.
    pub async fn decided(&self, door: &str) -> f64 {
        let label = format!("door=\"{door}\"");
        self.sum_of(|line| line.starts_with("herdgate_submissions_decided_total") && line.contains(&label))
            .await
    }

    /// Sum of the figures in those lines of the metrics.
    async fn sum_of(&self, wanted: impl Fn(&str) -> bool) -> f64 {
        let metrics = self.connect().await.get("/metrics").await;
        String::from_utf8_lossy(&metrics.unpacked())
            .lines()
            .filter(|line| wanted(line))
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum()
    }

    /// Greatest resident memory since [`Self::forget_peak`] or the start, in MiB.
    pub fn peak_memory(&self) -> f64 {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0 kB");
        line.trim().trim_end_matches(" kB").parse::<f64>().unwrap_or(0.0) / 1024.0
    }

    /// Lets the greatest resident memory be measured anew.
    pub fn forget_peak(&self) {
        // 5 resets the mark (proc(5)). Where the kernel does not do it, the peak since the start stays.
        let _ = std::fs::write(format!("/proc/{}/clear_refs", self.process.id()), "5");
    }

    /// Ends it in order.
    pub fn stop(mut self) {
        let terminated = Command::new("kill").arg(self.process.id().to_string()).status();
        assert!(terminated.is_ok_and(|status| status.success()), "kill is there");
        let ended = self.process.wait().expect("an exit");
        assert!(ended.success(), "the gateway ended with {ended}");
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // After `stop` there is nothing left to kill.
        let _ = self.process.kill();
    }
}

/// The binary, with nothing of this benchmark's own settings, which it would refuse as unknown.
fn binary(url: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_herdgate"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("HERDGATE_")) {
        command.env_remove(name);
    }
    command.env("HERDGATE_DATABASE_URL", url).current_dir(std::env::temp_dir());
    command.env("HERDGATE_SECRET_KEY", format!("bench:{}", "00".repeat(32)));
    command
}

/// Runs a command to its end; gives what it printed.
pub fn command(url: &str, arguments: &[&str]) -> String {
    let output = binary(url).args(arguments).stderr(Stdio::inherit()).output().expect("the binary runs");
    assert!(output.status.success(), "{arguments:?} ended with {}", output.status);
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// CPU seconds of a process with the children it has waited for, and its parent.
fn cpu_seconds(process: u32) -> (f64, u32) {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{process}/stat")) else { return (0.0, 0) };
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or("").split(' ').collect();
    let ticks = |index: usize| fields.get(index).and_then(|f| f.parse::<f64>().ok()).unwrap_or(0.0);
    // Linux counts a hundred ticks a second on every common machine.
    ((ticks(11) + ticks(12) + ticks(13) + ticks(14)) / 100.0, ticks(1) as u32)
}

/// CPU seconds of a process and its children.
fn tree_cpu_seconds(parent: u32) -> f64 {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let children: f64 = numbers.map(cpu_seconds).filter(|(_, of)| *of == parent).map(|(cpu, _)| cpu).sum();
    children + cpu_seconds(parent).0
}
