//! One delivery on its way to the core: body, context and what can be said of them before decoding.

use super::compression::Compression;
use super::properties;
use crate::core::{Content, DeliveryContext, PushNoticeSubmission, Submission};
use crate::domain::{ClaimedIdentity, ContentDigest, Door, RawFormat, Refused, Registration, Violation};
use crate::formats;
use crate::formats::push_notices::{NoticeKind, read_push_notice};
use crate::limits;
use crate::telemetry::{self, Metrics};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use lapin::message::Delivery;
use std::sync::Arc;
use tracing::{Span, info_span};

/// A message as it was delivered. Made into a submission as often as it is tried.
#[derive(Debug)]
pub(super) struct Received {
    /// Number of the delivery on its channel.
    pub(super) tag: u64,
    /// The body, decompressed if that was possible.
    raw: Bytes,
    /// What `raw` is.
    format: RawFormat,
    /// Why there is nothing to decode.
    refusal: Option<Violation>,
    context: Arc<DeliveryContext>,
    /// Name of the registration that it was consumed for.
    registration: String,
    received_at: DateTime<Utc>,
    /// Open until the message is decided, if its publisher traces it.
    span: Option<Span>,
}

impl Received {
    /// Decompresses the body and keeps what the delivery says beside it.
    pub(super) fn new(delivery: Delivery, registration: &Registration, received_at: DateTime<Utc>) -> Self {
        let context = Arc::new(properties::context(&delivery, registration));
        let span = properties::trace_context(&delivery.properties).map(|headers| {
            let span = info_span!("pulse message", exchange = %delivery.exchange, otel.kind = "consumer");
            telemetry::continue_trace(&span, &headers);
            span
        });
        let compression = compression_of(&delivery);
        let body = delivery.data;
        let plain_format =
            NoticeKind::of_exchange(registration.kind).map_or(RawFormat::PulseJson, NoticeKind::raw_format);
        let (raw, format, refusal) = match compression {
            Ok(None) => (body, plain_format, None),
            Ok(Some(compression)) => match compression.decompress(&body) {
                Ok(plain) => (plain, plain_format, None),
                Err(violation) => (body, RawFormat::CompressedBody, Some(violation)),
            },
            Err(violation) => (body, RawFormat::CompressedBody, Some(violation)),
        };
        let registration = registration.name.clone();
        let (tag, raw) = (delivery.delivery_tag, raw.into());
        Self { tag, raw, format, refusal, context, registration, received_at, span }
    }

    /// What it takes in memory until it is decided.
    pub(super) fn bytes(&self) -> usize {
        self.raw.len()
    }

    /// Decodes it, as every attempt does.
    pub(super) fn submission(&self) -> Submission {
        let _entered = self.span.as_ref().map(Span::enter);
        let (content, mut warnings) = match &self.refusal {
            Some(violation) => (refused(violation.clone()), Vec::new()),
            None => {
                let decoded = formats::decode(self.format, &self.raw, None);
                (decoded.content, decoded.warnings)
            }
        };
        let routing_key = self.context.routing_key.as_deref().unwrap_or_default();
        if let Some(warning) = project_of(&content).and_then(|project| disagreement(routing_key, project)) {
            let registration = &self.registration;
            Metrics::global().pulse_disagreement(registration);
            tracing::debug!(registration, routing_key, message = warning.message, "a routing key disagrees");
            warnings.push(warning);
        }
        self.with(content, warnings)
    }

    /// Reads a message that tells of pushes; none: it is of another kind, or could not be decompressed.
    pub(super) fn notice(&self) -> Option<PushNoticeSubmission> {
        Some(PushNoticeSubmission {
            received_at: self.received_at,
            raw: self.raw.clone(),
            format: self.format,
            notice: read_push_notice(NoticeKind::of_raw_format(self.format)?, &self.raw),
            context: self.context.clone(),
        })
    }

    /// The same, refused for a reason that is not in the message.
    pub(super) fn given_up(&self, attempts: i64) -> Submission {
        let message = format!(
            "it could not be decided in {attempts} attempts, for a reason of the gateway's own which its log \
             names; replay it once that is mended"
        );
        let violation = Violation::new("", "internal", message).with_limit(limits::PULSE_ATTEMPTS);
        let claimed = match self.submission().content {
            Content::Job(job) => ClaimedIdentity::new(
                Some(job.project.as_str()),
                Some(job.revision.as_str()),
                Some(job.guid.as_str()),
            ),
            Content::Invalid(refused) => refused.claimed,
            Content::Artifact(_) => ClaimedIdentity::default(),
        };
        self.with(Content::Invalid(Refused { claimed, violations: vec![violation] }), Vec::new())
    }

    /// Names the message in the count of its attempts.
    pub(super) fn digest(&self) -> ContentDigest {
        ContentDigest::of_bytes(&self.raw)
    }

    fn with(&self, content: Content, warnings: Vec<Violation>) -> Submission {
        Submission {
            door: Door::Pulse,
            received_at: self.received_at,
            raw: self.raw.clone(),
            format: self.format,
            request_project: None,
            content,
            warnings,
            held: None,
            context: Some(self.context.clone()),
        }
    }
}

fn compression_of(delivery: &Delivery) -> Result<Option<Compression>, Violation> {
    if let Some(word) = properties::text_header(&delivery.properties, "compression") {
        return Compression::of_header(&word);
    }
    let encoding = delivery.properties.content_encoding().as_ref();
    Ok(encoding.and_then(|word| Compression::of_content_encoding(word.as_str())))
}

