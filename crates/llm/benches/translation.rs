//! What translation adds to a call and to each chunk of a stream:
//! `cargo bench -p iron-llm --bench translation`.
//!
//! Requests and streams are those of the fixtures; the chunk with the text is repeated a thousand
//! times.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot begin has nothing better to do"
)]

use std::hint::black_box;
use std::path::PathBuf;

use criterion::{Criterion, Throughput};
use iron_llm::translate::{Ending, Plan};
use iron_llm::{Dialect, ProviderKind};
use iron_primitives::Timestamp;
use serde_json::Value;

const CHUNKS: usize = 1_000;
const NOW: Timestamp = Timestamp::from_seconds(1_795_305_600);

struct Case {
    name: String,
    plan: Box<dyn Fn() -> Plan>,
    stream: Vec<u8>,
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args().sample_size(20);
    let cases: Vec<Case> = fixtures().collect();
    let mut group = criterion.benchmark_group("request");
    for case in &cases {
        group.bench_function(&case.name, |bench| {
            bench.iter(|| {
                black_box((case.plan)())
                    .request(1_000)
                    .expect("it is written")
            });
        });
    }
    group.finish();
    let mut group = criterion.benchmark_group("stream");
    group.throughput(Throughput::Elements(CHUNKS as u64));
    for case in &cases {
        let plan = (case.plan)();
        group.bench_function(&case.name, |bench| {
            bench.iter(|| {
                let mut out = Vec::with_capacity(1 << 20);
                let mut translator = plan.stream(0, NOW).expect("it streams");
                for piece in case.stream.chunks(1_400) {
                    translator.feed(black_box(piece), &mut out);
                }
                translator.finish(Ending::Closed, &mut out);
                out
            });
        });
    }
    group.finish();
    criterion.final_summary();
}

/// Every direction that has a fixture of a stream with text.
fn fixtures() -> impl Iterator<Item = Case> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/translation");
    let folders = std::fs::read_dir(root).expect("the fixtures");
    let mut folders: Vec<PathBuf> = folders
        .map(|entry| entry.expect("readable").path())
        .collect();
    folders.sort();
    folders.into_iter().filter_map(|folder| {
        let text = std::fs::read_to_string(folder.join("stream_text.json")).ok()?;
        let name = folder.file_name()?.to_string_lossy().into_owned();
        let fixture: Value = serde_json::from_str(&text).expect("a fixture");
        Some(case(name, &fixture))
    })
}

fn case(name: String, fixture: &Value) -> Case {
    let client: Dialect = serde_json::from_value(fixture["client"].clone()).expect("a dialect");
    let case = &fixture["cases"][0];
    let provider = match serde_json::from_value::<ProviderKind>(case["provider"].clone()) {
        Ok(provider) => provider,
        Err(_) if client == Dialect::AnthropicMessages => ProviderKind::OpenAi,
        Err(_) => ProviderKind::Anthropic,
    };
    let request = case["request"].to_string();
    let frames: Vec<&str> = case["stream"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    // A delta, and not the frame that opens the block, which comes once.
    let words = [
        "\"text_delta\"",
        "\"content-delta\"",
        "\"content\":\"",
        "\"text\":",
        "\"output\":",
    ];
    let text = words
        .iter()
        .find_map(|word| frames.iter().position(|frame| frame.contains(word)))
        .unwrap_or_else(|| panic!("{name} has no chunk with text"));
    let mut stream = String::new();
    for (number, frame) in frames.iter().enumerate() {
        let times = if number == text { CHUNKS } else { 1 };
        stream.push_str(&format!("{frame}\n\n").repeat(times));
    }
    Case {
        name,
        plan: Box::new(move || {
            Plan::new(client, provider, request.as_bytes()).expect("it is translated")
        }),
        stream: stream.into_bytes(),
    }
}
