//! Who may write what. One check for every door, made by the core.

mod principal;
pub mod token;

pub use principal::{Principal, ProjectGlob, Rights};
