//! What it costs to find the texts of a request and of each event of a stream:
//! `cargo bench -p iron-llm --bench texts`.

#![expect(
    clippy::expect_used,
    reason = "a benchmark that cannot begin has nothing better to do"
)]

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use iron_llm::Dialect;
use iron_llm::texts::{Frames, edited, of_request};
use serde_json::{Value, json};

const CHUNKS: u64 = 1_000;
const SENTENCE: &str = "The house by the lake was built by \"nobody\" in particular.\n";

fn main() {
    let mut criterion = Criterion::default().configure_from_args().sample_size(30);
    requests(&mut criterion);
    streams(&mut criterion);
    criterion.final_summary();
}

fn turn(index: usize, sentences: usize) -> Value {
    let role = if index.is_multiple_of(2) {
        "user"
    } else {
        "assistant"
    };
    json!({"role": role, "content": [{"type": "text", "text": SENTENCE.repeat(sentences)}]})
}

fn requests(criterion: &mut Criterion) {
    let chat = |turns: usize, sentences: usize| -> Value {
        let turns = (0..turns).map(|index| turn(index, sentences));
        json!({"model": "gpt-5-mini", "messages": turns.collect::<Vec<_>>()})
    };
    let image = json!({"model": "gpt-5-mini", "messages": [{"role": "user", "content":
        [{"type": "image_url", "image_url": {"url": format!("data:image/png;base64,{}", "iVBO".repeat(250_000))}}]}]});
    let numbers: Vec<u32> = (0..100_000).collect();
    let tokens = json!({"model": "gpt-5-mini", "messages": [], "prompt": numbers});
    let mut group = criterion.benchmark_group("request");
    for (name, body) in [
        ("2 KB", chat(4, 8)),
        ("200 KB", chat(100, 32)),
        ("200 KB in short turns", chat(2_000, 1)),
        ("an image of 1 MB", image),
        ("600 KB of numbers", tokens),
    ] {
        let body = bytes::Bytes::from(body.to_string());
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function(name, |bench| {
            bench.iter(|| of_request(Dialect::OpenAiChat, black_box(&body)).expect("a request"));
        });
        let texts = of_request(Dialect::OpenAiChat, &body).expect("a request");
        let edits: Vec<_> = texts
            .parts
            .iter()
            .map(|part| (part.place.clone(), SENTENCE))
            .collect();
        group.bench_function(format!("{name}, each text replaced"), |bench| {
            bench.iter(|| edited(black_box(&body), &edits));
        });
    }
    group.finish();
}

fn streams(criterion: &mut Criterion) {
    let chat = json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-5-mini",
        "choices": [{"index": 0, "delta": {"content": " house"}, "logprobs": null, "finish_reason": null}]});
    let response = json!({"type": "response.output_text.delta", "sequence_number": 4, "item_id": "msg_1",
        "output_index": 0, "content_index": 0, "delta": " house", "logprobs": [], "obfuscation": "aB3dE"});
    let message = json!({"type": "content_block_delta", "index": 0,
        "delta": {"type": "text_delta", "text": " house"}});
    let mut group = criterion.benchmark_group("stream");
    group.throughput(Throughput::Elements(CHUNKS));
    for (name, dialect, event) in [
        ("chat", Dialect::OpenAiChat, chat),
        ("responses", Dialect::OpenAiResponses, response),
        ("messages", Dialect::AnthropicMessages, message),
    ] {
        let event = format!("data: {event}\n\n");
        group.bench_function(name, |bench| {
            bench.iter(|| {
                let mut frames = Frames::new(dialect);
                for _ in 0..CHUNKS {
                    black_box(frames.feed(black_box(event.as_bytes())).expect("a frame"));
                }
            });
        });
    }
    group.finish();
}
