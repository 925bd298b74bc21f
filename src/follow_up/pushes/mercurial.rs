//! What the push logs of Mercurial servers are asked (ingest contract 3.6 and 3.7).

use super::hosts::Hosts;
use super::{AskError, Found};
use crate::domain::{PushTarget, Repository};
use crate::fetch::Url;
use crate::formats::push_notices::push_log;

pub(super) async fn ask(
    hosts: &Hosts,
    repository: &Repository,
    target: &PushTarget,
) -> Result<Found, AskError> {
    let parameters: Vec<(&str, String)> = match target {
        // From and to are exclusive and inclusive.
        PushTarget::LogEntry(id) => {
            vec![("startID", id.saturating_sub(1).to_string()), ("endID", id.to_string())]
        }
        PushTarget::Revision(revision) => vec![("changeset", revision.to_string())],
        PushTarget::NewestEntries => Vec::new(),
        PushTarget::Comparison { .. } | PushTarget::PullRequest(_) => {
            return Err(AskError::NoSuchQuestion { kind: repository.kind.as_str(), target: target.clone() });
        }
    };
    let found = entries(hosts, repository, &parameters).await?;
    // An entry whose changesets were obsoleted is there, and has no push; one that is not there may come.
    match (target, found) {
        (PushTarget::NewestEntries, entries) => Ok(entries.found),
        (_, entries) if entries.is_empty => Err(AskError::Missing(target.clone())),
        (_, entries) => Ok(entries.found),
    }
}

/// The newest entries, as many as the server gives unasked.
pub(super) async fn newest_entries(hosts: &Hosts, repository: &Repository) -> Result<Found, AskError> {
    Ok(entries(hosts, repository, &[]).await?.found)
}

/// The `count` entries behind a number.
pub(super) async fn entries_behind(
    hosts: &Hosts,
    repository: &Repository,
    after: u64,
    count: u64,
) -> Result<Found, AskError> {
    let end = after.saturating_add(count);
    let parameters = [("startID", after.to_string()), ("endID", end.to_string())];
    Ok(entries(hosts, repository, &parameters).await?.found)
}

struct Entries {
    found: Found,
    is_empty: bool,
}

/// The address is that of the registered repository, whatever a message says (R30).
async fn entries(
    hosts: &Hosts,
    repository: &Repository,
    parameters: &[(&str, String)],
) -> Result<Entries, AskError> {
    let wrong = || AskError::Url(repository.url.clone());
    let mut url = Url::parse(&repository.url).map_err(|_| wrong())?;
    url.path_segments_mut().map_err(|()| wrong())?.pop_if_empty().push("json-pushes");
    url.query_pairs_mut().append_pair("version", "2").append_pair("full", "1").extend_pairs(parameters);
    let log = push_log(&hosts.ask_mercurial(&url).await?)?;
    let is_empty = log.pushes.is_empty();
    let last_id = log.last_id.or_else(|| log.pushes.keys().max().copied());
    let (mut pushes, mut unread) = (Vec::new(), Vec::new());
    for (id, read) in log.pushes {
        match read {
            Ok(push) => pushes.extend(push),
            Err(error) => unread.push((id, error)),
        }
    }
    Ok(Entries { found: Found { pushes, unread, etag: None, last_id }, is_empty })
}
