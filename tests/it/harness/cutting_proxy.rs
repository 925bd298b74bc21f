//! A proxy that cuts connections in the middle of what they carry.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// No cut is wanted.
const NEVER: u64 = u64::MAX;

/// Passes on bytes until told to cut.
#[derive(Debug)]
pub struct CuttingProxy {
    /// Where it listens.
    pub address: String,
    left: Arc<AtomicU64>,
}

impl CuttingProxy {
    /// Listens, and passes on to an address.
    pub async fn before(target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let left = Arc::new(AtomicU64::new(NEVER));
        let allowance = left.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, target.clone(), allowance.clone()));
            }
        });
        Self { address, left }
    }

    /// Cuts the connection that carries the last of so many more bytes from the server, wherever in a
    /// frame that is.
    pub fn cut_after(&self, bytes: u64) {
        self.left.store(bytes, Ordering::SeqCst);
    }
}

async fn pass(mut client: TcpStream, target: String, left: Arc<AtomicU64>) {
    let Ok(mut server) = TcpStream::connect(target).await else { return };
    let (mut from_client, mut from_server) = (vec![0; 16 * 1024], vec![0; 16 * 1024]);
    loop {
        tokio::select! {
            read = client.read(&mut from_client) => {
                let Ok(1..) = read else { return };
                if server.write_all(&from_client[..read.unwrap()]).await.is_err() {
                    return;
                }
            }
            read = server.read(&mut from_server) => {
                let Ok(count @ 1..) = read else { return };
                let allowed = left.load(Ordering::SeqCst);
                let passed = usize::try_from(allowed).map_or(count, |allowed| count.min(allowed));
                if client.write_all(&from_server[..passed]).await.is_err() {
                    return;
                }
                if passed < count {
                    // Dropping both ends is the cut.
                    left.store(NEVER, Ordering::SeqCst);
                    return;
                }
                if allowed != NEVER {
                    left.store(allowed - passed as u64, Ordering::SeqCst);
                }
            }
        }
    }
}
