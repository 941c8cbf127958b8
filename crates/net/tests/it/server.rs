//! The server against clients that are slow, many or in the way of its end.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use iron_net::{Drained, ServerConfig, serve};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

struct Running {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<Drained>,
}

async fn start(router: Router, config: ServerConfig) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (stop, stopped) = oneshot::channel::<()>();
    let shutdown = async move {
        let _ = stopped.await;
    };
    let ended = tokio::spawn(serve(listener, router, config, shutdown));
    Running {
        address,
        stop,
        ended,
    }
}

fn greeting() -> Router {
    Router::new().route("/", get(|| async { "hello" }))
}

/// Writes these bytes and reads until the server closes.
async fn exchange(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.expect("connects");
    stream.write_all(request).await.expect("writes");
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

#[tokio::test]
async fn a_request_is_answered() {
    let server = start(greeting(), ServerConfig::default()).await;
    let answer = exchange(server.address, REQUEST).await;
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.ends_with("hello"),
        "{answer}"
    );
}

#[tokio::test]
async fn a_client_that_never_finishes_a_head_is_let_go() {
    let config = ServerConfig {
        head_timeout: Duration::from_millis(50),
        ..ServerConfig::default()
    };
    let server = start(greeting(), config).await;
    for beginning in [
        &b""[..],
        b"GET / HT",
        b"PRI * HT",
        b"GET / HTTP/1.1\r\nhost:",
    ] {
        let answer = exchange(server.address, beginning).await;
        assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}

#[tokio::test]
async fn floods_of_headers_are_refused() {
    let server = start(greeting(), ServerConfig::default()).await;
    let mut many = b"GET / HTTP/1.1\r\nhost: x\r\n".to_vec();
    for number in 0..200 {
        many.extend_from_slice(format!("x-{number}: 1\r\n").as_bytes());
    }
    many.extend_from_slice(b"\r\n");
    let answer = exchange(server.address, &many).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    let large = [
        &b"GET / HTTP/1.1\r\nhost: x\r\nx-big: "[..],
        &vec![b'a'; 200_000],
    ]
    .concat();
    let answer = exchange(server.address, &large).await;
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 431"),
        "{answer}"
    );
}

#[tokio::test]
async fn connections_over_the_limit_are_closed_at_once() {
    let config = ServerConfig {
        max_connections: 1,
        ..ServerConfig::default()
    };
    let server = start(greeting(), config).await;
    let mut first = TcpStream::connect(server.address).await.expect("connects");
    first
        .write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .expect("writes");
    let mut byte = [0; 1];
    first.read_exact(&mut byte).await.expect("an answer");
    assert_eq!(exchange(server.address, b"").await, "");
    drop(first);
    let answered = async {
        while !exchange(server.address, REQUEST).await.ends_with("hello") {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), answered)
        .await
        .expect("the slot is free again");
}

#[tokio::test]
async fn a_request_under_way_is_finished_before_the_server_leaves() {
    let (arrived, on_arrival) = oneshot::channel::<()>();
    let (release, released) = oneshot::channel::<()>();
    let pair = std::sync::Arc::new(std::sync::Mutex::new(Some((arrived, released))));
    let router = Router::new().route(
        "/",
        get(move || {
            let pair = pair
                .lock()
                .expect("not poisoned")
                .take()
                .expect("one request");
            async move {
                pair.0.send(()).expect("the test waits");
                pair.1.await.expect("the test releases");
                "finished"
            }
        }),
    );
    let server = start(router, ServerConfig::default()).await;
    let client = tokio::spawn(exchange(server.address, REQUEST));
    on_arrival.await.expect("the request arrives");
    server.stop.send(()).expect("the server runs");
    release.send(()).expect("the handler waits");
    assert!(client.await.expect("no panic").ends_with("finished"));
    assert_eq!(server.ended.await.expect("no panic"), Drained::Complete);
}

#[tokio::test]
async fn a_request_that_never_ends_is_cut_after_the_drain_time() {
    let arrived = std::sync::Arc::new(tokio::sync::Notify::new());
    let arrival = std::sync::Arc::clone(&arrived);
    let endless = move || {
        arrival.notify_one();
        std::future::pending::<&'static str>()
    };
    let config = ServerConfig {
        drain_timeout: Duration::from_millis(50),
        ..ServerConfig::default()
    };
    let server = start(Router::new().route("/", get(endless)), config).await;
    let mut client = TcpStream::connect(server.address).await.expect("connects");
    client.write_all(REQUEST).await.expect("writes");
    arrived.notified().await;
    server.stop.send(()).expect("the server runs");
    assert_eq!(server.ended.await.expect("no panic"), Drained::TimedOut);
}
