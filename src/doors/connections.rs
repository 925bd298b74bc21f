//! The one listener: connections of HTTP/1.1 and HTTP/2 (without TLS by prior knowledge), their
//! settings, and their end.

use super::router::{DoorOptions, router};
use crate::access::LastUses;
use crate::core::Gateway;
use crate::limits;
use axum::Extension;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::Layer;

/// What every HTTP/2 connection begins with.
const HTTP2_PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// How often a connection that has begun its preface is looked at.
const PREFACE_POLL: Duration = Duration::from_millis(20);
/// Rest after a failed accept, which is mostly a lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Whom a request comes from, as request extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionInfo {
    /// Address of the other end: the client, or a proxy in front of the gateway.
    pub peer: SocketAddr,
    /// Whether the connection is encrypted up to here.
    pub is_tls: bool,
    /// SHA-256 of the client's certificate, which one of our authorities has signed.
    pub certificate: Option<[u8; 32]>,
}

/// Why the doors do not open.
#[derive(Debug, thiserror::Error)]
pub enum DoorError {
    /// The descriptors built into the binary cannot be read: a bug of ours.
    #[error("cannot describe the services: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
}

/// How the doors closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// Every connection ended by itself: each request had its answer.
    InOrder,
    /// Some had not ended after [`limits::CONNECTION_DRAIN`] and were cut; their clients may lack answers.
    Cut {
        /// How many.
        connections: usize,
    },
}

/// Serves all doors on the listener until `stop` is cancelled, then lets open requests end for
/// [`limits::CONNECTION_DRAIN`] and cuts what is left. Says how that ended.
///
/// # Errors
/// Only before the first connection.
pub async fn serve(
    listener: TcpListener,
    gateway: Gateway,
    options: DoorOptions,
    stop: CancellationToken,
) -> Result<Closed, DoorError> {
    let (store, last_uses) = (gateway.store().clone(), LastUses::default());
    let router = router(gateway, options, &last_uses, &stop)?;
    let writing = tokio::spawn(last_uses.clone().keep_writing(store.clone(), stop.clone()));
    let closed = accept(listener, router, stop).await;
    writing.abort();
    last_uses.write_at_last(&store).await;
    Ok(closed)
}

pub(super) async fn accept(listener: TcpListener, router: axum::Router, stop: CancellationToken) -> Closed {
    let places = Arc::new(Semaphore::new(limits::CONNECTIONS));
    let protocol = Arc::new(protocol());
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            // Only a closed semaphore gives none, and this one is never closed.
            Ok(place) = places.clone().acquire_owned() => tokio::select! {
                () = stop.cancelled() => break,
                accepted = listener.accept() => accepted.map(|accepted| (place, accepted)),
            },
        };
        let (place, (stream, peer)) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let (protocol, watcher, router) = (protocol.clone(), graceful.watcher(), router.clone());
        let stop = stop.clone();
        connections.spawn(async move {
            let silent = tokio::select! {
                () = stop.cancelled() => true,
                silent = stays_silent(&stream) => silent,
            };
            if !silent {
                let info = ConnectionInfo { peer, is_tls: false, certificate: None };
                converse(&protocol, stream, info, router, watcher).await;
            }
            drop(place);
        });
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    // Streams end by themselves before this runs out, so that they can still say why.
    let in_time = tokio::time::timeout(limits::CONNECTION_DRAIN, graceful.shutdown()).await;
    while connections.try_join_next().is_some() {}
    let closed = match in_time {
        Ok(()) => Closed::InOrder,
        Err(_) => Closed::Cut { connections: connections.len() },
    };
    connections.shutdown().await;
    closed
}

fn protocol() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(limits::HEADER_READ);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits::STREAMS_PER_CONNECTION)
        .initial_stream_window_size(limits::STREAM_WINDOW)
        .initial_connection_window_size(limits::CONNECTION_WINDOW)
        .keep_alive_interval(limits::KEEP_ALIVE)
        .keep_alive_timeout(limits::KEEP_ALIVE);
    builder
}

async fn converse(
    protocol: &Builder<TokioExecutor>,
    stream: TcpStream,
    info: ConnectionInfo,
    router: axum::Router,
    watcher: Watcher,
) {
    // Verdicts are small and awaited: they are not to wait for more.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot set TCP_NODELAY");
    }
    let service = TowerToHyperService::new(Extension(info).layer(router));
    let connection = protocol.serve_connection(TokioIo::new(stream), service).into_owned();
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%error, "connection ended");
    }
}

/// Whether a connection does not even begin to speak in time.
async fn stays_silent(stream: &TcpStream) -> bool {
    match tokio::time::timeout(limits::HEADER_READ, first_bytes(stream)).await {
        Ok(Ok(())) => false,
        Ok(Err(error)) => {
            tracing::debug!(%error, "connection lost before its first request");
            true
        }
        Err(_) => {
            tracing::debug!("connection closed: it says nothing");
            true
        }
    }
}

/// Waits until the connection shows which protocol it speaks: hyper sets no time limit for that.
async fn first_bytes(stream: &TcpStream) -> io::Result<()> {
    let mut seen = [0; HTTP2_PREFACE.len()];
    loop {
        let length = stream.peek(&mut seen).await?;
        if length == 0 || length == seen.len() || !HTTP2_PREFACE.starts_with(&seen[..length]) {
            return Ok(());
        }
        tokio::time::sleep(PREFACE_POLL).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::Notify;
    use tokio::task::JoinHandle;

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (client, listener.accept().await.unwrap().0)
    }

    async fn shows_its_protocol(bytes: &[u8]) -> bool {
        let (mut client, server) = pair().await;
        client.write_all(bytes).await.unwrap();
        tokio::time::timeout(Duration::from_millis(200), first_bytes(&server)).await.is_ok()
    }

    #[tokio::test]
    async fn a_connection_is_served_once_it_shows_its_protocol() {
        assert!(shows_its_protocol(b"GET / HTTP/1.1\r\n").await);
        assert!(shows_its_protocol(b"POST").await);
        assert!(shows_its_protocol(HTTP2_PREFACE).await);
    }

    /// Serves one request, to be answered once `answer` is notified, and asks to stop meanwhile.
    async fn stop_during_a_request(answer: Arc<Notify>) -> JoinHandle<Closed> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (begun, stop) = (Arc::new(Notify::new()), CancellationToken::new());
        let router = axum::Router::new().fallback({
            let begun = begun.clone();
            async move || {
                begun.notify_one();
                answer.notified().await;
            }
        });
        let closing = tokio::spawn(accept(listener, router, stop.clone()));
        client.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
        begun.notified().await;
        stop.cancel();
        // The client stays until the gateway has closed.
        tokio::spawn(async move { client.read_to_end(&mut Vec::new()).await });
        closing
    }

    #[tokio::test]
    async fn doors_whose_requests_are_answered_in_time_close_in_order() {
        let answer = Arc::new(Notify::new());
        let closing = stop_during_a_request(answer.clone()).await;
        answer.notify_one();
        assert_eq!(closing.await.unwrap(), Closed::InOrder);
    }

    #[tokio::test]
    async fn doors_that_cut_a_connection_say_so() {
        let closing = stop_during_a_request(Arc::new(Notify::new())).await;
        tokio::time::pause();
        assert_eq!(closing.await.unwrap(), Closed::Cut { connections: 1 });
    }

    #[tokio::test]
    async fn a_connection_that_says_nothing_or_stops_short_is_not() {
        assert!(!shows_its_protocol(b"").await);
        assert!(!shows_its_protocol(&HTTP2_PREFACE[..10]).await);
    }
}
