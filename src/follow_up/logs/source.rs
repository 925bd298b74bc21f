//! Where logs come from.

use bytes::Bytes;
use futures::Stream;
use futures::future::BoxFuture;
use std::pin::Pin;

/// The decoded bytes of a log, as they come.
pub type Blocks = Pin<Box<dyn Stream<Item = Result<Bytes, Unobtainable>> + Send>>;

/// Opens logs by their addresses.
pub trait Source: Send + Sync + 'static {
    /// Opens what is at `url`. With `declared_limit`, what declares more bytes than that, compressed or
    /// not, is left alone.
    fn open<'a>(
        &'a self,
        url: &'a str,
        declared_limit: Option<u64>,
    ) -> BoxFuture<'a, Result<Blocks, Unobtainable>>;
}

/// Why a log, or the rest of it, could not be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unobtainable {
    /// It may be had later.
    #[error("{why}")]
    ForNow {
        /// What happened.
        why: String,
        /// The other side asked to wait as long.
        after: Option<std::time::Duration>,
    },
    /// It will never be had: it is not there, or may not be fetched.
    #[error("{why}")]
    ForGood {
        /// What happened.
        why: String,
    },
    /// It declares more bytes than are read of such logs.
    #[error("the log declares more than {limit} bytes, which are the most that is read of its kind")]
    TooLarge {
        /// What would be read.
        limit: u64,
    },
}
