//! W3C trace context in and out of headers.

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::propagation::{Extractor, Injector};
use opentelemetry::{Context, global};
use tonic::metadata::{MetadataKey, MetadataMap};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// Makes a span the child of the one that the headers of a request name, if they name one.
pub fn continue_trace(span: &Span, headers: &HeaderMap) {
    let parent = global::get_text_map_propagator(|propagator| propagator.extract(&Headers(headers)));
    // Fails only where no OpenTelemetry layer listens: then there is no trace to continue.
    let _ = span.set_parent(parent);
}

/// Names a span in the metadata of a request that is sent on its behalf.
pub fn name_trace(span: &Span, metadata: &mut MetadataMap) {
    name_context(&span.context(), metadata);
}

fn name_context(context: &Context, metadata: &mut MetadataMap) {
    global::get_text_map_propagator(|propagator| {
        propagator.inject_context(context, &mut Metadata(metadata));
    });
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|value| value.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}

struct Metadata<'a>(&'a mut MetadataMap);

impl Injector for Metadata<'_> {
    fn set(&mut self, key: &str, value: String) {
        let value = HeaderValue::from_str(&value).ok().and_then(|value| value.to_str().ok()?.parse().ok());
        if let (Ok(key), Some(value)) = (MetadataKey::from_bytes(key.as_bytes()), value) {
            self.0.insert(key, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry::trace::TraceContextExt;
    use opentelemetry_sdk::propagation::TraceContextPropagator;

    #[test]
    fn a_trace_context_survives_the_way_through_metadata() {
        global::set_text_map_propagator(TraceContextPropagator::new());
        let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let headers = HeaderMap::from_iter([(
            HeaderName::from_static("traceparent"),
            HeaderValue::from_static(parent),
        )]);
        let context = global::get_text_map_propagator(|p| p.extract(&Headers(&headers)));
        assert!(context.span().span_context().is_remote());

        let mut metadata = MetadataMap::new();
        name_context(&context, &mut metadata);
        assert_eq!(metadata.get("traceparent").unwrap(), parent);
    }
}
