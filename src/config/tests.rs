use super::*;
use crate::fetch::{AllowedHost, Url};

const KEYS: &str = "k1:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
use std::ffi::OsString;

fn environment(variables: &[(&str, &str)]) -> Environment {
    Environment::new(variables.iter().map(|(name, value)| (OsString::from(name), OsString::from(value))))
}

/// Reads a file with this text, found in an empty folder, and these variables.
fn read(file: &str, variables: &[(&str, &str)]) -> Result<Configuration, ConfigError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("given.toml");
    std::fs::write(&path, file).unwrap();
    let environment = environment(variables);
    let settings = Settings::read(Some(&path), &environment)?;
    Configuration::new(&settings, &environment, Path::new("/srv"))
}

fn message(file: &str, variables: &[(&str, &str)]) -> String {
    read(file, variables).unwrap_err().to_string()
}

#[test]
fn without_any_setting_the_documented_defaults_hold() {
    let configuration = read("", &[]).unwrap();
    assert_eq!(configuration.listen.to_string(), "127.0.0.1:8000");
    assert_eq!(configuration.database.url.as_str(), "sqlite://herdgate.db?mode=rwc");
    assert_eq!(
        configuration.database.url.place(),
        &DatabasePlace::SqliteFile(PathBuf::from("/srv/herdgate.db"))
    );
    assert!(configuration.database.migrate_on_start);
    assert!(!configuration.database.allow_unsafe);
    assert_eq!(configuration.log.format, None);
    assert_eq!(configuration.otlp_endpoint, None);
    assert_eq!(configuration.tls, None);
    assert_eq!(configuration.quota, Quotas::default());
    assert_eq!(configuration.legacy_partial_status, PartialStatus::BadRequest);
}

