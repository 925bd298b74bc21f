//! Words of held submissions.

/// The way a submission came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Door {
    /// gRPC.
    Grpc,
    /// Legacy REST.
    Http,
    /// RabbitMQ.
    Pulse,
    /// An administrative command on the database.
    CommandLine,
}

impl Door {
    /// The word that is stored, shown and used as a metric label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Grpc => "grpc",
            Self::Http => "http",
            Self::Pulse => "pulse",
            Self::CommandLine => "command_line",
        }
    }

    /// Reads back [`Self::as_str`].
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Grpc, Self::Http, Self::Pulse, Self::CommandLine].into_iter().find(|d| d.as_str() == word)
    }
}

/// What raw bytes are, so that they can be run through the pipeline again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RawFormat {
    /// `herdgate.v1.Job` in protobuf encoding.
    ProtobufJob,
    /// A Pulse job message, bare or wrapped.
    PulseJson,
    /// `herdgate.v1.Artifact` in protobuf encoding; the project stands beside it.
    ProtobufArtifact,
    /// `herdgate.v1.Push` in protobuf encoding; the project stands beside it.
    ProtobufPush,
    /// One item of a push collection in JSON; the project stands beside it.
    LegacyPushJson,
    /// One item of a legacy job collection in JSON; the project stands beside it.
    LegacyJobJson,
    /// One item of a legacy artifact collection in JSON; the project stands beside it.
    LegacyArtifactJson,
    /// A message of GitHub's exchange of pushes.
    GithubPushJson,
    /// A message of GitHub's exchange of pull requests.
    GithubPullRequestJson,
    /// A message of Mercurial's exchange of pushes.
    MercurialPushJson,
    /// A frame of a `SubmitJobs` stream that is none of the above.
    UndecodableFrame,
    /// A Pulse message whose body could not be decompressed.
    CompressedBody,
}

impl RawFormat {
    /// The word that is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ProtobufJob => "protobuf_job",
            Self::PulseJson => "pulse_json",
            Self::ProtobufArtifact => "protobuf_artifact",
            Self::ProtobufPush => "protobuf_push",
            Self::LegacyPushJson => "legacy_push_json",
            Self::LegacyJobJson => "legacy_job_json",
            Self::LegacyArtifactJson => "legacy_artifact_json",
            Self::GithubPushJson => "github_push_json",
            Self::GithubPullRequestJson => "github_pull_json",
            Self::MercurialPushJson => "mercurial_push_json",
            Self::UndecodableFrame => "undecodable_frame",
            Self::CompressedBody => "compressed_body",
        }
    }

    /// Reads back [`Self::as_str`].
    pub fn from_word(word: &str) -> Option<Self> {
        [
            Self::ProtobufJob,
            Self::PulseJson,
            Self::ProtobufArtifact,
            Self::ProtobufPush,
            Self::LegacyPushJson,
            Self::LegacyJobJson,
            Self::LegacyArtifactJson,
            Self::GithubPushJson,
            Self::GithubPullRequestJson,
            Self::MercurialPushJson,
            Self::UndecodableFrame,
            Self::CompressedBody,
        ]
        .into_iter()
        .find(|f| f.as_str() == word)
    }
}

impl RawFormat {
    /// JSON Pointer of the project in a submission of this format.
    pub fn project_path(self) -> &'static str {
        match self {
            Self::ProtobufJob | Self::PulseJson | Self::CompressedBody => "/origin/project",
            Self::ProtobufArtifact
            | Self::ProtobufPush
            | Self::LegacyPushJson
            | Self::LegacyJobJson
            | Self::LegacyArtifactJson
            | Self::GithubPushJson
            | Self::GithubPullRequestJson
            | Self::MercurialPushJson
            | Self::UndecodableFrame => "/project",
        }
    }

    /// JSON Pointer of the revision.
    pub fn revision_path(self) -> &'static str {
        match self {
            Self::ProtobufJob | Self::PulseJson | Self::CompressedBody => "/origin/revision",
            Self::ProtobufArtifact
            | Self::ProtobufPush
            | Self::LegacyPushJson
            | Self::LegacyJobJson
            | Self::LegacyArtifactJson
            | Self::GithubPushJson
            | Self::GithubPullRequestJson
            | Self::MercurialPushJson
            | Self::UndecodableFrame => "/revision",
        }
    }
}

/// Why a submission is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HeldState {
    /// Waits for its push or job.
    Parked,
    /// Can never be stored as it is.
    Rejected,
    /// Was parked, and what it waited for did not come in time.
    Expired,
}

impl HeldState {
    /// The word that is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Parked => "parked",
            Self::Rejected => "rejected",
            Self::Expired => "expired",
        }
    }

    /// Reads back [`Self::as_str`].
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Parked, Self::Rejected, Self::Expired].into_iter().find(|s| s.as_str() == word)
    }
}
