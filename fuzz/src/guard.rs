//! What guardrails read: texts in pieces, and profiles.

use std::sync::{Arc, LazyLock};

use iron_guard::{
    Action, Channel, Filter, Guard, Judgement, PiiActions, Profile, Pseudonyms, Verdict,
};

/// Expressions compile to at most so much in a run: the fuzzer looks for what breaks, not for what
/// is merely large.
const MOST_EXPRESSION: usize = 64;

/// Everything is looked for, and everything found is replaced.
static GUARD: LazyLock<Arc<Guard>> = LazyLock::new(|| {
    let profile = Profile {
        pii: PiiActions {
            types: None,
            action: Action::Redact,
        },
        block: vec!["(?i)operation nightfall".to_owned()],
        canaries: vec!["c4n4ry-7f3a".to_owned()],
        max_input_chars: 0,
        ..Profile::default()
    };
    Arc::new(Guard::new(profile).expect("the profile works"))
});

/// A text in pieces is let through as its whole would be, in every channel nothing panics, and
/// what is replaced are whole characters.
pub fn guard_filter(data: &[u8]) {
    let Some((choice, rest)) = data.split_first() else {
        return;
    };
    let text = String::from_utf8_lossy(rest);
    for channel in [Channel::User, Channel::ToolResult] {
        let judgement = judged(&text, channel);
        let _ = judgement.apply(&text);
    }
    let whole = judged(&text, Channel::Output);
    let (passed, streamed) = in_pieces(&text, *choice);
    match whole.blocked() {
        None => {
            assert_eq!(passed, whole.apply(&text));
            assert_eq!(streamed.findings, whole.findings);
        }
        Some(blocking) => {
            assert_eq!(streamed.verdict(), Verdict::Block);
            let before = text.get(..blocking.span.start).expect("a border");
            assert!(streamed.apply(before).starts_with(&passed));
        }
    }
}

fn judged(text: &str, channel: Channel) -> Judgement {
    let judgement = GUARD.judge(text, channel, &mut Pseudonyms::default());
    for finding in &judgement.findings {
        let span = finding.finding.span.clone();
        assert!(text.get(span).is_some(), "{finding:?}");
    }
    let mut from = 0;
    for edit in &judgement.edits {
        assert!(text.get(edit.span.clone()).is_some() && edit.span.start >= from);
        from = edit.span.end;
    }
    judgement
}

/// What a filter lets through of a text in pieces of some characters, and what it made of it.
fn in_pieces(text: &str, choice: u8) -> (String, Judgement) {
    let mut filter = Filter::new(Arc::clone(&GUARD), Channel::Output);
    let mut pseudonyms = Pseudonyms::default();
    let mut all = Judgement::default();
    let mut settled = 0;
    let mut state = u64::from(choice);
    let mut from = 0;
    while from < text.len() {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let length = (state >> 58) as usize + 1;
        let to = text.ceil_char_boundary((from + length).min(text.len()));
        let step = filter.push(&text[from..to], &mut pseudonyms);
        assert!(settled <= step.settled && step.settled <= to);
        (from, settled) = (to, step.settled);
        all.edits.extend(step.edits);
        all.findings.extend(step.findings);
    }
    let step = filter.finish(&mut pseudonyms);
    all.edits.extend(step.edits);
    all.findings.extend(step.findings);
    (all.apply(&text[..step.settled]).into_owned(), all)
}

/// A profile that is read is written as it was read; one that works judges any text.
pub fn guard_profile(data: &[u8]) {
    let Ok(profile) = serde_json::from_slice::<Profile>(data) else {
        return;
    };
    let text = serde_json::to_string(&profile).expect("a profile is written");
    let again: Profile = serde_json::from_str(&text).expect("a written profile is read");
    assert_eq!(again, profile);
    let expressions = profile.patterns.iter().map(|pattern| &pattern.pattern);
    let mut expressions = expressions.chain(&profile.allow).chain(&profile.block);
    if expressions.any(|expression| expression.len() > MOST_EXPRESSION) {
        return;
    }
    let Ok(guard) = Guard::new(profile) else {
        return;
    };
    let judgement = guard.judge(&text, Channel::User, &mut Pseudonyms::default());
    let _ = judgement.apply(&text);
    let judgement = guard.judge_json(&text, Channel::ToolArguments, &mut Pseudonyms::default());
    let edited = judgement.apply(&text);
    assert!(
        serde_json::from_str::<serde_json::Value>(&edited).is_ok(),
        "{edited}"
    );
}
