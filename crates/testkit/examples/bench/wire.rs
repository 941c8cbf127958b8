//! Just enough HTTP/1.1 to load a gateway without becoming the bottleneck.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// One keep-alive connection with its read buffer.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// Where one answer's body ends.
pub(crate) enum Framing {
    Length(usize),
    Chunked,
}

/// The head of a message.
pub(crate) struct Head {
    pub(crate) status: u16,
    pub(crate) framing: Framing,
}

impl Connection {
    pub(crate) async fn open(address: &str) -> Connection {
        let stream = TcpStream::connect(address).await.expect("the peer listens");
        Connection::from_stream(stream)
    }

    pub(crate) fn from_stream(stream: TcpStream) -> Connection {
        stream.set_nodelay(true).expect("TCP_NODELAY");
        Connection {
            stream,
            buffer: Vec::with_capacity(16 * 1024),
        }
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).await.is_ok()
    }

    /// Reads more; false at the end of the connection.
    async fn more(&mut self) -> bool {
        matches!(self.stream.read_buf(&mut self.buffer).await, Ok(read) if read > 0)
    }

    /// Reads the head of the next message and leaves the body in the buffer.
    pub(crate) async fn head(&mut self) -> Option<Head> {
        let length = loop {
            if let Some(at) = find(&self.buffer, b"\r\n\r\n") {
                break at + 4;
            }
            if !self.more().await {
                return None;
            }
        };
        let text = std::str::from_utf8(&self.buffer[..length]).expect("an ASCII head");
        let status = text
            .get(9..12)
            .and_then(|code| code.parse().ok())
            .unwrap_or(0);
        let header = |name: &str| {
            text.lines().find_map(|line| {
                let (key, value) = line.split_once(':')?;
                key.eq_ignore_ascii_case(name).then(|| value.trim())
            })
        };
        let framing = match header("content-length") {
            Some(length) => Framing::Length(length.parse().expect("a length")),
            None if header("transfer-encoding").is_some() => Framing::Chunked,
            None => Framing::Length(0),
        };
        self.buffer.drain(..length);
        Some(Head { status, framing })
    }

    /// Reads the whole body; returns it only if asked to, since copying is not free.
    pub(crate) async fn body(&mut self, framing: &Framing, keep: bool) -> Option<Vec<u8>> {
        match framing {
            Framing::Length(length) => {
                while self.buffer.len() < *length {
                    if !self.more().await {
                        return None;
                    }
                }
                let body = if keep {
                    self.buffer[..*length].to_vec()
                } else {
                    Vec::new()
                };
                self.buffer.drain(..*length);
                Some(body)
            }
            Framing::Chunked => {
                // The last chunk is the only place where this sequence can stand in our traffic.
                loop {
                    if let Some(at) = find(&self.buffer, b"0\r\n\r\n") {
                        let body = if keep {
                            self.buffer[..at].to_vec()
                        } else {
                            Vec::new()
                        };
                        self.buffer.drain(..at + 5);
                        return Some(body);
                    }
                    // Keep the tail, in which the end may have begun.
                    if !keep {
                        let done = self.buffer.len().saturating_sub(4);
                        self.buffer.drain(..done);
                    }
                    if !self.more().await {
                        return None;
                    }
                }
            }
        }
    }

    /// Waits until the first byte of a body is there.
    pub(crate) async fn first_byte(&mut self) -> bool {
        while self.buffer.is_empty() {
            if !self.more().await {
                return false;
            }
        }
        true
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}

/// A POST request with a JSON body.
pub(crate) fn post(path: &str, authorization: Option<&str>, body: &str) -> Vec<u8> {
    let credential = authorization.map_or(String::new(), |token| {
        format!("authorization: Bearer {token}\r\n")
    });
    format!(
        "POST {path} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n{credential}\
         content-length: {}\r\n\r\n{body}",
        body.len(),
    )
    .into_bytes()
}

/// A GET request of somebody who has signed in.
pub(crate) fn get(path: &str, token: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {token}\r\n\r\n")
        .into_bytes()
}
