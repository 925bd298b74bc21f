//! Bug suggestions: what of an error line known bugs are searched for (logs contract 8).

mod helpful;
mod search;
mod term;

#[cfg(test)]
mod tests;

pub use helpful::is_helpful;
pub use search::{Search, SearchTerm};
