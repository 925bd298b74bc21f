//! Administering through the Admin service of a running gateway.

use super::pushes::Collection;
use crate::cli::failure::Failure;
use crate::cli::server::{Connection, LARGEST_ANSWER, connect};
use crate::core::PushSubmission;
use crate::proto;
use crate::proto::admin_service_client::AdminServiceClient;
use crate::proto::ingest_service_client::IngestServiceClient;

/// A running gateway.
#[derive(Debug)]
pub struct OnServer {
    pub(super) admin: AdminServiceClient<Connection>,
    ingest: IngestServiceClient<Connection>,
}

/// See [`super::Administration`] for what each call does.
impl OnServer {
    pub(super) async fn connect(server: &str, token: Option<&str>) -> Result<Self, Failure> {
        let connection = connect(server, token).await?;
        Ok(Self {
            admin: AdminServiceClient::new(connection.clone()).max_decoding_message_size(LARGEST_ANSWER),
            ingest: IngestServiceClient::new(connection),
        })
    }

    pub(super) async fn add_repository(
        &mut self,
        repository: proto::Repository,
    ) -> Result<proto::Repository, Failure> {
        let request = proto::AddRepositoryRequest { repository: Some(repository) };
        Ok(self.admin.add_repository(request).await?.into_inner().repository.unwrap_or_default())
    }

    pub(super) async fn repositories(&mut self) -> Result<Vec<proto::Repository>, Failure> {
        let (mut all, mut page_token) = (Vec::new(), String::new());
        loop {
            let request = proto::ListRepositoriesRequest { page_token };
            let page = self.admin.list_repositories(request).await?.into_inner();
            all.extend(page.repositories);
            if page.next_page_token.is_empty() {
                return Ok(all);
            }
            page_token = page.next_page_token;
        }
    }

    pub(super) async fn create_credential(
        &mut self,
        new: proto::CreateCredentialRequest,
    ) -> Result<proto::CreateCredentialResponse, Failure> {
        Ok(self.admin.create_credential(new).await?.into_inner())
    }

    pub(super) async fn rotate_credential(
        &mut self,
        client_id: &str,
    ) -> Result<proto::RotateCredentialResponse, Failure> {
        let request = proto::RotateCredentialRequest { client_id: client_id.into() };
        Ok(self.admin.rotate_credential(request).await?.into_inner())
    }

    pub(super) async fn credentials(&mut self) -> Result<Vec<proto::Credential>, Failure> {
        let (mut all, mut page_token) = (Vec::new(), String::new());
        loop {
            let request = proto::ListCredentialsRequest { page_token };
            let page = self.admin.list_credentials(request).await?.into_inner();
            all.extend(page.credentials);
            if page.next_page_token.is_empty() {
                return Ok(all);
            }
            page_token = page.next_page_token;
        }
    }

    pub(super) async fn revoke_credential(&mut self, client_id: &str) -> Result<(), Failure> {
        let request = proto::RevokeCredentialRequest { client_id: client_id.into() };
        self.admin.revoke_credential(request).await?;
        Ok(())
    }

    pub(super) async fn set_tier(&mut self, tier: proto::TierOverride) -> Result<(), Failure> {
        let request = proto::SetTierOverrideRequest { tier_override: Some(tier) };
        self.admin.set_tier_override(request).await?;
        Ok(())
    }

    pub(super) async fn tiers(&mut self) -> Result<Vec<proto::TierOverride>, Failure> {
        let (mut all, mut page_token) = (Vec::new(), String::new());
        loop {
            let request = proto::ListTierOverridesRequest { page_token };
            let page = self.admin.list_tier_overrides(request).await?.into_inner();
            all.extend(page.tier_overrides);
            if page.next_page_token.is_empty() {
                return Ok(all);
            }
            page_token = page.next_page_token;
        }
    }

    pub(super) async fn clear_tier(&mut self, signature: &str) -> Result<(), Failure> {
        let request = proto::ClearTierOverrideRequest { signature: signature.into() };
        self.admin.clear_tier_override(request).await?;
        Ok(())
    }

    pub(super) async fn held_messages(
        &mut self,
        which: proto::ListHeldMessagesRequest,
    ) -> Result<proto::ListHeldMessagesResponse, Failure> {
        Ok(self.admin.list_held_messages(which).await?.into_inner())
    }

    pub(super) async fn held_message(&mut self, id: i64) -> Result<proto::HeldMessage, Failure> {
        let mut raw = Vec::new();
        loop {
            let raw_offset = i64::try_from(raw.len()).unwrap_or(i64::MAX);
            let request = proto::GetHeldMessageRequest { id, raw_offset };
            let answer = self.admin.get_held_message(request).await?.into_inner();
            let mut message = answer.message.unwrap_or_default();
            if message.raw.is_empty() {
                message.raw = raw;
                return Ok(message);
            }
            raw.append(&mut message.raw);
        }
    }

    pub(super) async fn replay(&mut self, ids: &[i64]) -> Result<Vec<proto::Verdict>, Failure> {
        let request = proto::ReplayHeldMessagesRequest { ids: ids.to_vec() };
        Ok(self.admin.replay_held_messages(request).await?.into_inner().verdicts)
    }

    pub(super) async fn discard(&mut self, ids: &[i64]) -> Result<i64, Failure> {
        let request = proto::DiscardHeldMessagesRequest { ids: ids.to_vec() };
        Ok(self.admin.discard_held_messages(request).await?.into_inner().discarded)
    }

    pub(super) async fn submit_pushes(
        &mut self,
        project: &str,
        pushes: Vec<PushSubmission>,
    ) -> Result<Vec<proto::Verdict>, Failure> {
        let mut collection = Collection::new(project, pushes);
        while let Some(request) = collection.next_request() {
            collection.answered(self.ingest.submit_pushes(request).await?.into_inner().verdicts);
        }
        Ok(collection.into_verdicts())
    }
}
