//! What counting the tokens of a long prompt costs: `cargo bench -p iron-llm --bench counting`.
//!
//! A hundred thousand tokens of prose, of code and of JSON, and texts of as many bytes that are the
//! worst for a tokenizer: one letter again and again, blanks, a word without an end.

#![expect(
    clippy::expect_used,
    reason = "a benchmark that cannot begin has nothing better to do"
)]

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use iron_llm::prices::Encoding;
use iron_llm::tokens;

const TOKENS: u64 = 100_000;
const PROSE: &str = "The committee met twice in October, and although nobody had read the report, \
    everyone agreed that it wasn't finished. Die Fähren sollen künftig auch nachts übersetzen. ";
const CODE: &str = "    let Some(lease) = self.leases.get(&hold.lease) else {\n        \
    return Err(Error::Gone { lease: hold.lease, at: now.micros() });\n    };\n";
const JSON: &str =
    r#"{"id":"call_9aF3","name":"get_weather","arguments":"{\"city\": \"Zürich\"}"},"#;

/// So much of a text that it has that many tokens.
fn long(piece: &str) -> String {
    let each = tokens::count(Encoding::O200k, &piece.repeat(100));
    let times = TOKENS
        .saturating_mul(100)
        .checked_div(each)
        .expect("it has tokens");
    piece.repeat(usize::try_from(times).expect("it fits"))
}

fn main() {
    tokens::warm_up();
    let prose = long(PROSE);
    let size = prose.len();
    let texts = [
        ("100k tokens of prose", prose),
        ("100k tokens of code", long(CODE)),
        ("100k tokens of JSON", long(JSON)),
        ("as many bytes of one letter", "a".repeat(size)),
        ("as many bytes of blanks", " ".repeat(size)),
        (
            "as many bytes of one word",
            "antidisestablishment".repeat(size / 20),
        ),
        ("as many bytes of 龘", "龘".repeat(size / 3)),
    ];
    let mut criterion = Criterion::default().configure_from_args().sample_size(20);
    let mut group = criterion.benchmark_group("count");
    for (name, text) in &texts {
        group.throughput(Throughput::Bytes(text.len() as u64));
        for (encoding, word) in [(Encoding::O200k, "o200k"), (Encoding::Cl100k, "cl100k")] {
            group.bench_function(format!("{name}, {word}"), |bench| {
                bench.iter(|| tokens::count(encoding, black_box(text)));
            });
        }
    }
    group.finish();
    criterion.final_summary();
}
