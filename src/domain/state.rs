//! States and results of a job.

use crate::limits;

/// Lifecycle of a job. `Other` is a word that only the legacy REST door can say (R10).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum JobState {
    /// Known, not yet wanted by a scheduler.
    Unscheduled,
    /// Waits for a machine.
    Pending,
    /// Runs.
    Running,
    /// Has ended.
    Completed,
    /// Any other word of at most 25 code points.
    Other(Box<str>),
}

impl JobState {
    /// The state that a stored or submitted word stands for, cut to 25 code points as REST always did.
    pub fn from_word(word: &str) -> Self {
        match word {
            "unscheduled" => Self::Unscheduled,
            "pending" => Self::Pending,
            "running" => Self::Running,
            "completed" => Self::Completed,
            other => Self::Other(cut(other)),
        }
    }

    /// The word that is stored and shown.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Unscheduled => "unscheduled",
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Other(word) => word,
        }
    }

    /// How far the job is; `None` for words outside the lifecycle.
    pub fn rank(&self) -> Option<u8> {
        match self {
            Self::Unscheduled => Some(0),
            Self::Pending => Some(1),
            Self::Running => Some(2),
            Self::Completed => Some(3),
            Self::Other(_) => None,
        }
    }
}

/// Outcome of a job or of a step of its log.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the words are the contract's own (1.11) and say what they mean")]
pub enum JobResult {
    Success,
    TestFailed,
    Busted,
    Skipped,
    Exception,
    Retry,
    UserCancel,
    Superseded,
    Unknown,
    /// Any other word of at most 25 code points, from REST only.
    Other(Box<str>),
}

impl JobResult {
    /// The result that a stored or submitted word stands for.
    pub fn from_word(word: &str) -> Self {
        match word {
            "success" => Self::Success,
            "testfailed" => Self::TestFailed,
            "busted" => Self::Busted,
            "skipped" => Self::Skipped,
            "exception" => Self::Exception,
            "retry" => Self::Retry,
            "usercancel" => Self::UserCancel,
            "superseded" => Self::Superseded,
            "unknown" => Self::Unknown,
            other => Self::Other(cut(other)),
        }
    }

    /// The word that is stored and shown.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Success => "success",
            Self::TestFailed => "testfailed",
            Self::Busted => "busted",
            Self::Skipped => "skipped",
            Self::Exception => "exception",
            Self::Retry => "retry",
            Self::UserCancel => "usercancel",
            Self::Superseded => "superseded",
            Self::Unknown => "unknown",
            Self::Other(word) => word,
        }
    }
}

fn cut(word: &str) -> Box<str> {
    word.chars().take(limits::OTHER_WORD).collect::<String>().into()
}
