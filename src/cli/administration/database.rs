//! Administering on the database itself: how the first credential is made, and what works while no
//! gateway runs.

use crate::access::{Principal, Rights, administration};
use crate::cli::database::{Create, is_missing, lock, open};
use crate::cli::failure::Failure;
use crate::cli::keyring::keyring;
use crate::cli::output::notice;
use crate::config::Configuration;
use crate::core::{Gateway, GatewayOptions, PushSubmission};
use crate::domain::{Door, Signature};
use crate::doors::grpc::translate;
use crate::store::{FileLock, Store};
use crate::{limits, proto};
use chrono::Utc;

/// What held messages and jobs name as the source of what was done by command.
const SOURCE: &str = "command-line";
/// Held messages on one page unless the request says otherwise.
const PAGE: u64 = 100;

/// An open database.
#[derive(Debug)]
pub struct OnDatabase {
    configuration: Configuration,
    pub(super) store: Store,
    pipeline: Option<Pipeline>,
}

/// The core without doors, for commands that have something decided again.
#[derive(Debug)]
struct Pipeline {
    gateway: Gateway,
    _lock: Option<FileLock>,
}

/// See [`super::Administration`] for what each call does.
impl OnDatabase {
    pub(super) async fn open(configuration: Configuration, create: Create) -> Result<Self, Failure> {
        let creates = create == Create::IfMissing && is_missing(&configuration);
        let store = open(&configuration, create).await?;
        if creates {
            store.migrate().await?;
            notice("there was no database: it has been created");
        }
        Ok(Self { configuration, store, pipeline: None })
    }

    pub(super) async fn add_repository(
        &mut self,
        new: proto::Repository,
    ) -> Result<proto::Repository, Failure> {
        let repository =
            translate::repository_of(new).map_err(|refusal| Failure::Refused(refusal.to_string()))?;
        Ok(translate::repository(&self.store.save_repository(&repository).await?))
    }

    pub(super) async fn repositories(&mut self) -> Result<Vec<proto::Repository>, Failure> {
        let mut all: Vec<_> = self.store.repositories().await?.iter().map(translate::repository).collect();
        all.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok(all)
    }

    pub(super) async fn create_credential(
        &mut self,
        new: proto::CreateCredentialRequest,
    ) -> Result<proto::CreateCredentialResponse, Failure> {
        let now = Utc::now();
        let wanted =
            translate::wanted_credential(new, now).map_err(|refusal| Failure::Usage(refusal.to_string()))?;
        let keyring = keyring(&self.configuration, &self.store).await?;
        let issued = administration::create(&self.store, &keyring, wanted, now).await?;
        Ok(translate::created_credential(issued))
    }

    pub(super) async fn rotate_credential(
        &mut self,
        client_id: &str,
    ) -> Result<proto::RotateCredentialResponse, Failure> {
        let keyring = keyring(&self.configuration, &self.store).await?;
        let secrets = administration::rotate(&self.store, &keyring, client_id).await?;
        Ok(translate::rotated_credential(&secrets))
    }

    pub(super) async fn credentials(&mut self) -> Result<Vec<proto::Credential>, Failure> {
        let mut all: Vec<_> =
            self.store.credentials().await?.into_iter().map(translate::credential).collect();
        all.sort_unstable_by(|a, b| a.client_id.cmp(&b.client_id));
        Ok(all)
    }

    pub(super) async fn revoke_credential(&mut self, client_id: &str) -> Result<(), Failure> {
        Ok(administration::revoke(&self.store, client_id).await?)
    }

    pub(super) async fn set_tier(&mut self, new: proto::TierOverride) -> Result<(), Failure> {
        Ok(self.store.set_tier(signature(&new.signature)?, new.tier).await?)
    }

    pub(super) async fn tiers(&mut self) -> Result<Vec<proto::TierOverride>, Failure> {
        let mut all = self.store.tiers().await?;
        all.sort_unstable();
        Ok(all
            .into_iter()
            .map(|(signature, tier)| proto::TierOverride { signature: signature.to_string(), tier })
            .collect())
    }

