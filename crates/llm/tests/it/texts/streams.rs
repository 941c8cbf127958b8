//! Streams: what runs in them, what is whole, when it ends, and what an edited event looks like.

mod account;
mod calls;
mod filter;
mod fixtures;

use std::collections::BTreeMap;

use iron_llm::Dialect;
use iron_llm::texts::{Event, Frames, Said, Slot};

/// All events of a stream that arrives in these pieces, with the last, which ends it.
fn events(dialect: Dialect, pieces: &[&[u8]]) -> Vec<Event> {
    let mut frames = Frames::new(dialect);
    let mut events = Vec::new();
    for piece in pieces {
        events.extend(frames.feed(piece).expect("small frames"));
    }
    events.push(frames.finish());
    events
}

/// A stream of these data.
fn stream(data: &[&str]) -> Vec<u8> {
    let events = data.iter().map(|data| format!("data: {data}\n\n"));
    events.collect::<String>().into_bytes()
}

/// The running texts, by slot.
fn running(events: &[Event]) -> BTreeMap<Slot, String> {
    let mut texts: BTreeMap<Slot, String> = BTreeMap::new();
    for event in events {
        for said in event.said() {
            if let Said::Delta { slot, place } = said {
                texts.entry(*slot).or_default().push_str(&event.text(place));
            }
        }
    }
    texts
}

/// The texts that are whole.
fn whole(events: &[Event]) -> Vec<String> {
    let said = events
        .iter()
        .flat_map(|event| event.said().iter().map(move |said| (event, said)));
    said.filter_map(|(event, said)| match said {
        Said::Whole { place, .. } => Some(event.text(place).into_owned()),
        _ => None,
    })
    .collect()
}
