//! A server of the logs, on this machine.

use super::samples::Sample;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Serves sample N under `/N/anything`, gzipped, on connections that stay open; gives the base URL.
pub async fn start(samples: &[Sample]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    let answer = |sample: &Sample| {
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
            sample.gzipped.len()
        );
        [head.into_bytes(), sample.gzipped.clone()].concat()
    };
    let answers: Arc<Vec<Vec<u8>>> = Arc::new(samples.iter().map(answer).collect());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let answers = answers.clone();
            tokio::spawn(async move { serve(stream, &answers).await.ok() });
        }
    });
    base
}

async fn serve(mut stream: TcpStream, answers: &[Vec<u8>]) -> std::io::Result<()> {
    let mut request = Vec::new();
    let mut block = [0; 4096];
    loop {
        request.clear();
        while !request.ends_with(b"\r\n\r\n") {
            match stream.read(&mut block).await? {
                0 => return Ok(()),
                length => request.extend_from_slice(&block[..length]),
            }
        }
        let text = String::from_utf8_lossy(&request);
        let number = text.split('/').nth(1).and_then(|number| number.parse::<usize>().ok());
        let answer = number.and_then(|number| answers.get(number)).expect("a path of this benchmark");
        stream.write_all(answer).await?;
    }
}
