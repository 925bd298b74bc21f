//! What a delivery says beside its body, as JSON: kept with a held message, shown by `pulse tail`.

use crate::core::DeliveryContext;
use crate::domain::Registration;
use crate::limits;
use http::{HeaderMap, HeaderName, HeaderValue};
use lapin::BasicProperties;
use lapin::message::Delivery;
use lapin::types::{AMQPValue, FieldTable, ShortString};
use serde_json::{Map, Value, json};

/// Tables within tables that are followed.
const DEPTH: usize = 8;

/// What is kept with the message if it is held.
pub(super) fn context(delivery: &Delivery, registration: &Registration) -> DeliveryContext {
    let routing_key = delivery.routing_key.as_str();
    let mut context = json!({
        DeliveryContext::REGISTRATION: registration.name,
        "broker": registration.broker,
        "exchange": delivery.exchange.as_str(),
        "routing_key": routing_key,
        "redelivered": delivery.redelivered,
        "properties": properties(&delivery.properties),
        "headers": headers(&delivery.properties),
    });
    let mut text = context.to_string();
    if text.len() > limits::PULSE_CONTEXT_BYTES {
        context["headers"] = json!({ "omitted_bytes": text.len() });
        text = context.to_string();
    }
    // NUL is the one character that no text column takes.
    let storable = !routing_key.contains('\0');
    DeliveryContext { routing_key: storable.then(|| routing_key.to_owned()), json: text }
}

/// The properties that are set, by their names in the protocol.
pub(super) fn properties(properties: &BasicProperties) -> Value {
    let text = |value: &Option<ShortString>| value.as_ref().map(|text| json!(text.as_str()));
    let named = [
        ("content_type", text(properties.content_type())),
        ("content_encoding", text(properties.content_encoding())),
        ("delivery_mode", properties.delivery_mode().map(Value::from)),
        ("priority", properties.priority().map(Value::from)),
        ("correlation_id", text(properties.correlation_id())),
        ("reply_to", text(properties.reply_to())),
        ("expiration", text(properties.expiration())),
        ("message_id", text(properties.message_id())),
        ("timestamp", properties.timestamp().map(Value::from)),
        ("type", text(properties.kind())),
        ("user_id", text(properties.user_id())),
        ("app_id", text(properties.app_id())),
        ("cluster_id", text(properties.cluster_id())),
    ];
    let set = named.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(set.collect())
}

/// The headers.
pub(super) fn headers(properties: &BasicProperties) -> Value {
    properties.headers().as_ref().map_or_else(|| json!({}), |headers| table(headers, DEPTH))
}

/// A header that is a text.
pub(super) fn text_header(properties: &BasicProperties, name: &str) -> Option<String> {
    match properties.headers().as_ref()?.inner().get(name)? {
        AMQPValue::LongString(text) => Some(text.to_string()),
        AMQPValue::ShortString(text) => Some(text.to_string()),
        AMQPValue::ByteArray(bytes) => String::from_utf8(bytes.as_slice().to_vec()).ok(),
        _ => None,
    }
}

/// The headers of the W3C trace context, if there are any.
pub(super) fn trace_context(properties: &BasicProperties) -> Option<HeaderMap> {
    let names = [HeaderName::from_static("traceparent"), HeaderName::from_static("tracestate")];
    let headers: HeaderMap = names
        .into_iter()
        .filter_map(|name| {
            let value = HeaderValue::try_from(text_header(properties, name.as_str())?).ok()?;
            Some((name, value))
        })
        .collect();
    headers.contains_key("traceparent").then_some(headers)
}

fn table(fields: &FieldTable, depth: usize) -> Value {
    let members = fields.inner().iter().map(|(name, value)| (name.to_string(), plain(value, depth)));
    Value::Object(members.collect::<Map<_, _>>())
}

