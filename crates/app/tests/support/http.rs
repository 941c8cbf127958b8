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
    /// Status line and headers, in lower case.
    pub(crate) head: String,
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
    let message = format!(
        "{head}\r\nhost: {address}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    exchange(address, message.as_bytes(), leave_after).await
}

/// Sends these bytes, whatever they mean, and reads the answer.
pub(crate) async fn exchange(
    address: &str,
    message: &[u8],
    leave_after: Option<usize>,
) -> Option<Answer> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    // Whoever refuses a flood early may have answered all the same.
    let _ = stream.write_all(message).await;
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

/// Reads what came back as far as it goes.
pub(crate) fn parse(bytes: &[u8], ended: bool) -> Option<Answer> {
    let head_end = find(bytes, b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(bytes.get(..head_end)?).to_ascii_lowercase();
    let body = bytes.get(head_end + 4..).unwrap_or_default();
    let status = head.get(9..12)?.parse().ok()?;
    let (body, whole) = match head.contains("transfer-encoding: chunked") {
        true => unchunked(body),
        false => (body.to_vec(), true),
    };
    Some(Answer {
        status,
        head,
        body: String::from_utf8_lossy(&body).into_owned(),
        whole: whole && ended,
    })
}

/// The chunks joined, and whether the last one was there.
fn unchunked(mut rest: &[u8]) -> (Vec<u8>, bool) {
    let mut joined = Vec::new();
    while let Some(at) = find(rest, b"\r\n") {
        let size = rest
            .get(..at)
            .and_then(|size| std::str::from_utf8(size).ok());
        let Some(Ok(size)) = size.map(|size| usize::from_str_radix(size, 16)) else {
            break;
        };
        if size == 0 {
            return (joined, true);
        }
        let Some(chunk) = rest.get(at + 2..at + 2 + size) else {
            break;
        };
        joined.extend_from_slice(chunk);
        rest = rest.get(at + size + 4..).unwrap_or_default();
    }
    (joined, false)
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}
