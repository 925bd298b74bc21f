//! Page tokens of the list calls: opaque, and good only for the list and filter they came from.

use super::status::Refusal;
use crate::limits;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use prost::Message;
use sha2::{Digest, Sha256};

/// First byte of this layout: version, digest of list and filter 8, key 16.
const VERSION: u8 = 1;
/// First byte of the other one: version, digest of the list 8, key of any length.
const NAMED_VERSION: u8 = 2;

/// Most bytes that a field of a message takes beside its content.
pub const FIELD_OVERHEAD: usize = 6;

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

/// One page of a list that is read as a whole, in the order of the items' names: what follows the token,
/// as much as an answer takes, and the token of the next page.
///
/// # Errors
/// If the token is not one of this list.
pub fn page_by_name<M: Message>(
    list: &str,
    token: &str,
    mut items: Vec<M>,
    name: impl Fn(&M) -> &str,
) -> Result<(Vec<M>, String), Refusal> {
    let Listing(digest) = Listing::new(list, &());
    if !token.is_empty() {
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| refused())?;
        let after = bytes.strip_prefix(&[NAMED_VERSION]).and_then(|bytes| bytes.strip_prefix(&digest));
        let after = after.ok_or_else(refused)?;
        items.retain(|item| name(item).as_bytes() > after);
    }
    items.sort_by(|one, other| name(one).cmp(name(other)));
    let (page, cut) = fitting(items.into_iter());
    let next = match page.last() {
        Some(last) if cut => {
            URL_SAFE_NO_PAD.encode([&[NAMED_VERSION][..], &digest, name(last).as_bytes()].concat())
        }
        _ => String::new(),
    };
    Ok((page, next))
}

fn refused() -> Refusal {
    Refusal::invalid("page_token", "must come from a previous page of the same list and filter")
}

/// As many items as a reader of messages of 4 MiB takes, at least one, and whether some were left out.
pub fn fitting<M: Message>(items: impl Iterator<Item = M>) -> (Vec<M>, bool) {
    let mut page: Vec<M> = Vec::new();
    let mut bytes = 0;
    for item in items {
        bytes += item.encoded_len() + FIELD_OVERHEAD;
        if bytes > limits::PAGE_BYTES && !page.is_empty() {
            return (page, true);
        }
        page.push(item);
    }
    (page, false)
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
    use crate::proto;

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

    fn item(length: usize) -> proto::StoredJob {
        proto::StoredJob { description: "x".repeat(length), ..Default::default() }
    }

    #[test]
    fn a_page_ends_where_the_readers_limit_on_messages_does() {
        let (page, cut) = fitting((0..5).map(|_| item(limits::PAGE_BYTES / 2 - 100)));
        assert_eq!((page.len(), cut), (2, true));
        let (page, cut) = fitting((0..5).map(|_| item(10)));
        assert_eq!((page.len(), cut), (5, false));
        let (page, cut) = fitting(std::iter::once(item(limits::SUBMISSION_BYTES)));
        assert_eq!((page.len(), cut), (1, false));
    }

    #[test]
    fn a_list_by_name_is_read_on_page_by_page() {
        let repository = |name: &&str| proto::Repository {
            name: (*name).into(),
            description: "x".repeat(limits::PAGE_BYTES / 3),
            ..Default::default()
        };
        let all = || ["d", "a", "c", "e", "b"].iter().map(repository).collect();
        let page = |token: &str| page_by_name("repositories", token, all(), |r: &proto::Repository| &r.name);
        let names = |page: &[proto::Repository]| page.iter().map(|r| r.name.clone()).collect::<String>();
        let (first, token) = page("").unwrap();
        assert_eq!(names(&first), "ab");
        let (second, token) = page(&token).unwrap();
        assert_eq!(names(&second), "cd");
        let (third, end) = page(&token).unwrap();
        assert_eq!((&*names(&third), &*end), ("e", ""));
        let other = page_by_name("credentials", &token, all(), |r| &r.name);
        assert!(matches!(other, Err(Refusal::Invalid { field: "page_token", .. })));
        assert!(page("x").is_err());
    }
}
