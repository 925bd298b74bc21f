//! `AdminService`: repositories, credentials and tiers; held messages are next door.

use super::arguments::without_nul;
use super::authentication::{administrator, caller, writer};
use super::servers::admin_service_server::AdminService;
use super::status::Refusal;
use super::translate;
use crate::access::{BearerToken, ProjectGlob};
use crate::core::Gateway;
use crate::domain::Signature;
use crate::limits;
use crate::proto::{
    AddExchangeRequest, AddExchangeResponse, AddRepositoryRequest, AddRepositoryResponse,
    ClearTierOverrideRequest, ClearTierOverrideResponse, CountHeldMessagesRequest, CountHeldMessagesResponse,
    CreateCredentialRequest, CreateCredentialResponse, DiscardHeldMessagesRequest,
    DiscardHeldMessagesResponse, GetHeldMessageRequest, GetHeldMessageResponse, ListCredentialsRequest,
    ListCredentialsResponse, ListExchangesRequest, ListExchangesResponse, ListHeldMessagesRequest,
    ListHeldMessagesResponse, ListRepositoriesRequest, ListRepositoriesResponse, ListTierOverridesRequest,
    ListTierOverridesResponse, RemoveExchangeRequest, RemoveExchangeResponse, ReplayHeldMessagesRequest,
    ReplayHeldMessagesResponse, RevokeCredentialRequest, RevokeCredentialResponse, SetTierOverrideRequest,
    SetTierOverrideResponse, TierOverride,
};
use crate::store::model::StoredCredential;
use chrono::{DateTime, Utc};
use tonic::{Request, Response, Status};

/// Runs the gateway.
#[derive(Debug)]
pub struct Admin {
    pub(super) gateway: Gateway,
}

impl Admin {
    /// Administers this gateway.
    pub fn new(gateway: Gateway) -> Self {
        Self { gateway }
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
        _: Request<ListRepositoriesRequest>,
    ) -> Result<Response<ListRepositoriesResponse>, Status> {
        let mut repositories: Vec<_> =
            self.gateway.store().repositories().await?.iter().map(translate::repository).collect();
        repositories.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(Response::new(ListRepositoriesResponse { repositories }))
    }

    async fn create_credential(
        &self,
        request: Request<CreateCredentialRequest>,
    ) -> Result<Response<CreateCredentialResponse>, Status> {
        let administrator = administrator(&request)?;
        let (credential, token) = new_credential(request.into_inner(), Utc::now())?;
        if !self.gateway.store().create_credential(&credential).await? {
            let taken = format!("the client id {:?} is taken", credential.client_id);
            return Err(Refusal::AlreadyExists(taken).into());
        }
        self.gateway.refresh_directory().await?;
        tracing::info!(client_id = %credential.client_id, by = %administrator.source, "credential created");
        Ok(Response::new(CreateCredentialResponse {
            credential: Some(translate::credential(credential)),
            token: token.reveal().into(),
        }))
    }

    async fn list_credentials(
        &self,
        request: Request<ListCredentialsRequest>,
    ) -> Result<Response<ListCredentialsResponse>, Status> {
        administrator(&request)?;
        let mut credentials: Vec<_> =
            self.gateway.store().credentials().await?.into_iter().map(translate::credential).collect();
        credentials.sort_by(|one, other| one.client_id.cmp(&other.client_id));
        Ok(Response::new(ListCredentialsResponse { credentials }))
    }

    async fn revoke_credential(
        &self,
        request: Request<RevokeCredentialRequest>,
    ) -> Result<Response<RevokeCredentialResponse>, Status> {
        let administrator = administrator(&request)?;
        let client_id = request.into_inner().client_id;
        without_nul("client_id", &client_id)?;
        if !self.gateway.store().revoke_credential(&client_id).await? {
            let absent = format!("no working credential has the client id {client_id:?}");
            return Err(Refusal::NotFound(absent).into());
        }
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
        let mut tiers = self.gateway.store().tiers().await?;
        tiers.sort();
        let tier_overrides = tiers
            .into_iter()
            .map(|(signature, tier)| TierOverride { signature: signature.to_string(), tier })
            .collect();
        Ok(Response::new(ListTierOverridesResponse { tier_overrides }))
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
        Ok(Response::new(self.held_one(caller, request.into_inner().id).await?))
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
}

fn signature(field: &'static str, text: &str) -> Result<Signature, Refusal> {
    Signature::parse(text).ok_or_else(|| Refusal::invalid(field, "must be 40 lower-case hexadecimal digits"))
}

/// The credential that an administrator wants, with a new token. Without projects it may write
/// nothing (R25).
fn new_credential(
    wanted: CreateCredentialRequest,
    now: DateTime<Utc>,
) -> Result<(StoredCredential, BearerToken), Refusal> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !(1..=limits::CLIENT_ID).contains(&wanted.client_id.len()) || !wanted.client_id.chars().all(allowed) {
        let rule = format!("must be 1 to {} of A-Z a-z 0-9 _ -", limits::CLIENT_ID);
        return Err(Refusal::invalid("client_id", rule));
    }
    if wanted.projects.len() > limits::BATCH_ITEMS {
        return Err(Refusal::too_many("projects", wanted.projects.len()));
    }
    for glob in &wanted.projects {
        ProjectGlob::try_new(glob).map_err(|error| Refusal::invalid("projects", error.to_string()))?;
    }
    let expires_at =
        match &wanted.expires_at {
            Some(time) => Some(translate::time_of(time).filter(|time| *time > now).ok_or_else(|| {
                Refusal::invalid("expires_at", "must be a time to come, before year 10000")
            })?),
            None => None,
        };
    let token = BearerToken::generate();
    let credential = StoredCredential {
        client_id: wanted.client_id,
        projects: wanted.projects,
        admin: wanted.admin,
        token_hash: token.hash(),
        created_at: now,
        expires_at,
        revoked_at: None,
    };
    Ok((credential, token))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        "2026-01-10T00:00:00Z".parse().unwrap()
    }

    fn wanted() -> CreateCredentialRequest {
        CreateCredentialRequest { client_id: "ci".into(), projects: vec!["try".into()], ..Default::default() }
    }

    #[test]
    fn a_new_credential_stores_its_tokens_hash() {
        let (credential, token) = new_credential(wanted(), now()).unwrap();
        assert_eq!(credential.token_hash, token.hash());
        assert_eq!((credential.admin, credential.expires_at, credential.created_at), (false, None, now()));
    }

    #[test]
    fn a_credential_names_the_field_that_is_wrong() {
        let expiring = |time| Some(translate::timestamp(time));
        for (field, request) in [
            ("client_id", CreateCredentialRequest { client_id: String::new(), ..wanted() }),
            ("client_id", CreateCredentialRequest { client_id: "a".repeat(33), ..wanted() }),
            ("client_id", CreateCredentialRequest { client_id: "a b".into(), ..wanted() }),
            ("projects", CreateCredentialRequest { projects: vec!["a/b".into()], ..wanted() }),
            ("expires_at", CreateCredentialRequest { expires_at: expiring(now()), ..wanted() }),
        ] {
            match new_credential(request, now()) {
                Err(Refusal::Invalid { field: named, .. }) => assert_eq!(named, field),
                other => panic!("{field}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_signature_is_lower_case_hexadecimal() {
        assert!(signature("signature", &"a".repeat(40)).is_ok());
        for text in ["", "abc", &"A".repeat(40), &"g".repeat(40)] {
            assert!(signature("signature", text).is_err(), "{text:?}");
        }
    }
}
