//! Bug suggestions: what of an error line known bugs are searched for (logs contract 8).

mod fold;
mod helpful;
mod ranking;
mod search;
mod sighting;
mod suggestion;
mod term;

#[cfg(test)]
mod tests;

pub use fold::folded;
pub use helpful::is_helpful;
pub use ranking::{BugLists, MOST_BUGS, open_since};
pub use search::{Search, SearchTerm};
pub use sighting::{DAYS_SEEN, Sighting, Sightings, sighted};
pub use suggestion::{SearchText, Suggestion, search_texts};
