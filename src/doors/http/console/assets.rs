//! Style sheet, scripts and icon: files of their own in the source tree, parts of the binary. Each is
//! served under a name that carries its digest, so that browsers may keep it for ever.

use super::failure::Failure;
use crate::doors::refusal::Refusal;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

/// A file that pages name.
#[derive(Debug)]
pub struct Asset {
    /// Where it is served.
    pub path: String,
    media_type: &'static str,
    content: &'static str,
}

/// How the pages look.
pub static STYLE: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("console", "css", "text/css; charset=utf-8", include_str!("assets/console.css"))
});
/// Applies the chosen theme before anything is painted.
pub static THEME: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("theme", "js", "text/javascript; charset=utf-8", include_str!("assets/theme.js"))
});
/// Times in the reader's zone, live parts, keys.
pub static SCRIPT: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("console", "js", "text/javascript; charset=utf-8", include_str!("assets/console.js"))
});
/// In tabs and bookmarks.
pub static ICON: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("gate", "svg", "image/svg+xml", include_str!("assets/gate.svg")));

impl Asset {
    fn new(name: &str, extension: &str, media_type: &'static str, content: &'static str) -> Self {
        let digest = hex::encode(&Sha256::digest(content.as_bytes())[..6]);
        Self { path: format!("/console/assets/{name}-{digest}.{extension}"), media_type, content }
    }
}

/// One of the files.
pub async fn show(Path(name): Path<String>) -> Result<Response, Failure> {
    let known = [&*STYLE, &*THEME, &*SCRIPT, &*ICON];
    let found = known.into_iter().find(|asset| asset.path.rsplit('/').next() == Some(&*name));
    let asset = found.ok_or_else(|| Refusal::NotFound("this version of the file is not here".into()))?;
    let headers = [(CONTENT_TYPE, asset.media_type), (CACHE_CONTROL, "public, max-age=31536000, immutable")];
    Ok((headers, asset.content).into_response())
}
