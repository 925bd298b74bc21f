//! Administering a gateway, either on its database or through its Admin service: every command is
//! written once, against this.

mod database;
mod pushes;
mod server;

use super::database::Create;
use super::failure::Failure;
use crate::config::Configuration;
use crate::core::PushSubmission;
use crate::proto;
use clap::Args;
use database::OnDatabase;
use server::OnServer;

/// Delegates a call to the side that was chosen.
macro_rules! either {
    ($self:ident.$call:ident($($argument:expr),*)) => {
        match $self {
            Self::Database(side) => side.$call($($argument),*).await,
            Self::Server(side) => side.$call($($argument),*).await,
        }
    };
}

// Behind the macro, which it uses.
mod exchanges;
mod work;

/// Which gateway to administer.
#[derive(Debug, Clone, Args)]
pub struct Target {
    /// Administer the running gateway at this URL instead of the configured database
    #[arg(long, value_name = "URL")]
    pub server: Option<String>,
    /// Bearer token for the gateway, of an administrator unless the command says otherwise
    #[arg(long, env = "HERDGATE_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    pub token: Option<String>,
}

/// A gateway that can be administered.
#[derive(Debug)]
pub enum Administration {
    /// By its database.
    Database(Box<OnDatabase>),
    /// By its Admin service.
    Server(Box<OnServer>),
}

impl Administration {
    /// Opens the target.
    ///
    /// # Errors
    /// If the database cannot be opened or the gateway does not answer.
    pub async fn open(
        target: &Target,
        configuration: impl FnOnce() -> Result<Configuration, Failure>,
        create: Create,
    ) -> Result<Self, Failure> {
        match &target.server {
            Some(server) => {
                let side = OnServer::connect(server, target.token.as_deref()).await?;
                Ok(Self::Server(Box::new(side)))
            }
            None => Ok(Self::Database(Box::new(OnDatabase::open(configuration()?, create).await?))),
        }
    }

    /// Adds a repository, or changes the one of its name.
    pub async fn add_repository(&mut self, new: proto::Repository) -> Result<proto::Repository, Failure> {
        either!(self.add_repository(new))
    }

    /// All repositories, by name.
    pub async fn repositories(&mut self) -> Result<Vec<proto::Repository>, Failure> {
        either!(self.repositories())
    }

    /// Creates a credential and its secrets.
    pub async fn create_credential(
        &mut self,
        new: proto::CreateCredentialRequest,
    ) -> Result<proto::CreateCredentialResponse, Failure> {
        either!(self.create_credential(new))
    }

    /// Gives a credential new secrets in place of the old ones.
    pub async fn rotate_credential(
        &mut self,
        client_id: &str,
    ) -> Result<proto::RotateCredentialResponse, Failure> {
        either!(self.rotate_credential(client_id))
    }

    /// All credentials, by client id.
    pub async fn credentials(&mut self) -> Result<Vec<proto::Credential>, Failure> {
        either!(self.credentials())
    }

    /// Revokes a credential for good.
    pub async fn revoke_credential(&mut self, client_id: &str) -> Result<(), Failure> {
        either!(self.revoke_credential(client_id))
    }

    /// Sets the tier of all later submissions with a signature.
    pub async fn set_tier(&mut self, tier: proto::TierOverride) -> Result<(), Failure> {
        either!(self.set_tier(tier))
    }

    /// All tier overrides, by signature.
    pub async fn tiers(&mut self) -> Result<Vec<proto::TierOverride>, Failure> {
        either!(self.tiers())
    }

    /// Removes a tier override.
    pub async fn clear_tier(&mut self, signature: &str) -> Result<(), Failure> {
        either!(self.clear_tier(signature))
    }

    /// One page of held messages, newest first.
    pub async fn held_messages(
        &mut self,
        which: proto::ListHeldMessagesRequest,
    ) -> Result<proto::ListHeldMessagesResponse, Failure> {
        either!(self.held_messages(which))
    }

    /// One held message with its raw bytes, if they may be seen.
    pub async fn held_message(&mut self, id: i64) -> Result<proto::HeldMessage, Failure> {
        either!(self.held_message(id))
    }

    /// Replays at most 1000 held messages; verdicts in the order of the ids.
    pub async fn replay(&mut self, ids: &[i64]) -> Result<Vec<proto::Verdict>, Failure> {
        either!(self.replay(ids))
    }

    /// Discards at most 1000 held messages; how many there were.
    pub async fn discard(&mut self, ids: &[i64]) -> Result<i64, Failure> {
        either!(self.discard(ids))
    }

    /// Submits a push collection, in as many requests as it takes. Verdicts come in the order of the
    /// pushes, with the field paths of the collection.
    pub async fn submit_pushes(
        &mut self,
        project: &str,
        pushes: Vec<PushSubmission>,
    ) -> Result<Vec<proto::Verdict>, Failure> {
        either!(self.submit_pushes(project, pushes))
    }

    /// Ends what a command started; verdicts given are committed already.
    pub async fn close(self) {
        if let Self::Database(side) = self {
            side.close().await;
        }
    }
}
