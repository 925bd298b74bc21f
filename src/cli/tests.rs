use super::*;
use clap::CommandFactory;

fn exit(arguments: &[&str]) -> u8 {
    exit_with(arguments, &[])
}

fn exit_with(arguments: &[&str], variables: &[(&str, &str)]) -> u8 {
    let variables = variables.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
    let arguments = ["herdgate"].iter().chain(arguments).map(OsString::from);
    start(arguments, Environment::new(variables)).code()
}

#[test]
fn the_arguments_are_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn help_and_version_are_no_failure() {
    for arguments in [&["--help"][..], &["--version"], &["submit", "--help"], &["help", "held", "replay"]] {
        assert_eq!(exit(arguments), 0, "{arguments:?}");
    }
}

#[test]
fn wrong_usage_exits_64() {
    for arguments in [
        &[][..],
        &["nonsense"],
        &["serve", "--nonsense"],
        &["submit"],
        &["validate", "--format", "xml", "f"],
        &["tier", "set", "abc", "1"],
        &["tier", "set", "92257fd89fa6de99331eb378b1c896bf48b6b3c7", "4"],
        &["credential", "create", "not a name"],
        &["credential", "create", "ci", "--project", "a/b"],
        &["repository", "add", "a/b", "--url", "https://h/r"],
        &["held", "list", "--state", "lost"],
        &["held", "discard"],
        &["held", "discard", "7", "--project", "try"],
        &["held", "replay", "7", "--state", "parked"],
        &["held", "replay", "7", "--all"],
    ] {
        assert_eq!(exit(arguments), 64, "{arguments:?}");
    }
}

#[test]
fn a_wrong_configuration_exits_64() {
    assert_eq!(exit(&["--config", "/nowhere/h.toml", "migrate"]), 64);
    assert_eq!(exit(&["--database-url", "mysql://h", "migrate"]), 64);
    assert_eq!(exit_with(&["repository", "list"], &[("HERDGATE_LISEN", "x")]), 64);
    assert_eq!(exit_with(&["serve"], &[("HERDGATE_LISTEN", "x")]), 64);
}

#[test]
fn a_command_that_may_not_create_the_database_says_so_and_leaves_none() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("absent.db");
    let url = format!("sqlite://{}?mode=rwc", file.display());
    for command in [&["repository", "list"][..], &["held", "list"], &["credential", "list"]] {
        let arguments = [&["--database-url", &url], command].concat();
        assert_eq!(exit(&arguments), 1, "{command:?}");
        assert!(!file.exists(), "{command:?}");
    }
}

#[test]
fn a_missing_input_file_exits_1() {
    assert_eq!(exit(&["validate", "/nowhere/jobs.json"]), 1);
    assert_eq!(exit(&["submit", "/nowhere/jobs.json"]), 1);
}

#[test]
fn every_command_and_option_has_a_help_text() {
    fn check(command: &clap::Command, path: &str) {
        let path = format!("{path} {}", command.get_name());
        assert!(command.get_about().is_some(), "{path}");
        for argument in command.get_arguments() {
            assert!(argument.get_help().is_some(), "{path}: {}", argument.get_id());
        }
        command.get_subcommands().for_each(|sub| check(sub, &path));
    }
    check(&Cli::command(), "");
}

#[test]
fn the_commands_are_the_documented_ones() {
    let names: Vec<String> =
        Cli::command().get_subcommands().map(|command| command.get_name().to_owned()).collect();
    assert_eq!(
        names,
        [
            "serve",
            "demo",
            "migrate",
            "repository",
            "credential",
            "tier",
            "validate",
            "submit",
            "push",
            "exchange",
            "publish",
            "pulse",
            "held",
            "bugs",
            "log",
            "work"
        ]
    );
}
