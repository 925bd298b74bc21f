//! The grammar of the `Authorization: Hawk` header (ingest contract 5.3).

use super::refusal::HawkRefusal;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// What a header that is checked begins with; any other is no Hawk header (5.2).
const SCHEME: &[u8] = b"Hawk ";
/// Longest id, nonce, `ext`, `app` and `dlg`, in bytes: nonces are kept, and no client needs more.
const LONGEST_VALUE: usize = 128;
/// Digits of a time in seconds; longer ones mean no time that a clock could show.
const LONGEST_TIME: usize = 12;

/// Whether an `Authorization` header is to be checked as Hawk's.
pub fn is_hawk(header: &[u8]) -> bool {
    header.starts_with(SCHEME)
}

/// The attributes of a header, complete enough to be checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attributes {
    /// Client id of the credential.
    pub id: String,
    /// When the client signed, seconds since 1970 by its clock.
    pub ts: u64,
    /// Random text; (`id`, `nonce`, `ts`) is used once.
    pub nonce: String,
    /// The signature.
    pub mac: Vec<u8>,
    /// Hash of media type and body; empty counts as absent.
    pub hash: Option<Vec<u8>>,
    /// Free text under the signature.
    pub ext: String,
    /// Application id, empty: none.
    pub app: String,
    /// Id of the delegating application, signed only together with `app`.
    pub dlg: String,
}

/// Values by name, before it is known whether all are there.
#[derive(Default)]
struct Values<'a> {
    id: Option<&'a str>,
    ts: Option<&'a str>,
    nonce: Option<&'a str>,
    mac: Option<&'a str>,
    hash: Option<&'a str>,
    ext: Option<&'a str>,
    app: Option<&'a str>,
    dlg: Option<&'a str>,
}

impl Attributes {
    /// Reads a header: `Hawk k="v", k="v"`. Quotes are optional, a later duplicate wins.
    ///
    /// # Errors
    /// [`HawkRefusal::Malformed`] for bytes that no value may have, a value over its limit, and a
    /// missing `id`, `nonce` or `ts`; [`HawkRefusal::Failed`] for an unknown attribute or a missing or
    /// unreadable `mac` or `hash`.
    pub fn parse(header: &[u8]) -> Result<Self, HawkRefusal> {
        let list = header.strip_prefix(SCHEME).ok_or(HawkRefusal::Malformed)?;
        let list = std::str::from_utf8(list).map_err(|_| HawkRefusal::Malformed)?;
        if !list.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
            return Err(HawkRefusal::Malformed);
        }
        let values = Values::read(list)?;
        let required = |value: Option<&str>| match value {
            Some(text) if !text.is_empty() && text.len() <= LONGEST_VALUE => Ok(text.to_owned()),
            _ => Err(HawkRefusal::Malformed),
        };
        let optional = |value: Option<&str>| match value.unwrap_or_default() {
            text if text.len() <= LONGEST_VALUE => Ok(text.to_owned()),
            _ => Err(HawkRefusal::Malformed),
        };
        let binary = |text: &str| STANDARD.decode(text).map_err(|_| HawkRefusal::Failed);
        Ok(Self {
            id: required(values.id)?,
            ts: time(values.ts).ok_or(HawkRefusal::Malformed)?,
            nonce: required(values.nonce)?,
            mac: binary(values.mac.ok_or(HawkRefusal::Failed)?)?,
            hash: values.hash.filter(|text| !text.is_empty()).map(binary).transpose()?,
            ext: optional(values.ext)?,
            app: optional(values.app)?,
            dlg: optional(values.dlg)?,
        })
    }
}

fn time(value: Option<&str>) -> Option<u64> {
    let digits = value.filter(|text| text.len() <= LONGEST_TIME)?;
    // `parse` would take a sign too.
    if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().ok() } else { None }
}

