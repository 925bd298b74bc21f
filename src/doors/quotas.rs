//! Quotas: requests a minute of one credential at one door, reads and writes apart. Off unless
//! configured. Who needs no credential has no quota.

use super::authentication::Caller;
use super::grpc::SUBMIT_JOBS;
use super::grpc::calls::call_of;
use super::http::is_grpc;
use super::http::problem::Problem;
use super::refusal::Refusal;
use crate::access::Principal;
use crate::config;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota};
use http::Method;
use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use tonic::Status;

/// What was taken from each quota. Keys are the credentials there are, so that there are not many.
#[derive(Clone, Default)]
pub struct Quotas(Arc<Limiters>);

#[derive(Default)]
struct Limiters {
    http_reads: Limiter,
    http_writes: Limiter,
    grpc_reads: Limiter,
    grpc_writes: Limiter,
}

/// None: no quota.
type Limiter = Option<DefaultKeyedRateLimiter<Arc<str>>>;

/// Which quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A request over HTTP that changes nothing.
    HttpRead,
    /// A request over HTTP that submits.
    HttpWrite,
    /// A call of gRPC that changes nothing.
    GrpcRead,
    /// A call of gRPC that submits or administers, or one job in a stream.
    GrpcWrite,
}

impl fmt::Debug for Quotas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Quotas")
    }
}

impl Quotas {
    /// As configured. A credential that was quiet for a minute may use a minute's worth at once.
    pub fn new(configured: &config::Quotas) -> Self {
        let limiter = |quota: Option<NonZeroU32>| {
            quota.map(|requests| DefaultKeyedRateLimiter::keyed(Quota::per_minute(requests)))
        };
        Self(Arc::new(Limiters {
            http_reads: limiter(configured.http_reads),
            http_writes: limiter(configured.http_writes),
            grpc_reads: limiter(configured.grpc_reads),
            grpc_writes: limiter(configured.grpc_writes),
        }))
    }

    /// Takes one request.
    ///
    /// # Errors
    /// If the quota is used up, with the delay after which there is room for one.
    pub fn take(&self, kind: Kind, principal: &Principal) -> Result<(), Refusal> {
        let limiter = match kind {
            Kind::HttpRead => &self.0.http_reads,
            Kind::HttpWrite => &self.0.http_writes,
            Kind::GrpcRead => &self.0.grpc_reads,
            Kind::GrpcWrite => &self.0.grpc_writes,
        };
        let Some(limiter) = limiter else { return Ok(()) };
        limiter.check_key(&principal.source).map_err(|until| Refusal::QuotaExceeded {
            delay: until.wait_time_from(DefaultClock::default().now()),
        })
    }

    /// Takes as many of `wanted` requests as there are; gives back how many, and why not all.
    pub fn take_some(&self, kind: Kind, principal: &Principal, wanted: usize) -> (usize, Option<Refusal>) {
        for taken in 0..wanted {
            if let Err(refusal) = self.take(kind, principal) {
                return (taken, Some(refusal));
            }
        }
        (wanted, None)
    }
}

/// Takes a request from the quota of its caller, who is known by now.
pub async fn limit_quota(State(quotas): State<Quotas>, mut request: Request, next: Next) -> Response {
    let caller = request.extensions().get::<Caller>().and_then(|caller| caller.0.as_ref());
    if let (Some(principal), Some(kind)) = (caller, kind_of(&request))
        && let Err(refusal) = quotas.take(kind, principal)
    {
        return if is_grpc(&request) {
            Status::from(refusal).into_http()
        } else {
            Problem::from(refusal).into_response()
        };
    }
    // A stream of submissions counts by itself, one by one.
    request.extensions_mut().insert(quotas);
    next.run(request).await
}

