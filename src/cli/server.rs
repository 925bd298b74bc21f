//! Reaching a running gateway.

use super::failure::Failure;
use crate::limits;
use std::time::Duration;
use tonic::metadata::AsciiMetadataValue;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, ClientTlsConfig, Endpoint};
use tonic::{Request, Status};

/// Where a command without `--server` that needs a gateway looks for it.
pub const DEFAULT_SERVER: &str = "http://127.0.0.1:8000";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection on which every call carries the token.
pub type Connection = InterceptedService<Channel, Bearer>;

/// Adds the token to every call.
#[derive(Debug, Clone)]
pub struct Bearer(Option<AsciiMetadataValue>);

impl Bearer {
    /// # Errors
    /// If the token has characters that no header may have.
    pub fn new(token: Option<&str>) -> Result<Self, Failure> {
        let header = |token: &str| {
            let mut value: AsciiMetadataValue = format!("Bearer {token}")
                .parse()
                .map_err(|_| Failure::Usage("the token may only have visible ASCII characters".into()))?;
            value.set_sensitive(true);
            Ok::<_, Failure>(value)
        };
        token.map(header).transpose().map(Self)
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(value) = &self.0 {
            request.metadata_mut().insert("authorization", value.clone());
        }
        Ok(request)
    }
}

/// Connects, and reconnects by itself from then on.
///
/// # Errors
/// [`Failure::Usage`] if the URL or the token cannot be used, [`Failure::Unreachable`] if nobody answers.
pub async fn connect(server: &str, token: Option<&str>) -> Result<Connection, Failure> {
    let bearer = Bearer::new(token)?;
    let wrong = |problem: String| {
        Failure::Usage(format!("--server {server}: {problem}; write http://HOST:PORT or https://HOST:PORT"))
    };
    let mut endpoint = Endpoint::from_shared(server.to_owned()).map_err(|error| wrong(error.to_string()))?;
    match endpoint.uri().scheme_str() {
        Some("http") => {}
        Some("https") => {
            endpoint = endpoint
                .tls_config(ClientTlsConfig::new().with_webpki_roots())
                .map_err(|error| wrong(error.to_string()))?;
        }
        _ => return Err(wrong("the scheme is missing".into())),
    }
    let channel = endpoint
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        // A host that vanished must not be waited for for ever.
        .http2_keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE)
        .connect()
        .await
        .map_err(|error| Failure::Unreachable { server: server.to_owned(), reason: root_cause(&error) })?;
    Ok(InterceptedService::new(channel, bearer))
}

/// A connection on which nothing answers for this long, twice, is dead.
const KEEP_ALIVE: std::time::Duration = std::time::Duration::from_secs(20);

/// Largest message read from a gateway: a held message carries the raw bytes of a whole submission.
pub const LARGEST_ANSWER: usize = 4 * limits::SUBMISSION_BYTES;

fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_url_without_scheme_or_port_is_a_usage_error() {
        for server in ["127.0.0.1:8000", "ftp://h:1", "", "http://"] {
            let failure = connect(server, None).await.unwrap_err();
            assert!(matches!(failure, Failure::Usage(_)), "{server:?}: {failure}");
        }
    }

    #[tokio::test]
    async fn a_gateway_that_is_not_there_is_named() {
        let failure = connect("http://127.0.0.1:1", None).await.unwrap_err();
        assert!(failure.to_string().starts_with("no gateway answers at http://127.0.0.1:1: "), "{failure}");
        assert_eq!(failure.exit().code(), 1);
    }

    #[test]
    fn a_token_goes_into_the_authorization_header() {
        let request = Bearer::new(Some("abc")).unwrap().call(Request::new(())).unwrap();
        assert_eq!(request.metadata().get("authorization").unwrap(), "Bearer abc");
        assert!(Bearer::new(Some("a\nb")).is_err());
    }
}
