//! W3C trace context out of the headers of a request.

use http::{HeaderMap, HeaderName};
use opentelemetry::propagation::Extractor;
use opentelemetry::{Context, global};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// Makes a span the child of the one that the headers of a request name, if they name one.
pub fn continue_trace(span: &Span, headers: &HeaderMap) {
    // Fails only where no OpenTelemetry layer listens: then there is no trace to continue.
    let _ = span.set_parent(parent(headers));
}

fn parent(headers: &HeaderMap) -> Context {
    global::get_text_map_propagator(|propagator| propagator.extract(&Headers(headers)))
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

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use opentelemetry::trace::TraceContextExt;
    use opentelemetry_sdk::propagation::TraceContextPropagator;

    #[test]
    fn the_trace_that_a_request_names_is_continued() {
        global::set_text_map_propagator(TraceContextPropagator::new());
        for (header, trace) in [
            (
                "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                Some("0af7651916cd43dd8448eb211c80319c"),
            ),
            ("nonsense", None),
        ] {
            let name = HeaderName::from_static("traceparent");
            let context = parent(&HeaderMap::from_iter([(name, HeaderValue::from_static(header))]));
            let found = context.span().span_context().clone();
            assert_eq!(found.is_valid().then(|| found.trace_id().to_string()).as_deref(), trace, "{header}");
        }
    }
}
