//! The ways in which a provider can fail.

use std::net::SocketAddr;
use std::time::Duration;

use iron_testkit::{Fault, RetryAfter};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// How the first provider fails.
#[derive(Debug, Clone)]
pub(crate) enum Trouble {
    /// As a fake does.
    Fault(Fault),
    /// Its key was revoked.
    Key,
    /// Its name is not known.
    Name,
    /// Nobody listens there.
    Dead,
    /// It takes the connection and is never heard of again.
    HalfOpen,
    /// It resets each connection.
    Reset,
    /// It sends its answer one byte at a time, and never comes to an end.
    SlowLoris,
}

/// A peer that knows nothing of HTTP.
pub(crate) async fn rude(trouble: &Trouble) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let trouble = trouble.clone();
    let peer = tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut socket, _)) = listener.accept().await {
            match trouble {
                Trouble::Reset => {
                    let _ = socket.set_zero_linger();
                }
                Trouble::SlowLoris => {
                    tokio::spawn(async move {
                        for byte in b"HTTP/1.1 200 OK\r\nx-a: "
                            .iter()
                            .chain([b'a'; 10_000].iter())
                        {
                            tokio::time::sleep(Duration::from_millis(10)).await;
                            if socket.write_all(&[*byte]).await.is_err() {
                                return;
                            }
                        }
                    });
                }
                _ => open.push(socket),
            }
        }
    });
    (address, peer)
}

/// All of them, as they are called in the table.
pub(crate) fn troubles() -> Vec<(&'static str, Trouble)> {
    let status = |status, retry_after| {
        Trouble::Fault(Fault::Status {
            status,
            retry_after,
        })
    };
    let date = RetryAfter::Date("Fri, 31 Dec 2027 23:59:59 GMT".to_owned());
    vec![
        (
            "hangs before its answer",
            Trouble::Fault(Fault::SilentAfter(0)),
        ),
        ("breaks off at once", Trouble::Fault(Fault::CutAt(0))),
        ("resets the connection", Trouble::Reset),
        ("429, no wait named", status(429, None)),
        (
            "429, retry-after: 30",
            status(429, Some(RetryAfter::Seconds(30))),
        ),
        ("429, retry-after: a date", status(429, Some(date))),
        (
            "429, retry-after-ms",
            status(429, Some(RetryAfter::Millis(30_000))),
        ),
        (
            "429, x-ms-retry-after-ms",
            status(429, Some(RetryAfter::AzureMillis(30_000))),
        ),
        ("500", status(500, None)),
        ("502", status(502, None)),
        ("529", status(529, None)),
        ("an error within a 200", Trouble::Fault(Fault::ErrorInOk)),
        (
            "overloaded within a stream",
            Trouble::Fault(Fault::OverloadedAfter(0)),
        ),
        ("half-open connections", Trouble::HalfOpen),
        ("a byte at a time", Trouble::SlowLoris),
        ("no such name", Trouble::Name),
        ("its key was revoked", Trouble::Key),
        ("nobody listens", Trouble::Dead),
    ]
}
