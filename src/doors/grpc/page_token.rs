//! Page tokens of the list calls: opaque, and good only for the list and filter they came from.

use super::status::Refusal;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// First byte of this layout: version, digest of list and filter 8, key 16.
const VERSION: u8 = 1;

/// The last row of a page: numbers that the list is ordered by.
pub type PageKey = (i64, i64);

/// A list under a filter, whose pages belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listing([u8; 8]);

impl Listing {
    /// `list` names the call, `filter` everything that selects rows.
    pub fn new(list: &str, filter: &impl std::fmt::Debug) -> Self {
        let hash: [u8; 32] = Sha256::digest(format!("{list}\0{filter:?}").as_bytes()).into();
        let mut digest = [0; 8];
        digest.copy_from_slice(&hash[..8]);
        Self(digest)
    }

    /// The token for what follows a row.
    pub fn token(self, (first, second): PageKey) -> String {
        let mut bytes = vec![VERSION];
        bytes.extend(self.0);
        bytes.extend(first.to_be_bytes());
        bytes.extend(second.to_be_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The row that a token stands for; `None` for the first page.
    ///
    /// # Errors
    /// If the token is not one of this listing.
    pub fn read(self, token: &str) -> Result<Option<PageKey>, Refusal> {
        if token.is_empty() {
            return Ok(None);
        }
        let refused =
            || Refusal::invalid("page_token", "must come from a previous page of the same list and filter");
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| refused())?;
        let [VERSION, fields @ ..] = &bytes[..] else { return Err(refused()) };
        let (fields, []) = fields.as_chunks::<8>() else { return Err(refused()) };
        let &[listing, first, second] = fields else { return Err(refused()) };
        if listing != self.0 {
            return Err(refused());
        }
        Ok(Some((i64::from_be_bytes(first), i64::from_be_bytes(second))))
    }
}

/// The page size asked for: 0 stands for the default.
///
/// # Errors
/// If it is negative or over the limit.
pub fn page_size(asked: i32, default: u64, limit: u64) -> Result<u64, Refusal> {
    match u64::try_from(asked) {
        Ok(0) => Ok(default),
        Ok(size) if size <= limit => Ok(size),
        _ => Err(Refusal::invalid("page_size", format!("must be 1 to {limit}, is {asked}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_leads_to_the_row_it_was_made_for() {
        let jobs = Listing::new("jobs", &("try", 3));
        assert_eq!(jobs.read(&jobs.token((5, -7))), Ok(Some((5, -7))));
        assert_eq!(jobs.read(""), Ok(None));
    }

    #[test]
    fn a_token_of_another_list_or_filter_is_refused() {
        let token = Listing::new("jobs", &("try", 3)).token((5, 0));
        for other in [Listing::new("jobs", &("try", 4)), Listing::new("pushes", &("try", 3))] {
            assert!(matches!(other.read(&token), Err(Refusal::Invalid { field: "page_token", .. })));
        }
    }

    #[test]
    fn what_is_no_token_is_refused() {
        let jobs = Listing::new("jobs", &"try");
        let good = jobs.token((5, 0));
        for token in ["x", "é", "AAAA", &good[..12], &format!("{good}AAAA")] {
            assert!(jobs.read(token).is_err(), "{token:?}");
        }
    }

    #[test]
    fn page_sizes() {
        for (asked, expected) in [(0, Some(10)), (1, Some(1)), (50, Some(50)), (51, None), (-1, None)] {
            assert_eq!(page_size(asked, 10, 50).ok(), expected, "{asked}");
        }
    }
}
