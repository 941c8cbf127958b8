//! What a call pays for its guardrails: a whole text with everything on, and a stream a piece at a
//! time.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use iron_guard::{Action, Channel, Filter, Guard, PiiActions, Profile, Pseudonyms};

const ORDINARY: &str = "Could you please look at the report that Maria sent on Monday? The numbers \
    for the third quarter look too high: revenue of 1,234,567 dollars, while the ledger of 2024 \
    shows less. I think that somebody counted the orders of the web shop twice (see rows 17 to \
    42 of the sheet), or the export at https://example.com/export?id=7781 was made before the \
    correction. Write a short summary in three points, and a polite mail to the team in Berlin \
    which asks them to check it until Friday. ";

fn text(bytes: usize) -> String {
    ORDINARY
        .repeat(bytes / ORDINARY.len() + 1)
        .chars()
        .take(bytes)
        .collect()
}

fn guard() -> Arc<Guard> {
    let profile = Profile {
        pii: PiiActions {
            action: Action::Redact,
            ..PiiActions::default()
        },
        max_input_chars: 0,
        ..Profile::default()
    };
    Arc::new(Guard::new(profile).unwrap_or_else(|error| unreachable!("{error}")))
}

fn whole(criterion: &mut Criterion) {
    let guard = guard();
    let mut group = criterion.benchmark_group("whole");
    for (name, channel) in [("user", Channel::User), ("output", Channel::Output)] {
        for bytes in [1024, 2048, 102_400] {
            let text = text(bytes);
            group.throughput(Throughput::Bytes(bytes as u64));
            group.bench_with_input(BenchmarkId::new(name, bytes), &text, |bencher, text| {
                bencher.iter(|| guard.judge(black_box(text), channel, &mut Pseudonyms::default()));
            });
        }
    }
    group.finish();
}

fn stream(criterion: &mut Criterion) {
    let guard = guard();
    let text = text(8192);
    let pieces: Vec<&str> = text.split_inclusive(' ').collect();
    let mut group = criterion.benchmark_group("stream");
    group.throughput(Throughput::Elements(pieces.len() as u64));
    group.bench_function("a word at a time", |bencher| {
        bencher.iter(|| {
            let mut filter = Filter::new(guard.clone(), Channel::Output);
            let mut pseudonyms = Pseudonyms::default();
            for piece in &pieces {
                black_box(filter.push(piece, &mut pseudonyms));
            }
            filter.finish(&mut pseudonyms)
        });
    });
    group.finish();
}

criterion_group!(benches, whole, stream);
criterion_main!(benches);
