//! A span for every request, a child of the caller's by its W3C trace context.

use crate::telemetry;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use tracing::{Instrument, Span, field};

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
    telemetry::continue_trace(&span, request.headers());
    let response = next.run(request).instrument(span.clone()).await;
    record(&span, &response);
    response
}

fn record(span: &Span, response: &Response) {
    span.record("http.response.status_code", response.status().as_u16());
}
