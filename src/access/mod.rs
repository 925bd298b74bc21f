//! Who may write what. One check for every door, made by the core.

pub mod administration;
mod credential;
mod credentials;
pub mod hawk;
mod keyring;
mod last_use;
mod nonces;
mod principal;
mod token;

pub use credential::{InvalidCredential, IssuedSecrets, RESERVED, WantedCredential, check_client_id};
pub use credentials::{Credentials, Unauthenticated, principal_of};
pub use hawk::HawkSecret;
pub use keyring::{InvalidKeys, Keyring, SealedSecret, Unsealable};
pub use last_use::LastUses;
pub use nonces::NonceMemory;
pub use principal::{Principal, ProjectGlob, Rights};
pub use token::{BearerToken, MalformedAuthorization, bearer_of, token_hash};
