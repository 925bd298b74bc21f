//! The description of everything that can be asked over HTTP: an OpenAPI 3.1 document made of the
//! handlers themselves, and the same as a page to read.

use super::problem::Body;
use super::write::{Accepted, Rejected};
use super::{grpc_page, reference_page};
use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use utoipa::openapi::path::Operation;
use utoipa::openapi::{Content, OpenApi, Ref, RefOr, ResponseBuilder};
use utoipa::{OpenApi as _, ToSchema};

/// Where the document is.
pub const DOCUMENT: &str = "/api/openapi.json";
/// Where the page is.
pub const PAGE: &str = "/api/docs";

/// Where the page about gRPC is.
pub const GRPC_PAGE: &str = "/api/docs/grpc";

/// A page needs nothing but its own style.
const PAGE_POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// The document without any path.
pub fn base() -> OpenApi {
    #[derive(utoipa::OpenApi)]
    #[openapi(
        info(
            title = "Herdgate",
            description = "Takes CI job data in and answers what became of it. The paths under \
                           /api/project are those of the treeherder-client package. gRPC is served on the \
                           same port and describes itself by reflection.",
            license(name = "Apache-2.0", identifier = "Apache-2.0"),
        ),
        components(schemas(Body, Accepted, Rejected))
    )]
    struct Base;
    Base::openapi()
}

/// Serves the document and the page.
pub fn routes(mut document: OpenApi) -> Router {
    share_refusals(&mut document);
    let page = Bytes::from(reference_page::render(&serde_json::json!(document)));
    // Made of our own types once: it cannot fail to be JSON, and an empty document would fail its tests.
    let json = Bytes::from(serde_json::to_vec(&document).unwrap_or_default());
    let json_answer = async move || typed("application/json", json).into_response();
    let grpc_page = Bytes::from(grpc_page::render(crate::proto::DESCRIPTORS));
    Router::new()
        .route(DOCUMENT, get(json_answer))
        .route(PAGE, get(async move || page_answer(page)))
        .route(GRPC_PAGE, get(async move || page_answer(grpc_page)))
}

fn page_answer(page: Bytes) -> Response {
    ([(CONTENT_SECURITY_POLICY, PAGE_POLICY)], typed("text/html; charset=utf-8", page)).into_response()
}

fn typed(content_type: &'static str, body: Bytes) -> impl IntoResponse {
    ([(CONTENT_TYPE, content_type)], body)
}

/// What the layers in front of all handlers answer, whatever the path.
const SHARED: [(&str, &str); 7] = [
    ("408", "The body came too slowly; nothing of it was taken, send it again"),
    ("406", "`Accept` takes no JSON, or another version than 1.0"),
    ("401", "The credential does not work"),
    ("403", "The credential does not work, on paths of legacy clients, or may not do this"),
    ("429", "The credential's quota is used up; `Retry-After` says for how long"),
    ("500", "A bug of the gateway; `error_id` finds it in its log"),
    ("503", "The gateway is overloaded or cannot reach its database; `Retry-After` says for how long"),
];

/// Adds the answers of the layers to every operation under `/api` that does not describe them itself.
fn share_refusals(document: &mut OpenApi) {
    for (path, item) in &mut document.paths.paths {
        if !path.starts_with("/api/") {
            continue;
        }
        let operations = [&mut item.get, &mut item.post, &mut item.put, &mut item.delete, &mut item.patch];
        for operation in operations.into_iter().flatten() {
            add_shared(operation);
        }
    }
}

fn add_shared(operation: &mut Operation) {
    let schema = || RefOr::Ref(Ref::from_schema_name(Body::name()));
    for (status, description) in SHARED {
        operation.responses.responses.entry(status.to_owned()).or_insert_with(|| {
            let content = Content::new(Some(schema()));
            let response = ResponseBuilder::new().description(description);
            RefOr::T(response.content("application/json", content).build())
        });
    }
}
