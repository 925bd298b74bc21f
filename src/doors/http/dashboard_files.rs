//! The files of a built dashboard, served at `/` (dashboard contract 2.1 and 2.2).

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::header::CACHE_CONTROL;
use http::{HeaderValue, Method, StatusCode};
use std::io;
use std::path::{Path, PathBuf};
use tower::ServiceExt;
use tower_http::services::{ServeDir, ServeFile};

/// First parts of paths that are the gateway's own: what is not there is an error, and no page.
const OWN: [&str; 7] = ["api", "console", "schemas", "healthz", "readyz", "metrics", "herdgate.v1"];
/// The page of every path that is no file.
const PAGE: &str = "index.html";

/// A folder with a build of the dashboard.
#[derive(Debug, Clone)]
pub struct DashboardFiles {
    folder: ServeDir<ServeFile>,
}

/// Whether a request is for the dashboard, as far as its path and method tell.
pub(super) fn is_page(request: &Request) -> bool {
    let first = request.uri().path().trim_start_matches('/').split('/').next().unwrap_or_default();
    let readable = matches!(*request.method(), Method::GET | Method::HEAD);
    readable && !super::is_grpc(request) && !OWN.contains(&first) && !first.starts_with("grpc.")
}

impl DashboardFiles {
    /// # Errors
    /// If the folder has no `index.html` that can be read.
    pub fn open(folder: &Path) -> Result<Self, io::Error> {
        let page: PathBuf = folder.join(PAGE);
        std::fs::File::open(&page)?;
        Ok(Self { folder: ServeDir::new(folder).fallback(ServeFile::new(page)) })
    }

    pub(super) async fn serve(self, request: Request) -> Response {
        let mut response = match self.folder.oneshot(request).await {
            Ok(response) => response.map(Body::new).into_response(),
            Err(never) => match never {},
        };
        if matches!(response.status(), StatusCode::OK | StatusCode::NOT_MODIFIED) {
            // A new build is seen at once; what has not changed costs an answer without a body.
            response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        }
        response
    }
}
