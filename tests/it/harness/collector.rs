//! A collector of traces and metrics, as gateways export them by OTLP over gRPC.

use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Identity, Server, ServerTlsConfig};
use tonic::{Request, Response, Status};

/// Listens until it is dropped.
#[derive(Debug)]
pub struct Collector {
    address: SocketAddr,
    scheme: &'static str,
    taken: Taken,
    serving: JoinHandle<()>,
}

/// What was exported so far.
#[derive(Debug, Clone, Default)]
struct Taken {
    spans: Arc<Mutex<Vec<Span>>>,
    metrics: Arc<Mutex<Vec<String>>>,
    services: Arc<Mutex<Vec<String>>>,
}

impl Collector {
    /// One in plain text.
    pub async fn start() -> Self {
        Self::serve(Server::builder(), "http").await
    }

    /// One behind TLS; gives its certificate in PEM too.
    pub async fn start_with_tls() -> (Self, String) {
        let own = rcgen::generate_simple_self_signed(vec!["127.0.0.1".into()]).unwrap();
        let (certificate, key) = (own.cert.pem(), own.signing_key.serialize_pem());
        let identity = Identity::from_pem(&certificate, key);
        let server = Server::builder().tls_config(ServerTlsConfig::new().identity(identity)).unwrap();
        (Self::serve(server, "https").await, certificate)
    }

    async fn serve(mut server: Server, scheme: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let taken = Taken::default();
        let services = server
            .add_service(TraceServiceServer::new(taken.clone()))
            .add_service(MetricsServiceServer::new(taken.clone()));
        let serving = tokio::spawn(async move {
            services.serve_with_incoming(TcpIncoming::from(listener)).await.unwrap();
        });
        Self { address, scheme, taken, serving }
    }

    /// What `OTEL_EXPORTER_OTLP_ENDPOINT` is set to.
    pub fn endpoint(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// The first span of a name in a trace, if it has come.
    pub fn span(&self, trace_id: &[u8], name: &str) -> Option<Span> {
        let spans = self.taken.spans.lock().unwrap();
        spans.iter().find(|span| span.trace_id == trace_id && span.name == name).cloned()
    }

    /// Whether a metric of this name has come.
    pub fn has_metric(&self, name: &str) -> bool {
        self.taken.metrics.lock().unwrap().iter().any(|known| known == name)
    }

    /// Names of the services that exported something.
    pub fn services(&self) -> Vec<String> {
        self.taken.services.lock().unwrap().clone()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Taken {
    fn note_service(&self, resource: Option<&Resource>) {
        let attributes = resource.map_or(&[][..], |resource| &resource.attributes);
        let named = attributes.iter().filter(|attribute| attribute.key == "service.name");
        let texts = named.map(|attribute| format!("{:?}", attribute.value));
        self.services.lock().unwrap().extend(texts);
    }
}

#[tonic::async_trait]
impl TraceService for Taken {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        for of_resource in request.into_inner().resource_spans {
            self.note_service(of_resource.resource.as_ref());
            let spans = of_resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
            self.spans.lock().unwrap().extend(spans);
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl MetricsService for Taken {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        for of_resource in request.into_inner().resource_metrics {
            self.note_service(of_resource.resource.as_ref());
            let metrics = of_resource.scope_metrics.into_iter().flat_map(|scope| scope.metrics);
            self.metrics.lock().unwrap().extend(metrics.map(|metric| metric.name));
        }
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}
