//! Mercurial: messages about pushes, and the push log that servers give.

use super::super::date_time;
use super::{
    AnswerError, Notice, NoticedBranch, PushDetails, PushNotice, RepositoryAddress, Skipped, answer, fit,
    fit_author,
};
use crate::domain::{Commit, Push, PushTarget, Revision, Violation};
use crate::limits;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

#[derive(Deserialize)]
pub(super) struct Message {
    repo_url: String,
    pushlog_pushes: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    pushid: u64,
}

/// Every entry of the message is a push.
pub(super) fn push(message: Message) -> Result<Notice, Violation> {
    if message.pushlog_pushes.is_empty() {
        return Ok(Notice::Skipped(Skipped::NoPush));
    }
    if message.pushlog_pushes.len() > limits::NOTICED_PUSHES {
        let limit = limits::NOTICED_PUSHES;
        let reason = format!("/pushlog_pushes must have at most {limit} entries; publish several messages");
        return Err(Violation::new("/pushlog_pushes", "maxItems", reason).with_limit(limit));
    }
    Ok(Notice::Push(PushNotice {
        repository: RepositoryAddress::new(&message.repo_url),
        branch: NoticedBranch::Whole,
        details: PushDetails::ToFetch(
            message.pushlog_pushes.into_iter().map(|entry| PushTarget::LogEntry(entry.pushid)).collect(),
        ),
    }))
}

/// Entries of a push log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushLog {
    /// Number of the newest entry that the server has.
    pub last_id: Option<u64>,
    /// Pushes by number; `None` where all changesets were obsoleted, an error where the server says what
    /// is none: it keeps nobody from the others.
    pub pushes: BTreeMap<u64, Result<Option<Push>, AnswerError>>,
}

#[derive(Deserialize)]
struct Answer {
    lastpushid: Option<u64>,
    pushes: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
struct LoggedPush {
    date: f64,
    user: String,
    changesets: Vec<Changeset>,
}

#[derive(Deserialize)]
struct Changeset {
    node: String,
    author: String,
    desc: String,
}

/// Reads an answer of `json-pushes` in its version 2, with `full`.
///
/// # Errors
/// If it is no list of pushes by number.
pub fn push_log(bytes: &[u8]) -> Result<PushLog, AnswerError> {
    let Answer { lastpushid, pushes } = answer(bytes)?;
    let read = pushes.into_iter().map(|(id, logged)| {
        let id = id.parse().map_err(|_| AnswerError::Unreadable(format!("{id:?} is no number of a push")))?;
        let logged = LoggedPush::deserialize(logged);
        let push = logged.map_err(|error| AnswerError::Unreadable(error.to_string())).and_then(translated);
        Ok((id, push))
    });
    Ok(PushLog { last_id: lastpushid, pushes: read.collect::<Result<_, AnswerError>>()? })
}

fn translated(logged: LoggedPush) -> Result<Option<Push>, AnswerError> {
    let revision =
        |text: &str| Revision::try_new(text).map_err(|_| AnswerError::Revision(fit(text, limits::REVISION)));
    let Some(last) = logged.changesets.last() else { return Ok(None) };
    let no_time = || AnswerError::Unreadable(format!("{} is no time of a push", logged.date));
    #[expect(clippy::cast_possible_truncation, reason = "what is no time saturates and is refused")]
    let time = date_time::from_unix(logged.date.floor() as i64).ok_or_else(no_time)?;
    let omitted = logged.changesets.len().saturating_sub(limits::LOGGED_COMMITS);
    let commits = logged.changesets.iter().skip(omitted).map(|changeset| {
        Ok(Commit {
            revision: revision(&changeset.node)?,
            author: fit_author(&changeset.author),
            comments: fit(&changeset.desc, limits::COMMENT),
        })
    });
    Ok(Some(Push {
        revision: revision(&last.node)?,
        time,
        author: fit_author(&logged.user),
        commits: commits.collect::<Result<_, _>>()?,
        omitted_commits: u32::try_from(omitted).unwrap_or(u32::MAX),
    }))
}
