//! GitHub: messages about pushes and pull requests, and the commits that its API lists.

use super::{
    AnswerError, Notice, NoticedBranch, PushDetails, PushNotice, RepositoryAddress, Skipped, answer, fit,
    fit_author,
};
use crate::domain::{Commit, Push, PushTarget, Revision, Violation, full_revision};
use crate::formats::date_time;
use crate::limits;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use std::collections::HashMap;

/// Commits that are asked for at once, the most that the API gives.
pub const PAGE_ITEMS: usize = 100;
/// What stands for "nothing there" before a branch and after its end.
const NO_REVISION: &str = "0000000000000000000000000000000000000000";

#[derive(Deserialize)]
pub(super) struct Message {
    details: HashMap<String, serde_json::Value>,
    #[serde(default)]
    body: Body,
}

/// The web hook's own body, which some publishers add.
#[derive(Deserialize, Default)]
struct Body {
    #[serde(default)]
    commits: Vec<HookCommit>,
}

#[derive(Deserialize)]
struct HookCommit {
    id: String,
    #[serde(deserialize_with = "date_time::deserialize")]
    timestamp: DateTime<Utc>,
    author: Person,
    message: String,
}

#[derive(Debug, Deserialize)]
struct Person {
    #[serde(default)]
    name: String,
    #[serde(default)]
    email: String,
}

impl Message {
    fn optional(&self, name: &str) -> Option<&str> {
        self.details.get(name).and_then(serde_json::Value::as_str).filter(|text| !text.is_empty())
    }

    fn required(&self, name: &str) -> Result<&str, Violation> {
        self.optional(name).ok_or_else(|| {
            let path = format!("/details/{name}");
            let message = format!("{path} must be a text that is not empty");
            Violation::new(path, "required", message)
        })
    }

    fn revision(&self, name: &str) -> Result<Revision, Violation> {
        let text = self.required(name)?;
        full_revision(text).ok_or_else(|| {
            let path = format!("/details/{name}");
            let message = format!("{path} must be a revision of 40 hexadecimal digits");
            Violation::new(path, "pattern", message).with_value(text)
        })
    }
}

/// A push to a branch.
pub(super) fn push(message: Message) -> Result<Notice, Violation> {
    let is_tag = message.optional("event.head.tag").is_some()
        || message.optional("event.head.ref").is_some_and(|name| name.starts_with("refs/tags/"));
    if is_tag {
        return Ok(Notice::Skipped(Skipped::Tag));
    }
    if message.required("event.head.sha")? == NO_REVISION {
        return Ok(Notice::Skipped(Skipped::DeletedBranch));
    }
    let (base, head) = (message.revision("event.base.sha")?, message.revision("event.head.sha")?);
    let repository = RepositoryAddress::new(message.required("event.head.repo.url")?);
    let branch = NoticedBranch::Named(message.required("event.base.repo.branch")?.to_owned());
    let details = if base.as_str() == NO_REVISION {
        PushDetails::InMessage(new_branch(&message.body.commits)?)
    } else {
        PushDetails::ToFetch(vec![PushTarget::Comparison { base, head }])
    };
    Ok(Notice::Push(PushNotice { repository, branch, details }))
}

/// Any change of a pull request, in the repository that it is for.
pub(super) fn pull_request(message: Message) -> Result<Notice, Violation> {
    let repository = RepositoryAddress::new(message.required("event.base.repo.url")?);
    let number = message.required("event.pullNumber")?;
    let number = number.parse().map_err(|_| {
        let path = "/details/event.pullNumber";
        Violation::new(path, "type", format!("{path} must be a number in digits")).with_value(number)
    })?;
    let details = PushDetails::ToFetch(vec![PushTarget::PullRequest(number)]);
    Ok(Notice::Push(PushNotice { repository, branch: NoticedBranch::PullRequest, details }))
}

/// A branch that is new is compared with nothing: its commits are those of the message.
fn new_branch(commits: &[HookCommit]) -> Result<Push, Violation> {
    let missing = |reason: String| Violation::new("/body/commits", "required", reason);
    let revision = |text: &str| {
        Revision::try_new(text).map_err(|error| missing(format!("/body/commits has no revision: {error}")))
    };
    let last = commits.last().ok_or_else(|| {
        missing(
            "/body/commits must list the commits of a new branch, there is nothing to compare it with".into(),
        )
    })?;
    let listed = commits.iter().map(|commit| {
        Ok(Commit {
            revision: revision(&commit.id)?,
            author: signature(&commit.author),
            comments: fit(&commit.message, limits::COMMENT),
        })
    });
    Ok(Push {
        revision: revision(&last.id)?,
        time: last.timestamp,
        author: fit_author(&last.author.email),
        commits: listed.collect::<Result<_, _>>()?,
        omitted_commits: 0,
    })
}

fn signature(person: &Person) -> String {
    fit_author(&format!("{} <{}>", person.name, person.email))
}

#[derive(Deserialize)]
struct Comparison {
    commits: Vec<ListedCommit>,
}

#[derive(Debug, Deserialize)]
struct ListedCommit {
    sha: String,
    commit: CommitBody,
}

#[derive(Debug, Deserialize)]
struct CommitBody {
    author: Person,
    committer: Committer,
    message: String,
}

#[derive(Debug, Deserialize)]
struct Committer {
    #[serde(deserialize_with = "date_time::deserialize")]
    date: DateTime<Utc>,
}

/// One page of commits as the API lists them.
#[derive(Debug)]
pub struct CommitPage(Vec<ListedCommit>);

impl CommitPage {
    /// Of a comparison of two revisions.
    ///
    /// # Errors
    /// If it is not what the API documents.
    pub fn of_comparison(bytes: &[u8]) -> Result<Self, AnswerError> {
        Ok(Self(answer::<Comparison>(bytes)?.commits))
    }

    /// Of the commits of a pull request.
    ///
    /// # Errors
    /// If it is not what the API documents.
    pub fn of_pull_request(bytes: &[u8]) -> Result<Self, AnswerError> {
        Ok(Self(answer(bytes)?))
    }

    /// One commit by its revision.
    ///
    /// # Errors
    /// If it is not what the API documents.
    pub fn of_commit(bytes: &[u8]) -> Result<Self, AnswerError> {
        Ok(Self(vec![answer(bytes)?]))
    }

    /// Whether another page may follow.
    pub fn is_full(&self) -> bool {
        self.0.len() >= PAGE_ITEMS
    }
}

/// The push that the pages describe, oldest commit first. Revision, author and time of a push are those of
/// its last commit.
///
/// # Errors
/// If there is no commit, or one without a valid revision.
pub fn push_of_pages(pages: Vec<CommitPage>) -> Result<Push, AnswerError> {
    let commits: Vec<ListedCommit> = pages.into_iter().flat_map(|page| page.0).collect();
    let revision =
        |text: &str| Revision::try_new(text).map_err(|_| AnswerError::Revision(fit(text, limits::REVISION)));
    let last = commits.last().ok_or(AnswerError::NoCommits)?;
    let listed = commits.iter().map(|item| {
        Ok(Commit {
            revision: revision(&item.sha)?,
            author: signature(&item.commit.author),
            comments: fit(&item.commit.message, limits::COMMENT),
        })
    });
    Ok(Push {
        revision: revision(&last.sha)?,
        time: last.commit.committer.date,
        author: fit_author(&last.commit.author.email),
        commits: listed.collect::<Result<_, _>>()?,
        omitted_commits: 0,
    })
}
