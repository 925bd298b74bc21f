//! Compressed bodies: what kombu does with `compression=...`, bounded while it is decompressed.

use crate::domain::Violation;
use crate::limits;
use bzip2::read::MultiBzDecoder;
use flate2::read::{MultiGzDecoder, ZlibDecoder};
use std::io::Read;

/// How a body is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    /// zlib or gzip, told apart by their first bytes: kombu says `application/x-gzip` and means zlib.
    Deflate,
    /// bzip2.
    Bzip2,
}

const KNOWN: &str = "zlib, gzip, bzip2";

impl Compression {
    /// What a word of the `compression` header means; empty: nothing is compressed.
    ///
    /// # Errors
    /// A violation if Herdgate does not know it.
    pub(super) fn of_header(word: &str) -> Result<Option<Self>, Violation> {
        match Self::known(word) {
            _ if word.is_empty() => Ok(None),
            Some(compression) => Ok(Some(compression)),
            None => {
                let message = format!("the body is compressed by {word:?}; use one of {KNOWN}, or none");
                Err(Violation::new("", "compression", message).with_limit(KNOWN).with_value(word))
            }
        }
    }

    /// What a content encoding means; mostly it names a character set, which changes nothing.
    pub(super) fn of_content_encoding(word: &str) -> Option<Self> {
        Self::known(word)
    }

    fn known(word: &str) -> Option<Self> {
        match word.to_ascii_lowercase().as_str() {
            "application/x-gzip" | "application/gzip" | "application/zlib" | "application/x-zlib"
            | "gzip" | "x-gzip" | "zlib" | "deflate" => Some(Self::Deflate),
            "application/x-bz2" | "application/x-bzip2" | "application/bzip2" | "bzip2" | "bz2" => {
                Some(Self::Bzip2)
            }
            _ => None,
        }
    }

    /// The body as it was, at most [`limits::SUBMISSION_BYTES`] of it.
    ///
    /// # Errors
    /// A violation if it is broken or larger.
    pub(super) fn decompress(self, body: &[u8]) -> Result<Vec<u8>, Violation> {
        match self {
            Self::Deflate if body.starts_with(&[0x1f, 0x8b]) => bounded(MultiGzDecoder::new(body)),
            Self::Deflate => bounded(ZlibDecoder::new(body)),
            Self::Bzip2 => bounded(MultiBzDecoder::new(body)),
        }
    }
}

fn bounded(decoder: impl Read) -> Result<Vec<u8>, Violation> {
    let limit = limits::SUBMISSION_BYTES;
    let mut body = Vec::new();
    // One byte more, so that what just fits can be told from what does not.
    let read = decoder.take(limit as u64 + 1).read_to_end(&mut body);
    if body.len() > limit {
        let message = format!("the decompressed body has more than {limit} bytes; send less");
        return Err(Violation::new("", "maxBytes", message).with_limit(limit));
    }
    match read {
        Ok(_) => Ok(body),
        Err(error) => {
            let message = format!("the compressed body is broken: {error}; publish it again");
            Err(Violation::new("", "compression", message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bzip2::write::BzEncoder;
    use flate2::write::{GzEncoder, ZlibEncoder};
    use std::io::Write;

    fn zlib(body: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(body).unwrap();
        encoder.finish().unwrap()
    }

    fn gzip(body: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(body).unwrap();
        encoder.finish().unwrap()
    }

    fn bzip2(body: &[u8]) -> Vec<u8> {
        let mut encoder = BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        encoder.write_all(body).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn every_compression_of_kombu_is_undone() {
        for (word, body) in [
            ("application/x-gzip", zlib(b"{}")),
            ("application/x-gzip", gzip(b"{}")),
            ("zlib", zlib(b"{}")),
            ("gzip", gzip(b"{}")),
            ("application/x-bz2", bzip2(b"{}")),
        ] {
            let compression = Compression::of_header(word).unwrap().unwrap();
            assert_eq!(compression.decompress(&body).unwrap(), b"{}", "{word}");
        }
        assert_eq!(Compression::of_header(""), Ok(None));
    }

    #[test]
    fn an_unknown_compression_is_named_with_those_that_are_known() {
        let violation = Compression::of_header("application/x-brotli").unwrap_err();
        assert_eq!(violation.rule, "compression");
        assert!(violation.message.contains("brotli") && violation.message.contains(KNOWN));
    }

    #[test]
    fn a_content_encoding_is_a_character_set_unless_it_names_a_compression() {
        assert_eq!(Compression::of_content_encoding("utf-8"), None);
        assert_eq!(Compression::of_content_encoding("gzip"), Some(Compression::Deflate));
    }

    #[test]
    fn a_compression_bomb_is_refused_at_the_limit() {
        let bomb = vec![b' '; limits::SUBMISSION_BYTES + 1];
        let fits = &bomb[..limits::SUBMISSION_BYTES];
        for (compression, pack) in [
            (Compression::Deflate, zlib as fn(&[u8]) -> Vec<u8>),
            (Compression::Deflate, gzip),
            (Compression::Bzip2, bzip2),
        ] {
            assert_eq!(compression.decompress(&pack(&bomb)).unwrap_err().rule, "maxBytes");
            assert_eq!(compression.decompress(&pack(fits)).unwrap().len(), limits::SUBMISSION_BYTES);
        }
    }

    #[test]
    fn broken_bodies_are_refused() {
        let mut cut = gzip(&[b'x'; 1000]);
        cut.truncate(cut.len() / 2);
        for (compression, body) in [
            (Compression::Deflate, b"nonsense".to_vec()),
            (Compression::Deflate, Vec::new()),
            (Compression::Deflate, cut),
            (Compression::Bzip2, b"nonsense".to_vec()),
        ] {
            assert_eq!(compression.decompress(&body).unwrap_err().rule, "compression", "{body:?}");
        }
    }
}
