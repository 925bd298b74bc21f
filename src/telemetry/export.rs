//! What sends traces and metrics to a collector by OTLP over gRPC. The exporters read the standard
//! variables themselves, all but the one for certificates.

use super::TelemetryError;
use opentelemetry_otlp::{ExporterBuildError, MetricExporter, SpanExporter, WithTonicConfig};
use std::path::PathBuf;
use tonic::transport::{Certificate, ClientTlsConfig};

/// Names a file with the certificates, in PEM, that a collector behind `https` is checked against,
/// beside the public ones.
const CERTIFICATE: &str = "OTEL_EXPORTER_OTLP_CERTIFICATE";

/// Exporters of spans and of metrics, which connect when they first have something to send.
///
/// # Errors
/// If the standard variables ask for what the exporters cannot do.
pub(super) fn exporters() -> Result<(SpanExporter, MetricExporter), TelemetryError> {
    let failed = |error: ExporterBuildError| TelemetryError::Exporter(error.to_string());
    let tls = tls()?;
    let spans = SpanExporter::builder().with_tonic().with_tls_config(tls.clone()).build();
    let metrics = MetricExporter::builder().with_tonic().with_tls_config(tls).build();
    Ok((spans.map_err(failed)?, metrics.map_err(failed)?))
}

/// Without effect on an `http` endpoint.
fn tls() -> Result<ClientTlsConfig, TelemetryError> {
    let public = ClientTlsConfig::new().with_webpki_roots();
    let Some(path) = std::env::var_os(CERTIFICATE).filter(|path| !path.is_empty()).map(PathBuf::from) else {
        return Ok(public);
    };
    match std::fs::read(&path) {
        Ok(pem) => Ok(public.ca_certificate(Certificate::from_pem(pem))),
        Err(source) => Err(TelemetryError::Certificate { path, source }),
    }
}
