use iron_guard::{Action, Pattern, Profile, Unread};
use serde_json::{Value, json};

use super::*;
use crate::authority::Guardrails;

fn sieve(dialect: Dialect) -> Sieve {
    sieve_of(profile(), dialect)
}

fn sieve_of(profile: Profile, dialect: Dialect) -> Sieve {
    let guard = Arc::new(Guard::new(profile).expect("a guard"));
    Sieve::new(&guard, dialect, &Safety::default()).expect("it looks for something")
}

fn profile() -> Profile {
    let pattern = |name: &str, pattern: &str, action| Pattern {
        name: name.to_owned(),
        pattern: pattern.to_owned(),
        score: 1.0,
        action,
        matches: Vec::new(),
        misses: Vec::new(),
    };
    Profile {
        patterns: vec![
            pattern("launch", "launch code [0-9]+", Action::Block),
            pattern("employee", "EMP-[0-9]{6}", Action::Redact),
            pattern("founder", "Jürgen Müller", Action::Redact),
        ],
        ..Profile::default()
    }
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

/// What a stream becomes whose events come one by one.
fn sieved(dialect: Dialect, events: &[Value]) -> String {
    let mut sieve = sieve(dialect);
    let mut all = String::new();
    for event in events {
        let left = sieve.feed(format!("data: {event}\n\n").as_bytes());
        all.push_str(text(&left.expect("readable")));
    }
    all.push_str(text(&sieve.finish()));
    all
}

/// What stands at this place of the events, put together.
fn said(stream: &str, place: &str) -> String {
    let events = stream
        .lines()
        .filter_map(|line| line.strip_prefix("data: "));
    let events = events.filter_map(|data| serde_json::from_str::<Value>(data).ok());
    let pieces = events.filter_map(|event| Some(event.pointer(place)?.as_str()?.to_owned()));
    pieces.collect()
}

const PIECES: [&str; 3] = ["ask Jür", "gen Mül", "ler, größer"];

#[test]
fn input_of_tools_that_is_no_json_is_replaced_letter_by_letter_whatever_the_letters_are() {
    let chat = PIECES.map(|piece| {
        let call = json!({"index": 0, "custom": {"input": piece}});
        json!({"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]})
    });
    let place = "/choices/0/delta/tool_calls/0/custom/input";
    let all = sieved(Dialect::OpenAiChat, &chat);
    assert_eq!(said(&all, place), "ask [REDACTED], größer");
    for kind in ["custom_tool_call_input", "code_interpreter_call_code"] {
        let kind = format!("response.{kind}.delta");
        let event = |piece| json!({"type": kind, "output_index": 0, "delta": piece});
        let all = sieved(Dialect::OpenAiResponses, &PIECES.map(event));
        assert_eq!(said(&all, "/delta"), "ask [REDACTED], größer");
    }
}

#[test]
fn values_of_a_call_of_gemini_that_come_in_pieces_are_texts_of_their_own() {
    let call = |pieces: Value| {
        let call = json!({"partialArgs": pieces, "willContinue": true});
        json!({"candidates": [{"content": {"parts": [{"functionCall": call}]}}]})
    };
    let piece = |path: &str, text: &str| json!({"jsonPath": path, "stringValue": text});
    let events = [
        call(json!([piece("$.to", "Jürgen")])),
        call(json!([piece("$.cc", "nobody"), piece("$.to", " Müller")])),
        call(json!([piece("$.note", "größer")])),
    ];
    let all = sieved(Dialect::Gemini, &events);
    let place = "/candidates/0/content/parts/0/functionCall/partialArgs";
    assert_eq!(
        said(&all, &format!("{place}/0/stringValue")),
        "[REDACTED]nobodygrößer"
    );
    assert_eq!(said(&all, &format!("{place}/1/stringValue")), "");
}

#[test]
fn arguments_of_cohere_are_read_as_the_json_that_they_are() {
    let pieces = ["{\"to\": \"J\\u00f", "crgen M\\u00fcl", "ler\"}"];
    let events = pieces.map(|piece| {
        let call = json!({"function": {"arguments": piece}});
        json!({"type": "tool-call-delta", "index": 0, "delta": {"message": {"tool_calls": call}}})
    });
    let place = "/delta/message/tool_calls/function/arguments";
    let all = sieved(Dialect::Cohere, &events);
    assert_eq!(said(&all, place), "{\"to\": \"[REDACTED]\"}");
}

#[test]
fn an_event_that_cannot_be_read_leaves_where_the_profile_lets_such_pass() {
    for (unread, leaves) in [(Unread::Allow, true), (Unread::Refuse, false)] {
        let mut sieve = sieve_of(
            Profile {
                unread,
                ..profile()
            },
            Dialect::OpenAiChat,
        );
        let left = sieve.feed(b"data: \xff\n\n").expect("a frame");
        assert_eq!(!left.is_empty(), leaves);
        assert_eq!(sieve.blocked().is_none(), leaves);
    }
}

#[test]
fn words_beside_streamed_sound_are_judged() {
    let events = [
        json!({"type": "speech.audio.delta", "audio": "AAAA"}),
        json!({"type": "error", "error": {"message": "no EMP-123456"}}),
    ];
    let all = sieved(Dialect::OpenAiSpeech, &events);
    assert!(
        all.contains("AAAA") && all.contains("no [REDACTED]"),
        "{all}"
    );
}

fn hurried() -> Sieve {
    let profile = Profile {
        max_hold_ms: 50,
        ..profile()
    };
    sieve_of(profile, Dialect::OpenAiChat)
}

fn delta(delta: &Value) -> String {
    let event = json!({"choices": [{"index": 0, "delta": delta}]});
    format!("data: {event}\n\n")
}

fn piece(piece: &str) -> String {
    delta(&json!({"content": piece}))
}

#[test]
fn what_has_waited_as_long_as_the_profile_lets_it_leaves_as_if_it_ended_there() {
    let (mut sieve, begun) = (hurried(), Instant::now());
    let feed = |sieve: &mut Sieve, piece: &str| {
        text(&sieve.feed(piece.as_bytes()).expect("readable")).to_owned()
    };
    assert_eq!(sieve.patience(begun), None, "nothing waits");
    assert_eq!(feed(&mut sieve, &piece("ask EMP-12")), "");
    let until = begun + Duration::from_millis(50);
    assert_eq!(sieve.patience(begun), Some(until));
    assert_eq!(
        sieve.patience(begun + Duration::from_millis(20)),
        Some(until)
    );
    let mut all = text(&sieve.settle(until)).to_owned();
    assert_eq!(sieve.patience(until), None, "nothing waits any more");
    all.push_str(&feed(&mut sieve, &piece("3456 of them ")));
    all.push_str(text(&sieve.finish()));
    assert_eq!(
        said(&all, "/choices/0/delta/content"),
        "ask EMP-12[REDACTED] of them "
    );
}

#[test]
fn events_wait_from_when_they_came_and_arguments_of_tools_to_their_end() {
    let (mut sieve, begun) = (hurried(), Instant::now());
    let later = |millis| begun + Duration::from_millis(millis);
    sieve.feed(piece("the laun").as_bytes()).expect("readable");
    assert_eq!(sieve.patience(begun), Some(later(50)));
    let left = sieve
        .feed(piece("dry, and laun").as_bytes())
        .expect("readable");
    assert!(text(&left).contains("the laun") && !text(&left).contains("dry"));
    assert_eq!(sieve.patience(later(30)), Some(later(80)));
    let call =
        json!({"index": 0, "id": "a", "function": {"name": "send", "arguments": "{\"to\":"}});
    let call = delta(&json!({"tool_calls": [call]}));
    sieve.feed(call.as_bytes()).expect("readable");
    assert!(!text(&sieve.settle(later(80))).contains("send"));
    assert_eq!(
        sieve.patience(later(80)),
        Some(later(130)),
        "it is tried again"
    );
}

fn rules(sieve: Sieve) -> Vec<String> {
    let record = sieve.into_safety().record(&Guardrails::default());
    let findings = record.expect("findings").findings.into_iter();
    findings
        .map(|finding| format!("{} {} {}", finding.part, finding.channel, finding.rule))
        .collect()
}

#[test]
fn each_call_with_a_finding_is_told_and_what_is_said_again_is_not() {
    let part = |to: &str| json!({"functionCall": {"name": "send", "args": {"to": to}}});
    let event = |to: &str| json!({"candidates": [{"content": {"parts": [part(to)]}}]});
    let mut gemini = sieve(Dialect::Gemini);
    for to in ["EMP-123456", "EMP-654321", "EMP-123456"] {
        let bytes = format!("data: {}\n\n", event(to));
        gemini.feed(bytes.as_bytes()).expect("readable");
    }
    gemini.finish();
    let told = rules(gemini);
    let expected = [0, 1, 2].map(|part| format!("{part} tool_arguments custom.employee"));
    assert_eq!(told, expected);

    let mut responses = sieve(Dialect::OpenAiResponses);
    let arguments = "{\"to\": \"EMP-123456\"}";
    let item = json!({"type": "function_call", "name": "send", "arguments": arguments});
    let call = |at: u32| {
        let word = |word: &str| format!("response.function_call_arguments.{word}");
        [
            json!({"type": word("delta"), "output_index": at, "delta": "{\"to\": \"EMP-"}),
            json!({"type": word("delta"), "output_index": at, "delta": "123456\"}"}),
            json!({"type": word("done"), "output_index": at, "arguments": arguments}),
            json!({"type": "response.output_item.done", "output_index": at, "item": item}),
        ]
    };
    let completed = json!({"type": "response.completed", "response": {"output": [item, item]}});
    for event in call(0).into_iter().chain(call(1)).chain([completed]) {
        let bytes = format!("data: {event}\n\n");
        responses.feed(bytes.as_bytes()).expect("readable");
    }
    responses.finish();
    let told = rules(responses);
    let expected = [0, 1].map(|part| format!("{part} tool_arguments custom.employee"));
    assert_eq!(told, expected);
}
