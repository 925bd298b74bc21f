//! Exchanges of `AdminService`. What is registered is as open to read as jobs are.

use super::admin::Admin;
use super::status::Refusal;
use super::translate;
use crate::access::Principal;
use crate::proto::{
    AddExchangeRequest, AddExchangeResponse, ListExchangesResponse, RemoveExchangeRequest,
    RemoveExchangeResponse,
};
use crate::store::Removal;

impl Admin {
    pub(super) async fn register_exchange(
        &self,
        by: &Principal,
        request: AddExchangeRequest,
    ) -> Result<AddExchangeResponse, Refusal> {
        let wanted = request.exchange.ok_or_else(|| Refusal::invalid("exchange", "must be given"))?;
        let registration = translate::registration_of(wanted)?;
        let store = self.gateway.store();
        let before = store.registration(&registration.name).await?;
        store.save_registration(&registration).await?;
        self.gateway.refresh_directory().await?;
        tracing::info!(registration = %registration.name, by = %by.source, "exchange registered");
        Ok(AddExchangeResponse {
            exchange: Some(translate::exchange(&registration, None)),
            replaced: before.map(|before| translate::exchange(&before, None)),
        })
    }

    pub(super) async fn registered_exchanges(&self) -> Result<ListExchangesResponse, Refusal> {
        let consumers = self.gateway.consumers();
        let registrations = self.gateway.store().registrations().await?;
        let shown = registrations.iter().map(|one| translate::exchange(one, consumers.status(&one.name)));
        Ok(ListExchangesResponse { exchanges: shown.collect() })
    }

    pub(super) async fn unregister_exchange(
        &self,
        by: &Principal,
        request: RemoveExchangeRequest,
    ) -> Result<RemoveExchangeResponse, Refusal> {
        let RemoveExchangeRequest { name, force } = request;
        super::arguments::without_nul("name", &name)?;
        let removal = self.gateway.store().remove_registration(&name, force).await?;
        if removal == Removal::Unknown {
            return Err(Refusal::NotFound(format!("no exchange is registered as {name:?}")));
        }
        self.gateway.refresh_directory().await?;
        tracing::info!(registration = %name, by = %by.source, "exchange removed");
        Ok(RemoveExchangeResponse { draining: removal == Removal::Draining })
    }
}
