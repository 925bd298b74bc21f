//! The command line: arguments, what each command does, how it ends.

mod administration;
mod brokers;
mod bugs;
mod credential;
mod database;
mod demo;
mod exchange;
mod failure;
mod held;
mod keyring;
mod log;
mod migrate;
mod output;
mod publish;
mod pulse;
mod push;
mod repository;
mod running;
mod serve;
mod server;
mod submit;
mod tier;
mod validate;
mod verdicts;
mod work;

pub use failure::{Exit, Failure};

use crate::config::{Configuration, Environment, Key, Origin, Settings};
use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand};
use std::ffi::OsString;
use std::path::PathBuf;

/// The gate that all CI job data enters through.
///
/// Takes job data in over gRPC and Pulse, gives every submission a verdict once it is committed, and lets
/// it be read back. Exit codes: 0 done, 1 refused or failed, 64 wrong usage or configuration.
#[derive(Debug, Parser)]
#[command(name = "herdgate", version, propagate_version = true)]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Options of every command that reads the configuration.
#[derive(Debug, Clone, Args)]
struct Global {
    /// Configuration file [default: herdgate.toml, which need not exist]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Database, over HERDGATE_DATABASE_URL and the configuration file
    #[arg(long, global = true, value_name = "URL")]
    database_url: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gateway
    Serve(serve::ServeArgs),
    /// Show the gateway at work on bundled sample jobs and a temporary database
    Demo(demo::DemoArgs),
    /// Create the database if it is missing, and apply migrations
    Migrate,
    /// Administer the repositories that jobs may be submitted for
    #[command(subcommand)]
    Repository(repository::RepositoryCommand),
    /// Administer who may submit and administer
    #[command(subcommand)]
    Credential(credential::CredentialCommand),
    /// Administer the tiers that win over submitted ones
    #[command(subcommand)]
    Tier(tier::TierCommand),
    /// Check documents against the published schemas, without a gateway
    Validate(validate::ValidateArgs),
    /// Stream jobs to a gateway over gRPC
    Submit(submit::SubmitArgs),
    /// Submit pushes
    #[command(subcommand)]
    Push(push::PushCommand),
    /// Administer the exchanges that messages are taken from over Pulse
    #[command(subcommand)]
    Exchange(exchange::ExchangeCommand),
    /// Publish Pulse messages, as publishers do
    Publish(publish::PublishArgs),
    /// Listen to an exchange
    #[command(subcommand)]
    Pulse(pulse::PulseCommand),
    /// See, replay and discard submissions that are held
    #[command(subcommand)]
    Held(held::HeldCommand),
    /// Administer the bugs that failures are matched with
    #[command(subcommand)]
    Bugs(bugs::BugsCommand),
    /// Read logs as the gateway reads them
    #[command(subcommand)]
    Log(log::LogCommand),
    /// See follow-up work, such as logs to parse, and try it again
    #[command(subcommand)]
    Work(work::WorkCommand),
}

/// What a command has to work with, besides its own arguments.
#[derive(Debug)]
struct Context {
    global: Global,
    environment: Environment,
}

impl Context {
    /// Reads the configuration: file, environment, command line.
    fn configuration(&self) -> Result<Configuration, Failure> {
        let mut settings = Settings::read(self.global.config.as_deref(), &self.environment)?;
        if let Some(url) = &self.global.database_url {
            settings.set(Key::DatabaseUrl, url.clone(), Origin::CommandLine);
        }
        let directory =
            std::env::current_dir().map_err(|source| Failure::File { path: PathBuf::from("."), source })?;
        Ok(Configuration::new(&settings, &self.environment, &directory)?)
    }
}

/// Runs the command that the arguments name, to its end.
pub fn start(arguments: impl IntoIterator<Item = OsString>, environment: Environment) -> Exit {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => return explain(&error),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            output::notice(&format!("herdgate: the runtime cannot be started: {error}"));
            return Exit::Failed;
        }
    };
    let context = Context { global: cli.global, environment };
    let ended = runtime.block_on(run(cli.command, context));
    // A blocking task that hangs, such as a name that does not resolve, must not keep the process.
    runtime.shutdown_background();
    match ended {
        Ok(exit) => exit,
        Err(failure) => {
            output::notice(&format!("herdgate: {failure}"));
            failure.exit()
        }
    }
}

/// Prints help, version or what is wrong with the arguments.
fn explain(error: &clap::Error) -> Exit {
    // Nobody is left to tell if the stream is closed.
    let _ = error.print();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Done,
        _ => Exit::Usage,
    }
}

async fn run(command: Command, context: Context) -> Result<Exit, Failure> {
    match command {
        Command::Serve(arguments) => serve::run(arguments, context).await,
        Command::Demo(arguments) => demo::run(arguments, context).await,
        Command::Migrate => migrate::run(context).await,
        Command::Repository(command) => repository::run(command, context).await,
        Command::Credential(command) => credential::run(command, context).await,
        Command::Tier(command) => tier::run(command, context).await,
        Command::Work(command) => work::run(command, context).await,
        Command::Validate(arguments) => validate::run(&arguments),
        Command::Submit(arguments) => submit::run(arguments).await,
        Command::Push(command) => push::run(command, context).await,
        Command::Exchange(command) => exchange::run(command, context).await,
        Command::Publish(arguments) => publish::run(arguments, context).await,
        Command::Pulse(command) => pulse::run(command, context).await,
        Command::Held(command) => held::run(command, context).await,
        Command::Bugs(command) => bugs::run(command, context).await,
        Command::Log(command) => log::run(&command, &context).await,
    }
}

/// Reads a file, or standard input for `-`.
fn read_file(path: &std::path::Path) -> Result<Vec<u8>, Failure> {
    let read = if path.as_os_str() == "-" {
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut std::io::stdin().lock(), &mut bytes).map(|_| bytes)
    } else {
        std::fs::read(path)
    };
    read.map_err(|source| Failure::File { path: path.into(), source })
}

#[cfg(test)]
mod tests;
