//! Exchanges and counts of held messages, on either side.

use super::{Administration, OnDatabase, OnServer};
use crate::cli::failure::Failure;
use crate::doors::grpc::translate;
use crate::proto;
use crate::store::{RegistrationConflict, Removal};

impl Administration {
    /// Registers an exchange, or changes the registration of its name.
    pub async fn add_exchange(&mut self, new: proto::Exchange) -> Result<proto::Exchange, Failure> {
        either!(self.add_exchange(new))
    }

    /// All registered exchanges, by name; a running gateway also says how its consumers do.
    pub async fn exchanges(&mut self) -> Result<Vec<proto::Exchange>, Failure> {
        either!(self.exchanges())
    }

    /// Removes a registration; true if its queue is to be drained first.
    pub async fn remove_exchange(&mut self, name: &str, force: bool) -> Result<bool, Failure> {
        either!(self.remove_exchange(name, force))
    }

    /// Counts held messages by source, state and reason.
    pub async fn held_counts(
        &mut self,
        which: proto::CountHeldMessagesRequest,
    ) -> Result<Vec<proto::HeldCount>, Failure> {
        either!(self.held_counts(which))
    }
}

impl OnDatabase {
    async fn add_exchange(&mut self, new: proto::Exchange) -> Result<proto::Exchange, Failure> {
        let registration =
            translate::registration_of(new).map_err(|refusal| Failure::Refused(refusal.to_string()))?;
        self.store.save_registration(&registration).await.map_err(conflict)?;
        Ok(translate::exchange(&registration, None))
    }

    async fn exchanges(&mut self) -> Result<Vec<proto::Exchange>, Failure> {
        let registrations = self.store.registrations().await?;
        Ok(registrations.iter().map(|registration| translate::exchange(registration, None)).collect())
    }

    async fn remove_exchange(&mut self, name: &str, force: bool) -> Result<bool, Failure> {
        match self.store.remove_registration(name, force).await.map_err(conflict)? {
            Removal::Unknown => Err(Failure::Refused(format!("no exchange is registered as {name:?}"))),
            removal => Ok(removal == Removal::Draining),
        }
    }

    async fn held_counts(
        &mut self,
        which: proto::CountHeldMessagesRequest,
    ) -> Result<Vec<proto::HeldCount>, Failure> {
        let filter = translate::held_filter(&translate::listing_of(which))
            .map_err(|refusal| Failure::Refused(refusal.to_string()))?;
        Ok(self.store.held_counts(&filter).await?.into_iter().map(translate::held_count).collect())
    }
}

impl OnServer {
    async fn add_exchange(&mut self, new: proto::Exchange) -> Result<proto::Exchange, Failure> {
        let request = proto::AddExchangeRequest { exchange: Some(new) };
        Ok(self.admin.add_exchange(request).await?.into_inner().exchange.unwrap_or_default())
    }

    async fn exchanges(&mut self) -> Result<Vec<proto::Exchange>, Failure> {
        Ok(self.admin.list_exchanges(proto::ListExchangesRequest {}).await?.into_inner().exchanges)
    }

    async fn remove_exchange(&mut self, name: &str, force: bool) -> Result<bool, Failure> {
        let request = proto::RemoveExchangeRequest { name: name.into(), force };
        Ok(self.admin.remove_exchange(request).await?.into_inner().draining)
    }

    async fn held_counts(
        &mut self,
        which: proto::CountHeldMessagesRequest,
    ) -> Result<Vec<proto::HeldCount>, Failure> {
        Ok(self.admin.count_held_messages(which).await?.into_inner().counts)
    }
}

fn conflict(conflict: RegistrationConflict) -> Failure {
    match conflict {
        RegistrationConflict::Store(error) => Failure::Store(error),
        other => Failure::Refused(other.to_string()),
    }
}
