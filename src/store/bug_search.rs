//! Finding bugs by a part of their summary, for several terms in one statement (logs contract 8.5).
//!
//! PostgreSQL has an index of trigrams for `LIKE`, asked for as much of a term as is rare (`bug_probes`), SQLite
//! one for phrases of any characters. Both find the rows whose folded summary contains the folded term, whatever
//! characters that has.

use super::batch::Row;
use super::json_rows::DialectStatement;
use super::time::{from_micros, to_micros};
use super::{Backend, Store, StoreError};
use crate::domain::Bug;
use crate::logs::Profile;
use crate::suggestions::{MOST_BUGS, folded, open_since};
use chrono::{DateTime, Utc};
use serde_json::json;

/// By the rules of 2026 the best are chosen from at most so many: the shortest summaries, since of those
/// that contain the term they are the most similar to it.
const CANDIDATES_OF_2026: usize = 4 * MOST_BUGS;

/// Characters of a term that anything is found for: the indexes know no shorter parts.
const LEAST_CHARACTERS: usize = 3;

/// What bugs are searched for.
#[derive(Debug, Clone, Copy)]
pub struct BugQuery<'a> {
    /// Parts of summaries, each of at least three characters; not trimmed, and matched literally but for
    /// case and accents.
    pub terms: &'a [&'a str],
    /// Whose rules say where a term may stand in a summary, and which matches are kept if there are many.
    pub profile: Profile,
    /// Tells which bugs are recent.
    pub now: DateTime<Utc>,
}

impl Store {
    /// The bugs that match each of the terms, in the order of the terms. By the rules of 2018 they come in
    /// the order in which they are shown.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn search_bugs(&self, query: BugQuery<'_>) -> Result<Vec<Vec<Bug>>, StoreError> {
        let mut found = vec![Vec::new(); query.terms.len()];
        if query.terms.is_empty() {
            return Ok(found);
        }
        let words = match self.backend() {
            Backend::Sqlite { .. } => None,
            Backend::Postgres { .. } => Some(self.sampled_words.of(self).await?),
        };
        let pattern = |term: &str| words.as_ref().map_or_else(|| phrase(term), |words| words.probe(term));
        let terms: Vec<_> = query
            .terms
            .iter()
            .map(|term| folded(term))
            .enumerate()
            // Of a term of accents alone nothing is left, which every bug contains.
            .filter(|(_, term)| term.chars().count() >= LEAST_CHARACTERS)
            .map(|(place, term)| json!({"place": place, "pattern": pattern(&term), "term": term}))
            .collect();
        let since = to_micros(open_since(query.profile, query.now).max(DateTime::UNIX_EPOCH));
        for row in self.matching_bugs(query.profile, &json!(terms).to_string(), since).await? {
            let place = usize::try_from(row.int(0)?).ok().and_then(|place| found.get_mut(place));
            place
                .ok_or_else(|| StoreError::Internal("a bug was found for no term".into()))?
                .push(bug_of(&row)?);
        }
        Ok(found)
    }

    async fn matching_bugs(&self, profile: Profile, terms: &str, since: i64) -> Result<Vec<Row>, StoreError> {
        let statement = DialectStatement {
            postgres: || statement(profile, &POSTGRES),
            sqlite: || statement(profile, &SQLITE),
        };
        self.read_rows(statement, terms, &[since]).await
    }
}

/// How a database says it.
pub(super) struct Dialect {
    /// Terms `t` and the bugs `b` that contain them.
    from: &'static str,
    /// The function that tells where a text contains another.
    position: &'static str,
    /// From the ids in `ranked` to their `bugs`.
    look_up: &'static str,
}

pub(super) const POSTGRES: Dialect = Dialect {
    from: "jsonb_to_recordset($1::jsonb) AS t(place int, term text, pattern text) \
           JOIN bugs b ON b.folded LIKE t.pattern AND strpos(b.folded, t.term) > 0",
    position: "strpos",
    // One by one: the planner, which cannot know how few there are, would read the whole list.
    look_up: "CROSS JOIN LATERAL (SELECT * FROM bugs WHERE bugs.id = ranked.id LIMIT 1) AS bugs",
};
const SQLITE: Dialect = Dialect {
    from: "(SELECT value ->> 'place' AS place, value ->> 'term' AS term, value ->> 'pattern' AS pattern \
           FROM json_each($1)) AS t \
           CROSS JOIN bugs_folded_trigrams f ON f.folded MATCH t.pattern CROSS JOIN bugs b ON b.id = f.rowid",
    position: "instr",
    look_up: "JOIN bugs ON bugs.id = ranked.id",
};

pub(super) fn statement(profile: Profile, dialect: &Dialect) -> String {
    let Dialect { from, position, look_up } = dialect;
    let is_recent = "b.resolution = '' AND b.modified >= $2";
    let (condition, list, order, most) = match profile {
        // The more often a summary has the term, the more relevant it is; most have it once.
        Profile::Of2018 => (
            "true".to_owned(),
            is_recent,
            "(length(b.folded) - length(replace(b.folded, t.term, ''))) / length(t.term) DESC",
            MOST_BUGS,
        ),
        // The term begins the summary or a part of a path in it.
        Profile::Of2026 => (
            [("' ' || b.folded", "' '"), ("b.folded", "'/'"), ("b.folded", r"'\'"), ("b.folded", "','")]
                .map(|(text, before)| format!("{position}({text}, {before} || t.term) > 0"))
                .join(" OR "),
            "$2 IS NULL",
            "length(b.folded)",
            CANDIDATES_OF_2026,
        ),
    };
    // Only numbers are ranked: a word that is in thousands of bugs drags none of their texts along.
    format!(
        "SELECT ranked.place, bugs.id, status, resolution, summary, crash_signature, keywords, os, modified, \
         whiteboard, dupe_of FROM (SELECT t.place, b.id, ROW_NUMBER() OVER (PARTITION BY t.place, ({list}) \
         ORDER BY {order}, b.id) AS place_in_list FROM {from} WHERE {condition}) AS ranked \
         {look_up} \
         WHERE place_in_list <= {most} ORDER BY ranked.place, place_in_list, bugs.id"
    )
}

/// A phrase of FTS5, in which only quotation marks mean anything.
fn phrase(term: &str) -> String {
    format!("\"{}\"", term.replace('"', "\"\""))
}

/// From the columns after the first.
fn bug_of(row: &Row) -> Result<Bug, StoreError> {
    Ok(Bug {
        id: row.bigint(1)?,
        status: row.text(2)?,
        resolution: row.text(3)?,
        summary: row.text(4)?,
        crash_signature: row.text(5)?,
        keywords: row.text(6)?,
        os: row.text(7)?,
        modified: from_micros(row.bigint(8)?),
        whiteboard: row.text(9)?,
        dupe_of: row.optional_bigint(10)?,
    })
}
