//! Why something could not be fetched.

use super::address::NotAllowed;
use crate::limits;
use reqwest::StatusCode;
use std::net::IpAddr;
use std::time::Duration;

/// Why something could not be fetched. The texts hold no URL, which may carry secrets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The URL itself is refused.
    #[error("the URL {0}")]
    RefusedUrl(&'static str),
    /// The host has no address that may be asked.
    #[error("{host} has the address {address}, {why}")]
    RefusedAddress {
        /// As in the URL.
        host: String,
        /// The first that it has.
        address: IpAddr,
        /// What is wrong with it.
        why: NotAllowed,
    },
    /// The server answered with an error.
    #[error("the server answered {status}")]
    Status {
        /// Neither of 2xx nor a redirect.
        status: StatusCode,
        /// What the server says of when to come back: `Retry-After`, or the end of a spent rate limit.
        retry_after: Option<Duration>,
    },
    /// The body is larger than allowed.
    #[error("the {measure} length is above {limit} bytes")]
    TooLarge {
        /// Which length.
        measure: Measure,
        /// The largest allowed.
        limit: u64,
    },
    /// The server took too long.
    #[error("no answer, or no end of it, within {} s", .0.as_secs_f32())]
    TimedOut(Duration),
    /// The server sends too little at a time.
    #[error(
        "the server sends less than {} bytes/s on the average of {} s",
        limits::FETCH_SLOWEST,
        limits::FETCH_WAIT.as_secs()
    )]
    TooSlow,
    /// One redirect led to the next.
    #[error("more than {0} redirects")]
    TooManyRedirects(usize),
    /// No connection, or it broke before there was an answer.
    #[error("the server cannot be reached: {0}")]
    Unreachable(String),
    /// The body ends too early, or is not what its encoding says.
    #[error("the answer is damaged: {0}")]
    Damaged(String),
    /// The body is encoded in a way that was not asked for.
    #[error("the answer is encoded as {0:?}; only gzip and deflate are understood")]
    UnsupportedEncoding(String),
}

/// A length of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// `Content-Length`.
    Declared,
    /// As received.
    Received,
    /// As decoded.
    Decoded,
}

impl std::fmt::Display for Measure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Declared => "declared",
            Self::Received => "received",
            Self::Decoded => "decoded",
        })
    }
}

impl FetchError {
    /// Whether the same request may succeed later (contract-logs 1.4). 403 and 404 are final, unless the
    /// server says when to come back.
    pub fn worth_retrying(&self) -> bool {
        match self {
            Self::RefusedUrl(_)
            | Self::RefusedAddress { .. }
            | Self::TooLarge { .. }
            | Self::UnsupportedEncoding(_) => false,
            Self::Status { status, retry_after } => {
                retry_after.is_some() || !matches!(*status, StatusCode::FORBIDDEN | StatusCode::NOT_FOUND)
            }
            Self::TimedOut(_)
            | Self::TooSlow
            | Self::TooManyRedirects(_)
            | Self::Unreachable(_)
            | Self::Damaged(_) => true,
        }
    }

    /// What the server says of when to come back.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// Why no fetcher could be made.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The TLS library.
    #[error("TLS does not start: {0}")]
    Tls(#[from] rustls::Error),
    /// The HTTP client.
    #[error("the HTTP client does not start: {0}")]
    Client(#[from] reqwest::Error),
}
