//! Option collections and reference data signatures: hashes that are shared with other systems
//! (ingest contract 2.6 and 2.7), kept for the wire; rows are keyed on the real values.

use super::job::ReferenceData;
use super::{ContentDigest, Fingerprint, ProjectName};
use sha1::{Digest, Sha1};
use std::fmt;

/// A set of option names, sorted by code point.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct OptionSet(Vec<Box<str>>);

impl OptionSet {
    /// Sorts and removes duplicates.
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut names: Vec<Box<str>> = names.into_iter().map(Into::into).collect();
        names.sort_unstable();
        names.dedup();
        Self(names)
    }

    /// The names, sorted.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.iter().map(AsRef::as_ref)
    }

    /// SHA-1 over the concatenated names, 40 hexadecimal digits. Different sets can share it
    /// (`{o, p, t}` and `{opt}`), so it is no key.
    pub fn hash(&self) -> String {
        let mut sha1 = Sha1::new();
        for name in &self.0 {
            sha1.update(name.as_bytes());
        }
        hex::encode(sha1.finalize())
    }

    /// Text of the set, its names separated by U+001F, which no label may contain.
    pub fn key(&self) -> String {
        self.0.join("\u{1f}")
    }
}

/// SHA-1 reference data signature, 40 hexadecimal digits on the wire.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Signature(pub [u8; 20]);

impl Signature {
    /// Reads 40 lower-case hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        if text.bytes().any(|b| b.is_ascii_uppercase()) {
            return None;
        }
        let mut bytes = [0; 20];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        Some(Self(bytes))
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl ReferenceData {
    /// The signature that other systems know this reference data by. Text is hashed as UTF-8, an
    /// absent reference data name as the four letters `None`.
    pub fn signature(&self, project: &ProjectName) -> Signature {
        let mut sha1 = Sha1::new();
        for part in [
            &*self.build_system,
            project.as_str(),
            &self.build_platform.os_name,
            &self.build_platform.platform,
            &self.build_platform.architecture,
            &self.machine_platform.os_name,
            &self.machine_platform.platform,
            &self.machine_platform.architecture,
            &self.group.name,
            &self.group.symbol,
            &self.job_type.name,
            &self.job_type.symbol,
            &self.options.hash(),
            self.reference_data_name.as_deref().unwrap_or("None"),
        ] {
            sha1.update(part.as_bytes());
        }
        Signature(sha1.finalize().into())
    }

    /// Key of the signature row: a digest of the real values, which the signature is not.
    pub fn key(&self, project: &ProjectName) -> ContentDigest {
        let mut fingerprint = Fingerprint::default();
        fingerprint.text(project.as_str());
        self.feed(&mut fingerprint);
        fingerprint.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn option_hashes_of_the_contract() {
        for (names, hash) in [
            (&[][..], "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
            (&["opt"], "102210fe594ee9b33d82058545b1ed14f4c8206e"),
            (&["debug"], "32faaecac742100f7753f0c1d0aa0add01b4046b"),
            (&["debug", "asan"], "5475e096dbdfed812f04c47ffc593eed29b7c112"),
            (&["pgo"], "f69e1b00908837bf0550250abb1645014317e8ec"),
        ] {
            assert_eq!(OptionSet::new(names.iter().copied()).hash(), hash, "{names:?}");
        }
    }

    #[test]
    fn sets_that_share_a_hash_differ_in_their_key() {
        let one = OptionSet::new(["opt"]);
        let three = OptionSet::new(["o", "p", "t"]);
        assert_eq!(one.hash(), three.hash());
        assert_ne!(one.key(), three.key());
    }

    #[test]
    fn order_and_duplicates_do_not_matter() {
        assert_eq!(OptionSet::new(["b", "a", "b"]), OptionSet::new(["a", "b"]));
    }

    #[test]
    fn a_signature_is_read_back_from_its_lower_case_text_only() {
        let text = "92257fd89fa6de99331eb378b1c896bf48b6b3c7";
        assert_eq!(Signature::parse(text).unwrap().to_string(), text);
        assert_eq!(Signature::parse(&text.to_uppercase()), None);
        assert_eq!(Signature::parse("92"), None);
    }
}
