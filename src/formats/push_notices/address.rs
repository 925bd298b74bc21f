//! Which registered repository a message is about.

/// URL of a repository in the one spelling that is compared: scheme and host in lower case, without
/// `.git` and slashes at its end (ingest contract, Appendix C).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RepositoryAddress(String);

impl RepositoryAddress {
    /// From any spelling.
    pub fn new(url: &str) -> Self {
        let url = url.trim().trim_end_matches('/');
        let url = url.strip_suffix(".git").unwrap_or(url).trim_end_matches('/');
        let host_end = match url.split_once("://") {
            Some((scheme, rest)) => scheme.len() + 3 + rest.find('/').unwrap_or(rest.len()),
            None => 0,
        };
        let (host, path) = url.split_at(host_end);
        Self(host.to_ascii_lowercase() + path)
    }

    /// The URL in that spelling.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The two last parts of the path: owner and name on GitHub.
    pub fn owner_and_name(&self) -> Option<(&str, &str)> {
        let (_, rest) = self.0.split_once("://")?;
        let (_, path) = rest.split_once('/')?;
        path.split_once('/')
            .filter(|(owner, name)| !owner.is_empty() && !name.is_empty() && !name.contains('/'))
    }
}

/// How well a branch fits the list of a registered repository: branches separated by commas, of which
/// one may end in `*`. The exact name fits better than a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum BranchFit {
    /// By a pattern.
    Pattern,
    /// By its name.
    Exact,
}

/// Whether, and how well, a branch fits a list.
pub fn branch_fits(branch: &str, list: &str) -> Option<BranchFit> {
    list.split(',')
        .map(str::trim)
        .filter_map(|entry| match entry.strip_suffix('*') {
            _ if entry == branch => Some(BranchFit::Exact),
            Some(prefix) if branch.starts_with(prefix) => Some(BranchFit::Pattern),
            _ => None,
        })
        .max()
}
