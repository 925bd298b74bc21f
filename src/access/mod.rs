//! Who may write what. One check for every door, made by the core.

mod principal;
mod token;

pub use principal::{Principal, ProjectGlob, Rights};
pub use token::BearerToken;
