//! What is fuzzed: each function takes any bytes, and what it asserts holds for all of them. The targets
//! in `fuzz/` call them, and the tests call them with the corpora that were found.

use crate::access::HawkSecret;
use crate::access::hawk::{Attributes, Destination, HawkKey, HawkRefusal, SignedRequest};
use crate::core::Content;
use crate::domain::RawFormat;
use crate::formats::{self, Decoded};
use crate::logs::{LogParser, ParsedLog, Profile};
use bytes::Bytes;

/// A Pulse job message in JSON.
pub fn pulse_job(bytes: &[u8]) {
    decoded(RawFormat::PulseJson, bytes);
}

/// A job in protobuf.
pub fn protobuf_job(bytes: &[u8]) {
    decoded(RawFormat::ProtobufJob, bytes);
}

/// The body of a legacy job collection.
pub fn job_collection(bytes: &[u8]) {
    let body = Bytes::copy_from_slice(bytes);
    if let Ok(items) = formats::split_collection(&body) {
        for item in items {
            decoded(RawFormat::LegacyJobJson, &item);
            decoded(RawFormat::LegacyArtifactJson, &item);
        }
    }
    for push in formats::parse_push_collection(&body) {
        if let Err(refused) = push.push {
            assert!(!refused.violations.is_empty(), "a push is refused without a reason");
        }
    }
}

/// An `Authorization: Hawk` header: nobody without the secret passes, whatever it says.
pub fn hawk_header(bytes: &[u8]) {
    let Ok(attributes) = Attributes::parse(bytes) else { return };
    let printable = |text: &str| text.bytes().all(|byte| (0x20..0x7f).contains(&byte) && byte != b'"');
    for text in [&attributes.id, &attributes.nonce, &attributes.ext, &attributes.app, &attributes.dlg] {
        assert!(text.len() <= 128 && printable(text), "a value that no header may have");
    }
    assert!(!attributes.id.is_empty() && !attributes.nonce.is_empty(), "a header that names nobody");
    let Ok(key) = HawkKey::new(&HawkSecret::issued("0f7e2c7a-5d0b-4a53-9a3e-6c9d4b1f2e88".into())) else {
        return;
    };
    let destination =
        Destination { method: "POST".into(), target: "/".into(), host: "localhost".into(), port: 80 };
    let verified = SignedRequest::verify(attributes, destination, key);
    assert_eq!(verified.err(), Some(HawkRefusal::Failed), "a forged header passes");
}

/// A log: the first byte chooses the profile, the second the size of the blocks that the rest comes in.
pub fn log(bytes: &[u8]) {
    let [profile, size, log @ ..] = bytes else { return };
    let profile = if profile % 2 == 0 { Profile::Of2018 } else { Profile::Of2026 };
    let parsed = |size: usize| -> ParsedLog {
        let mut parser = LogParser::new(profile, formats::check_performance);
        log.chunks(size).for_each(|block| parser.feed(block));
        parser.finish()
    };
    let (whole, parts) = (parsed(usize::MAX), parsed(usize::from(*size) + 1));
    assert_eq!(whole.summary, parts.summary, "the size of the blocks changes the summary");
    assert_eq!(whole.details, parts.details, "the size of the blocks changes the details");
    assert_eq!(whole.lines, parts.lines, "the size of the blocks changes the lines");
    assert_eq!(whole.warnings, parts.warnings, "the size of the blocks changes the warnings");
    let documents = |log: &ParsedLog| -> Vec<String> {
        log.performance_data.iter().map(|document| document.get().to_owned()).collect()
    };
    assert_eq!(documents(&whole), documents(&parts), "the size of the blocks changes the performance data");
}

/// Whatever comes in is a job, an artifact or refused with reasons, and the same each time.
fn decoded(format: RawFormat, bytes: &[u8]) {
    let raw = Bytes::copy_from_slice(bytes);
    let decode = || formats::decode(format, &raw, Some("quince-central"));
    let Decoded { content, warnings, .. } = decode();
    if let Content::Invalid(refused) = &content {
        assert!(!refused.violations.is_empty(), "a submission is refused without a reason");
        for violation in &refused.violations {
            assert_ne!(violation.rule, "internal", "the decoder panics");
            assert!(!violation.message.is_empty(), "a violation says nothing");
        }
    }
    let again = decode();
    assert_eq!(warnings, again.warnings, "the same bytes give other warnings");
    match (content, again.content) {
        (Content::Job(one), Content::Job(other)) => assert_eq!(one, other),
        (Content::Artifact(one), Content::Artifact(other)) => assert_eq!(one, other),
        (Content::Invalid(one), Content::Invalid(other)) => assert_eq!(one, other),
        _ => unreachable!("the same bytes are two kinds of submission"),
    }
}
