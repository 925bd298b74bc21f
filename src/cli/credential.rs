//! `herdgate credential`.

use super::administration::{Administration, Target};
use super::database::{Create, open};
use super::keyring::keyring;
use super::output::{Table, json, line, notice};
use super::verdicts::time;
use super::{Context, Exit, Failure, read_file};
use crate::access::{ProjectGlob, administration, check_client_id};
use crate::doors::grpc::translate::timestamp;
use crate::proto::{CreateCredentialRequest, Credential};
use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use clap::{Args, Subcommand};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// What to do with credentials.
#[derive(Debug, Subcommand)]
pub enum CredentialCommand {
    /// Create a credential and print its secrets, this once
    ///
    /// On an SQLite database that does not exist yet this creates it, so that the first credential can
    /// be made before the first start.
    Create(CreateArgs),
    /// Give a credential new secrets and print them, this once; the old ones stop within 2 s
    Rotate {
        /// The credential's client id
        client_id: String,
        /// Print JSON: client_id, hawk_secret, token
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        target: Target,
    },
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
    /// Encrypt all stored Hawk secrets with the newest key of `secret_key`
    ///
    /// Every gateway of the database has to know the newest key before.
    Rekey,
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
    /// Stops working then: a date (its beginning, UTC) or a time, for instance 2027-01-31 or
    /// 2027-01-31T12:00:00Z. Without: never
    #[arg(long, value_name = "DATE", value_parser = date)]
    expires: Option<DateTime<Utc>>,
    /// What it is for
    #[arg(long, value_name = "TEXT", default_value = "")]
    description: String,
    /// Client certificate (PEM) that stands for it on TLS connections
    #[arg(long, value_name = "FILE")]
    certificate: Option<PathBuf>,
    /// Print JSON: client_id, hawk_secret, token
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

pub(super) async fn run(command: CredentialCommand, context: Context) -> Result<Exit, Failure> {
    let open_target = async |target: &Target, create| {
        Administration::open(target, || context.configuration(), create).await
    };
    match command {
        CredentialCommand::Create(arguments) => {
            let request = arguments.request()?;
            let mut administration = open_target(&arguments.target, Create::IfMissing).await?;
            let created = administration.create_credential(request).await?;
            show_secrets(&arguments.client_id, &created.token, &created.hawk_secret, arguments.json)?;
            if arguments.projects.is_empty() && !arguments.admin {
                notice("it may write nothing: name projects by --project");
            }
        }
        CredentialCommand::Rotate { client_id, json, target } => {
            let rotated = open_target(&target, Create::Never).await?.rotate_credential(&client_id).await?;
            show_secrets(&client_id, &rotated.token, &rotated.hawk_secret, json)?;
        }
        CredentialCommand::List { json: as_json, target } => {
            let all = open_target(&target, Create::Never).await?.credentials().await?;
            if as_json { json(&all.iter().map(as_value).collect())? } else { table(&all).print()? }
        }
        CredentialCommand::Revoke { client_id, target } => {
            open_target(&target, Create::Never).await?.revoke_credential(&client_id).await?;
            notice(&format!("{client_id} is revoked"));
        }
        CredentialCommand::Rekey => {
            let configuration = context.configuration()?;
            let store = open(&configuration, Create::Never).await?;
            let resealed = administration::rekey(&store, &keyring(&configuration, &store).await?).await?;
            notice(&format!("{resealed} secrets are encrypted anew, with the newest key"));
        }
    }
    Ok(Exit::Done)
}

fn show_secrets(client_id: &str, token: &str, hawk_secret: &str, as_json: bool) -> Result<(), Failure> {
    if as_json {
        json(&json!({ "client_id": client_id, "hawk_secret": hawk_secret, "token": token }))?;
    } else {
        line(&format!("client id:   {client_id}"))?;
        line(&format!("hawk secret: {hawk_secret}"))?;
        line(&format!("token:       {token}"))?;
        notice(
            "the secrets are shown this once; sign requests with the first, or send the second as \
             `authorization: Bearer TOKEN`",
        );
    }
    Ok(())
}

impl CreateArgs {
    fn request(&self) -> Result<CreateCredentialRequest, Failure> {
        let certificate_sha256 = match &self.certificate {
            Some(path) => hex::encode(fingerprint(path)?),
            None => String::new(),
        };
        Ok(CreateCredentialRequest {
            client_id: self.client_id.clone(),
            projects: self.projects.clone(),
            admin: self.admin,
            expires_at: self.expires.map(timestamp),
            description: self.description.clone(),
            certificate_sha256,
        })
    }
}

fn client_id(text: &str) -> Result<String, String> {
    check_client_id(text).map(|()| text.to_owned())
}

fn glob(text: &str) -> Result<String, String> {
    ProjectGlob::try_new(text).map(|glob| glob.as_str().to_owned()).map_err(|error| error.to_string())
}

fn date(text: &str) -> Result<DateTime<Utc>, String> {
    let midnight = || text.parse::<NaiveDate>().ok().map(|day| day.and_time(NaiveTime::MIN).and_utc());
    let time = || text.parse::<DateTime<Utc>>().ok();
    midnight()
        .or_else(time)
        .ok_or_else(|| "must be a date or a time, for instance 2027-01-31 or 2027-01-31T12:00:00Z".into())
}

/// SHA-256 of the first certificate of a PEM file: the client's own comes first in a chain.
fn fingerprint(path: &Path) -> Result<[u8; 32], Failure> {
    let pem = read_file(path)?;
    let certificate = CertificateDer::from_pem_slice(&pem).map_err(|error| {
        Failure::Usage(format!("--certificate {}: no PEM certificate ({error})", path.display()))
    })?;
    Ok(Sha256::digest(&certificate).into())
}

fn table(credentials: &[Credential]) -> Table {
    let headings =
        ["CLIENT ID", "PROJECTS", "ADMIN", "CREATED", "EXPIRES", "LAST USED", "REVOKED", "DESCRIPTION"];
    let mut table = Table::new(&headings);
    for credential in credentials {
        table.row([
            credential.client_id.clone(),
            credential.projects.join(" "),
            if credential.admin { "yes".into() } else { "no".into() },
            time(credential.created_at.as_ref()),
            time(credential.expires_at.as_ref()),
            time(credential.last_used_at.as_ref()),
            time(credential.revoked_at.as_ref()),
            credential.description.clone(),
        ]);
    }
    table
}

fn as_value(credential: &Credential) -> Value {
    let known = |text: String| Some(text).filter(|text| !text.is_empty());
    json!({
        "client_id": credential.client_id,
        "projects": credential.projects,
        "admin": credential.admin,
        "description": credential.description,
        "certificate_sha256": known(credential.certificate_sha256.clone()),
        "can_sign": credential.can_sign,
        "created_at": time(credential.created_at.as_ref()),
        "expires_at": known(time(credential.expires_at.as_ref())),
        "last_used_at": known(time(credential.last_used_at.as_ref())),
        "revoked_at": known(time(credential.revoked_at.as_ref())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_is_listed_without_any_secret_and_with_null_for_never() {
        let credential = Credential { client_id: "ci".into(), ..Default::default() };
        let value = as_value(&credential);
        assert_eq!(value["expires_at"], Value::Null);
        assert_eq!(value["last_used_at"], Value::Null);
        assert!(value.get("token").is_none() && value.get("hawk_secret").is_none());
    }

    #[test]
    fn an_expiry_is_a_date_or_a_time() {
        for (text, expected) in [
            ("2027-01-31", Some("2027-01-31T00:00:00+00:00")),
            ("2027-01-31T12:00:00+02:00", Some("2027-01-31T10:00:00+00:00")),
            ("2027-02-30", None),
            ("tomorrow", None),
            ("", None),
        ] {
            assert_eq!(date(text).ok().map(|time| time.to_rfc3339()).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_certificate_is_known_by_the_sha_256_of_its_der_form() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("client.pem");
        // Three bytes, "abc", which no TLS library has to like.
        std::fs::write(&path, "-----BEGIN CERTIFICATE-----\nYWJj\n-----END CERTIFICATE-----\n").unwrap();
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hex::encode(fingerprint(&path).unwrap()), expected);
        std::fs::write(&path, "no certificate").unwrap();
        assert_eq!(fingerprint(&path).unwrap_err().exit().code(), 64);
    }
}
