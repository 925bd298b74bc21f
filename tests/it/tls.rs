//! TLS on the one listener, with real clients of HTTP and gRPC.

use crate::harness::command::{herdgate_on, run};
use crate::harness::gateway::{PROJECT, create_credential};
use crate::harness::http::{Answer, exchange};
use crate::harness::{Database, Gateway, eventually};
use herdgate::proto::ListRepositoriesRequest;
use herdgate::proto::admin_service_client::AdminServiceClient;
use http::Request;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tonic::transport::{Certificate as Trusted, ClientTlsConfig, Identity};

on_both_databases!(both_doors_are_served_encrypted);

/// An authority of its own.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    /// A certificate that it has signed, and its key, in PEM.
    fn signed(&self) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }
}

/// Files of a gateway, and what its clients need.
struct Certificates {
    server_authority: String,
    client_authority: Authority,
    cert: PathBuf,
    key: PathBuf,
    client_ca: PathBuf,
}

impl Certificates {
    fn in_folder(folder: &Path) -> Self {
        let (authority, client_authority) = (Authority::new(), Authority::new());
        let (certificate, private) = authority.signed();
        let write = |name: &str, text: &str| {
            let path = folder.join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        Self {
            server_authority: authority.pem,
            cert: write("cert.pem", &certificate),
            key: write("key.pem", &private),
            client_ca: write("clients.pem", &client_authority.pem),
            client_authority,
        }
    }

    async fn gateway(&self, database: &Database) -> Gateway {
        Gateway::on(database)
            .with_variable("HERDGATE_TLS_CERT", self.cert.display())
            .with_variable("HERDGATE_TLS_KEY", self.key.display())
            .with_variable("HERDGATE_TLS_CLIENT_CA", self.client_ca.display())
            .start()
            .await
    }

    /// Asks over HTTP; `None` if the gateway refuses the certificate shown.
    async fn get(&self, gateway: &Gateway, identity: Option<(&str, &str)>) -> Option<Answer> {
        self.send(gateway, identity, Request::get("/healthz").body("").unwrap()).await
    }

    async fn send(
        &self,
        gateway: &Gateway,
        identity: Option<(&str, &str)>,
        request: Request<&'static str>,
    ) -> Option<Answer> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.server_authority.as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = match identity {
            None => config.with_no_client_auth(),
            Some((certificate, key)) => config
                .with_client_auth_cert(
                    vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()],
                    PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap(),
                )
                .unwrap(),
        };
        let stream = TcpStream::connect(gateway.socket()).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.ok()?;
        // With TLS 1.3 a refusal comes after the client's own handshake is done.
        let mut first = [0];
        let read = tokio::time::timeout(Duration::from_millis(500), stream.read(&mut first)).await;
        if read.is_ok() {
            return None;
        }
        Some(exchange(stream, request).await)
    }

    /// The number of repositories, asked over gRPC.
    async fn call(&self, gateway: &Gateway, identity: Option<(&str, &str)>) -> Option<usize> {
        let mut tls = ClientTlsConfig::new()
            .ca_certificate(Trusted::from_pem(&self.server_authority))
            .domain_name("localhost");
        if let Some((certificate, key)) = identity {
            tls = tls.identity(Identity::from_pem(certificate, key));
        }
        let endpoint = tonic::transport::Endpoint::from_shared(format!("https://{}", gateway.socket()));
        let channel = endpoint.unwrap().tls_config(tls).unwrap().connect().await.ok()?;
        let mut client = AdminServiceClient::new(channel);
        let answer = client.list_repositories(ListRepositoriesRequest::default()).await.ok()?;
        Some(answer.into_inner().repositories.len())
    }
}

