//! Exchanges that submissions come from over Pulse (contract-ingest 8, design rule R23).

use std::collections::BTreeSet;

/// An exchange that the gateway is bound to, and what it may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// Unique; the last part of the queue's name.
    pub name: String,
    /// The exchange at the broker; what held messages and jobs name as their source.
    pub exchange: String,
    /// Name of the broker in the configuration.
    pub broker: String,
    /// What its messages are.
    pub kind: ExchangeKind,
    /// First parts of routing keys; with no projects either: all.
    pub destinations: Vec<String>,
    /// Second parts of routing keys.
    pub projects: Vec<String>,
    /// Routing keys that are bound as they are, beside destinations and projects.
    pub routing_keys: Vec<String>,
    /// Globs of the projects it may write; empty: every project.
    pub may_write: Vec<String>,
    /// How its queue is declared.
    pub queue_type: QueueType,
    /// Who registered it.
    pub origin: RegistrationOrigin,
    /// Removed: bound to nothing any more, and consumed until its queue is empty.
    pub draining: bool,
}

/// Name of the broker that `HERDGATE_PULSE_URL` is.
pub const DEFAULT_BROKER: &str = "default";

/// What the messages of an exchange are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExchangeKind {
    /// Pulse job messages.
    Jobs,
    /// Pushes to GitHub.
    GithubPush,
    /// Pull requests on GitHub.
    GithubPullRequest,
    /// Pushes to Mercurial.
    HgPush,
}

impl ExchangeKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Jobs, Self::GithubPush, Self::GithubPullRequest, Self::HgPush];

    /// The word of the registration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Jobs => "jobs",
            Self::GithubPush => "github-push",
            Self::GithubPullRequest => "github-pull-request",
            Self::HgPush => "hg-push",
        }
    }

    /// Reads the word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// What the well-known exchanges of pushes carry, told by their names (contract-ingest 8.2).
    pub fn of_push_exchange(exchange: &str) -> Option<Self> {
        let name = exchange.strip_prefix("exchange/")?;
        if name.starts_with("taskcluster-github/") && name.ends_with("/push") {
            Some(Self::GithubPush)
        } else if name.starts_with("taskcluster-github/") && name.ends_with("/pull-request") {
            Some(Self::GithubPullRequest)
        } else if name.starts_with("hgpushes/") {
            Some(Self::HgPush)
        } else {
            None
        }
    }
}

/// How a queue is declared at the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum QueueType {
    /// One durable queue on one node.
    #[default]
    Classic,
    /// Replicated over the nodes of a cluster, with an explicit delivery limit (R22).
    Quorum,
}

impl QueueType {
    /// The word of the registration and of the broker.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Classic => "classic",
            Self::Quorum => "quorum",
        }
    }

    /// Reads the word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Classic, Self::Quorum].into_iter().find(|kind| kind.as_str() == word)
    }
}

/// Who registered an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegistrationOrigin {
    /// A command or a call.
    Command,
    /// An environment variable; reconciled at every start, not removable by command (R23).
    Environment,
}

impl RegistrationOrigin {
    /// The word that is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Command => "command",
            Self::Environment => "environment",
        }
    }

    /// Reads the word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Command, Self::Environment].into_iter().find(|origin| origin.as_str() == word)
    }
}

impl Registration {
    /// The routing keys that its queue is bound by: every destination with every project, `#` for a
    /// list that is empty, and the routing keys that are given as they are.
    pub fn binding_keys(&self) -> BTreeSet<String> {
        if self.draining {
            return BTreeSet::new();
        }
        let mut keys: BTreeSet<String> = self.routing_keys.iter().cloned().collect();
        let combines = !self.destinations.is_empty() || !self.projects.is_empty();
        if self.kind == ExchangeKind::Jobs && (combines || keys.is_empty()) {
            for destination in or_any(&self.destinations) {
                keys.extend(or_any(&self.projects).map(|project| format!("{destination}.{project}")));
            }
        } else if keys.is_empty() {
            keys.insert(ANY.into());
        }
        keys
    }

    /// Its queue, owned by this user of the broker.
    pub fn queue(&self, user: &str) -> String {
        format!("queue/{user}/{}", self.name)
    }
}

/// Matches any number of words.
const ANY: &str = "#";

fn or_any(words: &[String]) -> impl Iterator<Item = &str> {
    let any = words.is_empty().then_some(ANY);
    words.iter().map(String::as_str).chain(any)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registration(kind: ExchangeKind, lists: [&[&str]; 3]) -> Registration {
        let [destinations, projects, routing_keys] =
            lists.map(|list| list.iter().map(ToString::to_string).collect());
        Registration {
            name: "kiln/jobs".into(),
            exchange: "exchange/kiln/jobs".into(),
            broker: DEFAULT_BROKER.into(),
            kind,
            destinations,
            projects,
            routing_keys,
            may_write: Vec::new(),
            queue_type: QueueType::Classic,
            origin: RegistrationOrigin::Command,
            draining: false,
        }
    }

    #[test]
    fn every_destination_is_bound_with_every_project() {
        use ExchangeKind::{HgPush, Jobs};
        for (kind, lists, expected) in [
            (Jobs, [&["a", "b"][..], &["x", "y._"], &[]], &["a.x", "a.y._", "b.x", "b.y._"][..]),
            (Jobs, [&["#"], &["#"], &[]], &["#.#"]),
            (Jobs, [&[], &[], &[]], &["#.#"]),
            (Jobs, [&[], &["try"], &[]], &["#.try"]),
            (Jobs, [&["*"], &[], &[]], &["*.#"]),
            (Jobs, [&[], &[], &["one.two"]], &["one.two"]),
            (Jobs, [&["a"], &["x"], &["one.two"]], &["a.x", "one.two"]),
            (HgPush, [&[], &[], &["bugzilla#"]], &["bugzilla#"]),
            (HgPush, [&[], &[], &[]], &["#"]),
        ] {
            let keys = registration(kind, lists).binding_keys();
            assert_eq!(keys.iter().map(String::as_str).collect::<Vec<_>>(), expected, "{lists:?}");
        }
    }

    #[test]
    fn what_is_removed_is_bound_to_nothing() {
        let mut removed = registration(ExchangeKind::Jobs, [&["a"], &["x"], &[]]);
        removed.draining = true;
        assert!(removed.binding_keys().is_empty());
    }

    #[test]
    fn a_queue_is_named_after_its_user_and_registration() {
        assert_eq!(registration(ExchangeKind::Jobs, [&[], &[], &[]]).queue("herd"), "queue/herd/kiln/jobs");
    }

    #[test]
    fn well_known_exchanges_of_pushes_say_what_they_carry() {
        for (exchange, kind) in [
            ("exchange/taskcluster-github/v1/push", Some(ExchangeKind::GithubPush)),
            ("exchange/taskcluster-github/v1/pull-request", Some(ExchangeKind::GithubPullRequest)),
            ("exchange/hgpushes/v1", Some(ExchangeKind::HgPush)),
            ("exchange/kiln/v1/jobs", None),
        ] {
            assert_eq!(ExchangeKind::of_push_exchange(exchange), kind, "{exchange}");
        }
    }
}
