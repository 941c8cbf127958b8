//! A small filter over events, as a real one would use them: it holds an event back until nothing in
//! it can change any more, and takes one name out, wherever the deltas divide it.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

use iron_llm::Dialect;
use iron_llm::texts::{Event, Frames, Said, Slot};
use proptest::prelude::*;
use serde_json::json;

use super::{events, running, stream, whole};

const NAME: &str = "Ada Lovelace";
const INSTEAD: &str = "[NAME]";

/// An event that waits, with what becomes of its texts; none where that is not decided.
struct Waiting {
    event: Event,
    texts: Vec<(Range<usize>, Option<String>)>,
}

/// A delta whose text is not decided: which event, which of its texts, and what is left of it.
struct Piece {
    event: usize,
    text: usize,
    decided: String,
    rest: String,
}

#[derive(Default)]
struct Filter {
    queue: VecDeque<Waiting>,
    left: usize,
    held: BTreeMap<Slot, VecDeque<Piece>>,
    sent: Vec<u8>,
}

impl Filter {
    fn take(&mut self, event: Event) {
        let mut waiting = Waiting {
            event: event.clone(),
            texts: Vec::new(),
        };
        let number = self.left + self.queue.len();
        let mut ended = Vec::new();
        for said in event.said() {
            match said {
                Said::Delta { slot, place } => {
                    let piece = Piece {
                        event: number,
                        text: waiting.texts.len(),
                        decided: String::new(),
                        rest: event.text(place).into_owned(),
                    };
                    waiting.texts.push((place.clone(), None));
                    self.held.entry(*slot).or_default().push_back(piece);
                }
                Said::Whole { place, .. } => {
                    let clean = event.text(place).replace(NAME, INSTEAD);
                    waiting.texts.push((place.clone(), Some(clean)));
                }
                Said::Pause { slot } | Said::End { slot } => ended.push(*slot),
            }
        }
        self.queue.push_back(waiting);
        for slot in Vec::from_iter(self.held.keys().copied()) {
            self.decide(slot, ended.contains(&slot));
        }
        self.send();
    }

    /// Decides what can be decided of a running text.
    fn decide(&mut self, slot: Slot, ended: bool) {
        let Some(mut pieces) = self.held.remove(&slot) else {
            return;
        };
        let text: String = pieces.iter().map(|piece| piece.rest.as_str()).collect();
        let mut certain = text.len();
        if !ended {
            let open = (1..NAME.len()).filter(|&length| text.ends_with(&NAME[..length]));
            certain -= open.max().unwrap_or_default();
        }
        let (mut at, mut within) = (0, 0);
        for piece in &mut pieces {
            for letter in std::mem::take(&mut piece.rest).chars() {
                if within == 0 && text[at..].starts_with(NAME) {
                    within = NAME.len();
                    piece.decided.push_str(INSTEAD);
                }
                match (within, at < certain) {
                    (0, true) => piece.decided.push(letter),
                    (0, false) => piece.rest.push(letter),
                    _ => within -= letter.len_utf8(),
                }
                at += letter.len_utf8();
            }
        }
        while let Some(piece) = pieces.pop_front_if(|piece| piece.rest.is_empty()) {
            self.queue[piece.event - self.left].texts[piece.text].1 = Some(piece.decided);
        }
        if !pieces.is_empty() {
            self.held.insert(slot, pieces);
        }
    }

    /// Lets the events go in which everything is decided.
    fn send(&mut self) {
        let decided = |waiting: &mut Waiting| waiting.texts.iter().all(|(_, text)| text.is_some());
        while let Some(Waiting { event, texts }) = self.queue.pop_front_if(decided) {
            self.left += 1;
            let changed = texts.iter().filter_map(|(place, text)| {
                let text = text.as_deref()?;
                (event.text(place) != text).then_some((place.clone(), text))
            });
            self.sent.extend(event.edited(&Vec::from_iter(changed), 0));
        }
    }
}

fn filtered(dialect: Dialect, bytes: &[u8]) -> Vec<u8> {
    let (mut frames, mut filter) = (Frames::new(dialect), Filter::default());
    for event in frames.feed(bytes).expect("small frames") {
        filter.take(event);
    }
    filter.take(frames.finish());
    assert!(filter.queue.is_empty(), "nothing is kept");
    filter.sent
}

/// A stream in which this text arrives in these pieces.
fn said(dialect: Dialect, pieces: &[String]) -> Vec<u8> {
    let whole: String = pieces.concat();
    let delta = |text: &String| match dialect {
        Dialect::OpenAiChat => {
            json!({"choices": [{"index": 0, "delta": {"content": text}, "logprobs": null}]})
        }
        Dialect::AnthropicMessages => {
            json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}})
        }
        Dialect::Gemini => json!({"candidates": [{"content": {"parts": [{"text": text}]}}]}),
        _ => {
            json!({"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": text})
        }
    };
    let mut data: Vec<String> = pieces.iter().map(|text| delta(text).to_string()).collect();
    data.push(match dialect {
        Dialect::OpenAiChat => json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}).to_string(),
        Dialect::AnthropicMessages => json!({"type": "content_block_stop", "index": 0}).to_string(),
        Dialect::Gemini => json!({"candidates": [{"finishReason": "STOP"}]}).to_string(),
        _ => json!({"type": "response.output_text.done", "output_index": 0, "content_index": 0, "text": whole}).to_string(),
    });
    stream(&Vec::from_iter(data.iter().map(String::as_str)))
}

proptest! {
    #[test]
    fn a_name_is_taken_out_wherever_the_deltas_divide_it(
        words in prop::collection::vec(prop::sample::select(vec![NAME, "Ada ", "Ad", "é", " Lovelace", "and ", "\"\n"]), 0..8),
        cuts in prop::collection::vec(1_usize..9, 1..6),
    ) {
        let text: Vec<char> = words.concat().chars().collect();
        let (mut pieces, mut rest) = (Vec::new(), &text[..]);
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, after) = rest.split_at((*cut).min(rest.len()));
            pieces.push(piece.iter().collect::<String>());
            rest = after;
        }
        let clean = words.concat().replace(NAME, INSTEAD);
        for dialect in [Dialect::OpenAiChat, Dialect::OpenAiResponses, Dialect::AnthropicMessages, Dialect::Gemini] {
            let bytes = said(dialect, &pieces);
            let sent = filtered(dialect, &bytes);
            let again = events(dialect, &[&sent]);
            prop_assert_eq!(running(&again).into_values().collect::<String>(), clean.clone());
            prop_assert!(whole(&again).iter().all(|text| *text == clean));
            if !words.concat().contains(NAME) {
                prop_assert_eq!(sent, bytes, "what holds no name passes as it came");
            }
        }
    }
}
