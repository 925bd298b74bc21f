//! A server of logs on this machine that answers as it is told, byte by byte.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Lets a gateway fetch from this machine.
pub const ALLOW_THIS_MACHINE: (&str, &str) = ("HERDGATE_FETCH_ALLOWED_HOSTS", "127.0.0.0/8");

/// An answer to a request.
#[derive(Debug, Clone)]
pub enum Answer {
    /// These bytes, then the end of the connection.
    Bytes(Vec<u8>),
    /// These bytes one after the other, with pauses.
    Drip(Vec<u8>, Duration),
    /// The first bytes, then the others again and again until nobody listens.
    Endless(Vec<u8>, Vec<u8>),
    /// The first bytes, so many times the same byte, then the last bytes: large, but never in memory.
    Long(Vec<u8>, (u8, u64), Vec<u8>),
}

impl Answer {
    /// A status with a body of its true length.
    pub fn status(status: &str, headers: &str, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        let mut bytes = head(status, &format!("Content-Length: {}\r\n{headers}", body.len()));
        bytes.extend(body);
        Self::Bytes(bytes)
    }

    /// 200 with a body.
    pub fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self::status("200 OK", "", body)
    }

    /// 301 to another path.
    pub fn redirect(path: &str) -> Self {
        Self::status("301 Moved Permanently", &format!("Location: {path}\r\n"), "")
    }
}

/// Status line and headers.
pub fn head(status: &str, headers: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\nConnection: close\r\n{headers}\r\n").into_bytes()
}

/// What a path answers: one after the other, the last one again and again.
type Script = HashMap<String, Vec<Answer>>;

/// The server.
#[derive(Debug, Clone)]
pub struct LogServer {
    base: String,
    script: Arc<Mutex<Script>>,
    asked: Arc<Mutex<HashMap<String, usize>>>,
}

impl LogServer {
    /// Listens; every path is 404 until it is told otherwise.
    pub async fn start() -> Self {
        Self::start_at("127.0.0.1").await
    }

    /// The same at another address of this machine: another host to whoever asks.
    pub async fn start_at(address: &str) -> Self {
        let listener = TcpListener::bind((address, 0)).await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let server = Self { base, script: Arc::default(), asked: Arc::default() };
        let answering = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let answering = answering.clone();
                // Who does not listen any more is no matter.
                tokio::spawn(async move { answering.answer(stream).await.ok() });
            }
        });
        server
    }

    /// Has a path answer so, whatever query follows it; gives its URL.
    pub fn serve(&self, path: &str, answers: Vec<Answer>) -> String {
        self.script.lock().unwrap().insert(path.into(), answers);
        format!("{}{path}", self.base)
    }

    /// How often a path was asked for.
    pub fn asked(&self, path: &str) -> usize {
        self.asked.lock().unwrap().get(path).copied().unwrap_or_default()
    }

    async fn answer(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut request = Vec::new();
        let mut block = [0; 4096];
        while !request.ends_with(b"\r\n\r\n") {
            match stream.read(&mut block).await? {
                0 => return Ok(()),
                length => request.extend_from_slice(&block[..length]),
            }
        }
        let request = String::from_utf8_lossy(&request);
        let target = request.split(' ').nth(1).unwrap_or_default();
        let path = target.split('?').next().unwrap_or_default().to_owned();
        *self.asked.lock().unwrap().entry(path.clone()).or_default() += 1;
        match self.next_answer(&path) {
            None => stream.write_all(&head("404 Not Found", "Content-Length: 0\r\n")).await?,
            Some(Answer::Bytes(bytes)) => stream.write_all(&bytes).await?,
            Some(Answer::Drip(bytes, pause)) => {
                for byte in bytes {
                    stream.write_all(&[byte]).await?;
                    tokio::time::sleep(pause).await;
                }
            }
            Some(Answer::Long(first, (byte, mut times), last)) => {
                stream.write_all(&first).await?;
                let block = vec![byte; 256 * 1024];
                while times > 0 {
                    let part = &block[..block.len().min(times.try_into().unwrap_or(usize::MAX))];
                    stream.write_all(part).await?;
                    times -= part.len() as u64;
                }
                stream.write_all(&last).await?;
            }
            Some(Answer::Endless(first, again)) => {
                stream.write_all(&first).await?;
                loop {
                    stream.write_all(&again).await?;
                }
            }
        }
        stream.shutdown().await
    }

    fn next_answer(&self, path: &str) -> Option<Answer> {
        let mut script = self.script.lock().unwrap();
        let answers = script.get_mut(path)?;
        if answers.len() > 1 { Some(answers.remove(0)) } else { answers.first().cloned() }
    }
}
