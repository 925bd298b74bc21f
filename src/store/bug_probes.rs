//! What PostgreSQL's index of trigrams is asked for in place of a whole term.
//!
//! The index looks for every trigram of a pattern, and a common one takes longer than a rare one. So it is
//! asked for the rarest words of a term alone, as a sample of the list tells them; whether a summary contains
//! the whole term is seen in the few that are found. Results are the same whatever the sample says.

use super::{Store, StoreError};
use crate::limits;
use sea_orm::{ConnectionTrait, Statement};
use std::cmp::Reverse;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::Mutex;

/// Words are enough once they are all in so few of all summaries, as it seems.
const RARE_ENOUGH: f64 = 1e-4;
/// The index knows nothing shorter.
const SHORTEST_WORD: usize = 3;

/// The words of some bugs, taken anew every now and then.
#[derive(Debug, Default)]
pub(super) struct SampledWords(Mutex<Option<(Instant, Arc<WordCounts>)>>);

impl SampledWords {
    /// Of the newest bugs, as they were at most [`limits::BUG_SAMPLE_AGE`] ago.
    pub(super) async fn of(&self, store: &Store) -> Result<Arc<WordCounts>, StoreError> {
        let mut sampled = self.0.lock().await;
        if let Some((at, counts)) = &*sampled
            && at.elapsed() < limits::BUG_SAMPLE_AGE
        {
            return Ok(counts.clone());
        }
        let connection = store.read_connection();
        let sql = format!("SELECT folded FROM bugs ORDER BY id DESC LIMIT {}", limits::BUG_SAMPLE);
        let statement = Statement::from_string(connection.get_database_backend(), sql);
        let mut counts = WordCounts::default();
        for row in connection.query_all_raw(statement).await? {
            counts.add(&row.try_get_by_index::<String>(0)?);
        }
        let counts = Arc::new(counts);
        *sampled = Some((Instant::now(), counts.clone()));
        Ok(counts)
    }
}

/// How often words are in a sample of folded summaries.
#[derive(Debug, Default)]
pub(super) struct WordCounts {
    summaries: usize,
    counts: HashMap<Box<str>, usize>,
}

impl WordCounts {
    fn add(&mut self, summary: &str) {
        self.summaries += 1;
        for word in words(summary) {
            *self.counts.entry(summary[word].into()).or_default() += 1;
        }
    }

    /// A pattern for `LIKE` that fits whatever contains the folded term, and little else.
    pub(super) fn probe(&self, term: &str) -> String {
        self.rarest(term).map_or_else(|| containing(&[term]), |pieces| containing(&pieces))
    }

    /// The rarest words of a term, in its order and with the characters around them; `None` if they are not
    /// rare enough.
    fn rarest<'a>(&self, term: &'a str) -> Option<Vec<&'a str>> {
        // What stands at an end of the term may be but a part of a word.
        let mut inner: Vec<(usize, Range<usize>)> = words(term)
            .filter(|word| word.start > 0 && word.end < term.len())
            .filter(|word| term[word.clone()].chars().count() >= SHORTEST_WORD)
            .map(|word| (self.counts.get(&term[word.clone()]).copied().unwrap_or_default(), word))
            .collect();
        inner.sort_by_key(|(count, word)| (*count, Reverse(word.len()), word.start));
        let mut likelihood = 1.0;
        let mut chosen = Vec::new();
        for (count, word) in inner {
            if likelihood <= RARE_ENOUGH {
                break;
            }
            likelihood *= share(count + 1, self.summaries + 1);
            chosen.push(with_neighbours(term, word));
        }
        if likelihood > RARE_ENOUGH {
            return None;
        }
        chosen.sort_by_key(|piece| piece.start);
        // Two pieces may share the character between them, a pattern's parts must not.
        let mut apart: Vec<Range<usize>> = Vec::with_capacity(chosen.len());
        for piece in chosen {
            match apart.last_mut() {
                Some(last) if piece.start < last.end => last.end = last.end.max(piece.end),
                _ => apart.push(piece),
            }
        }
        Some(apart.into_iter().map(|piece| &term[piece]).collect())
    }
}

#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn share(part: usize, whole: usize) -> f64 {
    (part as f64 / whole as f64).min(1.0)
}

/// Where the words of a text are.
fn words(text: &str) -> impl Iterator<Item = Range<usize>> {
    let parts = |character: char| !character.is_alphanumeric();
    text.split_inclusive(parts)
        .scan(0, move |behind, piece| {
            let start = *behind;
            *behind += piece.len();
            Some(start..start + piece.trim_end_matches(parts).len())
        })
        .filter(|word| !word.is_empty())
}

fn with_neighbours(term: &str, word: Range<usize>) -> Range<usize> {
    let before = term[..word.start].chars().next_back().map_or(0, char::len_utf8);
    let after = term[word.end..].chars().next().map_or(0, char::len_utf8);
    word.start - before..word.end + after
}

/// A pattern for `LIKE`: these pieces, in this order.
fn containing(pieces: &[&str]) -> String {
    let mut pattern = String::from("%");
    for piece in pieces {
        for character in piece.chars() {
            if matches!(character, '%' | '_' | '\\') {
                pattern.push('\\');
            }
            pattern.push(character);
        }
        pattern.push('%');
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sampled(summaries: &[&str]) -> WordCounts {
        let mut counts = WordCounts::default();
        for summary in summaries {
            counts.add(summary);
        }
        counts
    }

    #[test]
    fn the_rarest_words_are_asked_for_and_common_ones_left_out() {
        let common = vec!["test_dial_needle.html | reads 7, expected 9"; 2000];
        let counts = sampled(&common);
        for (term, pattern) in [
            ("test_dial_gauge_12242.html | reads 7", r"%\_gauge\_12242.%"),
            ("a/paper_dial/12242.html | reads 7", r"%/paper\_%/12242.%"),
            ("a%paper%dial%12242%html", r"%\%paper\%%\%12242\%%"),
        ] {
            assert_eq!(counts.probe(term), pattern, "{term}");
        }
    }

    #[test]
    fn a_term_without_rare_words_is_asked_for_as_it_is() {
        let common = vec!["test_dial_needle.html | reads 7, expected 9"; 2000];
        for (counts, term, pattern) in [
            (sampled(&common), "test_dial_needle.html", r"%test\_dial\_needle.html%"),
            (sampled(&common), "gauge", "%gauge%"),
            (sampled(&common), "gauge paper", "%gauge paper%"),
            (sampled(&[]), "test_dial_gauge_12242.html", r"%test\_dial\_gauge\_12242.html%"),
        ] {
            assert_eq!(counts.probe(term), pattern, "{term}");
        }
    }

    proptest! {
        #[test]
        fn whatever_contains_a_term_fits_its_pattern(
            before in "[a-cé_%\\\\. /]{0,8}",
            term in "([a-cé]{1,6}[_%\\\\. /]{1,2}){2,6}[a-cé]{0,4}",
            after in "[a-cé_%\\\\. /]{0,8}",
            others in proptest::collection::vec("[a-cé_ ]{0,12}", 150),
        ) {
            let others: Vec<&str> = others.iter().map(String::as_str).collect();
            let summary = format!("{before}{term}{after}");
            let counts = sampled(&others);
            let pieces = counts.rarest(&term).unwrap_or_else(|| vec![&*term]);
            let mut rest = summary.as_str();
            for piece in pieces {
                let found = rest.find(piece);
                prop_assert!(found.is_some(), "{piece:?} of {term:?} is not in {rest:?}");
                rest = &rest[found.unwrap() + piece.len()..];
            }
        }
    }
}
