//! What a gateway says when it stops.

use crate::harness::{Database, Gateway};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// What every HTTP/2 client says first: the preface and a frame of settings without any.
const HELLO: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_had_to_cut_a_connection_says_so_and_ends_with_1() {
    let mut gateway = Gateway::on(&Database::sqlite()).start().await;
    let address = gateway.address();
    let mut silent = TcpStream::connect(address.trim_start_matches("http://")).await.unwrap();
    silent.write_all(HELLO).await.unwrap();
    // Its settings show that it serves the connection.
    silent.readable().await.unwrap();

    gateway.ask_to_stop();
    assert_eq!(gateway.stopped().await.code(), Some(1), "{}", gateway.output());
    let said = gateway.output();
    assert!(said.contains("connections were cut"), "{said}");
    assert!(!said.contains("stopped: everything taken in is decided\""), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_nobody_talks_to_ends_with_0() {
    let mut gateway = Gateway::on(&Database::sqlite()).start().await;
    gateway.ask_to_stop();
    assert_eq!(gateway.stopped().await.code(), Some(0), "{}", gateway.output());
    assert!(!gateway.output().contains("were cut"), "{}", gateway.output());
}
