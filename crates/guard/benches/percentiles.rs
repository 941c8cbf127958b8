//! How long single texts take, as percentiles, and what memory the detectors take: what a mean over
//! a machine that others use does not tell.

use std::fs;
use std::hint::black_box;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Instant;

use iron_guard::{
    Action, Channel, Filter, Guard, InjectionActions, PiiActions, Profile, Pseudonyms,
};

const ORDINARY: &str = "Could you please look at the report that Maria sent on Monday? The numbers \
    for the third quarter look too high: revenue of 1,234,567 dollars, while the ledger of 2024 \
    shows less. I think that somebody counted the orders of the web shop twice (see rows 17 to \
    42 of the sheet), or the export at https://example.com/export?id=7781 was made before the \
    correction. Write a short summary in three points, and a polite mail to the team in Berlin \
    which asks them to check it until Friday. ";

/// A text of so many bytes, each time another one: no text is judged twice.
fn text(bytes: usize, number: usize) -> String {
    let mut text = format!("Case {number}. ");
    while text.len() < bytes {
        text.push_str(ORDINARY);
    }
    text.truncate(bytes);
    text
}

fn resident_kb() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number
        .and_then(|number| number.parse().ok())
        .unwrap_or_default()
}

fn alone(pii: Action) -> Profile {
    Profile {
        pii: PiiActions {
            action: pii,
            ..PiiActions::default()
        },
        max_input_chars: 0,
        ..Profile::default()
    }
}

fn tell(name: &str, mut nanos: Vec<u128>) {
    nanos.sort_unstable();
    let at = |share: usize| {
        let index = nanos.len() * share / 100;
        nanos.get(index).copied().unwrap_or_default() as f64 / 1000.0
    };
    let line = format!(
        "{name}: least {:.1} µs, p50 {:.1} µs, p90 {:.1} µs, p99 {:.1} µs of {}",
        at(0),
        at(50),
        at(90),
        at(99),
        nanos.len()
    );
    write_line(&line);
}

fn write_line(line: &str) {
    // Whoever closed the output wants no more of it.
    let _ = writeln!(io::stdout().lock(), "{line}");
}

fn timed<T>(mut work: impl FnMut() -> T) -> u128 {
    let begun = Instant::now();
    black_box(work());
    begun.elapsed().as_nanos()
}

fn judged(guard: &Guard, channel: Channel, text: &str) -> u128 {
    timed(|| guard.judge(black_box(text), channel, &mut Pseudonyms::default()))
}

fn main() {
    // Whoever only lists tests, or runs them, measures nothing.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let before = resident_kb();
    let of = |profile| Guard::new(profile).unwrap_or_else(|error| unreachable!("{error}"));
    of(Profile {
        injection: InjectionActions::NONE,
        ..alone(Action::Ignore)
    });
    write_line(&format!("rules: {} KB", resident_kb() - before));
    of(alone(Action::Ignore));
    write_line(&format!("with injections: {} KB", resident_kb() - before));
    let guard = Arc::new(of(alone(Action::Redact)));
    write_line(&format!("with names: {} KB", resident_kb() - before));
    let first = judged(&guard, Channel::User, &text(2048, 0));
    write_line(&format!(
        "first text: {} µs; then {} KB",
        first / 1000,
        resident_kb() - before
    ));
    for (name, channel) in [("user", Channel::User), ("output", Channel::Output)] {
        for (bytes, count) in [(1024, 2000), (2048, 2000), (102_400, 40)] {
            let texts: Vec<String> = (0..count).map(|number| text(bytes, number)).collect();
            let nanos = texts.iter().map(|text| judged(&guard, channel, text));
            tell(&format!("{name} {bytes}"), nanos.collect());
        }
    }
    let text = text(102_400, 0);
    let again = (0..200).map(|_| judged(&guard, Channel::User, &text));
    tell("user 102400 again", again.collect());
    pieces(&guard);
    hostile(&guard);
    write_line(&format!("in the end: {} KB", resident_kb() - before));
}

fn pieces(guard: &Arc<Guard>) {
    let text = text(40_960, 0);
    let mut filter = Filter::new(Arc::clone(guard), Channel::Output);
    let mut pseudonyms = Pseudonyms::default();
    let pieces = text.split_inclusive(' ');
    let nanos = pieces.map(|piece| timed(|| filter.push(piece, &mut pseudonyms)));
    tell("piece of a stream", nanos.collect());
}

/// Texts that are written to be slow.
fn hostile(guard: &Arc<Guard>) {
    let keys = "-----BEGIN RSA PRIVATE KEY-----\n".repeat(3_200);
    let tokens = "+eyJhbGciOiJIUzI1NiJ9".repeat(4_800);
    for (name, text) in [("open keys", &keys), ("tokens in tokens", &tokens)] {
        let texts = (0..5).map(|number| format!("{number} {text}"));
        let nanos = texts.map(|text| judged(guard, Channel::Output, &text));
        tell(&format!("{name}, {} bytes", text.len()), nanos.collect());
    }
    let line = "MIIEpAIBAAKCAQEA0Z3VS5JJcds3xfn/ygWyF0Ew4u3yGmJk\n";
    let mut filter = Filter::new(Arc::clone(guard), Channel::Output);
    let mut pseudonyms = Pseudonyms::default();
    filter.push("-----BEGIN RSA PRIVATE KEY-----\n", &mut pseudonyms);
    let key = line.repeat(1_200);
    let mut nanos = Vec::new();
    for at in (0..key.len()).step_by(8) {
        let piece = key.get(at..(at + 8).min(key.len())).unwrap_or_default();
        nanos.push(timed(|| filter.push(piece, &mut pseudonyms)));
    }
    tell("piece of a key without an end", nanos);
}
