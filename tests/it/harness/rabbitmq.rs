//! RabbitMQ: the server of the test run, and servers that a test may kill.

use super::eventually::within;
use super::ports::free_ports;
use super::{Database, eventually, skipped};
use lapin::{Connection, ConnectionProperties};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// The user of every broker of the tests; its password is the same.
pub const USER: &str = "herd";
/// An Erlang machine on a busy computer starts slowly.
const START_PATIENCE: Duration = Duration::from_secs(120);
/// One that is coming up may take a connection and never answer on it.
const ATTEMPT: Duration = Duration::from_secs(10);
const ANSWER: Duration = Duration::from_secs(20);
/// Where Debian puts it; the script on PATH changes the user.
const SERVER: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";

/// A broker.
#[derive(Debug, Clone)]
pub struct Broker {
    /// Its AMQP URL.
    pub url: String,
}

impl Broker {
    /// The server of the test run; `None`, said aloud, if there is none.
    pub fn shared() -> Option<Self> {
        match std::env::var("HERDGATE_TEST_AMQP_URL") {
            Ok(url) => Some(Self { url }),
            Err(_) => {
                skipped("HERDGATE_TEST_AMQP_URL is not set; ./test.sh sets it");
                None
            }
        }
    }

    /// A database whose gateway, and whose publishers, use this broker.
    pub fn for_gateway_on(&self, database: &Database) -> Database {
        database.clone().with("HERDGATE_PULSE_URL", &self.url)
    }

    /// A connection of its own.
    pub async fn connect(&self) -> Connection {
        let connecting = Connection::connect(&self.url, ConnectionProperties::default());
        within("the broker takes a connection", ANSWER, connecting).await.unwrap()
    }
}

/// A server of its own in a temporary folder, for tests that kill and start it.
#[derive(Debug)]
pub struct PrivateBroker {
    folder: TempDir,
    /// Of AMQP, of Erlang, of its name server, of AMQPS.
    ports: [u16; 4],
    process: Option<Child>,
}

impl PrivateBroker {
    /// A running server; `None`, said aloud, where RabbitMQ is not installed.
    pub async fn start_new() -> Option<Self> {
        if !Path::new(SERVER).is_file() {
            skipped(&format!("no RabbitMQ at {SERVER}"));
            return None;
        }
        let folder = tempfile::Builder::new().prefix("herdgate-mq-").tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("plugins", "[].");
        let ports = free_ports();
        let own = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
        write("cert.pem", &own.cert.pem());
        write("key.pem", &own.signing_key.serialize_pem());
        let path = folder.path().display();
        write(
            "rabbitmq.conf",
            &format!(
                "default_user = {USER}\ndefault_pass = {USER}\nlisteners.ssl.1 = 127.0.0.1:{}\n\
                 ssl_options.certfile = {path}/cert.pem\nssl_options.keyfile = {path}/key.pem\n\
                 ssl_options.cacertfile = {path}/cert.pem\nssl_options.verify = verify_none\n",
                ports[3]
            ),
        );
        let mut server = Self { folder, ports, process: None };
        server.start().await;
        Some(server)
    }

    /// How to reach it.
    pub fn broker(&self) -> Broker {
        Broker { url: format!("amqp://{USER}:{USER}@127.0.0.1:{}", self.ports[0]) }
    }

    /// How to reach it over TLS.
    pub fn over_tls(&self) -> Broker {
        Broker { url: format!("amqps://{USER}:{USER}@localhost:{}", self.ports[3]) }
    }

    /// The authority of its certificate.
    pub fn authority(&self) -> String {
        self.folder.path().join("cert.pem").display().to_string()
    }

    /// Its address.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.ports[0])
    }

    /// Starts it, and waits until it takes connections.
    pub async fn start(&mut self) {
        let log = std::fs::File::create(self.folder.path().join("out.log")).unwrap();
        let mut command = self.command(SERVER);
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        self.process = Some(command.spawn().unwrap());
        let url = self.broker().url;
        eventually("RabbitMQ takes connections", START_PATIENCE, async || {
            let connecting = Connection::connect(&url, ConnectionProperties::default());
            tokio::time::timeout(ATTEMPT, connecting).await.ok()?.ok()
        })
        .await;
    }

    /// Kills it: no chance to tidy up.
    pub fn kill(&mut self) {
        let Ok(id) = std::fs::read_to_string(self.folder.path().join("pid")) else { return };
        // The shell's own `kill`: no package has to be there for it.
        let _ = Command::new("sh").args(["-c", &format!("kill -KILL {}", id.trim())]).status();
        if let Some(mut process) = self.process.take() {
            let _ = process.wait();
        }
        let _ = std::fs::remove_file(self.folder.path().join("pid"));
    }

    fn command(&self, program: &str) -> Command {
        let file = |name: &str| self.folder.path().join(name);
        let mut command = Command::new(program);
        let [port, distribution, names, _] = self.ports.map(|port| port.to_string());
        command
            .current_dir(self.folder.path())
            .env("HOME", self.folder.path())
            .env("RABBITMQ_NODENAME", format!("herdgate{port}@localhost"))
            .env("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1")
            .env("RABBITMQ_NODE_PORT", port)
            .env("RABBITMQ_DIST_PORT", distribution)
            .env("ERL_EPMD_PORT", names)
            .env("ERL_EPMD_RELAXED_COMMAND_CHECK", "1")
            .env("RABBITMQ_MNESIA_BASE", file("mnesia"))
            .env("RABBITMQ_LOG_BASE", file("log"))
            .env("RABBITMQ_PID_FILE", file("pid"))
            .env("RABBITMQ_CONF_ENV_FILE", "/dev/null")
            .env("RABBITMQ_CONFIG_FILE", file("rabbitmq"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", file("plugins"));
        command
    }
}

impl Drop for PrivateBroker {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let said = std::fs::read_to_string(self.folder.path().join("out.log")).unwrap_or_default();
            println!("RabbitMQ said last:\n{said}");
        }
        self.kill();
        // The name server that Erlang started beside it.
        let names = self.ports[2].to_string();
        let mut epmd = self.command("epmd");
        let _ = epmd.args(["-port", &names, "-kill"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}
