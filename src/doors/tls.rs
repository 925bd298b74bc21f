//! TLS on the listener, with client certificates if there are authorities for them (design rule R25).

use rustls::RootCertStore;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::server::WebPkiClientVerifier;
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// Protocols offered, the first one preferred.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Ends TLS on new connections.
#[derive(Clone)]
pub struct Tls(TlsAcceptor);

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

/// Paths of PEM files.
#[derive(Debug, Clone, Copy)]
pub struct TlsFiles<'a> {
    /// Certificate chain, the server's own certificate first.
    pub cert: &'a Path,
    /// Its private key.
    pub key: &'a Path,
    /// Authorities of client certificates; a client may do without a certificate all the same.
    pub client_ca: Option<&'a Path>,
}

/// Which of the files is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsFile {
    /// The certificate chain.
    Cert,
    /// The private key.
    Key,
    /// The authorities of client certificates.
    ClientCa,
}

/// Why TLS cannot be served.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", .path.display())]
pub struct TlsError {
    /// Which file.
    pub file: TlsFile,
    /// Where it is.
    pub path: PathBuf,
    /// What is wrong with it.
    pub problem: String,
}

/// SHA-256 of a certificate in DER, what a credential is bound to.
pub type Fingerprint = [u8; 32];

impl Tls {
    /// Reads certificates and key.
    ///
    /// # Errors
    /// If one of the files cannot be used, or key and certificate do not belong together.
    pub fn load(files: TlsFiles<'_>) -> Result<Self, TlsError> {
        let error = |file, path: &Path, problem: String| TlsError { file, path: path.into(), problem };
        let chain = certificates(files.cert).map_err(|problem| error(TlsFile::Cert, files.cert, problem))?;
        let key = PrivateKeyDer::from_pem_file(files.key)
            .map_err(|reason| error(TlsFile::Key, files.key, unreadable(&reason, "private key")))?;
        // The provider supports the default versions.
        let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|reason| error(TlsFile::Cert, files.cert, reason.to_string()))?;
        let builder = match files.client_ca {
            None => builder.with_no_client_auth(),
            Some(path) => {
                let wrong = |problem| error(TlsFile::ClientCa, path, problem);
                let mut roots = RootCertStore::empty();
                for certificate in certificates(path).map_err(wrong)? {
                    roots.add(certificate).map_err(|reason| wrong(reason.to_string()))?;
                }
                let provider = Arc::new(ring::default_provider());
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                    .allow_unauthenticated()
                    .build()
                    .map_err(|reason| wrong(reason.to_string()))?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let mut config = builder.with_single_cert(chain, key).map_err(|reason| {
            error(TlsFile::Key, files.key, format!("does not go with the certificate: {reason}"))
        })?;
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).into();
        Ok(Self(TlsAcceptor::from(Arc::new(config))))
    }

    /// Shakes hands; gives the fingerprint of the client's certificate if it has shown one.
    pub(super) async fn accept(
        &self,
        stream: TcpStream,
    ) -> io::Result<(TlsStream<TcpStream>, Option<Fingerprint>)> {
        let stream = self.0.accept(stream).await?;
        let certificate = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
        let fingerprint = certificate.map(|certificate| Sha256::digest(certificate).into());
        Ok((stream, fingerprint))
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates: Vec<_> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|reason| unreadable(&reason, "certificate"))?;
    if certificates.is_empty() { Err("has no certificate in PEM".into()) } else { Ok(certificates) }
}

fn unreadable(reason: &pem::Error, what: &str) -> String {
    match reason {
        pem::Error::Io(reason) => format!("cannot be read: {reason}"),
        pem::Error::NoItemsFound => format!("has no {what} in PEM"),
        other => format!("is no {what} in PEM: {other}"),
    }
}
