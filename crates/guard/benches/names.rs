//! What it costs to look for names and addresses, for each kibibyte of text.
#![expect(clippy::expect_used, reason = "benchmarks")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use iron_guard::names::Names;

/// Ordinary prose: few capitals.
const PROSE: &str = "The migration finished on Tuesday, but two of the workers still report stale \
    leases after a restart. We looked at the logs and found that the clock of one machine was \
    eleven seconds behind. Please check whether the monitor was told about it, and write down \
    what you did so that the next person on call does not have to guess. If the lease is older \
    than 30 seconds the worker may be stopped by hand. Nothing is lost when that happens. ";

/// A chat with code in it.
const CODE: &str = "Write a function in Python that reads a file and returns the number of lines.\n\
    def count(path):\n    with open(path) as file:\n        return sum(1 for _ in file)\n\
    assert count('a.txt') == 3  # see `tests/test_count.py`\n";

/// Nothing but names and addresses.
const FORMS: &str = "Name: John P. Miller\nAddress: 742 Evergreen Terrace, Springfield, IL 62704\n\
    Contact: Aylin Yıldız, Hauptstraße 12a, 10115 Berlin\n";

/// Capitals only in front.
const HEADLINES: &str = "Ten Ways To Build A Better Product And Keep Your Customers Happy: What \
    Every Manager Should Know About The Market In Five Easy Steps For Busy People ";

fn kibibyte(text: &str) -> String {
    let mut text = text.repeat(1024 / text.len() + 1);
    while text.len() > 1024 {
        text.pop();
    }
    text
}

fn scan(criterion: &mut Criterion) {
    let names = Names::new().expect("weights");
    let mut group = criterion.benchmark_group("names");
    group.throughput(Throughput::Bytes(1024));
    for (name, text) in [
        ("prose", kibibyte(PROSE)),
        ("code", kibibyte(CODE)),
        ("forms", kibibyte(FORMS)),
        ("headlines", kibibyte(HEADLINES)),
        ("one letter", kibibyte("A ")),
        ("numbers", kibibyte("1 a ")),
    ] {
        group.bench_function(name, |bencher| {
            let mut found = Vec::new();
            bencher.iter(|| {
                found.clear();
                names.scan(black_box(&text), 0, true, &mut found)
            });
        });
    }
    group.finish();
    criterion.bench_function("names/load", |bencher| bencher.iter(Names::new));
}

criterion_group!(benches, scan);
criterion_main!(benches);
