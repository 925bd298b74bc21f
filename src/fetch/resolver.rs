//! Resolves names for the HTTP client and gives it permitted addresses only, so that what was checked is
//! what is connected to.

use super::address::{NotAllowed, Permissions};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// Resolves as the system does, then checks.
pub(super) struct GuardedResolver {
    permissions: Arc<Permissions>,
}

impl GuardedResolver {
    pub(super) fn new(permissions: Arc<Permissions>) -> Self {
        Self { permissions }
    }
}

/// A name has no permitted address; found again in the client's chain of errors.
#[derive(Debug, thiserror::Error)]
#[error("{host} has the address {address}, {why}")]
pub(super) struct NotPermitted {
    pub(super) host: String,
    pub(super) address: IpAddr,
    pub(super) why: NotAllowed,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let permissions = self.permissions.clone();
        Box::pin(async move {
            let host = name.as_str();
            // The client puts the port of the URL in place of 0.
            let found: Vec<SocketAddr> = tokio::net::lookup_host((host, 0)).await?.collect();
            let mut permitted = Vec::new();
            let mut refused = None;
            for found in found {
                match permissions.check(host, found.ip()) {
                    Ok(()) => permitted.push(found),
                    Err(why) => {
                        refused.get_or_insert(NotPermitted { host: host.into(), address: found.ip(), why });
                    }
                }
            }
            match refused {
                Some(refused) if permitted.is_empty() => Err(refused.into()),
                _ => Ok(Box::new(permitted.into_iter()) as Addrs),
            }
        })
    }
}
