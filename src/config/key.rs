//! The keys of the configuration: one list that file and environment are both read by.

/// A key of `herdgate.toml`, and the environment variable that overrides it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "each variant is the key that `path` gives, documented in `Configuration`")]
pub enum Key {
    Listen,
    DatabaseUrl,
    DatabaseMaxConnections,
    DatabaseUnsafe,
    DatabaseMigrateOnStart,
    PulseUrl,
    PulseBrokers,
    PulseCa,
    PulsePrefetch,
    PulseConnectionAge,
    SecretKey,
    TlsCert,
    TlsKey,
    TlsClientCa,
    HttpTrustedProxies,
    HttpPublicUrl,
    LegacyPartialStatus,
    QuotaHttpReads,
    QuotaHttpWrites,
    QuotaGrpcReads,
    QuotaGrpcWrites,
    RetentionDays,
    RetentionRepositories,
    LogsWorkers,
    FetchAllowPrivate,
    FetchAllowedHosts,
    FetchOnlyHosts,
    PushesGithubApiUrl,
    PushesGithubToken,
    PushesMercurialPoll,
    BugsBugzillaUrl,
    BugsRefresh,
    UiDir,
    LogFormat,
    LogFilter,
}

/// What TOML value a key takes. In the environment all are text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A string.
    Text,
    /// An integer.
    Integer,
    /// `true` or `false`.
    Boolean,
    /// A table of strings; in the environment a JSON object.
    Names,
    /// An array of strings; in the environment separated by commas.
    List,
}

impl Key {
    /// All keys, in the order in which they are documented.
    pub const ALL: [Self; 35] = [
        Self::Listen,
        Self::DatabaseUrl,
        Self::DatabaseMaxConnections,
        Self::DatabaseUnsafe,
        Self::DatabaseMigrateOnStart,
        Self::PulseUrl,
        Self::PulseBrokers,
        Self::PulseCa,
        Self::PulsePrefetch,
        Self::PulseConnectionAge,
        Self::SecretKey,
        Self::TlsCert,
        Self::TlsKey,
        Self::TlsClientCa,
        Self::HttpTrustedProxies,
        Self::HttpPublicUrl,
        Self::LegacyPartialStatus,
        Self::QuotaHttpReads,
        Self::QuotaHttpWrites,
        Self::QuotaGrpcReads,
        Self::QuotaGrpcWrites,
        Self::RetentionDays,
        Self::RetentionRepositories,
        Self::LogsWorkers,
        Self::FetchAllowPrivate,
        Self::FetchAllowedHosts,
        Self::FetchOnlyHosts,
        Self::PushesGithubApiUrl,
        Self::PushesGithubToken,
        Self::PushesMercurialPoll,
        Self::BugsBugzillaUrl,
        Self::BugsRefresh,
        Self::UiDir,
        Self::LogFormat,
        Self::LogFilter,
    ];

    /// Name in the file; a dot separates a table from its member.
    pub fn path(self) -> &'static str {
        match self {
            Self::Listen => "listen",
            Self::DatabaseUrl => "database.url",
            Self::DatabaseMaxConnections => "database.max_connections",
            Self::DatabaseUnsafe => "database.unsafe",
            Self::DatabaseMigrateOnStart => "database.migrate_on_start",
            Self::PulseUrl => "pulse.url",
            Self::PulseBrokers => "pulse.brokers",
            Self::PulseCa => "pulse.ca",
            Self::PulsePrefetch => "pulse.prefetch",
            Self::PulseConnectionAge => "pulse.connection_age_seconds",
            Self::SecretKey => "secret_key",
            Self::TlsCert => "tls.cert",
            Self::TlsKey => "tls.key",
            Self::TlsClientCa => "tls.client_ca",
            Self::HttpTrustedProxies => "http.trusted_proxies",
            Self::HttpPublicUrl => "http.public_url",
            Self::LegacyPartialStatus => "legacy.partial_status",
            Self::QuotaHttpReads => "quota.http_reads",
            Self::QuotaHttpWrites => "quota.http_writes",
            Self::QuotaGrpcReads => "quota.grpc_reads",
            Self::QuotaGrpcWrites => "quota.grpc_writes",
            Self::RetentionDays => "retention.days",
            Self::RetentionRepositories => "retention.repositories",
            Self::LogsWorkers => "logs.workers",
            Self::FetchAllowPrivate => "fetch.allow_private",
            Self::FetchAllowedHosts => "fetch.allowed_hosts",
            Self::FetchOnlyHosts => "fetch.only_hosts",
            Self::PushesGithubApiUrl => "pushes.github_api_url",
            Self::PushesGithubToken => "pushes.github_token",
            Self::PushesMercurialPoll => "pushes.mercurial_poll_seconds",
            Self::BugsBugzillaUrl => "bugs.bugzilla_url",
            Self::BugsRefresh => "bugs.refresh_seconds",
            Self::UiDir => "ui_dir",
            Self::LogFormat => "log.format",
            Self::LogFilter => "log.filter",
        }
    }

    /// Environment variable that overrides the file, for instance `HERDGATE_TLS_CLIENT_CA`.
    pub fn variable(self) -> String {
        format!("{PREFIX}{}", self.path().replace('.', "_").to_uppercase())
    }

    /// The TOML value that it takes.
    pub fn kind(self) -> Kind {
        match self {
            Self::PulseBrokers | Self::RetentionRepositories => Kind::Names,
            Self::HttpTrustedProxies | Self::FetchAllowedHosts | Self::FetchOnlyHosts => Kind::List,
            Self::DatabaseMaxConnections
            | Self::PulsePrefetch
            | Self::PulseConnectionAge
            | Self::LegacyPartialStatus
            | Self::QuotaHttpReads
            | Self::QuotaHttpWrites
            | Self::QuotaGrpcReads
            | Self::QuotaGrpcWrites
            | Self::RetentionDays
            | Self::LogsWorkers
            | Self::PushesMercurialPoll
            | Self::BugsRefresh => Kind::Integer,
            Self::DatabaseUnsafe | Self::DatabaseMigrateOnStart | Self::FetchAllowPrivate => Kind::Boolean,
            _ => Kind::Text,
        }
    }

    /// The key with this name in the file.
    pub fn from_path(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|key| key.path() == path)
    }

    /// The key that this environment variable overrides.
    pub fn from_variable(variable: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|key| key.variable() == variable)
    }
}

/// What the name of every variable of ours begins with.
pub const PREFIX: &str = "HERDGATE_";

/// Exchanges of jobs to take messages from, in the JSON form of 2018.
pub const JOB_SOURCES: &str = "PULSE_DATA_INGESTION_SOURCES";
/// Exchanges of pushes, likewise.
pub const PUSH_SOURCES: &str = "PULSE_PUSH_SOURCES";

/// The one variable of ours that is no configuration: the commands that take `--token` read it.
pub const TOKEN_VARIABLE: &str = "HERDGATE_TOKEN";
