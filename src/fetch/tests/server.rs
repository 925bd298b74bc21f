//! A server that says exactly the given bytes.

use crate::fetch::Url;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What is said after a request was read.
#[derive(Debug, Clone)]
pub(super) enum Say {
    /// These bytes.
    Bytes(Vec<u8>),
    /// Nothing for a while.
    Wait(Duration),
    /// These bytes again and again, until nobody listens.
    Endless(Vec<u8>),
}

/// Answers each path in its way; the connection is closed after one answer.
pub(super) struct Server {
    pub(super) base: Url,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub(super) async fn start(answers: Vec<(&str, Vec<Say>)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let answers: Arc<Vec<(String, Vec<Say>)>> =
            Arc::new(answers.into_iter().map(|(path, say)| (path.to_owned(), say)).collect());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = requests.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, answers.clone(), seen.clone()));
            }
        });
        Self { base, requests }
    }

    /// One that says the same on every path.
    pub(super) async fn saying(say: Vec<Say>) -> Self {
        Self::start(vec![("", say)]).await
    }

    pub(super) fn url(&self, path: &str) -> Url {
        self.base.join(path).unwrap()
    }

    /// The requests so far, whole and in lower case.
    pub(super) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

async fn answer(
    mut stream: TcpStream,
    answers: Arc<Vec<(String, Vec<Say>)>>,
    seen: Arc<Mutex<Vec<String>>>,
) -> std::io::Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    }
    let request = String::from_utf8_lossy(&request).to_lowercase();
    let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
    seen.lock().unwrap().push(request);
    let says = answers.iter().find(|(known, _)| known.is_empty() || *known == path);
    for say in says.map(|(_, says)| says.as_slice()).unwrap_or_default() {
        match say {
            Say::Bytes(bytes) => stream.write_all(bytes).await?,
            Say::Wait(time) => tokio::time::sleep(*time).await,
            Say::Endless(bytes) => loop {
                stream.write_all(bytes).await?;
            },
        }
    }
    stream.shutdown().await
}

/// An answer with these headers and this body, whose length is declared.
pub(super) fn response(status: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<Say> {
    let mut head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    vec![Say::Bytes([format!("{head}Connection: close\r\n\r\n").as_bytes(), body].concat())]
}

/// The head of an answer whose body ends with the connection.
pub(super) fn head(headers: &str) -> Say {
    Say::Bytes(format!("HTTP/1.1 200 OK\r\n{headers}Connection: close\r\n\r\n").into_bytes())
}
