//! Ports for servers that are killed and started again.

use rand::RngExt;
use std::net::TcpListener;

/// Free ports below those that the kernel gives to clients. One of these could be taken while its server is
/// down: even by a client that tries to reach the server, and so reaches itself.
pub fn free_ports<const N: usize>() -> [u16; N] {
    let listeners: [TcpListener; N] = std::array::from_fn(|_| {
        std::iter::repeat_with(|| rand::rng().random_range(10_000..32_768))
            .find_map(|port: u16| TcpListener::bind(("127.0.0.1", port)).ok())
            .unwrap()
    });
    listeners.map(|listener| listener.local_addr().unwrap().port())
}
