//! A client with no manners: raw HTTP/1.1 over a socket, so that a test can leave at any byte.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// No answer takes this long in any test.
const PATIENCE: Duration = Duration::from_secs(45);

/// What came back before the end, or before the client left.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
    /// Whether the message ended as HTTP says it must.
    pub(crate) whole: bool,
}

impl Answer {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body)
            .unwrap_or_else(|error| panic!("{error} in {} {}", self.status, self.body))
    }
}

/// Sends one request and reads the answer to its end, or leaves after `leave_after` bytes.
/// None if the server could not be reached or ended the connection without an answer.
pub(crate) async fn request(
    address: &str,
    head: &str,
    body: &str,
    leave_after: Option<usize>,
) -> Option<Answer> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    let message = format!(
        "{head}\r\nhost: {address}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(message.as_bytes()).await.ok()?;
    let mut bytes = Vec::new();
    loop {
        if leave_after.is_some_and(|limit| bytes.len() >= limit) {
            return parse(&bytes, false);
        }
        match timeout(PATIENCE, stream.read_buf(&mut bytes))
            .await
            .expect("an answer in time")
        {
            Ok(0) => break,
            Ok(_) => {}
            Err(_) => return parse(&bytes, false),
        }
    }
    parse(&bytes, true)
}

/// Asks the control plane and expects success.
pub(crate) async fn call(
    address: &str,
    token: Option<&str>,
    method: &str,
    path: &str,
    body: &serde_json::Value,
) -> serde_json::Value {
    let credential = token.map_or(String::new(), |token| {
        format!("\r\nauthorization: Bearer {token}")
    });
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let head = format!("{method} {path} HTTP/1.1{credential}");
    let answer = request(address, &head, &body, None)
        .await
        .expect("the server answers");
    assert!(
        answer.status < 300,
        "{method} {path}: {} {}",
        answer.status,
        answer.body
    );
    answer.json()
}

fn parse(bytes: &[u8], ended: bool) -> Option<Answer> {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.get(9..12)?.parse().ok()?;
    let chunked = head
        .to_ascii_lowercase()
        .contains("transfer-encoding: chunked");
    if !chunked {
        return Some(Answer {
            status,
            body: body.to_owned(),
            whole: ended,
        });
    }
    let mut rest = body;
    let mut joined = String::new();
    while let Some((size, tail)) = rest.split_once("\r\n") {
        let Ok(size) = usize::from_str_radix(size, 16) else {
            break;
        };
        if size == 0 {
            return Some(Answer {
                status,
                body: joined,
                whole: ended,
            });
        }
        let Some(chunk) = tail.get(..size) else { break };
        joined.push_str(chunk);
        rest = tail.get(size + 2..).unwrap_or_default();
    }
    Some(Answer {
        status,
        body: joined,
        whole: false,
    })
}
