//! Where the texts of a call stand.

#![expect(clippy::panic, reason = "a test fails by panicking")]

mod any_json;
mod anywhere;
mod edits;
mod replies;
mod requests;
mod streams;

use iron_llm::Dialect;
use iron_llm::texts::{Channel, Medium, PartKind, Texts, of_reply, of_request};
use serde_json::Value;

/// What a text is, in the order of its fields, and the text.
type Said = (Channel, PartKind, String);

fn said(texts: &Texts<'_>) -> Vec<Said> {
    let said = |part: &iron_llm::texts::Part<'_>| (part.channel, part.kind, part.text.to_string());
    texts.parts.iter().map(said).collect()
}

/// Compares what was said, in whatever order an object has its fields.
#[track_caller]
fn assert_said<const N: usize>(mut found: Vec<Said>, mut expected: [Said; N]) {
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}

fn asked(dialect: Dialect, body: &Value) -> Vec<Said> {
    let body = body.to_string();
    said(&of_request(dialect, body.as_bytes()).expect("a request"))
}

fn answered(dialect: Dialect, body: &Value) -> Vec<Said> {
    let body = body.to_string();
    said(&of_reply(dialect, body.as_bytes()).expect("an answer"))
}

/// What is unread, with the literals.
fn unread(dialect: Dialect, body: &Value) -> Vec<(Medium, String)> {
    let body = body.to_string();
    let texts = of_request(dialect, body.as_bytes()).expect("a request");
    let unread = texts.unread.into_iter();
    unread
        .map(|unread| (unread.what, body[unread.place].to_owned()))
        .collect()
}

fn prose(channel: Channel, text: &str) -> Said {
    (channel, PartKind::Prose, text.to_owned())
}

fn name(channel: Channel, text: &str) -> Said {
    (channel, PartKind::Name, text.to_owned())
}
