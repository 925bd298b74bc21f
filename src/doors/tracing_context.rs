//! A span for every request, a child of the caller's by its W3C trace context. Its name is one of a known
//! set: service and method, or the route; what a caller makes up is only in its attributes.

use super::grpc::calls::call_of;
use crate::telemetry;
use axum::body::Body;
use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderMap, Method, StatusCode};
use http_body_util::BodyExt;
use tonic::{Code, Status};
use tracing::{Instrument, Span, field};

/// Runs the request in its span, which lasts until its answer has ended. Headers other than the trace
/// context are not recorded.
pub async fn trace_request(request: Request, next: Next) -> Response {
    let span = tracing::info_span!(
        "request",
        otel.name = %name(&request),
        otel.kind = "server",
        otel.status_code = field::Empty,
        http.request.method = %request.method(),
        url.path = %request.uri().path(),
        http.response.status_code = field::Empty,
        rpc.grpc.status_code = field::Empty,
    );
    telemetry::continue_trace(&span, request.headers());
    let is_call = call_of(request.uri().path()).is_some();
    let response = next.run(request).instrument(span.clone()).await;
    record(&span, response.status());
    if !is_call || record_call(&span, response.headers()) {
        return response;
    }
    // A call says at its end how it went.
    response.map(|body| {
        Body::new(body.map_frame(move |frame| {
            if let Some(trailers) = frame.trailers_ref() {
                record_call(&span, trailers);
            }
            frame
        }))
    })
}

fn name(request: &Request) -> String {
    if let Some(call) = call_of(request.uri().path()) {
        return call.to_owned();
    }
    let method = known(request.method());
    match request.extensions().get::<MatchedPath>() {
        Some(route) => format!("{method} {}", route.as_str()),
        None => method.to_owned(),
    }
}

/// Callers may make up methods, too.
fn known(method: &Method) -> &str {
    match *method {
        Method::GET
        | Method::POST
        | Method::PUT
        | Method::PATCH
        | Method::DELETE
        | Method::HEAD
        | Method::OPTIONS => method.as_str(),
        _ => "HTTP",
    }
}

fn record(span: &Span, status: StatusCode) {
    span.record("http.response.status_code", status.as_u16());
    if status.is_server_error() {
        span.record("otel.status_code", "ERROR");
    }
}

/// Whether the headers or trailers say how a call went.
fn record_call(span: &Span, headers: &HeaderMap) -> bool {
    let Some(status) = Status::from_header_map(headers) else { return false };
    span.record("rpc.grpc.status_code", i64::from(i32::from(status.code())));
    let is_ours = matches!(
        status.code(),
        Code::Unknown
            | Code::DeadlineExceeded
            | Code::Unimplemented
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss
    );
    if is_ours {
        span.record("otel.status_code", "ERROR");
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doors::grpc::SUBMIT_JOBS;
    use axum::Router;
    use axum::middleware::from_fn;
    use axum::routing::{any, get};
    use bytes::Bytes;
    use http_body::Frame;
    use http_body_util::StreamBody;
    use std::collections::BTreeMap;
    use std::fmt::Debug;
    use std::sync::{Arc, Mutex};
    use tower::ServiceExt;
    use tracing::field::{Field, Visit};
    use tracing::span::{Attributes, Id, Record};
    use tracing::subscriber::with_default;
    use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

    /// Remembers the fields of the one span.
    #[derive(Clone, Default)]
    struct Fields(Arc<Mutex<BTreeMap<String, String>>>);

    impl Visit for Fields {
        fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
            self.0.lock().unwrap().insert(field.name().into(), format!("{value:?}"));
        }

        fn record_str(&mut self, field: &Field, value: &str) {
            self.0.lock().unwrap().insert(field.name().into(), value.into());
        }
    }

    impl<S: tracing::Subscriber> Layer<S> for Fields {
        fn on_new_span(&self, attributes: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
            attributes.record(&mut self.clone());
        }

        fn on_record(&self, _: &Id, values: &Record<'_>, _: Context<'_, S>) {
            values.record(&mut self.clone());
        }
    }

    /// The fields of the span of a request, whose answer ends with this status of gRPC.
    fn fields(method: &str, path: &str, code: Code) -> BTreeMap<String, String> {
        let ends = move || async move {
            let mut trailers = HeaderMap::new();
            Status::new(code, "").add_header(&mut trailers).unwrap();
            let frames = [Ok::<_, axum::Error>(Frame::data(Bytes::new())), Ok(Frame::trailers(trailers))];
            Body::new(StreamBody::new(futures::stream::iter(frames)))
        };
        let router = Router::new()
            .route("/herdgate.v1.IngestService/{*rest}", any(ends))
            .route("/schemas/{name}", get(async || StatusCode::SERVICE_UNAVAILABLE))
            .layer(from_fn(trace_request));
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        let fields = Fields::default();
        with_default(tracing_subscriber::registry().with(fields.clone()), || {
            futures::executor::block_on(async {
                let response = router.oneshot(request).await.unwrap();
                response.into_body().collect().await.unwrap();
            });
        });
        fields.0.lock().unwrap().clone()
    }

    #[test]
    fn names_of_spans_are_of_a_known_set() {
        for (method, path, name) in [
            ("POST", SUBMIT_JOBS, "herdgate.v1.IngestService/SubmitJobs"),
            ("POST", "/herdgate.v1.IngestService/Made-up", "POST /herdgate.v1.IngestService/{*rest}"),
            ("GET", "/schemas/pulse-job.yml", "GET /schemas/{name}"),
            ("GET", "/made/up", "GET"),
            ("MADE-UP", "/made/up", "HTTP"),
        ] {
            assert_eq!(fields(method, path, Code::Ok)["otel.name"], name, "{method} {path}");
        }
    }

    #[test]
    fn how_a_call_went_is_recorded_at_its_end() {
        for (code, number, status) in [
            (Code::Ok, "0", None),
            (Code::NotFound, "5", None),
            (Code::Internal, "13", Some("ERROR")),
            (Code::Unavailable, "14", Some("ERROR")),
        ] {
            let fields = fields("POST", SUBMIT_JOBS, code);
            assert_eq!(fields["rpc.grpc.status_code"], number);
            assert_eq!(fields.get("otel.status_code").map(String::as_str), status, "{code:?}");
        }
    }

    #[test]
    fn how_a_request_went_is_recorded() {
        let fields = fields("GET", "/schemas/x", Code::Ok);
        assert_eq!((&*fields["http.response.status_code"], &*fields["otel.status_code"]), ("503", "ERROR"));
        assert!(!fields.contains_key("rpc.grpc.status_code"));
    }
}