fn refused(violation: Violation) -> Content {
    Content::Invalid(Refused { claimed: ClaimedIdentity::default(), violations: vec![violation] })
}

fn project_of(content: &Content) -> Option<&str> {
    match content {
        Content::Job(job) => Some(job.project.as_str()),
        Content::Invalid(refused) => refused.claimed.project.as_deref(),
        Content::Artifact(_) => None,
    }
}

/// A routing key is `DESTINATION.PROJECT`, in that order or the other, perhaps with more; `project` is
/// what the message says, and what counts.
fn disagreement(routing_key: &str, project: &str) -> Option<Violation> {
    let says_a_project = routing_key.contains('.');
    if !says_a_project || routing_key.split('.').any(|word| word == project) {
        return None;
    }
    let message = format!(
        "the routing key {routing_key:?} does not name the project {project:?}, which counts; publish with \
         DESTINATION.PROJECT"
    );
    Some(Violation::new("/origin/project", "routing_key", message).with_value(routing_key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::RegistrationOrigin;
    use crate::formats::registration::RegistrationForm;
    use lapin::BasicProperties;
    use lapin::types::{AMQPValue, FieldTable};
    use serde_json::{Value, json};
    use std::io::Write;

    fn message() -> Value {
        json!({
            "taskId": "abc/0", "origin": {"project": "kiln", "revision": "a".repeat(40)},
            "buildSystem": "mill", "display": {"jobSymbol": "k", "groupSymbol": "g", "jobName": "kiln"},
            "state": "pending", "jobKind": "test", "version": 1,
        })
    }

    fn received(key: &str, properties: BasicProperties, body: Vec<u8>) -> Submission {
        let form = RegistrationForm { exchange: "exchange/kiln/jobs".into(), ..Default::default() };
        let registration = form.check(RegistrationOrigin::Command).unwrap();
        let mut delivery = Delivery::mock(7, "exchange/kiln/jobs".into(), key.into(), false, body);
        delivery.properties = properties;
        Received::new(delivery, &registration, Utc::now()).submission()
    }

    fn compressed(word: &str) -> BasicProperties {
        let mut headers = FieldTable::default();
        headers.insert("compression".into(), AMQPValue::LongString(word.into()));
        BasicProperties::default().with_headers(headers)
    }

    fn rules(submission: &Submission) -> Vec<&str> {
        match &submission.content {
            Content::Invalid(refused) => refused.violations.iter().map(|v| &*v.rule).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_content_type_does_not_matter() {
        for content_type in [Some("application/json"), Some("text/plain"), Some("application/data"), None] {
            let properties = match content_type {
                Some(word) => BasicProperties::default().with_content_type(word.into()),
                None => BasicProperties::default(),
            };
            let submission = received("x.kiln", properties, message().to_string().into());
            assert!(matches!(submission.content, Content::Job(_)), "{content_type:?}");
        }
    }

    #[test]
    fn a_message_of_mozilla_pulse_is_unwrapped() {
        let wrapped = json!({ "payload": message(), "_meta": { "exchange": "exchange/kiln/jobs" } });
        let submission = received("x.kiln", BasicProperties::default(), wrapped.to_string().into());
        assert!(matches!(submission.content, Content::Job(_)));
    }

    #[test]
    fn a_compressed_message_is_held_plain_and_one_that_is_broken_as_it_came() {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(message().to_string().as_bytes()).unwrap();
        let submission = received("x.kiln", compressed("application/x-gzip"), encoder.finish().unwrap());
        assert!(matches!(submission.content, Content::Job(_)));
        assert_eq!(submission.raw, message().to_string());
        let broken = received("x.kiln", compressed("application/x-gzip"), b"nonsense".to_vec());
        assert_eq!((rules(&broken), broken.format), (vec!["compression"], RawFormat::CompressedBody));
        assert_eq!(&broken.raw[..], b"nonsense");
        let unknown = received("x.kiln", compressed("application/zstd"), b"x".to_vec());
        assert_eq!(rules(&unknown), ["compression"]);
    }

    #[test]
    fn a_routing_key_that_names_another_project_is_a_warning() {
        for (key, warned) in [
            ("treeherder.kiln", false),
            ("kiln.staging", false),
            ("treeherder.kiln._", false),
            ("kiln", false),
            ("", false),
            ("anything", false),
            ("treeherder.other", true),
            ("treeherder.kiln-2", true),
        ] {
            let submission = received(key, BasicProperties::default(), message().to_string().into());
            let rules: Vec<&str> = submission.warnings.iter().map(|warning| &*warning.rule).collect();
            assert_eq!(rules, if warned { vec!["routing_key"] } else { vec![] }, "{key:?}");
        }
    }

    #[test]
    fn what_is_given_up_still_says_which_job_it_was() {
        let form = RegistrationForm { exchange: "exchange/kiln/jobs".into(), ..Default::default() };
        let registration = form.check(RegistrationOrigin::Command).unwrap();
        let body = message().to_string().into_bytes();
        let delivery = Delivery::mock(1, "exchange/kiln/jobs".into(), "x.kiln".into(), false, body);
        let submission = Received::new(delivery, &registration, Utc::now()).given_up(5);
        assert_eq!(rules(&submission), ["internal"]);
        let Content::Invalid(refused) = submission.content else { unreachable!("it is refused") };
        assert_eq!(refused.claimed.guid.as_deref(), Some("abc/0"));
    }
}
