//! Importing the fixture form of Treeherder's repository list.

use super::directory::bump_version;
use super::repositories::{RepositoryFlags, group_of, save, save_group};
use super::{Store, StoreError};
use crate::domain::{ProjectName, Repository, RepositoryKind};
use serde::Deserialize;
use std::collections::HashMap;

/// What an import did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Imported {
    /// Groups added or changed.
    pub groups: usize,
    /// Repositories added or changed.
    pub repositories: usize,
    /// Repositories whose group is in none of the files; they keep the one they had.
    pub without_known_group: usize,
}

/// Why nothing was imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// It is not a fixture.
    #[error("not a list of repositories in fixture form: {0}")]
    Form(#[from] serde_json::Error),
    /// A repository that cannot be.
    #[error("repository {name:?}: {problem}")]
    Repository {
        /// Its name.
        name: String,
        /// What is wrong.
        problem: String,
    },
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[derive(Deserialize)]
#[serde(tag = "model", content = "fields")]
enum Fields {
    #[serde(rename = "model.repositorygroup")]
    Group {
        name: String,
        #[serde(default)]
        description: String,
    },
    #[serde(rename = "model.repository")]
    Repository(RepositoryFields),
}

#[derive(Deserialize)]
struct Entry {
    pk: i64,
    #[serde(flatten)]
    fields: Fields,
}

#[derive(Deserialize)]
struct RepositoryFields {
    name: String,
    url: String,
    dvcs_type: String,
    active_status: String,
    #[serde(default)]
    branch: Option<String>,
    #[serde(default)]
    codebase: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    repository_group: Option<i64>,
    #[serde(default)]
    performance_alerts_enabled: bool,
    // The list leaves out what is as usual.
    #[serde(default = "yes")]
    expire_performance_data: bool,
    #[serde(default)]
    is_try_repo: bool,
    #[serde(default)]
    accepts_pull_requests: bool,
}

fn yes() -> bool {
    true
}

impl Store {
    /// Adds or changes the repositories and groups of fixture files, all or none. Groups may stand in
    /// another file than the repositories that name them by their number.
    ///
    /// # Errors
    /// If a file is not a fixture or a repository in it is invalid; nothing is imported then.
    pub async fn import_repositories(&self, files: &[&str]) -> Result<Imported, ImportError> {
        let mut entries: Vec<Entry> = Vec::new();
        for file in files {
            entries.extend(serde_json::from_str::<Vec<Entry>>(file)?);
        }
        let transaction = self.begin_write().await?;
        let mut imported = Imported::default();
        let mut groups = HashMap::new();
        for entry in &entries {
            if let Fields::Group { name, description } = &entry.fields {
                save_group(&transaction, name, Some(description)).await?;
                groups.insert(entry.pk, name.as_str());
                imported.groups += 1;
            }
        }
        for entry in &entries {
            let Fields::Repository(fields) = &entry.fields else { continue };
            let mut repository = fields.to_repository()?;
            repository.group = match fields.repository_group {
                None => None,
                Some(pk) => match groups.get(&pk) {
                    Some(name) => Some((*name).to_owned()),
                    None => {
                        imported.without_known_group += 1;
                        group_of(&transaction, &repository.name).await?
                    }
                },
            };
            save(&transaction, &repository, Some(fields.flags())).await?;
            imported.repositories += 1;
        }
        bump_version(&transaction).await?;
        transaction.commit().await.map_err(StoreError::from)?;
        Ok(imported)
    }
}

impl RepositoryFields {
    fn to_repository(&self) -> Result<Repository, ImportError> {
        let invalid = |problem: String| ImportError::Repository { name: self.name.clone(), problem };
        Ok(Repository {
            id: 0,
            name: ProjectName::try_new(&self.name).map_err(|error| invalid(error.to_string()))?,
            url: self.url.clone(),
            kind: RepositoryKind::from_word(&self.dvcs_type)
                .ok_or_else(|| invalid(format!("dvcs_type {:?} is neither hg nor git", self.dvcs_type)))?,
            branch: self.branch.clone(),
            group: None,
            active: self.active_status == "active",
            description: self.description.clone(),
            codebase: self.codebase.clone(),
            accepts_pull_requests: self.accepts_pull_requests,
        })
    }

    fn flags(&self) -> RepositoryFlags {
        RepositoryFlags {
            performance_alerts_enabled: self.performance_alerts_enabled,
            expire_performance_data: self.expire_performance_data,
            is_try_repo: self.is_try_repo,
        }
    }
}
