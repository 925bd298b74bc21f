//! The one way by which the gateway asks others for documents: logs and details of pushes (design rule
//! R30).
//!
//! Whoever submits a log's URL chooses what is fetched, from inside the operator's network. So addresses
//! are checked after the name was resolved, the connection goes to an address that was checked, and every
//! redirect is checked anew. Time and size are bounded, and a body streams in constant memory.

mod address;
mod body;
mod error;
mod pace;
mod patience;
mod redirect;
mod resolver;

#[cfg(test)]
mod tests;

pub use address::NotAllowed;
pub use body::FetchedBody;
pub use error::{BuildError, FetchError, Measure};
pub use reqwest::Url;

use crate::config::Secret;
use crate::limits;
use address::Permissions;
use body::Encoding;
use chrono::Utc;
use http::HeaderMap;
use http::header::{self, HeaderName, HeaderValue};
use ipnet::IpNet;
use reqwest::{Client, Response, StatusCode, redirect::Policy};
use resolver::{GuardedResolver, NotPermitted};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// What a fetcher may do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FetchOptions {
    /// Hosts with addresses that are not public may be asked; those of cloud metadata still not.
    pub allow_private: bool,
    /// What may be asked whatever its address.
    pub allowed_hosts: Vec<AllowedHost>,
    /// What alone may be asked, and still needs an address that may be; none: any host.
    pub only_hosts: Vec<AllowedHost>,
}

/// A host, as an operator names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AllowedHost {
    /// By its name in lower case, whatever its address.
    Name(String),
    /// By its address.
    Network(IpNet),
}

impl AllowedHost {
    /// Reads a host name, an IP address or a network such as `10.2.0.0/16`; none: it is none of these.
    pub fn parse(text: &str) -> Option<Self> {
        let address = || text.parse::<IpAddr>().ok().map(IpNet::from);
        if let Some(network) = text.parse().ok().or_else(address) {
            return Some(Self::Network(network));
        }
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        (!text.is_empty() && text.chars().all(fits)).then(|| Self::Name(text.to_ascii_lowercase()))
    }

    /// Whether it is this host at this address.
    fn is(&self, host: &str, address: IpAddr) -> bool {
        match self {
            Self::Name(name) => name.eq_ignore_ascii_case(host.trim_end_matches('.')),
            Self::Network(network) => network.contains(&address),
        }
    }
}

/// What a request says beside its URL.
#[derive(Debug, Clone, Default)]
pub struct RequestHeaders {
    /// What is known already: if it is still so, the answer is [`Fetched::not_modified`].
    pub etag: Option<String>,
    /// Sent as a bearer token, but to no other origin that the request is redirected to.
    pub token: Option<Secret>,
    /// The media type that is asked for; none: any.
    pub accept: Option<&'static str>,
}

/// Bounds of one fetch, redirects included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FetchLimits {
    /// Longest wait for the connection with the headers of an answer, and for each piece of the body.
    pub wait: Duration,
    /// Longest time from the request to the end of the body.
    pub total: Duration,
    /// Largest declared length (`Content-Length`, so of the compressed body); exactly this much is
    /// allowed, and so is declaring none.
    pub declared_bytes: u64,
    /// Largest body, as received and as decoded, each.
    pub decoded_bytes: u64,
}

/// An answer whose headers are here.
#[derive(Debug)]
pub struct Fetched {
    /// Whether it is as it was when it had the `etag` that was sent; then there is no body.
    pub not_modified: bool,
    /// What to send with the next request for the same.
    pub etag: Option<String>,
    /// The server's rate limit is spent with this answer, for this long.
    pub spent_for: Option<Duration>,
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// The decoded body.
    pub body: FetchedBody,
}

/// Fetches by GET. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Fetcher {
    client: Client,
    permissions: Arc<Permissions>,
}

impl Fetcher {
    /// Prepares connections; makes none.
    ///
    /// # Errors
    /// If the TLS library does not start.
    pub fn new(options: FetchOptions) -> Result<Self, BuildError> {
        let permissions = Arc::new(Permissions::new(options));
        let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let client = Client::builder()
            .tls_backend_preconfigured(tls)
            .dns_resolver(GuardedResolver::new(permissions.clone()))
            // A proxy would resolve names itself, unchecked; redirects are followed here, each checked.
            .no_proxy()
            .redirect(Policy::none())
            .user_agent(concat!("herdgate/", env!("CARGO_PKG_VERSION")))
            .pool_idle_timeout(limits::FETCH_IDLE_CONNECTION)
            .pool_max_idle_per_host(limits::FETCH_IDLE_CONNECTIONS)
            .build()?;
        Ok(Self { client, permissions })
    }

