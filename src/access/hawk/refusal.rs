//! Why a signed request is refused, in the words that legacy clients know.

/// Why a signed request is refused; the text is the `detail` of the answer (ingest contract 5.6).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HawkRefusal {
    /// MAC, payload hash, replay, or an unknown attribute: not told apart, so as not to help a forger.
    #[error("Hawk authentication failed")]
    Failed,
    /// The header cannot be read, or lacks what every header has.
    #[error("Hawk authentication failed: The request header was malformed")]
    Malformed,
    /// No working credential has this client id.
    #[error("No authorised credentials found with id {0}")]
    UnknownId(String),
    /// The client's clock, or a request that was kept too long.
    #[error("Hawk authentication failed: The token has expired. Is your system clock correct?")]
    Clock {
        /// The gateway's time, seconds since 1970.
        now: u64,
        /// MAC of it under the client's secret, in base64, so that the client can trust it.
        tsm: String,
    },
}

impl HawkRefusal {
    /// Value of `WWW-Authenticate` (Appendix C).
    pub fn challenge(&self) -> String {
        match self {
            Self::Clock { now, tsm } => format!("Hawk ts=\"{now}\", tsm=\"{tsm}\""),
            Self::Failed | Self::Malformed | Self::UnknownId(_) => "Hawk".into(),
        }
    }
}
