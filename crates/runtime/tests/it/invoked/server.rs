//! A server of tools, as far as a call of one can tell.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What it was sent, head and body.
type Seen = Arc<Mutex<Vec<String>>>;

pub(super) struct ToolServer {
    pub(super) address: SocketAddr,
    seen: Seen,
}

impl ToolServer {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let seen = Seen::default();
        let shared = seen.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, shared.clone()));
            }
        });
        ToolServer { address, seen }
    }

    pub(super) fn url(&self, tail: &str) -> String {
        format!("http://{}{tail}", self.address)
    }

    pub(super) fn seen(&self) -> Vec<String> {
        self.seen.lock().expect("not poisoned").clone()
    }
}

/// Reads one request and answers it by its path.
async fn answer(mut stream: TcpStream, seen: Seen) {
    let Some(request) = request(&mut stream).await else {
        return;
    };
    seen.lock().expect("not poisoned").push(request.clone());
    let path = request.split(' ').nth(1).unwrap_or_default();
    let (status, kind, body) = match path {
        "/slow" => {
            tokio::time::sleep(Duration::from_secs(30)).await;
            return;
        }
        "/broken" => return,
        "/trickle" => {
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\n";
            let _ = stream.write_all(head.as_bytes()).await;
            while stream.write_all(b"x").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            return;
        }
        "/huge" => {
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\n";
            let _ = stream.write_all(head.as_bytes()).await;
            while stream.write_all(&[b'x'; 65_536]).await.is_ok() {}
            return;
        }
        "/png" => ("200 OK", "image/png", b"\x89PNG\r\n\x1a\n\0".to_vec()),
        "/keys" => (
            "200 OK",
            "application/json",
            br#"{"key": "AKIAQ3EGRZ7XWV2YF5TN", "n": 7}"#.to_vec(),
        ),
        "/missing" => (
            "404 Not Found",
            "text/plain",
            b"no such customer; ask AKIAQ3EGRZ7XWV2YF5TN".to_vec(),
        ),
        "/down" => ("503 Service Unavailable", "text/plain", b"later".to_vec()),
        "/moved" => ("302 Found\r\nlocation: /echo", "text/plain", Vec::new()),
        _ => {
            let echo = serde_json::json!({ "request": request });
            ("200 OK", "application/json", echo.to_string().into_bytes())
        }
    };
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    let _ = stream.write_all(head.as_bytes()).await;
    let _ = stream.write_all(&body).await;
}

async fn request(stream: &mut TcpStream) -> Option<String> {
    let mut read = Vec::new();
    let mut buffer = [0; 4_096];
    loop {
        let text = String::from_utf8_lossy(&read).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = length.map_or(0, |length| length.parse().expect("a length"));
            if body.len() >= length {
                return Some(text);
            }
        }
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return None,
            Ok(count) => read.extend_from_slice(&buffer[..count]),
        }
    }
}
