//! `herdgate credential`.

use super::administration::{Administration, Target};
use super::database::Create;
use super::output::{Table, json, line, notice};
use super::verdicts::time;
use super::{Context, Exit, Failure};
use crate::access::ProjectGlob;
use crate::proto::{CreateCredentialRequest, Credential};
use chrono::{DateTime, Days, Utc};
use clap::{Args, Subcommand};
use prost_types::Timestamp;
use serde_json::{Value, json};

/// What to do with credentials.
#[derive(Debug, Subcommand)]
pub enum CredentialCommand {
    /// Create a credential and print its bearer token, this once
    ///
    /// On an SQLite database that does not exist yet this creates it, so that the first credential can
    /// be made before the first start.
    Create(CreateArgs),
    /// List credentials by client id, without secrets
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        target: Target,
    },
    /// Revoke a credential for good; running gateways notice within 2 s
    Revoke {
        /// The credential's client id
        client_id: String,
        #[command(flatten)]
        target: Target,
    },
}

/// A credential to create.
#[derive(Debug, Args)]
pub struct CreateArgs {
    /// Name of the client: 1 to 32 of A-Z a-z 0-9 _ -
    #[arg(value_parser = client_id)]
    client_id: String,
    /// Projects it may write, `*` and `?` are wildcards; may be given again. Without: none
    #[arg(long = "project", value_name = "GLOB", value_parser = glob)]
    projects: Vec<String>,
    /// May administer, and write every project
    #[arg(long)]
    admin: bool,
    /// Stops working after so many days. Without: never
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=36_500))]
    expires_in: Option<u32>,
    /// Print JSON: client_id, token
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

/// Longest client id.
const CLIENT_ID: usize = 32;

pub(super) async fn run(command: CredentialCommand, context: Context) -> Result<Exit, Failure> {
    let open = async |target: &Target, create| {
        Administration::open(target, || context.configuration(), create).await
    };
    match command {
        CredentialCommand::Create(arguments) => {
            let request = arguments.request(Utc::now());
            let mut administration = open(&arguments.target, Create::IfMissing).await?;
            let created = administration.create_credential(request).await?;
            if arguments.json {
                json(&json!({ "client_id": arguments.client_id, "token": created.token }))?;
            } else {
                line(&format!("client id: {}", arguments.client_id))?;
                line(&format!("token:     {}", created.token))?;
                notice("the token is shown this once; send it as `authorization: Bearer TOKEN`");
            }
            if arguments.projects.is_empty() && !arguments.admin {
                notice("it may write nothing: name projects by --project");
            }
        }
        CredentialCommand::List { json: as_json, target } => {
            let all = open(&target, Create::Never).await?.credentials().await?;
            if as_json { json(&all.iter().map(as_value).collect())? } else { table(&all).print()? }
        }
        CredentialCommand::Revoke { client_id, target } => {
            open(&target, Create::Never).await?.revoke_credential(&client_id).await?;
            notice(&format!("{client_id} is revoked"));
        }
    }
    Ok(Exit::Done)
}

impl CreateArgs {
    fn request(&self, now: DateTime<Utc>) -> CreateCredentialRequest {
        let expires_at = self.expires_in.and_then(|days| now.checked_add_days(Days::new(days.into())));
        CreateCredentialRequest {
            client_id: self.client_id.clone(),
            projects: self.projects.clone(),
            admin: self.admin,
            expires_at: expires_at.map(|time| Timestamp { seconds: time.timestamp(), nanos: 0 }),
        }
    }
}

fn client_id(text: &str) -> Result<String, String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if text.is_empty() || text.len() > CLIENT_ID || !text.chars().all(allowed) {
        return Err(format!("must be 1 to {CLIENT_ID} of A-Z a-z 0-9 _ -"));
    }
    Ok(text.to_owned())
}

fn glob(text: &str) -> Result<String, String> {
    ProjectGlob::try_new(text).map(|glob| glob.as_str().to_owned()).map_err(|error| error.to_string())
}

fn table(credentials: &[Credential]) -> Table {
    let mut table = Table::new(&["CLIENT ID", "PROJECTS", "ADMIN", "CREATED", "EXPIRES", "REVOKED"]);
    for credential in credentials {
        table.row([
            credential.client_id.clone(),
            credential.projects.join(" "),
            if credential.admin { "yes".into() } else { "no".into() },
            time(credential.created_at.as_ref()),
            time(credential.expires_at.as_ref()),
            time(credential.revoked_at.as_ref()),
        ]);
    }
    table
}

fn as_value(credential: &Credential) -> Value {
    let known = |time: String| Some(time).filter(|time| !time.is_empty());
    json!({
        "client_id": credential.client_id,
        "projects": credential.projects,
        "admin": credential.admin,
        "created_at": time(credential.created_at.as_ref()),
        "expires_at": known(time(credential.expires_at.as_ref())),
        "revoked_at": known(time(credential.revoked_at.as_ref())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_ids() {
        for (text, valid) in [
            ("ci", true),
            ("a_B-9", true),
            ("", false),
            ("a b", false),
            ("é", false),
            (&*"a".repeat(33), false),
        ] {
            assert_eq!(client_id(text).is_ok(), valid, "{text:?}");
        }
    }

    #[test]
    fn a_credential_is_listed_without_any_secret_and_with_null_for_never() {
        let credential = Credential { client_id: "ci".into(), ..Default::default() };
        let value = as_value(&credential);
        assert_eq!(value["expires_at"], Value::Null);
        assert!(value.get("token").is_none());
    }
}
