//! Command line of Herdgate.

use herdgate::cli;
use herdgate::config::Environment;
use std::process::ExitCode;

fn main() -> ExitCode {
    // Fails only if a provider of TLS is installed already, and nothing ran before this.
    let _ = rustls::crypto::ring::default_provider().install_default();
    cli::start(std::env::args_os(), Environment::new(std::env::vars_os())).into()
}
