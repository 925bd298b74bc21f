//! `grpc.health.v1`: serving while the gateway can commit.

use crate::core::Readiness;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::server::HealthReporter;

/// Services that have a status of their own; the empty name is the server.
const SERVICES: [&str; 4] =
    ["", "herdgate.v1.IngestService", "herdgate.v1.QueryService", "herdgate.v1.AdminService"];

/// The health service, which follows readiness until `stop`, and is not serving from then on.
pub fn service(readiness: watch::Receiver<Readiness>, stop: CancellationToken) -> HealthServer<impl Health> {
    let (reporter, server) = tonic_health::server::health_reporter();
    tokio::spawn(follow(reporter, readiness, stop));
    server
}

async fn follow(
    reporter: HealthReporter,
    mut readiness: watch::Receiver<Readiness>,
    stop: CancellationToken,
) {
    loop {
        let ready = readiness.borrow_and_update().is_ready();
        report(&reporter, if ready { ServingStatus::Serving } else { ServingStatus::NotServing }).await;
        tokio::select! {
            () = stop.cancelled() => break,
            changed = readiness.changed() => if changed.is_err() { break },
        }
    }
    report(&reporter, ServingStatus::NotServing).await;
}

async fn report(reporter: &HealthReporter, status: ServingStatus) {
    for service in SERVICES {
        reporter.set_service_status(service, status).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Durability;
    use tonic::Request;
    use tonic_health::pb::HealthCheckRequest;
    use tonic_health::pb::health_check_response::ServingStatus as Shown;
    use tonic_health::server::HealthService;

    async fn shown(service: &HealthService, expected: Shown) {
        let request = || HealthCheckRequest { service: "herdgate.v1.IngestService".into() };
        for _ in 0..100 {
            let response = service.check(Request::new(request())).await;
            if response.is_ok_and(|r| r.into_inner().status() == expected) {
                return;
            }
            tokio::task::yield_now().await;
        }
        panic!("never {expected:?}");
    }

    #[tokio::test]
    async fn health_follows_readiness_and_ends_with_the_gateway() {
        let reporter = HealthReporter::new();
        let service = HealthService::from_health_reporter(reporter.clone());
        let (ready, readiness) = watch::channel(Readiness::DatabaseAway);
        let stop = CancellationToken::new();
        let following = tokio::spawn(follow(reporter, readiness, stop.clone()));
        shown(&service, Shown::NotServing).await;
        ready.send_replace(Readiness::Ready(Durability::Safe));
        shown(&service, Shown::Serving).await;
        ready.send_replace(Readiness::DatabaseAway);
        shown(&service, Shown::NotServing).await;
        ready.send_replace(Readiness::Ready(Durability::Safe));
        shown(&service, Shown::Serving).await;
        stop.cancel();
        following.await.unwrap();
        shown(&service, Shown::NotServing).await;
    }
}
