//! The first bytes of a connection, read within a time limit and then given back: hyper waits for them
//! without one.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

/// What every HTTP/2 connection begins with.
const HTTP2_PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A connection that has shown which protocol it speaks. Reads as if nothing had been read yet.
#[derive(Debug)]
pub struct Begun<S> {
    seen: [u8; HTTP2_PREFACE.len()],
    given_back: usize,
    length: usize,
    stream: S,
}

/// Waits until a connection has sent the whole preface of HTTP/2, or something else.
///
/// # Errors
/// If it breaks before.
pub async fn begun<S: AsyncRead + Unpin>(mut stream: S) -> io::Result<Begun<S>> {
    let (mut seen, mut length) = ([0; HTTP2_PREFACE.len()], 0);
    while length < seen.len() && HTTP2_PREFACE.starts_with(&seen[..length]) {
        let read = stream.read(&mut seen[length..]).await?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        length += read;
    }
    Ok(Begun { seen, given_back: 0, length, stream })
}

impl<S: AsyncRead + Unpin> AsyncRead for Begun<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.given_back == self.length {
            return Pin::new(&mut self.stream).poll_read(cx, buf);
        }
        let end = self.length.min(self.given_back + buf.remaining());
        buf.put_slice(&self.seen[self.given_back..end]);
        self.given_back = end;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Begun<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::io::{AsyncWriteExt, duplex};
    use tokio::time::timeout;

    async fn shows_its_protocol(bytes: &[u8]) -> bool {
        let (mut client, server) = duplex(64);
        client.write_all(bytes).await.unwrap();
        timeout(Duration::from_secs(1), begun(server)).await.is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_has_begun_once_it_shows_its_protocol() {
        assert!(shows_its_protocol(b"GET / HTTP/1.1\r\n").await);
        assert!(shows_its_protocol(b"POST").await);
        assert!(shows_its_protocol(HTTP2_PREFACE).await);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_says_nothing_or_stops_short_has_not() {
        assert!(!shows_its_protocol(b"").await);
        assert!(!shows_its_protocol(&HTTP2_PREFACE[..10]).await);
    }

    #[tokio::test]
    async fn one_that_is_closed_at_once_is_an_error() {
        let (client, server) = duplex(64);
        drop(client);
        assert!(begun(server).await.is_err());
    }

    #[tokio::test]
    async fn what_was_looked_at_is_read_again_in_pieces_of_any_size() {
        for chunk in [1, 7, 64] {
            let (mut client, server) = duplex(64);
            let sent = b"PRI * HTTP/1.1\r\nHost: kiln.example.org\r\n\r\n";
            client.write_all(sent).await.unwrap();
            drop(client);
            let (mut begun, mut read) = (begun(server).await.unwrap(), Vec::new());
            let mut piece = vec![0; chunk];
            loop {
                let length = begun.read(&mut piece).await.unwrap();
                if length == 0 {
                    break;
                }
                read.extend_from_slice(&piece[..length]);
            }
            assert_eq!(read, sent, "in pieces of {chunk}");
        }
    }
}
