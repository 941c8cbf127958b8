//! What it costs to look through a text with all rules of secrets and structured personal data.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use iron_guard::scan::Rules;
use iron_guard::{pii, secrets};

const PROSE: &str = "The committee met on Tuesday to discuss how the new library should be funded. \
    Several members said that a loan was the cheapest way, while others preferred to wait for the \
    grant, which was promised for autumn. Nobody asked whether the old building could be repaired; \
    it had stood empty for years, and its roof let the rain in. In the end they agreed to meet again. ";

const CODE: &str = "pub fn merge(left: &[u32], right: &[u32]) -> Vec<u32> {\n    let mut merged = \
    Vec::with_capacity(left.len() + right.len());\n    let (mut i, mut j) = (0, 0);\n    while i < \
    left.len() && j < right.len() {\n        if left[i] <= right[j] { merged.push(left[i]); i += 1; \
    } else { merged.push(right[j]); j += 1; }\n    }\n    merged\n}\n";

const CHAT: &str = "Hi, this is Jane Doe (jane.doe@example.com). My phone is +1 415 555 2671 and my \
    card 4111 1111 1111 1111 was charged twice on 2024-01-15 for order 1234567. Please check from \
    203.0.113.77. Password: hunter2! Thanks a lot, I am waiting since January 3rd. ";

const HASHES: &str = "\"integrity\": \"sha512-YPDw7Zm2cG3ZxsqHn9i2wL8SMjhXpc7nCMqjVvCNzUfLgcsHMFrp\
    PEGYQlDgKHGX2FVhbMJUYf9dVZLH0JTVQw==\", 3f786850e387550fdab836ed7e6dc881de23001b \
    123e4567-e89b-12d3-a456-426614174000 ";

fn scan(criterion: &mut Criterion) {
    let rules = [secrets::rules(), pii::rules()].concat();
    let Ok(rules) = Rules::new(rules) else {
        return;
    };
    let mut group = criterion.benchmark_group("scan_2_kb");
    let texts = [
        ("prose", PROSE.to_owned()),
        ("code", CODE.to_owned()),
        ("chat", CHAT.to_owned()),
        ("hashes", HASHES.to_owned()),
        ("digits", "12 345 6789-".to_owned()),
        ("letters", "a.b-c_d:".to_owned()),
    ];
    for (name, piece) in texts {
        let text: String = piece.chars().cycle().take(2048).collect();
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(name, |bencher| {
            let mut found = Vec::new();
            bencher.iter(|| {
                found.clear();
                rules.scan(black_box(&text), 0, true, &mut found)
            });
        });
    }
    group.finish();
}

criterion_group!(benches, scan);
criterion_main!(benches);