    /// Asks for a document; its body is read from what this gives.
    ///
    /// # Errors
    /// What [`FetchError`] lists; [`FetchError::worth_retrying`] says whether to ask again.
    pub async fn get(
        &self,
        url: &Url,
        headers: &RequestHeaders,
        limits: FetchLimits,
    ) -> Result<Fetched, FetchError> {
        let deadline = Instant::now() + limits.total;
        let (first, mut url) = (url, url.clone());
        for _ in 0..=limits::FETCH_REDIRECTS {
            self.permissions.check_url(&url)?;
            let sent = header_map(headers, url.origin() == first.origin())?;
            let response = self.ask(&url, sent, limits, deadline).await?;
            if let Some(target) = redirect::target(&url, &response)? {
                url = target;
                continue;
            }
            return answered(response, headers, limits, deadline).await;
        }
        Err(FetchError::TooManyRedirects(limits::FETCH_REDIRECTS))
    }

    async fn ask(
        &self,
        url: &Url,
        headers: HeaderMap,
        limits: FetchLimits,
        deadline: Instant,
    ) -> Result<Response, FetchError> {
        let request = self.client.get(url.clone()).headers(headers).send();
        body::within(limits, deadline, request).await?.map_err(|error| unreachable(&error))
    }
}

/// The headers of a request. The token is for the origin that was asked first.
fn header_map(headers: &RequestHeaders, with_token: bool) -> Result<HeaderMap, FetchError> {
    let mut map = HeaderMap::new();
    map.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip, deflate"));
    map.insert(header::ACCEPT, HeaderValue::from_static(headers.accept.unwrap_or("*/*")));
    if let Some(etag) = headers.etag.as_deref().and_then(|etag| HeaderValue::from_str(etag).ok()) {
        map.insert(header::IF_NONE_MATCH, etag);
    }
    if let Some(token) = headers.token.as_ref().filter(|_| with_token) {
        let wrong = |_| FetchError::RefusedUrl("is to be asked with a token that is no header value");
        let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose())).map_err(wrong)?;
        value.set_sensitive(true);
        map.insert(header::AUTHORIZATION, value);
    }
    Ok(map)
}

async fn answered(
    response: Response,
    headers: &RequestHeaders,
    limits: FetchLimits,
    deadline: Instant,
) -> Result<Fetched, FetchError> {
    let status = response.status();
    let text = |name: HeaderName| response.headers().get(name)?.to_str().ok().map(str::to_owned);
    let (etag, content_type) = (text(header::ETAG), text(header::CONTENT_TYPE));
    let spent_for = patience::asked(response.headers(), Utc::now());
    if status == StatusCode::NOT_MODIFIED && headers.etag.is_some() {
        let body = FetchedBody::empty();
        return Ok(Fetched { not_modified: true, etag, spent_for, content_type, body });
    }
    if !status.is_success() {
        return Err(FetchError::Status { status, retry_after: spent_for });
    }
    let limit = limits.declared_bytes;
    if response.content_length().is_some_and(|declared| declared > limit) {
        return Err(FetchError::TooLarge { measure: Measure::Declared, limit });
    }
    let encoding = Encoding::of_header(&text(header::CONTENT_ENCODING).unwrap_or_default())?;
    let body = FetchedBody::begin(response, encoding, limits, deadline).await?;
    Ok(Fetched { not_modified: false, etag, spent_for, content_type, body })
}

fn unreachable(error: &reqwest::Error) -> FetchError {
    let first: &(dyn std::error::Error + 'static) = error;
    let mut chain = std::iter::successors(Some(first), |error| error.source());
    match chain.find_map(|error| error.downcast_ref::<NotPermitted>()) {
        Some(NotPermitted { host, address, why }) => {
            FetchError::RefusedAddress { host: host.clone(), address: *address, why: *why }
        }
        None => FetchError::Unreachable(body::innermost(error)),
    }
}