async fn both_doors_are_served_encrypted(database: Database) {
    let certificates = Certificates::in_folder(database.folder.path());
    let gateway = certificates.gateway(&database).await;
    assert_eq!(certificates.get(&gateway, None).await.unwrap().status, 200);
    assert_eq!(certificates.call(&gateway, None).await, Some(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_certificate_is_taken_from_our_authority_only() {
    let database = Database::sqlite();
    let certificates = Certificates::in_folder(database.folder.path());
    let gateway = certificates.gateway(&database).await;
    let known = certificates.client_authority.signed();
    let foreign = Authority::new().signed();
    for ((certificate, key), accepted) in [(known, true), (foreign, false)] {
        let identity = Some((certificate.as_str(), key.as_str()));
        assert_eq!(certificates.get(&gateway, identity).await.is_some(), accepted);
        assert_eq!(certificates.call(&gateway, identity).await.is_some(), accepted);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_stands_for_the_credential_that_it_is_bound_to() {
    let database = Database::sqlite();
    let certificates = Certificates::in_folder(database.folder.path());
    let (bound, bound_key) = certificates.client_authority.signed();
    let (other, other_key) = certificates.client_authority.signed();
    let file = database.folder.path().join("mill.pem");
    std::fs::write(&file, &bound).unwrap();
    let gateway = certificates.gateway(&database).await;
    create_credential(&database, "mill", &["--project", PROJECT, "--certificate", file.to_str().unwrap()])
        .await;
    let post = async |identity| {
        let request =
            Request::post(format!("/api/project/{PROJECT}/jobs/")).header("content-type", "application/json");
        certificates.send(&gateway, identity, request.body("[]").unwrap()).await.unwrap().status
    };
    eventually("the gateway knows the credential", Duration::from_secs(10), async || {
        (post(Some((&bound, &bound_key))).await == 200).then_some(())
    })
    .await;
    assert_eq!(post(Some((&other, &other_key))).await, 403);
    assert_eq!(post(None).await, 403);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn handshakes_that_are_never_finished_keep_nobody_out_and_end() {
    let database = Database::sqlite();
    let certificates = Certificates::in_folder(database.folder.path());
    let gateway = certificates.gateway(&database).await;
    let begun = Instant::now();
    let mut silent = TcpStream::connect(gateway.socket()).await.unwrap();
    assert!(certificates.get(&gateway, None).await.is_some());
    let read = tokio::time::timeout(Duration::from_secs(30), silent.read(&mut [0])).await;
    assert!(matches!(read, Ok(Ok(0) | Err(_))), "the gateway closes it: {read:?}");
    assert!(begun.elapsed() > Duration::from_secs(5), "not at once: {:?}", begun.elapsed());
}

#[tokio::test]
async fn files_that_cannot_be_used_are_named_with_their_key() {
    let database = Database::sqlite();
    let certificates = Certificates::in_folder(database.folder.path());
    let other = database.folder.path().join("other.pem");
    std::fs::write(&other, Authority::new().signed().1).unwrap();
    let none = database.folder.path().join("none.pem");
    let (cert, key, ca) = (&certificates.cert, &certificates.key, &certificates.client_ca);
    for (cert, key, ca, named, problem) in [
        (&none, key, ca, "HERDGATE_TLS_CERT", "cannot be read"),
        (key, key, ca, "HERDGATE_TLS_CERT", "has no certificate"),
        (cert, &none, ca, "HERDGATE_TLS_KEY", "cannot be read"),
        (cert, cert, ca, "HERDGATE_TLS_KEY", "has no private key"),
        (cert, &other, ca, "HERDGATE_TLS_KEY", "does not go with the certificate"),
        (cert, key, key, "HERDGATE_TLS_CLIENT_CA", "has no certificate"),
    ] {
        let mut command = herdgate_on(&database);
        command.arg("serve").env("HERDGATE_TLS_CERT", cert).env("HERDGATE_TLS_KEY", key);
        let ran = run(command.env("HERDGATE_TLS_CLIENT_CA", ca)).await;
        assert_eq!(ran.code, Some(64), "{ran:#?}");
        assert!(ran.stderr.contains(named) && ran.stderr.contains(problem), "{named}, {problem}: {ran:#?}");
    }
}
