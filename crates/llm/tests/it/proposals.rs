//! Calls that models propose: asked about once, and taken out so that what is left is an answer.

mod edges;
mod sdk;
mod speech;

use bytes::Bytes;
use iron_llm::Dialect;
use iron_llm::proposals::{Fate, Proposal, Sifter, sift};
use proptest::prelude::*;

use sdk::Heard;
use speech::{Block, streamed, whole};

const DIALECTS: [Dialect; 7] = [
    Dialect::OpenAiChat,
    Dialect::OpenAiResponses,
    Dialect::AnthropicMessages,
    Dialect::BedrockMessages,
    Dialect::Gemini,
    Dialect::Cohere,
    Dialect::Converse,
];

/// Takes out the calls of tools with such names, and takes note of all.
#[derive(Default)]
struct Court {
    asked: Vec<(String, String)>,
}

impl Court {
    fn judge(&mut self, proposal: &Proposal<'_>) -> Fate {
        let arguments = proposal.arguments.unwrap_or("two readings");
        self.asked
            .push((proposal.name.to_owned(), arguments.to_owned()));
        match proposal.name {
            name if name.starts_with("bad") => Fate::Strip,
            name if name.starts_with("grave") => Fate::Stop,
            _ => Fate::Keep,
        }
    }
}

/// A stream that comes in these pieces, as it leaves, and what was asked.
fn sifted(dialect: Dialect, pieces: &[&[u8]], holds: bool) -> (Vec<u8>, Court) {
    let mut sifter = Sifter::new(dialect, holds);
    let mut court = Court::default();
    let mut out = Vec::new();
    for piece in pieces {
        let piece = Bytes::copy_from_slice(piece);
        let fed = sifter.feed(piece, &mut |proposal| court.judge(proposal));
        out.extend_from_slice(&fed.expect("small frames"));
    }
    out.extend_from_slice(&sifter.finish(&mut |proposal| court.judge(proposal)));
    assert!(sifter.held_bytes() < 4096, "what has left is not kept");
    (out, court)
}

/// An answer that is there as a whole, as it leaves.
fn judged(dialect: Dialect, body: &Bytes) -> (Bytes, Court) {
    let mut court = Court::default();
    let out = sift(dialect, body, &mut |proposal| court.judge(proposal));
    (out.expect("JSON"), court)
}

fn cut<'b>(bytes: &'b [u8], places: &[prop::sample::Index]) -> Vec<&'b [u8]> {
    let mut places: Vec<usize> = places.iter().map(|at| at.index(bytes.len())).collect();
    places.sort_unstable();
    let mut pieces = Vec::new();
    let mut from = 0;
    for place in places.into_iter().chain([bytes.len()]) {
        pieces.push(&bytes[from..place]);
        from = place;
    }
    pieces
}

fn block() -> impl Strategy<Value = Block> {
    let arguments = prop::sample::select(vec!["{}", r#"{"a":1}"#, r#"{"path":"/x\"y","n":[1]}"#]);
    let name = prop::sample::select(vec!["good", "fine", "bad", "bad_one"]);
    prop_oneof![
        "[a-z ]{1,12}".prop_map(Block::Text),
        (name, arguments).prop_map(|(name, arguments)| Block::call(name, arguments)),
    ]
}

proptest! {
    #[test]
    fn a_stream_and_a_whole_answer_come_out_the_same_wherever_they_are_cut(
        blocks in prop::collection::vec(block(), 0..6),
        places in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        for dialect in DIALECTS {
            let blocks = speech::as_it_can_be_said(dialect, &blocks);
            let stream = streamed(dialect, &blocks);
            let pieces = cut(&stream, &places);
            let (left, court) = sifted(dialect, &pieces, true);
            let (whole, other) = judged(dialect, &whole(dialect, &blocks));
            let whole = Heard::whole(dialect, &whole);
            prop_assert_eq!(Heard::stream(dialect, &left), whole.clone(), "{:?}", dialect);
            prop_assert_eq!(&court.asked, &other.asked, "{:?}", dialect);

            let kept: Vec<_> = blocks.iter().filter(|block| !block.is_bad()).cloned().collect();
            prop_assert_eq!(whole.calls, speech::calls(&kept), "{:?}", dialect);
            prop_assert_eq!(whole.text, speech::text(&blocks), "{:?}", dialect);
        }
    }

    #[test]
    fn where_nothing_is_taken_out_every_byte_stays(
        blocks in prop::collection::vec(block(), 0..6),
        places in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        for dialect in DIALECTS {
            let blocks = speech::as_it_can_be_said(dialect, &blocks);
            let stream = streamed(dialect, &blocks);
            let pieces = cut(&stream, &places);
            let (looked_at, court) = sifted(dialect, &pieces, false);
            prop_assert_eq!(&looked_at, &stream, "{:?}", dialect);
            prop_assert_eq!(court.asked.len(), speech::calls(&blocks).len());
            if !blocks.iter().any(Block::is_bad) {
                let (left, _) = sifted(dialect, &pieces, true);
                prop_assert_eq!(&left, &stream, "{:?}", dialect);
                let body = whole(dialect, &blocks);
                prop_assert_eq!(judged(dialect, &body).0, body);
            }
        }
    }
}
