//! `AdminService`: repositories, credentials and tiers; held messages are next door.

use super::arguments::without_nul;
use super::authentication::{administrator, caller, writer};
use super::page_token::page_by_name;
use super::servers::admin_service_server::AdminService;
use super::status::Refusal;
use super::translate;
use crate::access::{Keyring, administration};
use crate::core::Gateway;
use crate::domain::Signature;
use crate::proto::{
    AddExchangeRequest, AddExchangeResponse, AddRepositoryRequest, AddRepositoryResponse,
    ClearTierOverrideRequest, ClearTierOverrideResponse, CountHeldMessagesRequest, CountHeldMessagesResponse,
    CreateCredentialRequest, CreateCredentialResponse, DiscardHeldMessagesRequest,
    DiscardHeldMessagesResponse, GetHeldMessageRequest, GetHeldMessageResponse, ListCredentialsRequest,
    ListCredentialsResponse, ListExchangesRequest, ListExchangesResponse, ListHeldMessagesRequest,
    ListHeldMessagesResponse, ListRepositoriesRequest, ListRepositoriesResponse, ListTierOverridesRequest,
    ListTierOverridesResponse, ListWorkRequest, ListWorkResponse, RemoveExchangeRequest,
    RemoveExchangeResponse, ReplayHeldMessagesRequest, ReplayHeldMessagesResponse, RetryWorkRequest,
    RetryWorkResponse, RevokeCredentialRequest, RevokeCredentialResponse, RotateCredentialRequest,
    RotateCredentialResponse, SetTierOverrideRequest, SetTierOverrideResponse, TierOverride,
};
use chrono::Utc;
use std::sync::Arc;
use tonic::{Request, Response, Status};

/// Runs the gateway.
#[derive(Debug)]
pub struct Admin {
    pub(super) gateway: Gateway,
    keyring: Arc<Keyring>,
}

impl Admin {
    /// Administers this gateway; Hawk secrets are sealed with the keys.
    pub fn new(gateway: Gateway, keyring: Arc<Keyring>) -> Self {
        Self { gateway, keyring }
    }
}

#[tonic::async_trait]
impl AdminService for Admin {
    async fn add_repository(
        &self,
        request: Request<AddRepositoryRequest>,
    ) -> Result<Response<AddRepositoryResponse>, Status> {
        administrator(&request)?;
        let wanted =
            request.into_inner().repository.ok_or_else(|| Refusal::invalid("repository", "must be given"))?;
        let repository = self.gateway.store().save_repository(&translate::repository_of(wanted)?).await?;
        self.gateway.refresh_directory().await?;
        let repository = Some(translate::repository(&repository));
        Ok(Response::new(AddRepositoryResponse { repository }))
    }

    async fn list_repositories(
        &self,
        request: Request<ListRepositoriesRequest>,
    ) -> Result<Response<ListRepositoriesResponse>, Status> {
        let all = self.gateway.store().repositories().await?.iter().map(translate::repository).collect();
        let token = request.into_inner().page_token;
        let (repositories, next_page_token) = page_by_name("repositories", &token, all, |r| &r.name)?;
        Ok(Response::new(ListRepositoriesResponse { repositories, next_page_token }))
    }

    async fn create_credential(
        &self,
        request: Request<CreateCredentialRequest>,
    ) -> Result<Response<CreateCredentialResponse>, Status> {
        let administrator = administrator(&request)?;
        let now = Utc::now();
        let wanted = translate::wanted_credential(request.into_inner(), now)?;
        let issued = administration::create(self.gateway.store(), &self.keyring, wanted, now).await;
        let issued = issued.map_err(Refusal::from)?;
        self.gateway.refresh_directory().await?;
        let client_id = &issued.credential.client_id;
        tracing::info!(%client_id, by = %administrator.source, "credential created");
        Ok(Response::new(translate::created_credential(issued)))
    }

    async fn rotate_credential(
        &self,
        request: Request<RotateCredentialRequest>,
    ) -> Result<Response<RotateCredentialResponse>, Status> {
        let administrator = administrator(&request)?;
        let client_id = request.into_inner().client_id;
        without_nul("client_id", &client_id)?;
        let secrets = administration::rotate(self.gateway.store(), &self.keyring, &client_id).await;
        let secrets = secrets.map_err(Refusal::from)?;
        self.gateway.refresh_directory().await?;
        tracing::info!(%client_id, by = %administrator.source, "credential rotated");
        Ok(Response::new(translate::rotated_credential(&secrets)))
    }

    async fn list_credentials(
        &self,
        request: Request<ListCredentialsRequest>,
    ) -> Result<Response<ListCredentialsResponse>, Status> {
        administrator(&request)?;
        let all = self.gateway.store().credentials().await?.into_iter().map(translate::credential).collect();
        let token = request.into_inner().page_token;
        let (credentials, next_page_token) = page_by_name("credentials", &token, all, |c| &c.client_id)?;
        Ok(Response::new(ListCredentialsResponse { credentials, next_page_token }))
    }

    async fn revoke_credential(
        &self,
        request: Request<RevokeCredentialRequest>,
    ) -> Result<Response<RevokeCredentialResponse>, Status> {
        let administrator = administrator(&request)?;
        let client_id = request.into_inner().client_id;
        without_nul("client_id", &client_id)?;
        administration::revoke(self.gateway.store(), &client_id).await.map_err(Refusal::from)?;
        self.gateway.refresh_directory().await?;
        tracing::info!(%client_id, by = %administrator.source, "credential revoked");
        Ok(Response::new(RevokeCredentialResponse {}))
    }

