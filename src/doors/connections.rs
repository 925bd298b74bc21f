//! The one listener: connections of HTTP/1.1 and HTTP/2 (without TLS by prior knowledge), their
//! settings, and their end.

use super::preface::begun;
use super::router::{DoorOptions, router};
use super::tls::{Fingerprint, Tls};
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

/// Serves all doors on the listener until `stop` is cancelled, then lets open requests end for
/// [`limits::CONNECTION_DRAIN`] and cuts what is left.
///
/// # Errors
/// Only before the first connection.
pub async fn serve(
    listener: TcpListener,
    gateway: Gateway,
    options: DoorOptions,
    stop: CancellationToken,
) -> Result<(), DoorError> {
    let tls = options.tls.clone();
    accept(listener, tls, router(gateway, options, &stop)?, stop).await;
    Ok(())
}

pub(super) async fn accept(
    listener: TcpListener,
    tls: Option<Tls>,
    router: axum::Router,
    stop: CancellationToken,
) {
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
    if tokio::time::timeout(limits::CONNECTION_DRAIN, graceful.shutdown()).await.is_err() {
        tracing::warn!(connections = connections.len(), "connections cut after the time to drain");
    }
    connections.shutdown().await;
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
