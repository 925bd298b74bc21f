//! A span for every request, a child of the caller's by its W3C trace context.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::HeaderMap;
use opentelemetry::propagation::Extractor;
use tracing::{Instrument, Span, field};
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// Runs the request in its span. Headers other than the trace context are not recorded.
pub async fn trace_request(request: Request, next: Next) -> Response {
    let span = tracing::info_span!(
        "request",
        otel.name = %request.uri().path(),
        otel.kind = "server",
        http.request.method = %request.method(),
        url.path = %request.uri().path(),
        http.response.status_code = field::Empty,
    );
    let caller = opentelemetry::global::get_text_map_propagator(|p| p.extract(&Headers(request.headers())));
    // Fails only where no OpenTelemetry layer is installed: then there is nothing to link.
    let _ = span.set_parent(caller);
    let response = next.run(request).instrument(span.clone()).await;
    record(&span, &response);
    response
}

fn record(span: &Span, response: &Response) {
    span.record("http.response.status_code", response.status().as_u16());
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|value| value.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry::propagation::TextMapPropagator;
    use opentelemetry::trace::TraceContextExt;
    use opentelemetry_sdk::propagation::TraceContextPropagator;

    #[test]
    fn the_callers_trace_is_read_from_the_headers() {
        let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let headers = HeaderMap::from_iter([(
            http::HeaderName::from_static("traceparent"),
            traceparent.parse().unwrap(),
        )]);
        let context = TraceContextPropagator::new().extract(&Headers(&headers));
        let trace = context.span().span_context().trace_id().to_string();
        assert_eq!(trace, "0af7651916cd43dd8448eb211c80319c");
    }
}
