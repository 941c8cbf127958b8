use iron_guard::{Action, Pattern, Profile};

use super::*;

fn sieve(dialect: Dialect) -> Sieve {
    let pattern = |name: &str, pattern: &str, action| Pattern {
        name: name.to_owned(),
        pattern: pattern.to_owned(),
        score: 1.0,
        action,
        matches: Vec::new(),
        misses: Vec::new(),
    };
    let profile = Profile {
        patterns: vec![
            pattern("launch", "launch code [0-9]+", Action::Block),
            pattern("employee", "EMP-[0-9]{6}", Action::Redact),
        ],
        ..Profile::default()
    };
    let guard = Arc::new(Guard::new(profile).expect("a guard"));
    Sieve::new(&guard, dialect, &Safety::default()).expect("it looks for something")
}

fn text(bytes: &Bytes) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

#[test]
fn an_event_in_which_a_whole_text_is_blocked_does_not_leave() {
    let mut sieve = sieve(Dialect::Gemini);
    let said = "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Well. \"}]}}]}\n\n";
    let called = "data: {\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"name\":\"a\",\
                  \"args\":{\"to\":\"launch code 4711\"}}}]}}]}\n\n";
    let left = sieve.feed(said.as_bytes()).expect("readable");
    let rest = sieve.feed(called.as_bytes()).expect("readable");
    let end = sieve.finish();
    let all = format!("{}{}{}", text(&left), text(&rest), text(&end));
    assert!(!all.contains("4711"), "{all}");
    assert!(sieve.blocked().is_some());
}

#[test]
fn a_transcription_that_streams_is_judged_as_one_that_does_not() {
    let mut sieve = sieve(Dialect::OpenAiTranscriptions);
    let mut all = String::new();
    for delta in ["I am EM", "P-1234", "56 here", "."] {
        let event =
            format!("data: {{\"type\":\"transcript.text.delta\",\"delta\":\"{delta}\"}}\n\n");
        all.push_str(text(&sieve.feed(event.as_bytes()).expect("readable")));
    }
    let done = "data: {\"type\":\"transcript.text.done\",\"text\":\"I am EMP-123456 here.\"}\n\n";
    all.push_str(text(&sieve.feed(done.as_bytes()).expect("readable")));
    all.push_str(text(&sieve.finish()));
    assert!(
        all.contains("I am [REDACTED] here.") && !all.contains("P-1234"),
        "{all}"
    );
}