    async fn set_tier_override(
        &self,
        request: Request<SetTierOverrideRequest>,
    ) -> Result<Response<SetTierOverrideResponse>, Status> {
        administrator(&request)?;
        let wanted = request
            .into_inner()
            .tier_override
            .ok_or_else(|| Refusal::invalid("tier_override", "must be given"))?;
        let signature = signature("tier_override.signature", &wanted.signature)?;
        if !(1..=3).contains(&wanted.tier) {
            return Err(Refusal::invalid(
                "tier_override.tier",
                format!("must be 1 to 3, is {}", wanted.tier),
            )
            .into());
        }
        self.gateway.store().set_tier(signature, wanted.tier).await?;
        self.gateway.refresh_directory().await?;
        Ok(Response::new(SetTierOverrideResponse {}))
    }

    async fn list_tier_overrides(
        &self,
        request: Request<ListTierOverridesRequest>,
    ) -> Result<Response<ListTierOverridesResponse>, Status> {
        administrator(&request)?;
        let tier =
            |(signature, tier): (Signature, i32)| TierOverride { signature: signature.to_string(), tier };
        let all = self.gateway.store().tiers().await?.into_iter().map(tier).collect();
        let token = request.into_inner().page_token;
        let (tier_overrides, next_page_token) = page_by_name("tiers", &token, all, |t| &t.signature)?;
        Ok(Response::new(ListTierOverridesResponse { tier_overrides, next_page_token }))
    }

    async fn clear_tier_override(
        &self,
        request: Request<ClearTierOverrideRequest>,
    ) -> Result<Response<ClearTierOverrideResponse>, Status> {
        administrator(&request)?;
        let signature = signature("signature", &request.into_inner().signature)?;
        if !self.gateway.store().clear_tier(signature).await? {
            return Err(Refusal::NotFound(format!("the signature {signature} has no tier override")).into());
        }
        self.gateway.refresh_directory().await?;
        Ok(Response::new(ClearTierOverrideResponse {}))
    }

    async fn add_exchange(
        &self,
        request: Request<AddExchangeRequest>,
    ) -> Result<Response<AddExchangeResponse>, Status> {
        let administrator = administrator(&request)?;
        Ok(Response::new(self.register_exchange(&administrator, request.into_inner()).await?))
    }

    async fn list_exchanges(
        &self,
        _: Request<ListExchangesRequest>,
    ) -> Result<Response<ListExchangesResponse>, Status> {
        Ok(Response::new(self.registered_exchanges().await?))
    }

    async fn remove_exchange(
        &self,
        request: Request<RemoveExchangeRequest>,
    ) -> Result<Response<RemoveExchangeResponse>, Status> {
        let administrator = administrator(&request)?;
        Ok(Response::new(self.unregister_exchange(&administrator, request.into_inner()).await?))
    }

    async fn count_held_messages(
        &self,
        request: Request<CountHeldMessagesRequest>,
    ) -> Result<Response<CountHeldMessagesResponse>, Status> {
        Ok(Response::new(self.held_counts(request.into_inner()).await?))
    }

    async fn list_held_messages(
        &self,
        request: Request<ListHeldMessagesRequest>,
    ) -> Result<Response<ListHeldMessagesResponse>, Status> {
        Ok(Response::new(self.held_page(request.into_inner()).await?))
    }

    async fn get_held_message(
        &self,
        request: Request<GetHeldMessageRequest>,
    ) -> Result<Response<GetHeldMessageResponse>, Status> {
        let caller = caller(&request).cloned();
        Ok(Response::new(self.held_one(caller, request.into_inner()).await?))
    }

    async fn replay_held_messages(
        &self,
        request: Request<ReplayHeldMessagesRequest>,
    ) -> Result<Response<ReplayHeldMessagesResponse>, Status> {
        let principal = writer(&request)?;
        Ok(Response::new(self.replay(&principal, &request.into_inner().ids).await?))
    }

    async fn discard_held_messages(
        &self,
        request: Request<DiscardHeldMessagesRequest>,
    ) -> Result<Response<DiscardHeldMessagesResponse>, Status> {
        let principal = writer(&request)?;
        Ok(Response::new(self.discard(&principal, &request.into_inner().ids).await?))
    }

    async fn list_work(
        &self,
        request: Request<ListWorkRequest>,
    ) -> Result<Response<ListWorkResponse>, Status> {
        administrator(&request)?;
        Ok(Response::new(self.work(&request.into_inner()).await?))
    }

    async fn retry_work(
        &self,
        request: Request<RetryWorkRequest>,
    ) -> Result<Response<RetryWorkResponse>, Status> {
        let administrator = administrator(&request)?;
        Ok(Response::new(self.retry(&administrator, &request.into_inner()).await?))
    }
}

fn signature(field: &'static str, text: &str) -> Result<Signature, Refusal> {
    Signature::parse(text).ok_or_else(|| Refusal::invalid(field, "must be 40 lower-case hexadecimal digits"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_lower_case_hexadecimal() {
        assert!(signature("signature", &"a".repeat(40)).is_ok());
        for text in ["", "abc", &"A".repeat(40), &"g".repeat(40)] {
            assert!(signature("signature", text).is_err(), "{text:?}");
        }
    }
}
