//! `herdgate repository`.

use super::administration::{Administration, Target};
use super::database::{Create, open as open_database};
use super::output::{Table, json, line, notice};
use super::{Context, Exit, Failure, read_file};
use crate::domain::ProjectName;
use crate::proto::Repository;
use crate::store::ImportError;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};
use std::path::PathBuf;

/// What to do with repositories.
#[derive(Debug, Subcommand)]
pub enum RepositoryCommand {
    /// Add a repository, or change the one of this name: what no option says stays as it is
    Add(AddArgs),
    /// List repositories by name
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        target: Target,
    },
    /// Add or change all repositories of fixtures in the form of Treeherder's repository list
    ///
    /// Works on the configured database: all of it is imported, or nothing.
    Import {
        /// JSON list of `{"pk", "model", "fields"}`; groups may stand in a file of their own
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
}

/// A repository to add.
#[derive(Debug, Args)]
pub struct AddArgs {
    /// Name: 1 to 50 of A-Z a-z 0-9 _ -
    #[arg(value_parser = name)]
    name: String,
    /// Where the repository is; needed for a new one
    #[arg(long)]
    url: Option<String>,
    /// Version control system; git for a new one
    #[arg(long, value_enum)]
    dvcs: Option<Dvcs>,
    /// Branches whose pushes are taken, separated by commas; one may end in `*`. A Git repository without
    /// any takes none from messages
    #[arg(long)]
    branch: Option<String>,
    /// Group that the dashboard shows it in
    #[arg(long)]
    group: Option<String>,
    /// Code base, such as `gecko`
    #[arg(long)]
    codebase: Option<String>,
    /// Description
    #[arg(long)]
    description: Option<String>,
    /// Whether it takes jobs and pushes; a new one does
    #[arg(long, value_name = "YES_OR_NO")]
    active: Option<YesOrNo>,
    /// Whether pull requests are taken as pushes, as with `pull request` among the branches; no for a new one
    #[arg(long, value_name = "YES_OR_NO")]
    accepts_pull_requests: Option<YesOrNo>,
    #[command(flatten)]
    target: Target,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Dvcs {
    Git,
    Hg,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum YesOrNo {
    Yes,
    No,
}

pub(super) async fn run(command: RepositoryCommand, context: Context) -> Result<Exit, Failure> {
    let open =
        async |target: &Target| Administration::open(target, || context.configuration(), Create::Never).await;
    match command {
        RepositoryCommand::Add(arguments) => {
            let mut administration = open(&arguments.target).await?;
            let known =
                administration.repositories().await?.into_iter().find(|one| one.name == arguments.name);
            let stored = administration.add_repository(arguments.repository(known)?).await?;
            line(&format!("{} is repository {}", stored.name, stored.id))?;
        }
        RepositoryCommand::List { json: as_json, target } => {
            let all = open(&target).await?.repositories().await?;
            if as_json { json(&all.iter().map(as_value).collect())? } else { table(&all).print()? }
        }
        RepositoryCommand::Import { files } => import(&files, &context).await?,
    }
    Ok(Exit::Done)
}

async fn import(files: &[PathBuf], context: &Context) -> Result<(), Failure> {
    let text = |file: &PathBuf| {
        String::from_utf8(read_file(file)?)
            .map_err(|_| Failure::Refused(format!("{} is not UTF-8 text", file.display())))
    };
    let fixtures: Vec<String> = files.iter().map(text).collect::<Result<_, _>>()?;
    let store = open_database(&context.configuration()?, Create::Never).await?;
    let fixtures: Vec<&str> = fixtures.iter().map(String::as_str).collect();
    let imported = store.import_repositories(&fixtures).await.map_err(|error| match error {
        ImportError::Store(error) => Failure::Store(error),
        other => Failure::Refused(other.to_string()),
    })?;
    notice(&format!("{} repositories and {} groups are registered", imported.repositories, imported.groups));
    if imported.without_known_group > 0 {
        notice(&format!(
            "{} repositories name a group that no file has; import them together with the file of groups",
            imported.without_known_group
        ));
    }
    Ok(())
}

impl AddArgs {
    /// What is wanted, from what is known of it.
    fn repository(self, known: Option<Repository>) -> Result<Repository, Failure> {
        let unknown = || Repository { name: self.name, dvcs_type: "git".into(), ..Default::default() };
        let mut repository = known.unwrap_or_else(unknown);
        let texts = [
            (&mut repository.url, self.url),
            (&mut repository.branch, self.branch),
            (&mut repository.group, self.group),
            (&mut repository.codebase, self.codebase),
            (&mut repository.description, self.description),
        ];
        for (field, given) in texts {
            if let Some(given) = given {
                *field = given;
            }
        }
        if let Some(dvcs) = self.dvcs {
            repository.dvcs_type = if let Dvcs::Git = dvcs { "git".into() } else { "hg".into() };
        }
        if let Some(active) = self.active {
            repository.active = Some(active == YesOrNo::Yes);
        }
        if let Some(accepts) = self.accepts_pull_requests {
            repository.accepts_pull_requests = accepts == YesOrNo::Yes;
        }
        if repository.url.is_empty() {
            return Err(Failure::Usage(format!(
                "{} is not known yet: say --url, where it is",
                repository.name
            )));
        }
        Ok(repository)
    }
}

fn name(text: &str) -> Result<String, String> {
    ProjectName::try_new(text).map(|name| name.to_string()).map_err(|error| error.to_string())
}

fn table(repositories: &[Repository]) -> Table {
    let mut table = Table::new(&["NAME", "KIND", "ACTIVE", "GROUP", "BRANCH", "URL"]);
    for repository in repositories {
        table.row([
            repository.name.clone(),
            repository.dvcs_type.clone(),
            if repository.active() { "yes".into() } else { "no".into() },
            repository.group.clone(),
            repository.branch.clone(),
            repository.url.clone(),
        ]);
    }
    table
}

fn as_value(repository: &Repository) -> Value {
    json!({
        "id": repository.id,
        "name": repository.name,
        "url": repository.url,
        "dvcs_type": repository.dvcs_type,
        "branch": repository.branch,
        "group": repository.group,
        "active": repository.active(),
        "description": repository.description,
        "codebase": repository.codebase,
        "accepts_pull_requests": repository.accepts_pull_requests,
    })
}
