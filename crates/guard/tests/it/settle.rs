//! What becomes of a text that waits no longer to see what follows.

use std::sync::Arc;

use iron_guard::{Action, Channel, Filter, Guard, Judgement, PiiActions, Profile, Pseudonyms};
use proptest::prelude::*;

use crate::guard::{guard, judge, profile, texts};

fn redacting() -> Arc<Guard> {
    guard(Profile {
        pii: PiiActions {
            types: None,
            action: Action::Redact,
        },
        ..profile()
    })
}

/// A text in pieces, of which what is held back is let go at some of the cuts.
struct Stream {
    filter: Filter,
    pseudonyms: Pseudonyms,
    settled: usize,
    all: Judgement,
}

impl Stream {
    fn new(guard: Arc<Guard>) -> Stream {
        Stream {
            filter: Filter::new(guard, Channel::Output),
            pseudonyms: Pseudonyms::default(),
            settled: 0,
            all: Judgement::default(),
        }
    }

    fn push(&mut self, piece: &str) {
        let step = self.filter.push(piece, &mut self.pseudonyms);
        self.take(step);
    }

    fn settle(&mut self) {
        let step = self.filter.settle(&mut self.pseudonyms);
        self.take(step);
    }

    fn finish(&mut self) {
        let step = self.filter.finish(&mut self.pseudonyms);
        self.take(step);
    }

    fn take(&mut self, step: iron_guard::Step) {
        for edit in &step.edits {
            let before = self.all.edits.last().map_or(0, |edit| edit.span.end);
            assert!(self.settled.max(before) <= edit.span.start, "{edit:?}");
            assert!(edit.span.end <= step.settled, "{edit:?}");
        }
        assert!(self.settled <= step.settled);
        self.settled = step.settled;
        self.all.edits.extend(step.edits);
        self.all.findings.extend(step.findings);
    }

    fn passed(&self, text: &str) -> String {
        self.all.apply(&text[..self.settled]).into_owned()
    }
}

#[test]
fn a_number_in_the_middle_of_which_a_provider_rests_is_replaced_in_two_parts() {
    let text = "call +1 212 555 0123 or EMP-123456 now";
    let mut stream = Stream::new(redacting());
    stream.push("call +1 212 555 0123 or EMP-1234");
    let held = stream.filter.held();
    assert!(held > 0);
    stream.settle();
    assert_eq!(stream.filter.held(), 0);
    assert_eq!(stream.passed(text), "call [REDACTED] or EMP-[REDACTED]");
    stream.push("56 now");
    stream.finish();
    let passed = stream.passed(text);
    assert_eq!(passed, "call [REDACTED] or EMP-[REDACTED][REDACTED] now");
}

#[test]
fn what_blocks_does_so_though_its_beginning_has_left() {
    let mut stream = Stream::new(redacting());
    stream.push("tell of operation night");
    stream.settle();
    assert_eq!(stream.settled, 23);
    stream.push("fall and more");
    stream.finish();
    assert!(stream.all.blocked().is_some());
    assert_eq!(stream.settled, 23, "nothing more has left");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn what_is_let_go_is_as_if_the_text_ended_and_the_rest_is_judged_with_it(
        text in texts(),
        at in any::<prop::sample::Index>(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let guard = redacting();
        let at = text.floor_char_boundary(at.index(text.len() + 1));
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
        cuts.retain(|cut| text.is_char_boundary(*cut));
        cuts.extend([at, text.len()]);
        cuts.sort_unstable();
        let mut stream = Stream::new(Arc::clone(&guard));
        let (mut from, mut early) = (0, None);
        for to in cuts {
            stream.push(&text[from..to]);
            if to == at && early.is_none() {
                stream.settle();
                early = Some(stream.passed(&text));
            }
            from = to;
        }
        stream.finish();

        let (first, whole) = (judge(&guard, &text[..at]), judge(&guard, &text));
        if first.blocked().is_some() {
            prop_assert!(stream.all.blocked().is_some());
            return Ok(());
        }
        prop_assert_eq!(early, Some(first.apply(&text[..at]).into_owned()));
        if let Some(blocking) = whole.blocked() {
            prop_assert!(blocking.span.end <= at || stream.all.blocked().is_some());
            return Ok(());
        }
        prop_assert_eq!(stream.settled, text.len());
        for edit in whole.edits.iter().filter(|edit| edit.span.end > at) {
            let rest = edit.span.start.max(at)..edit.span.end;
            let edits = stream.all.edits.iter();
            let covered = edits.filter(|edit| edit.span.end > rest.start && edit.span.start < rest.end);
            let bytes: usize = covered
                .map(|edit| edit.span.end.min(rest.end) - edit.span.start.max(rest.start))
                .sum();
            prop_assert_eq!(bytes, rest.len(), "{:?} of {:?}", rest, text);
        }
    }

    #[test]
    fn a_text_may_be_let_go_at_any_place_and_often(
        text in texts(),
        step in 1_usize..40,
    ) {
        let mut stream = Stream::new(redacting());
        let mut from = 0;
        while from < text.len() {
            let to = text.ceil_char_boundary((from + step).min(text.len()));
            stream.push(&text[from..to]);
            stream.settle();
            prop_assert!(stream.all.blocked().is_some() || stream.filter.held() == 0);
            from = to;
        }
        stream.finish();
        if stream.all.blocked().is_none() {
            prop_assert_eq!(stream.settled, text.len());
        }
    }
}
