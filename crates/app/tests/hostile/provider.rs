//! A provider that sends exactly these bytes, whatever they mean.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// The key that leads to it, and must never be seen by a caller.
pub(crate) const KEY: &str = "sk-hostile-provider-key";

/// What it does with a connection once a request has come.
#[derive(Clone)]
pub(crate) enum Step {
    Send(Vec<u8>),
    Wait(Duration),
    /// Sends this again and again, with a pause between, until nobody listens.
    Forever(Vec<u8>, Duration),
    /// Keeps the connection and says nothing more.
    Silence,
}

/// A provider at a port of its own; it ends when dropped.
pub(crate) struct Provider {
    pub(crate) address: SocketAddr,
    script: Arc<Mutex<Vec<Step>>>,
    asked: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Provider {
    pub(crate) async fn start() -> Provider {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let script: Arc<Mutex<Vec<Step>>> = Arc::default();
        let asked: Arc<AtomicUsize> = Arc::default();
        let (plays, counts) = (script.clone(), asked.clone());
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (script, asked) = (plays.clone(), counts.clone());
                tokio::spawn(async move { play(stream, &script, &asked).await });
            }
        });
        Provider {
            address,
            script,
            asked,
            task,
        }
    }

    /// The base URL as the server is told it.
    pub(crate) fn base_url(&self, kind: &str) -> String {
        match kind {
            "anthropic" => format!("http://{}", self.address),
            _ => format!("http://{}/v1", self.address),
        }
    }

    /// How many requests have come whole.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::Acquire)
    }

    /// What it does from now on.
    pub(crate) fn plays(&self, script: Vec<Step>) {
        *self.script.lock().expect("not poisoned") = script;
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Reads a request to its end and plays the script; the connection ends with it.
async fn play(mut stream: TcpStream, script: &Mutex<Vec<Step>>, asked: &AtomicUsize) {
    if !take_request(&mut stream).await {
        return;
    }
    asked.fetch_add(1, Ordering::AcqRel);
    let steps = script.lock().expect("not poisoned").clone();
    for step in steps {
        let still_there = match step {
            Step::Send(bytes) => stream.write_all(&bytes).await.is_ok(),
            Step::Wait(pause) => {
                tokio::time::sleep(pause).await;
                true
            }
            Step::Forever(bytes, pause) => {
                while stream.write_all(&bytes).await.is_ok() {
                    tokio::time::sleep(pause).await;
                }
                false
            }
            Step::Silence => stream.read_u8().await.is_ok(),
        };
        if !still_there {
            return;
        }
    }
    let _ = stream.shutdown().await;
}

async fn take_request(stream: &mut TcpStream) -> bool {
    let mut seen = Vec::new();
    loop {
        if let Some(end) = seen.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&seen[..end]).to_ascii_lowercase();
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length:"))
                .and_then(|length| length.trim().parse::<usize>().ok())
                .unwrap_or(0);
            if seen.len() >= end + 4 + length {
                return true;
            }
        }
        match stream.read_buf(&mut seen).await {
            Ok(0) | Err(_) => return false,
            Ok(_) => {}
        }
    }
}

/// A head with these header lines; the body ends with the connection.
pub(crate) fn head(status: &str, headers: &str) -> Step {
    Step::Send(format!("HTTP/1.1 {status}\r\nconnection: close\r\n{headers}\r\n").into_bytes())
}

/// A whole answer.
pub(crate) fn answer(status: &str, kind: &str, body: &[u8]) -> Vec<Step> {
    let headers = format!("content-type: {kind}\r\ncontent-length: {}\r\n", body.len());
    vec![head(status, &headers), Step::Send(body.to_vec())]
}

/// A JSON answer with status 200.
pub(crate) fn json(body: &str) -> Vec<Step> {
    answer("200 OK", "application/json", body.as_bytes())
}

/// A stream of exactly these bytes.
pub(crate) fn stream(body: &[u8]) -> Vec<Step> {
    vec![
        head("200 OK", "content-type: text/event-stream\r\n"),
        Step::Send(body.to_vec()),
    ]
}
