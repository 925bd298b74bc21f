//! The body of a request: a JSON array, split into raw items before anything is parsed (design rule R28).

use super::super::findings;
use super::super::items::{self, Ending, RawArray};
use super::super::{Decoded, decode};
use crate::domain::{RawFormat, Violation};
use crate::limits;
use bytes::Bytes;
use serde::de::IgnoredAny;

/// Why a body is no collection at all; nothing of it can be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CollectionError {
    /// No JSON, or JSON that ends too early or too late. The text starts as it always did.
    #[error("JSON parse error - {0}")]
    NotJson(String),
    /// JSON of another kind.
    #[error("the body is {found}, a list of items is expected; put even a single item in a list")]
    NotAList {
        /// What it is instead.
        found: &'static str,
    },
    /// More items than [`limits::COLLECTION_ITEMS`].
    #[error("the list has more than {limit} items; send it in parts of at most {limit}")]
    TooManyItems {
        /// Most items allowed.
        limit: usize,
    },
}

/// The raw items of a body. Nothing, `null` and any other empty value are an empty collection (ingest
/// contract 4.2). What is wrong inside one item is left to that item; the items need not be JSON.
///
/// # Errors
/// If the body as a whole is no list, is not closed, goes on after its end or has too many items.
pub fn split_collection(body: &Bytes) -> Result<Vec<Bytes>, CollectionError> {
    let text = items::body(body);
    match text.first() {
        None => Ok(Vec::new()),
        Some(b'[') => {
            let RawArray { elements, ending } = items::raw_array(&text, limits::COLLECTION_ITEMS);
            match ending {
                Ending::Closed(rest) if rest.is_empty() => Ok(elements),
                Ending::Closed(rest) => {
                    let position = text.len() - rest.len();
                    Err(CollectionError::NotJson(format!("the list is closed before byte {position}")))
                }
                Ending::Open => Err(CollectionError::NotJson("the list is not closed".into())),
                Ending::TooMany => Err(CollectionError::TooManyItems { limit: limits::COLLECTION_ITEMS }),
            }
        }
        Some(&first) => match serde_json::from_slice::<IgnoredAny>(&text) {
            Err(error) => Err(CollectionError::NotJson(error.to_string())),
            Ok(IgnoredAny) if is_empty(&text) => Ok(Vec::new()),
            Ok(IgnoredAny) => Err(CollectionError::NotAList { found: kind(first) }),
        },
    }
}

/// Splits a body and decodes its items, each alone and in their order, with the raw bytes of each.
/// `format` is that of job or artifact items. Never panics, whatever the bytes are.
///
/// # Errors
/// As [`split_collection`].
pub fn decode_collection(
    format: RawFormat,
    body: &Bytes,
    project: &str,
) -> Result<Vec<(Bytes, Decoded)>, CollectionError> {
    let items = split_collection(body)?.into_iter();
    Ok(items.map(|raw| (raw.clone(), decode(format, &raw, Some(project)))).collect())
}

/// Moves a violation or warning of an item to where the item stands in its collection: its path starts
/// with the index (design section 3).
pub fn place_in_collection(violation: &mut Violation, index: usize) {
    findings::place(violation, "", &format!("/{index}"));
}

/// JSON that counts as nothing: `{}`, `null`, `false`, `""` and zero.
fn is_empty(json: &[u8]) -> bool {
    match json {
        [b'{', members @ .., b'}'] => members.trim_ascii().is_empty(),
        b"null" | b"false" | b"\"\"" => true,
        other => serde_json::from_slice::<f64>(other).is_ok_and(|number| number == 0.0),
    }
}

fn kind(first: u8) -> &'static str {
    match first {
        b'{' => "an object",
        b'"' => "a text",
        b't' => "a boolean",
        _ => "a number",
    }
}
