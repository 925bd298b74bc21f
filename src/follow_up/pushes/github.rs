//! What GitHub's API is asked (ingest contract 3.4 and 3.5, with the paging of its Appendix C).

use super::hosts::Hosts;
use super::{AskError, Found};
use crate::domain::{PushTarget, Repository};
use crate::fetch::Url;
use crate::formats::push_notices::{AnswerError, CommitPage, PAGE_ITEMS, RepositoryAddress, push_of_pages};
use crate::limits;

/// Pages of one push.
const PAGES: usize = limits::COMMITS / PAGE_ITEMS;

pub(super) async fn ask(
    hosts: &Hosts,
    repository: &Repository,
    target: &PushTarget,
    etag: Option<&str>,
) -> Result<Found, AskError> {
    let read: fn(&[u8]) -> Result<CommitPage, AnswerError> = match target {
        PushTarget::Comparison { .. } => CommitPage::of_comparison,
        PushTarget::PullRequest(_) => CommitPage::of_pull_request,
        PushTarget::Revision(_) => CommitPage::of_commit,
        PushTarget::LogEntry(_) | PushTarget::NewestEntries => {
            return Err(AskError::NoSuchQuestion { kind: repository.kind.as_str(), target: target.clone() });
        }
    };
    let mut pages = Vec::new();
    let first_etag = loop {
        if pages.len() == PAGES {
            // The revision of a push is its last commit, which is behind these.
            return Err(AskError::TooManyCommits);
        }
        let number = pages.len() + 1;
        let url = page_url(&hosts.options.github_api, repository, target, number)?;
        // A tag stands for one page: it says nothing of what follows a full one.
        let asked = hosts.ask_github(&url, etag.filter(|_| number == 1)).await;
        let answered = asked.map_err(|error| match error {
            AskError::LeftAlone(time) if number > 1 => AskError::CutShort(time),
            other => other,
        })?;
        let Some(body) = answered.body else { return Ok(Found::default()) };
        let page = read(&body)?;
        let is_full = page.is_full();
        pages.push(page);
        if !is_full {
            break answered.etag.filter(|_| number == 1);
        }
    };
    Ok(Found { pushes: vec![push_of_pages(pages)?], etag: first_etag, ..Found::default() })
}

/// Owner and name are those of the registered repository (R30); a target holds digits only.
fn page_url(api: &Url, repository: &Repository, target: &PushTarget, page: usize) -> Result<Url, AskError> {
    let address = RepositoryAddress::new(&repository.url);
    let wrong = || AskError::Url(repository.url.clone());
    let (owner, name) = address.owner_and_name().ok_or_else(wrong)?;
    let resource: Vec<String> = match target {
        PushTarget::Comparison { base, head } => vec!["compare".into(), format!("{base}...{head}")],
        PushTarget::PullRequest(number) => vec!["pulls".into(), number.to_string(), "commits".into()],
        PushTarget::Revision(revision) => vec!["commits".into(), revision.to_string()],
        PushTarget::LogEntry(_) | PushTarget::NewestEntries => return Err(wrong()),
    };
    let mut url = api.clone();
    url.path_segments_mut()
        .map_err(|()| wrong())?
        .pop_if_empty()
        .extend(["repos", owner, name])
        .extend(resource);
    url.query_pairs_mut()
        .append_pair("per_page", &PAGE_ITEMS.to_string())
        .append_pair("page", &page.to_string());
    Ok(url)
}
