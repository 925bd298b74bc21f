//! Logs, traces and metrics. Logs go to standard error; traces and metrics go to a collector if
//! `OTEL_EXPORTER_OTLP_ENDPOINT` names one; metrics are always rendered for `/metrics` too.

mod export;
mod history;
mod labels;
mod metrics;
mod propagation;
mod totals;

pub use history::{History, Sample, Spread};
pub use labels::{Tally, VerdictLabel};
pub use metrics::{Metrics, Open};
pub use propagation::continue_trace;

use crate::config::{Configuration, Log, LogFormat};
use crate::limits;
use opentelemetry::global;
use opentelemetry::metrics::MeterProvider;
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use std::io::IsTerminal;
use std::path::PathBuf;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

/// Name of this service and of its instrumentation.
const SERVICE: &str = "herdgate";

/// Why telemetry could not be started.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The standard variables ask for what the exporter cannot do.
    #[error("OTEL_EXPORTER_OTLP_ENDPOINT and the other OTEL_* variables: {0}")]
    Exporter(String),
    /// The certificate that collectors are checked against cannot be read.
    #[error("OTEL_EXPORTER_OTLP_CERTIFICATE: {path}: {source}", path = path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The metrics cannot be rendered.
    #[error("metrics cannot be rendered: {0}")]
    Prometheus(String),
    /// Somebody else listens already.
    #[error("logging was started twice: {0}")]
    Subscriber(String),
}

/// Running telemetry. Ends with [`Telemetry::shutdown`], which sends what is not sent yet.
#[derive(Debug)]
pub struct Telemetry {
    meters: SdkMeterProvider,
    tracers: Option<SdkTracerProvider>,
    registry: prometheus::Registry,
}

impl Telemetry {
    /// Starts logs, traces and metrics. Needs a Tokio runtime if a collector is configured.
    ///
    /// # Errors
    /// If an exporter cannot be built, or logging has been started before.
    pub fn start(configuration: &Configuration) -> Result<Self, TelemetryError> {
        let telemetry = Self::build(configuration.otlp_endpoint.is_some())?;
        let traces = telemetry.tracers.as_ref().map(|provider| {
            // Spans are exported from level INFO on, whatever the log filter shows.
            tracing_opentelemetry::layer()
                .with_tracer(provider.tracer(SERVICE))
                .with_filter(LevelFilter::INFO)
        });
        Registry::default()
            .with(traces)
            .with(log_layer(&configuration.log))
            .try_init()
            .map_err(|error| TelemetryError::Subscriber(error.to_string()))?;
        global::set_text_map_propagator(TraceContextPropagator::new());
        global::set_meter_provider(telemetry.meters.clone());
        Metrics::new(&telemetry.meters.meter(SERVICE)).install();
        Ok(telemetry)
    }

    fn build(export: bool) -> Result<Self, TelemetryError> {
        let resource = Resource::builder().with_service_name(service_name()).build();
        let registry = prometheus::Registry::new();
        let rendered = opentelemetry_prometheus::exporter()
            .with_registry(registry.clone())
            .without_target_info()
            .scope_info_enabled(false)
            .build()
            .map_err(|error| TelemetryError::Prometheus(error.to_string()))?;
        let mut meters = SdkMeterProvider::builder().with_resource(resource.clone()).with_reader(rendered);
        let mut tracers = None;
        if export {
            let (spans, metrics) = export::exporters()?;
            meters = meters.with_periodic_exporter(metrics);
            tracers =
                Some(SdkTracerProvider::builder().with_resource(resource).with_batch_exporter(spans).build());
        }
        Ok(Self { meters: meters.build(), tracers, registry })
    }

    /// What renders all metrics in the text format of Prometheus, for `/metrics`.
    pub fn renderer(&self) -> impl Fn() -> String + Send + Sync + use<> {
        let registry = self.registry.clone();
        move || {
            prometheus::TextEncoder::new()
                .encode_to_string(&registry.gather())
                .unwrap_or_else(|error| format!("# the metrics cannot be rendered: {error}\n"))
        }
    }

    /// The last hour of all this, from now on. Needs a Tokio runtime.
    pub fn history(&self) -> History {
        History::of(self.registry.clone())
    }

    /// Sends what has not been sent yet, for at most [`limits::TELEMETRY_FLUSH`].
    pub async fn shutdown(self) {
        let Self { meters, tracers, .. } = self;
        // Both block, and side by side one slow collector costs its time once.
        let spans = spawn_blocking(move || tracers.map_or(Ok(()), |tracers| tracers.shutdown()));
        let metrics = spawn_blocking(move || meters.shutdown());
        let lost = match timeout(limits::TELEMETRY_FLUSH, futures::future::join(spans, metrics)).await {
            Ok((Ok(Ok(())), Ok(Ok(())))) => return,
            Ok((spans, metrics)) => format!("traces: {spans:?}, metrics: {metrics:?}"),
            Err(_) => "the collector takes too long".into(),
        };
        tracing::warn!(error = lost, "the last traces or metrics could not be sent");
    }
}