    pub(super) async fn clear_tier(&mut self, text: &str) -> Result<(), Failure> {
        if self.store.clear_tier(signature(text)?).await? {
            Ok(())
        } else {
            Err(Failure::Refused(format!("no tier is set for {text}")))
        }
    }

    pub(super) async fn held_messages(
        &mut self,
        which: proto::ListHeldMessagesRequest,
    ) -> Result<proto::ListHeldMessagesResponse, Failure> {
        let filter =
            translate::held_filter(&which).map_err(|refusal| Failure::Refused(refusal.to_string()))?;
        let size = u64::try_from(which.page_size).ok().filter(|size| *size > 0).unwrap_or(PAGE);
        // Here the token of a page is the last id of the one before.
        let before = which.page_token.parse().ok();
        let found = self.store.held_messages(&filter, before, size).await?;
        let full = u64::try_from(found.len()).is_ok_and(|count| count == size);
        Ok(proto::ListHeldMessagesResponse {
            next_page_token: found
                .last()
                .filter(|_| full)
                .map_or_else(String::new, |last| last.id.to_string()),
            messages: found.into_iter().map(translate::held_message).collect(),
        })
    }

    pub(super) async fn held_message(&mut self, id: i64) -> Result<proto::HeldMessage, Failure> {
        match self.store.held_message(id).await? {
            Some((held, raw)) => Ok(proto::HeldMessage { raw, ..translate::held_message(held) }),
            None => Err(Failure::Refused(format!("no message {id} is held"))),
        }
    }

    pub(super) async fn replay(&mut self, ids: &[i64]) -> Result<Vec<proto::Verdict>, Failure> {
        let verdicts = self.pipeline().await?.replay(&operator(), ids).await?;
        Ok(verdicts.into_iter().map(translate::verdict).collect())
    }

    pub(super) async fn discard(&mut self, ids: &[i64]) -> Result<i64, Failure> {
        let discarded = self.pipeline().await?.discard(&operator(), ids).await?;
        Ok(i64::try_from(discarded).unwrap_or(i64::MAX))
    }

    pub(super) async fn submit_pushes(
        &mut self,
        project: &str,
        pushes: Vec<PushSubmission>,
    ) -> Result<Vec<proto::Verdict>, Failure> {
        let gateway = self.pipeline().await?;
        let mut all = Vec::with_capacity(pushes.len());
        for chunk in pushes.chunks(limits::BATCH_ITEMS) {
            let (operator, chunk) = (operator(), chunk.to_vec());
            let verdicts = gateway.submit_pushes(&operator, Door::CommandLine, project, chunk).await?;
            all.extend(verdicts.into_iter().map(translate::verdict));
        }
        Ok(all)
    }

    pub(super) async fn close(self) {
        if let Some(pipeline) = self.pipeline {
            pipeline.gateway.drain().await;
        }
    }

    /// The core on this database, started when first needed. On SQLite only one process may run it.
    async fn pipeline(&mut self) -> Result<&Gateway, Failure> {
        let pipeline = match self.pipeline.take() {
            Some(pipeline) => pipeline,
            None => {
                let lock = lock(&self.configuration).map_err(|error| {
                    Failure::Refused(format!(
                        "{error}; to have it done by that gateway, give its address by --server and a token"
                    ))
                })?;
                Pipeline {
                    gateway: Gateway::start(self.store.clone(), GatewayOptions::default()).await?,
                    _lock: lock,
                }
            }
        };
        Ok(&self.pipeline.insert(pipeline).gateway)
    }
}

/// Whoever can open the database may do everything with it.
fn operator() -> Principal {
    Principal { source: SOURCE.into(), rights: Rights::Administrator }
}

fn signature(text: &str) -> Result<Signature, Failure> {
    Signature::parse(text)
        .ok_or_else(|| Failure::Usage(format!("{text:?} is no signature: 40 lower-case hexadecimal digits")))
}
