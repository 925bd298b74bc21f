//! Bug suggestions as messages.

use crate::domain::Bug;
use crate::proto::{BugSuggestion, SuggestedBug};
use crate::suggestions::Suggestion;

/// A suggestion; what is searched for is left out where there is nothing.
pub fn bug_suggestion(suggestion: Suggestion) -> BugSuggestion {
    BugSuggestion {
        search: suggestion.search,
        search_terms: suggestion.search_terms.into_iter().flatten().collect(),
        path_end: suggestion.path_end.unwrap_or_default(),
        line_number: suggestion.line_number.into(),
        counter: suggestion.counter,
        failure_new_in_rev: suggestion.failure_new_in_rev,
        open_recent: suggestion.bugs.open_recent.into_iter().map(bug).collect(),
        all_others: suggestion.bugs.all_others.into_iter().map(bug).collect(),
    }
}

fn bug(bug: Bug) -> SuggestedBug {
    SuggestedBug {
        id: bug.id,
        status: bug.status,
        resolution: bug.resolution,
        summary: bug.summary,
        crash_signature: bug.crash_signature,
        keywords: bug.keywords,
        os: bug.os,
        whiteboard: bug.whiteboard,
        dupe_of: bug.dupe_of.unwrap_or_default(),
    }
}