/// Logging for a command that serves nothing: warnings, as text, unless the configuration says more.
pub fn log_to_stderr(log: &Log) {
    // The only failure is that somebody listens already, which is as good.
    let _ = Registry::default().with(log_layer(log)).try_init();
}

fn log_layer<S>(log: &Log) -> Box<dyn Layer<S> + Send + Sync>
where
    S: tracing::Subscriber + for<'span> tracing_subscriber::registry::LookupSpan<'span>,
{
    let terminal = std::io::stderr().is_terminal();
    let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(terminal);
    let format = log.format.unwrap_or(if terminal { LogFormat::Text } else { LogFormat::Json });
    // Checked when the configuration was read.
    // What the AMQP client logs is said by the door that handles it; a directive of the operator's wins.
    let filter = EnvFilter::new(format!("lapin=off,{}", log.filter));
    match format {
        LogFormat::Text => layer.with_filter(filter).boxed(),
        LogFormat::Json => layer.json().flatten_event(true).with_filter(filter).boxed(),
    }
}

fn service_name() -> String {
    std::env::var("OTEL_SERVICE_NAME").ok().filter(|name| !name.is_empty()).unwrap_or_else(|| SERVICE.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Door, HeldState, Outcome, StoredReason};
    use std::time::Duration;

    fn rendered(record: impl FnOnce(&Metrics)) -> String {
        let telemetry = Telemetry::build(false).unwrap();
        record(&Metrics::new(&telemetry.meters.meter(SERVICE)));
        telemetry.renderer()()
    }

    #[test]
    fn received_equals_decided_and_in_flight_for_each_door() {
        let text = rendered(|metrics| {
            metrics.received(Door::Grpc, 5);
            let stored = Outcome::Stored(StoredReason::Created);
            metrics
                .decided(Door::Grpc, &[&stored, &stored, &Outcome::Rejected(vec![])].into_iter().collect());
        });
        for line in [
            "herdgate_submissions_received_total{door=\"grpc\"} 5",
            "herdgate_submissions_decided_total{door=\"grpc\",verdict=\"stored\"} 2",
            "herdgate_submissions_decided_total{door=\"grpc\",verdict=\"rejected\"} 1",
            "herdgate_submissions_in_flight{door=\"grpc\"} 2",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn every_instrument_is_rendered() {
        let text = rendered(|metrics| {
            metrics.batch(500, Duration::from_millis(20));
            metrics.queue_depth(7);
            metrics.held(HeldState::Parked, 3);
            metrics.oldest_parked(Duration::from_secs(90));
            metrics.follow_up_depth(4);
            metrics.follow_up_attempt("parse_log", "done");
            metrics.commit_lag(Duration::from_millis(30));
            metrics.visible_lag(Duration::from_secs(2));
            metrics.statements(9);
            metrics.pulse_connected("default", true);
            metrics.pulse_connection_lost("default");
            metrics.pulse_consumers("consuming", 2);
            metrics.pulse_unacked(5);
            metrics.pulse_redelivered(3);
            metrics.pulse_disagreement("kiln");
            metrics.push_notice_skipped("tag");
        });
        for line in [
            "herdgate_batch_size_bucket{le=\"350\"} 0",
            "herdgate_batch_size_bucket{le=\"500\"} 1",
            "herdgate_commit_duration_seconds_count 1",
            "herdgate_queue_depth 7",
            "herdgate_held{state=\"parked\"} 3",
            "herdgate_held_parked_oldest_age_seconds 90",
            "herdgate_follow_up_depth 4",
            "herdgate_push_notices_skipped_total{reason=\"tag\"} 1",
            "herdgate_follow_up_attempts_total{kind=\"parse_log\",outcome=\"done\"} 1",
            "herdgate_lag_commit_seconds_count 1",
            "herdgate_lag_visible_seconds_count 1",
            "herdgate_database_statements_total 9",
            "herdgate_pulse_connected{broker=\"default\"} 1",
            "herdgate_pulse_connections_lost_total{broker=\"default\"} 1",
            "herdgate_pulse_exchanges{phase=\"consuming\"} 2",
            "herdgate_pulse_unacknowledged 5",
            "herdgate_pulse_redelivered_total 3",
            "herdgate_pulse_routing_key_disagreements_total{registration=\"kiln\"} 1",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn a_stream_counts_as_open_until_it_is_dropped() {
        let telemetry = Telemetry::build(false).unwrap();
        let metrics = Metrics::new(&telemetry.meters.meter(SERVICE));
        let render = telemetry.renderer();
        let (first, second) = (metrics.stream(), metrics.stream());
        let watcher = metrics.watcher();
        drop(first);
        assert!(render().contains("herdgate_streams 1"), "{}", render());
        assert!(render().contains("herdgate_watchers 1"), "{}", render());
        drop((second, watcher));
        assert!(render().contains("herdgate_streams 0"), "{}", render());
    }
}
