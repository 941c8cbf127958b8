//! The client that calls providers, against peers that behave well and badly.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::{get, post};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, Method, header};
use iron_net::egress::{
    AddressRules, BaseUrl, BodyError, Egress, EgressOptions, Outgoing, SendError, Timeouts,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

const PATIENT: Timeouts = Timeouts {
    first_byte: Duration::from_secs(10),
    idle: Duration::from_secs(10),
};
const HASTY: Timeouts = Timeouts {
    first_byte: Duration::from_millis(50),
    idle: Duration::from_millis(50),
};

fn client() -> Egress {
    Egress::new(EgressOptions::default()).expect("a client")
}

async fn peer(router: Router) -> BaseUrl {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, router).await });
    base(address.port())
}

/// A peer that reads a request and then writes exactly these bytes, and holds the line or not.
async fn raw_peer(answer: &'static [u8], hold_the_line: bool) -> BaseUrl {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut buffer = [0; 4096];
            let _ = socket.read(&mut buffer).await;
            let _ = socket.write_all(answer).await;
            if hold_the_line {
                std::future::pending::<()>().await;
            }
        }
    });
    base(port)
}

fn base(port: u16) -> BaseUrl {
    let url = format!("http://127.0.0.1:{port}");
    BaseUrl::parse(&url, AddressRules::default()).expect("loopback is allowed")
}

fn get_from(base: &BaseUrl, path: &str) -> Outgoing {
    Outgoing {
        method: Method::GET,
        uri: base.join(path).expect("a path"),
        headers: HeaderMap::new(),
        body: Bytes::new(),
    }
}

#[tokio::test]
async fn a_request_arrives_as_it_was_sent_and_asks_for_no_compression() {
    let echo = post(|headers: HeaderMap, body: Bytes| async move {
        let encoding = headers[header::ACCEPT_ENCODING]
            .to_str()
            .expect("text")
            .to_owned();
        let agent = headers[header::USER_AGENT]
            .to_str()
            .expect("text")
            .to_owned();
        format!(
            "{encoding} {} {}",
            agent.starts_with("iron-cage/"),
            body.len()
        )
    });
    let base = peer(Router::new().route("/echo", echo)).await;
    let outgoing = Outgoing {
        method: Method::POST,
        body: Bytes::from(vec![b'x'; 100_000]),
        ..get_from(&base, "/echo")
    };
    let mut answer = client().send(outgoing, PATIENT).await.expect("an answer");
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.collect(1_000).await.expect("a body"),
        "identity true 100000"
    );
}

#[tokio::test]
async fn a_large_answer_is_refused_whether_it_announces_its_size_or_not() {
    let router = Router::new()
        .route("/announced", get(|| async { vec![0_u8; 5_000] }))
        .route(
            "/streamed",
            get(|| async {
                let chunks = (0..5).map(|_| Ok::<_, std::io::Error>(vec![0_u8; 1_000]));
                Body::from_stream(stream::iter(chunks))
            }),
        );
    let base = peer(router).await;
    for path in ["/announced", "/streamed"] {
        let mut answer = client()
            .send(get_from(&base, path), PATIENT)
            .await
            .expect("an answer");
        let refused = answer.collect(4_999).await;
        assert_eq!(
            refused,
            Err(BodyError::TooLarge { limit_bytes: 4_999 }),
            "{path}"
        );
        let mut answer = client()
            .send(get_from(&base, path), PATIENT)
            .await
            .expect("an answer");
        assert_eq!(
            answer.collect(5_000).await.map(|body| body.len()),
            Ok(5_000),
            "{path}"
        );
    }
}

#[tokio::test]
async fn where_nobody_listens_nothing_was_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let base = base(listener.local_addr().expect("an address").port());
    drop(listener);
    let error = client()
        .send(get_from(&base, "/"), PATIENT)
        .await
        .expect_err("no peer");
    assert!(matches!(error, SendError::NotConnected(_)), "{error:?}");
    assert!(error.nothing_was_sent());
}

#[tokio::test]
async fn a_peer_that_hangs_up_or_stays_silent_may_have_seen_the_request() {
    let gone = raw_peer(b"", false).await;
    let error = client()
        .send(get_from(&gone, "/"), PATIENT)
        .await
        .expect_err("no answer");
    assert!(matches!(error, SendError::Broken(_)), "{error:?}");
    assert!(!error.nothing_was_sent());

    let silent = raw_peer(b"", true).await;
    let error = client()
        .send(get_from(&silent, "/"), HASTY)
        .await
        .expect_err("no answer");
    assert!(matches!(error, SendError::FirstByte { .. }), "{error:?}");
    assert!(!error.nothing_was_sent());
}

#[tokio::test]
async fn a_stalled_answer_ends_by_the_idle_limit_and_a_cut_one_is_broken() {
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc";
    let stalled = raw_peer(head, true).await;
    let mut answer = client()
        .send(get_from(&stalled, "/"), HASTY)
        .await
        .expect("a head");
    assert_eq!(answer.chunk().await, Ok(Some(Bytes::from_static(b"abc"))));
    assert_eq!(
        answer.chunk().await,
        Err(BodyError::Idle { limit: HASTY.idle })
    );

    let cut = raw_peer(head, false).await;
    let mut answer = client()
        .send(get_from(&cut, "/"), PATIENT)
        .await
        .expect("a head");
    assert_eq!(answer.collect(100).await, Err(BodyError::Broken));
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let base = raw_peer(
        b"HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n",
        false,
    )
    .await;
    let answer = client()
        .send(get_from(&base, "/"), PATIENT)
        .await
        .expect("an answer");
    assert_eq!(answer.status, 302);
}

#[tokio::test]
async fn an_oversized_head_is_an_error_and_not_a_memory_leak() {
    let mut head = b"HTTP/1.1 200 OK\r\n".to_vec();
    for number in 0..2_000 {
        head.extend_from_slice(format!("x-{number}: {}\r\n", "y".repeat(500)).as_bytes());
    }
    let base = raw_peer(head.leak(), true).await;
    let error = client()
        .send(get_from(&base, "/"), PATIENT)
        .await
        .expect_err("too large");
    assert!(matches!(error, SendError::Broken(_)), "{error:?}");
}