#[test]
fn every_key_is_read_from_the_file() {
    let configuration = read(
        r#"
            listen = "0.0.0.0:9"
            secret_key = "k1:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
            ui_dir = "ui"
            [database]
            url = "postgres://h/d"
            max_connections = 3
            unsafe = true
            migrate_on_start = false
            [pulse]
            url = "amqp://u:p@h"
            ca = "pulse-ca.pem"
            prefetch = 10
            connection_age_seconds = 60
            [pulse.brokers]
            stage = "amqps://u:p@stage"
            [tls]
            cert = "c.pem"
            key = "k.pem"
            client_ca = "ca.pem"
            [http]
            trusted_proxies = ["10.0.0.0/8", "::1"]
            public_url = "https://ingest.example.org"
            [legacy]
            partial_status = 200
            [quota]
            http_reads = 1
            http_writes = 2
            grpc_reads = 3
            grpc_writes = 0
            [logs]
            workers = 0
            [retention]
            days = 400
            repositories = { try = "30", quince-central = "0" }
            [fetch]
            allow_private = true
            allowed_hosts = ["logs.internal"]
            only_hosts = ["logs.internal", "10.2.0.0/16"]
            [pushes]
            github_api_url = "https://git.internal/api/v3"
            github_token = "ghp_1"
            mercurial_poll_seconds = 60
            [log]
            format = "json"
            filter = "debug"
        "#,
        &[],
    )
    .unwrap();
    let expected = Configuration {
        listen: "0.0.0.0:9".parse().unwrap(),
        database: Database {
            url: DatabaseUrl::parse("postgres://h/d", Path::new("/")).unwrap(),
            max_connections: 3,
            allow_unsafe: true,
            migrate_on_start: false,
        },
        pulse: Pulse {
            brokers: [("default", "amqp://u:p@h"), ("stage", "amqps://u:p@stage")]
                .map(|(name, url)| (name.to_owned(), BrokerUrl::parse(url).unwrap()))
                .into(),
            ca: Some("pulse-ca.pem".into()),
            prefetch: 10,
            connection_age: std::time::Duration::from_secs(60),
            sources: Vec::new(),
        },
        secret_key: Some(Keyring::parse(KEYS).unwrap()),
        tls: Some(Tls { cert: "c.pem".into(), key: "k.pem".into(), client_ca: Some("ca.pem".into()) }),
        http: Http {
            trusted_proxies: vec!["10.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()],
            public_url: Some(PublicUrl { is_https: true, host: "ingest.example.org".into(), port: 443 }),
        },
        legacy_partial_status: PartialStatus::Ok,
        quota: Quotas {
            http_reads: NonZeroU32::new(1),
            http_writes: NonZeroU32::new(2),
            grpc_reads: NonZeroU32::new(3),
            grpc_writes: None,
        },
        retention: Retention {
            days: NonZeroU32::new(400),
            repositories: [("try", 30), ("quince-central", 0)]
                .map(|(name, days)| (ProjectName::try_new(name).unwrap(), NonZeroU32::new(days)))
                .into(),
        },
        log_workers: None,
        fetch: FetchOptions {
            allow_private: true,
            allowed_hosts: vec![AllowedHost::Name("logs.internal".into())],
            only_hosts: ["logs.internal", "10.2.0.0/16"].map(|text| AllowedHost::parse(text).unwrap()).into(),
        },
        pushes: Pushes {
            github_api_url: Url::parse("https://git.internal/api/v3").unwrap(),
            github_token: Some(Secret::new("ghp_1".into())),
            mercurial_poll: Some(std::time::Duration::from_secs(60)),
        },
        bug_tracker: None,
        ui_dir: Some("ui".into()),
        log: Log { format: Some(LogFormat::Json), filter: "debug".into() },
        otlp_endpoint: None,
    };
    assert_eq!(configuration, expected);
}

#[test]
fn the_variables_have_the_documented_names() {
    for (key, variable) in [
        (Key::Listen, "HERDGATE_LISTEN"),
        (Key::DatabaseUrl, "HERDGATE_DATABASE_URL"),
        (Key::PulseUrl, "HERDGATE_PULSE_URL"),
        (Key::PulseBrokers, "HERDGATE_PULSE_BROKERS"),
        (Key::PulseCa, "HERDGATE_PULSE_CA"),
        (Key::PulsePrefetch, "HERDGATE_PULSE_PREFETCH"),
        (Key::PulseConnectionAge, "HERDGATE_PULSE_CONNECTION_AGE_SECONDS"),
        (Key::SecretKey, "HERDGATE_SECRET_KEY"),
        (Key::TlsCert, "HERDGATE_TLS_CERT"),
        (Key::TlsKey, "HERDGATE_TLS_KEY"),
        (Key::TlsClientCa, "HERDGATE_TLS_CLIENT_CA"),
        (Key::HttpTrustedProxies, "HERDGATE_HTTP_TRUSTED_PROXIES"),
        (Key::HttpPublicUrl, "HERDGATE_HTTP_PUBLIC_URL"),
        (Key::LegacyPartialStatus, "HERDGATE_LEGACY_PARTIAL_STATUS"),
        (Key::QuotaHttpReads, "HERDGATE_QUOTA_HTTP_READS"),
        (Key::UiDir, "HERDGATE_UI_DIR"),
    ] {
        assert_eq!(key.variable(), variable);
        assert_eq!(Key::from_variable(variable), Some(key));
    }
}

#[test]
fn the_environment_wins_over_the_file() {
    let file = "listen = \"127.0.0.1:1\"\n[database]\nmax_connections = 3";
    let variables = [("HERDGATE_LISTEN", "127.0.0.1:2"), ("HERDGATE_DATABASE_MAX_CONNECTIONS", "4")];
    let configuration = read(file, &variables).unwrap();
    assert_eq!(configuration.listen.port(), 2);
    assert_eq!(configuration.database.max_connections, 4);
}

#[test]
fn an_empty_variable_counts_as_unset() {
    assert_eq!(read("", &[("HERDGATE_LISTEN", "")]).unwrap().listen.port(), 8000);
}

#[test]
fn the_command_line_wins_over_the_environment() {
    let environment = environment(&[("HERDGATE_DATABASE_URL", "sqlite://a.db")]);
    let mut settings = Settings::read(None, &environment).unwrap();
    settings.set(Key::DatabaseUrl, "sqlite://b.db".into(), Origin::CommandLine);
    let configuration = Configuration::new(&settings, &environment, Path::new("/")).unwrap();
    assert_eq!(configuration.database.url.as_str(), "sqlite://b.db");
}

#[test]
fn what_is_wrong_is_named() {
    for (file, variables, expected) in [
        ("lisen = \"x\"", &[][..], "unknown key `lisen`"),
        ("[database]\nurll = \"x\"", &[], "unknown key `database.urll`"),
        ("[nonsense.deep]\nx = 1", &[], "unknown key `nonsense.deep`"),
        ("database = 1", &[], "unknown key `database`"),
        ("listen = ", &[], "is not valid TOML"),
        ("", &[("HERDGATE_LISEN", "x")], "unknown environment variable HERDGATE_LISEN"),
        ("listen = 8000", &[], "`listen` (HERDGATE_LISTEN), set in"),
        ("listen = \"localhost\"", &[], "must be an IP address and a port"),
        ("", &[("HERDGATE_LISTEN", "x")], "`listen` (HERDGATE_LISTEN), set in the environment: \"x\" must"),
        ("database.url = \"mysql://h\"", &[], "`database.url` (HERDGATE_DATABASE_URL)"),
        ("database.max_connections = 0", &[], "`database.max_connections`"),
        ("database.max_connections = \"3\"", &[], "must be an integer"),
        ("", &[("HERDGATE_DATABASE_MAX_CONNECTIONS", "1001")], "from 1 to 1000"),
        ("", &[("HERDGATE_DATABASE_UNSAFE", "yes")], "must be true or false"),
        ("tls.cert = \"c\"", &[], "`tls.key` (HERDGATE_TLS_KEY) must be set, because `tls.cert` is"),
        ("tls.key = \"c\"", &[], "`tls.cert` (HERDGATE_TLS_CERT) must be set"),
        ("tls.client_ca = \"c\"", &[], "`tls.cert` (HERDGATE_TLS_CERT) must be set"),
        ("secret_key = \"hunter2\"", &[], "entry 1 must be ID:KEY"),
        ("http.trusted_proxies = [\"x\"]", &[], "must be an IP address or a network"),
        ("http.trusted_proxies = \"::1\"", &[], "must be an array of strings"),
        ("", &[("HERDGATE_HTTP_TRUSTED_PROXIES", "::1, x")], "\"x\" must be an IP address"),
        ("http.public_url = \"h\"", &[], "must be http://HOST or https://HOST"),
        ("legacy.partial_status = 500", &[], "must be 400 or 200"),
        ("quota.http_reads = -1", &[], "must be a whole number of requests a minute"),
        ("log.format = \"xml\"", &[], "`log.format`"),
        ("log.filter = \"info,=\"", &[], "`log.filter`"),
    ] {
        let message = message(file, variables);
        assert!(message.contains(expected), "{file:?} {variables:?}: {message}");
    }
}

#[test]
fn a_missing_default_file_is_fine_and_a_missing_named_one_is_not() {
    let error = Settings::read(Some(Path::new("/nowhere/h.toml")), &environment(&[])).unwrap_err();
    assert!(error.to_string().contains("/nowhere/h.toml"), "{error}");
    // The tests run in the package's folder, which has no such file.
    assert!(Settings::read(None, &environment(&[])).is_ok());
}

#[test]
fn the_token_of_the_client_commands_is_no_configuration() {
    assert!(read("", &[("HERDGATE_TOKEN", "t")]).is_ok());
    assert!(read("", &[("HERDGATE_SERVICE_HOST", "10.0.0.11")]).is_ok());
}

#[test]
fn foreign_variables_are_ignored_and_the_standard_endpoint_is_read() {
    let variables = [("PATH", "/bin"), ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4317")];
    let configuration = read("", &variables).unwrap();
    assert_eq!(configuration.otlp_endpoint.as_deref(), Some("http://collector:4317"));
}

#[test]
fn the_redacted_configuration_shows_no_secret() {
    let variables = [
        ("HERDGATE_DATABASE_URL", "postgres://u:hunter2@h/d"),
        ("HERDGATE_PULSE_URL", "amqp://u:hunter2@h"),
        ("HERDGATE_SECRET_KEY", KEYS),
    ];
    let shown = read("", &variables).unwrap().redacted();
    assert!(!shown.contains("hunter2") && !shown.contains("00112233"), "{shown}");
    assert!(shown.contains("postgres://u:***@h/d"), "{shown}");
}

#[test]
fn a_refused_database_url_is_not_quoted() {
    let message = message("database.url = \"mysql://u:hunter2@h\"", &[]);
    assert!(!message.contains("hunter2"), "{message}");
}
