//! The one listener: connections of HTTP/1.1 and HTTP/2 (without TLS by prior knowledge), their
//! settings, and their end.

use super::preface::begun;
use super::router::{DoorOptions, router};
use super::tls::{Fingerprint, Tls};
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
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::Layer;

/// Rest after a failed accept, which is mostly a lack of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Whom a request comes from, as request extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionInfo {
    /// Address of the other end: the client, or a proxy in front of the gateway.
    pub peer: SocketAddr,
    /// Whether the connection is encrypted up to here.
    pub is_tls: bool,
    /// Of the client's certificate, which one of our authorities has signed.
    pub certificate: Option<Fingerprint>,
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
    let tls = options.tls.clone();
    let router = router(gateway, options, &last_uses, &stop)?;
    let writing = tokio::spawn(last_uses.clone().keep_writing(store.clone(), stop.clone()));
    let closed = accept(listener, tls, router, stop).await;
    writing.abort();
    last_uses.write_at_last(&store).await;
    Ok(closed)
}

pub(super) async fn accept(
    listener: TcpListener,
    tls: Option<Tls>,
    router: axum::Router,
    stop: CancellationToken,
) -> Closed {
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
        let (stop, tls) = (stop.clone(), tls.clone());
        connections.spawn(async move {
            let opened = tokio::select! {
                () = stop.cancelled() => None,
                opened = open(stream, peer, tls) => opened,
            };
            if let Some((stream, info)) = opened {
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
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits::HEADER_READ)
        .max_headers(limits::HEADERS)
        .max_buf_size(limits::HEADER_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(limits::HEADER_BYTES_HTTP2)
        .max_concurrent_streams(limits::STREAMS_PER_CONNECTION)
        .initial_stream_window_size(limits::STREAM_WINDOW)
        .initial_connection_window_size(limits::CONNECTION_WINDOW)
        .keep_alive_interval(limits::KEEP_ALIVE)
        .keep_alive_timeout(limits::KEEP_ALIVE);
    builder
}

/// A connection, encrypted or not.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// Shakes hands, if need be, and waits for the first bytes; `None` if the client takes too long for
/// either, or leaves.
async fn open(
    stream: TcpStream,
    peer: SocketAddr,
    tls: Option<Tls>,
) -> Option<(Box<dyn Stream>, ConnectionInfo)> {
    // Verdicts are small and awaited: they are not to wait for more.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "cannot set TCP_NODELAY");
    }
    let opening = async {
        Ok(match tls {
            None => {
                let stream: Box<dyn Stream> = Box::new(begun(stream).await?);
                (stream, ConnectionInfo { peer, is_tls: false, certificate: None })
            }
            Some(tls) => {
                let (stream, certificate) = tls.accept(stream).await?;
                let stream: Box<dyn Stream> = Box::new(begun(stream).await?);
                (stream, ConnectionInfo { peer, is_tls: true, certificate })
            }
        })
    };
    match tokio::time::timeout(limits::HEADER_READ, opening).await {
        Ok(Ok(opened)) => Some(opened),
        Ok(Err(error)) => {
            let error: io::Error = error;
            tracing::debug!(%error, "connection lost before its first request");
            None
        }
        Err(_) => {
            tracing::debug!("connection closed: it says nothing");
            None
        }
    }
}

async fn converse(
    protocol: &Builder<TokioExecutor>,
    stream: Box<dyn Stream>,
    info: ConnectionInfo,
    router: axum::Router,
    watcher: Watcher,
) {
    let service = TowerToHyperService::new(Extension(info).layer(router));
    let connection = protocol.serve_connection(TokioIo::new(stream), service).into_owned();
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%error, "connection ended");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::Notify;
    use tokio::task::JoinHandle;

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
        let closing = tokio::spawn(accept(listener, None, router, stop.clone()));
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
}