fn plain(value: &AMQPValue, depth: usize) -> Value {
    match value {
        AMQPValue::Boolean(truth) => json!(truth),
        AMQPValue::ShortShortInt(number) => json!(number),
        AMQPValue::ShortShortUInt(number) => json!(number),
        AMQPValue::ShortInt(number) => json!(number),
        AMQPValue::ShortUInt(number) => json!(number),
        AMQPValue::LongInt(number) => json!(number),
        AMQPValue::LongUInt(number) => json!(number),
        AMQPValue::LongLongInt(number) => json!(number),
        AMQPValue::Timestamp(number) => json!(number),
        AMQPValue::Float(number) => json!(number),
        AMQPValue::Double(number) => json!(number),
        AMQPValue::DecimalValue(decimal) => json!({ "scale": decimal.scale, "value": decimal.value }),
        AMQPValue::ShortString(text) => json!(text.as_str()),
        AMQPValue::LongString(text) => json!(text.to_string()),
        AMQPValue::ByteArray(bytes) => json!(hex::encode(bytes.as_slice())),
        AMQPValue::FieldArray(_) | AMQPValue::FieldTable(_) if depth == 0 => json!("..."),
        AMQPValue::FieldArray(values) => {
            values.as_slice().iter().map(|value| plain(value, depth - 1)).collect()
        }
        AMQPValue::FieldTable(fields) => table(fields, depth - 1),
        AMQPValue::Void => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_headers(fields: &[(&str, AMQPValue)]) -> BasicProperties {
        let mut headers = FieldTable::default();
        for (name, value) in fields {
            headers.insert((*name).into(), value.clone());
        }
        BasicProperties::default().with_headers(headers)
    }

    #[test]
    fn only_what_is_set_is_shown() {
        let set = BasicProperties::default().with_content_type("text/plain".into()).with_delivery_mode(2);
        assert_eq!(properties(&set), json!({ "content_type": "text/plain", "delivery_mode": 2 }));
        assert_eq!(headers(&set), json!({}));
    }

    #[test]
    fn headers_of_every_kind_are_shown() {
        let mut inner = FieldTable::default();
        inner.insert("n".into(), AMQPValue::LongInt(-1));
        let set = with_headers(&[
            ("text", AMQPValue::LongString("x".into())),
            ("table", AMQPValue::FieldTable(inner)),
            ("void", AMQPValue::Void),
        ]);
        assert_eq!(headers(&set), json!({ "text": "x", "table": { "n": -1 }, "void": null }));
    }

    #[test]
    fn tables_within_tables_end_somewhere() {
        let mut value = AMQPValue::Boolean(true);
        for _ in 0..1000 {
            let mut outer = FieldTable::default();
            outer.insert("t".into(), value);
            value = AMQPValue::FieldTable(outer);
        }
        let text = headers(&with_headers(&[("deep", value)])).to_string();
        assert!(text.len() < 200 && text.contains("..."), "{text}");
    }

    #[test]
    fn headers_that_are_too_long_are_left_out_of_the_context() {
        let mut delivery = Delivery::mock(1, "e".into(), "a.b".into(), false, Vec::new());
        let long = "x".repeat(limits::PULSE_CONTEXT_BYTES);
        delivery.properties = with_headers(&[("long", AMQPValue::LongString(long.into()))]);
        let form = crate::formats::registration::RegistrationForm {
            exchange: "exchange/kiln/jobs".into(),
            ..Default::default()
        };
        let registration = form.check(crate::domain::RegistrationOrigin::Command).unwrap();
        let kept = context(&delivery, &registration);
        assert!(kept.json.len() < 1000 && kept.json.contains("omitted_bytes"), "{}", kept.json);
        assert_eq!(kept.routing_key.as_deref(), Some("a.b"));
    }

    #[test]
    fn a_trace_is_read_from_the_headers() {
        let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let traced = with_headers(&[("traceparent", AMQPValue::LongString(parent.into()))]);
        assert_eq!(trace_context(&traced).unwrap()["traceparent"], parent);
        assert!(
            trace_context(&with_headers(&[("tracestate", AMQPValue::LongString("a=b".into()))])).is_none()
        );
        assert!(trace_context(&BasicProperties::default()).is_none());
    }
}