impl<'a> Values<'a> {
    fn read(mut rest: &'a str) -> Result<Self, HawkRefusal> {
        let separator = |c: char| c == ',' || c == ' ';
        let mut values = Self::default();
        loop {
            rest = rest.trim_start_matches(separator);
            if rest.is_empty() {
                return Ok(values);
            }
            let (name, after) = rest.split_once('=').ok_or(HawkRefusal::Malformed)?;
            let value;
            (value, rest) = match after.trim_start().strip_prefix('"') {
                Some(quoted) => quoted.split_once('"').ok_or(HawkRefusal::Malformed)?,
                None => after.split_at(after.find(separator).unwrap_or(after.len())),
            };
            // Only the ends of a value are quoted.
            if value.contains('"') {
                return Err(HawkRefusal::Malformed);
            }
            match name.trim_end() {
                "id" => values.id = Some(value),
                "ts" => values.ts = Some(value),
                "nonce" => values.nonce = Some(value),
                "mac" => values.mac = Some(value),
                "hash" => values.hash = Some(value),
                "ext" => values.ext = Some(value),
                "app" => values.app = Some(value),
                "dlg" => values.dlg = Some(value),
                // Known, and without meaning in a request.
                "tsm" | "error" => {}
                _ => return Err(HawkRefusal::Failed),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: &str = "mac=\"AAAA\"";

    fn parsed(list: &str) -> Result<Attributes, HawkRefusal> {
        Attributes::parse(format!("Hawk {list}").as_bytes())
    }

    #[test]
    fn only_the_exact_scheme_is_hawk() {
        for (header, expected) in [
            (&b"Hawk id=\"x\""[..], true),
            (b"Hawk \xff", true),
            (b"Hawk", false),
            (b"hawk id=\"x\"", false),
            (b"HAWK id=\"x\"", false),
            (b"Bearer x", false),
            (b"", false),
        ] {
            assert_eq!(is_hawk(header), expected, "{header:?}");
        }
    }

    #[test]
    fn attributes_are_read_in_any_order_quoted_or_not() {
        let expected = Attributes {
            id: "a".into(),
            ts: 7,
            nonce: "n".into(),
            mac: vec![0; 3],
            hash: None,
            ext: String::new(),
            app: String::new(),
            dlg: String::new(),
        };
        for list in [
            "mac=\"AAAA\", id=\"a\", ts=\"7\", nonce=\"n\"",
            "id=a,ts=7,nonce=n,mac=AAAA",
            "id = \"a\" , ts = \"7\" nonce=\"n\" mac=\"AAAA\",",
            "id=\"b\", id=\"a\", ts=\"7\", nonce=\"n\", mac=\"AAAA\"",
            "id=\"a\", ts=\"7\", nonce=\"n\", mac=\"AAAA\", hash=\"\", tsm=\"x\", error=\"y\"",
        ] {
            assert_eq!(parsed(list), Ok(expected.clone()), "{list}");
        }
        let full = parsed(&format!("{MAC}, id=a, ts=7, nonce=n, hash=\"AQI=\", ext=\"e\\ f\", app=x, dlg=y"));
        let full = full.unwrap();
        assert_eq!((full.hash, &*full.ext), (Some(vec![1, 2]), "e\\ f"));
        assert_eq!((&*full.app, &*full.dlg), ("x", "y"));
    }

    #[test]
    fn what_cannot_be_checked_is_refused_by_its_text() {
        use HawkRefusal::{Failed, Malformed};
        let long = "x".repeat(LONGEST_VALUE + 1);
        for (list, expected) in [
            ("", Malformed),
            ("garbage", Malformed),
            ("=", Failed),
            ("id=\"a", Malformed),
            (&format!("ts=\"7\", nonce=\"n\", {MAC}"), Malformed),
            (&format!("id=\"\", ts=\"7\", nonce=\"n\", {MAC}"), Malformed),
            (&format!("id=\"a\", nonce=\"n\", {MAC}"), Malformed),
            (&format!("id=\"a\", ts=\"7\", {MAC}"), Malformed),
            (&format!("id=\"a\", ts=\"seven\", nonce=\"n\", {MAC}"), Malformed),
            (&format!("id=\"a\", ts=\"+7\", nonce=\"n\", {MAC}"), Malformed),
            (&format!("id=\"a\", ts=\"-7\", nonce=\"n\", {MAC}"), Malformed),
            (&format!("id=\"a\", ts=\"\", nonce=\"n\", {MAC}"), Malformed),
            (&format!("id=\"a\", ts=\"7.5\", nonce=\"n\", {MAC}"), Malformed),
            (&format!("id=\"a\", ts=\"18446744073709551615\", nonce=\"n\", {MAC}"), Malformed),
            (&format!("id=\"a\", ts=\"7\", nonce=\"{long}\", {MAC}"), Malformed),
            (&format!("id=\"a\", ts=\"7\", nonce=\"n\", {MAC}, ext=\"{long}\""), Malformed),
            (&format!("id=\"\u{e9}\", ts=\"7\", nonce=\"n\", {MAC}"), Malformed),
            (&format!("id=\"a\", ts=\"7\", nonce=\"n\", {MAC}, more=\"x\""), Failed),
            ("id=\"a\", ts=\"7\", nonce=\"n\"", Failed),
            ("id=\"a\", ts=\"7\", nonce=\"n\", mac=\"*\"", Failed),
            (&format!("id=\"a\", ts=\"7\", nonce=\"n\", {MAC}, hash=\"*\""), Failed),
        ] {
            assert_eq!(parsed(list), Err(expected), "{list}");
        }
        assert_eq!(Attributes::parse(b"Hawk id=\"\xff\""), Err(Malformed));
    }

    #[test]
    fn a_quote_within_a_value_is_malformed() {
        let list = format!("id=a\"b, ts=\"7\", nonce=\"n\", {MAC}");
        assert_eq!(parsed(&list), Err(HawkRefusal::Malformed));
    }
}