fn kind_of(request: &Request) -> Option<Kind> {
    let path = request.uri().path();
    if call_of(path).is_none() {
        let reads = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
        return Some(if reads { Kind::HttpRead } else { Kind::HttpWrite });
    }
    if path == SUBMIT_JOBS {
        return None;
    }
    let method = path.rsplit('/').next().unwrap_or_default();
    let reads = ["Get", "List", "Watch", "Validate", "Check", "ServerReflection"];
    Some(if reads.iter().any(|verb| method.starts_with(verb)) { Kind::GrpcRead } else { Kind::GrpcWrite })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Rights;
    use axum::body::Body;
    use axum::middleware::from_fn_with_state;
    use axum::{Extension, Router};
    use http::StatusCode;
    use http::header::{CONTENT_TYPE, RETRY_AFTER};
    use tower::ServiceExt;

    fn principal(source: &str) -> Principal {
        Principal { source: source.into(), rights: Rights::EveryProject }
    }

    fn quotas() -> Quotas {
        let (one, two) = (NonZeroU32::new(1), NonZeroU32::new(2));
        Quotas::new(&config::Quotas { http_reads: one, http_writes: two, grpc_reads: None, grpc_writes: one })
    }

    #[test]
    fn a_quota_is_one_credentials_at_one_door_for_reads_or_writes() {
        let (quotas, mill, kiln) = (quotas(), principal("mill"), principal("kiln"));
        for _ in 0..2 {
            assert_eq!(quotas.take(Kind::HttpWrite, &mill), Ok(()));
        }
        let Err(Refusal::QuotaExceeded { delay }) = quotas.take(Kind::HttpWrite, &mill) else {
            panic!("the quota is used up")
        };
        assert!((1..=30).contains(&delay.as_secs()), "{delay:?}");
        assert_eq!(quotas.take(Kind::HttpWrite, &kiln), Ok(()));
        assert_eq!(quotas.take(Kind::HttpRead, &mill), Ok(()));
        assert_eq!(quotas.take(Kind::GrpcWrite, &mill), Ok(()));
    }

    #[test]
    fn without_a_quota_there_is_no_end() {
        let taken = Quotas::default().take_some(Kind::GrpcWrite, &principal("mill"), 10_000);
        assert_eq!(taken, (10_000, None));
        let (taken, refusal) = quotas().take_some(Kind::HttpWrite, &principal("mill"), 5);
        assert_eq!(taken, 2);
        assert!(matches!(refusal, Some(Refusal::QuotaExceeded { .. })));
    }

    #[test]
    fn a_request_counts_as_what_it_does() {
        for (method, path, grpc, kind) in [
            ("GET", "/api/project/x/jobs/", false, Some(Kind::HttpRead)),
            ("POST", "/api/project/x/jobs/", false, Some(Kind::HttpWrite)),
            ("POST", "/herdgate.v1.QueryService/GetJob", true, Some(Kind::GrpcRead)),
            ("POST", "/herdgate.v1.IngestService/ValidateJobs", true, Some(Kind::GrpcRead)),
            ("POST", "/herdgate.v1.IngestService/SubmitJobBatch", true, Some(Kind::GrpcWrite)),
            ("POST", "/herdgate.v1.AdminService/CreateCredential", true, Some(Kind::GrpcWrite)),
            ("POST", SUBMIT_JOBS, true, None),
        ] {
            let media_type = if grpc { "application/grpc" } else { "application/json" };
            let request = Request::builder().method(method).uri(path).header(CONTENT_TYPE, media_type);
            assert_eq!(kind_of(&request.body(Body::empty()).unwrap()), kind, "{method} {path}");
        }
    }

    #[tokio::test]
    async fn who_is_over_quota_is_told_when_to_come_again_in_the_words_of_the_door() {
        let router = |caller| {
            Router::new()
                .fallback(|| async {})
                .layer(from_fn_with_state(quotas(), limit_quota))
                .layer(Extension(Caller(caller)))
        };
        let known = router(Some(principal("mill")));
        let request = || Request::get("/").body(Body::empty()).unwrap();
        assert_eq!(known.clone().oneshot(request()).await.unwrap().status(), StatusCode::OK);
        let refused = known.clone().oneshot(request()).await.unwrap();
        assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
        let delay: u64 = refused.headers()[RETRY_AFTER].to_str().unwrap().parse().unwrap();
        assert!((50..=60).contains(&delay), "{delay}");

        let call = || {
            let request = Request::post("/herdgate.v1.IngestService/SubmitPushes");
            request.header(CONTENT_TYPE, "application/grpc").body(Body::empty()).unwrap()
        };
        known.clone().oneshot(call()).await.unwrap();
        let status = Status::from_header_map(known.oneshot(call()).await.unwrap().headers()).unwrap();
        assert_eq!(status.code(), tonic::Code::ResourceExhausted);

        let anonymous = router(None);
        for _ in 0..3 {
            assert_eq!(anonymous.clone().oneshot(request()).await.unwrap().status(), StatusCode::OK);
        }
    }
}
