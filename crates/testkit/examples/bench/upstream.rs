//! A provider that answers as fast as a socket can: a fixed completion, whole or streamed.

use std::time::Duration;

use tokio::net::TcpListener;

use crate::wire::Connection;

const ANSWER: &str = r#"{"id":"chatcmpl-bench","object":"chat.completion","created":1767225600,"model":"gpt-4o-mini","choices":[{"index":0,"message":{"role":"assistant","content":"The quick brown fox jumps over the lazy dog. The quick brown fox jumps over the lazy dog. The quick brown fox jumps over the lazy dog.","refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":260,"completion_tokens":30,"total_tokens":290,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}},"service_tier":"default","system_fingerprint":"fp_bench"}"#;

/// How long it takes.
#[derive(Clone, Copy)]
struct Pace {
    /// For the first byte.
    delay: Duration,
    /// For each chunk of a stream.
    chunk: Duration,
}

/// Serves within the process of the load, until that ends. Returns the address.
pub(crate) async fn start(delay: Duration) -> String {
    let chunk = Duration::ZERO;
    listen(Pace { delay, chunk }).await
}

/// As [`start`], with so long a pause between the chunks of a stream.
pub(crate) async fn start_paced(chunk: Duration) -> String {
    let delay = Duration::ZERO;
    listen(Pace { delay, chunk }).await
}

async fn listen(pace: Pace) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address").to_string();
    tokio::spawn(run(listener, pace));
    address
}

async fn run(listener: TcpListener, pace: Pace) {
    let whole: &'static [u8] = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{ANSWER}",
        ANSWER.len()
    )
    .into_bytes()
    .leak();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        tokio::spawn(serve(Connection::from_stream(stream), whole, pace));
    }
}

async fn serve(mut connection: Connection, whole: &'static [u8], pace: Pace) {
    while let Some(head) = connection.head().await {
        let Some(body) = connection.body(&head.framing, true).await else {
            return;
        };
        if !pace.delay.is_zero() {
            tokio::time::sleep(pace.delay).await;
        }
        let sent = match chunks_asked(&body) {
            None => connection.send(whole).await,
            Some(chunks) => stream(&mut connection, chunks, pace.chunk).await,
        };
        if !sent {
            return;
        }
    }
}

/// The load asks for a stream of N chunks with `"seed":N`, which a client of messages has no field
/// for: it says so in a word to stop at.
fn chunks_asked(body: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(body).ok()?;
    if !text.contains("\"stream\":true") {
        return None;
    }
    let (_, tail) = text.split_once("seed")?;
    let tail = tail.trim_start_matches(['\\', '"', ':']);
    tail.split(|c: char| !c.is_ascii_digit())
        .next()?
        .parse()
        .ok()
}

async fn stream(connection: &mut Connection, chunks: usize, pause: Duration) -> bool {
    let head =
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    if !connection.send(head).await {
        return false;
    }
    for index in 0..chunks {
        let word = if index == 0 { "First" } else { " word" };
        let event = format!(
            "data: {{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"created\":1767225600,\"model\":\"gpt-4o-mini\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{word}\"}},\"finish_reason\":null}}]}}\n\n"
        );
        if !connection.send(chunk(&event).as_bytes()).await {
            return false;
        }
        // Each event leaves alone, as a model's tokens do.
        match pause.is_zero() {
            true => tokio::task::yield_now().await,
            false => tokio::time::sleep(pause).await,
        }
    }
    let end = format!(
        "data: {{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"created\":1767225600,\"model\":\"gpt-4o-mini\",\"choices\":[{{\"index\":0,\"delta\":{{}},\"finish_reason\":\"stop\"}}]}}\n\ndata: {{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"created\":1767225600,\"model\":\"gpt-4o-mini\",\"choices\":[],\"usage\":{{\"prompt_tokens\":260,\"completion_tokens\":{chunks},\"total_tokens\":{}}}}}\n\ndata: [DONE]\n\n",
        260 + chunks
    );
    connection
        .send(format!("{}0\r\n\r\n", chunk(&end)).as_bytes())
        .await
}

fn chunk(data: &str) -> String {
    format!("{:x}\r\n{data}\r\n", data.len())
}
