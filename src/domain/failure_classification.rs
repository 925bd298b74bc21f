//! What people can say about a failed job.

/// Why a job failed, by the numbers that other systems know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum FailureClassification {
    NotClassified,
    FixedByCommit,
    ExpectedFail,
    Intermittent,
    Infra,
    AutoclassifiedIntermittent,
}

impl FailureClassification {
    /// All that are offered, by number. 6, which only programs gave, never was.
    pub const LISTED: [Self; 6] = [
        Self::NotClassified,
        Self::FixedByCommit,
        Self::ExpectedFail,
        Self::Intermittent,
        Self::Infra,
        Self::AutoclassifiedIntermittent,
    ];

    /// Its number.
    pub const fn id(self) -> i32 {
        match self {
            Self::NotClassified => 1,
            Self::FixedByCommit => 2,
            Self::ExpectedFail => 3,
            Self::Intermittent => 4,
            Self::Infra => 5,
            Self::AutoclassifiedIntermittent => 7,
        }
    }

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotClassified => "not classified",
            Self::FixedByCommit => "fixed by commit",
            Self::ExpectedFail => "expected fail",
            Self::Intermittent => "intermittent",
            Self::Infra => "infra",
            Self::AutoclassifiedIntermittent => "autoclassified intermittent",
        }
    }
}
