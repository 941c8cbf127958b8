//! Our signer and our decoder against botocore's (`tests/data/aws.py`), and what a call in
//! Bedrock's dialect counts and can cost at the most.

use bytes::Bytes;
use iron_llm::aws::{BEDROCK, Credentials, STS, Scope, Signable, encoded};
use iron_llm::eventstream::Decoder;
use iron_llm::meter::{Meter, MeterOptions, Reading, read_answer};
use iron_llm::{Assumptions, Bound, BoundError, Dialect, Envelope, PriceBook, ProviderKind, Usage};
use iron_primitives::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

mod costs;

const ORACLE: &str = include_str!("../data/aws.json");
const HAIKU: &str = "us.anthropic.claude-haiku-4-5-20251001-v1:0";

fn oracle(part: &str) -> Vec<Value> {
    let all: Value = serde_json::from_str(ORACLE).expect("JSON");
    all[part].as_array().expect("a list").clone()
}

fn bytes_of(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().expect("a text")).expect("hexadecimal")
}

/// `20261123T055000Z`
fn moment(text: &str) -> Timestamp {
    let iso = format!(
        "{}-{}-{}T{}:{}:{}Z",
        &text[..4],
        &text[4..6],
        &text[6..8],
        &text[9..11],
        &text[11..13],
        &text[13..15]
    );
    iso.parse().expect("a moment")
}

#[test]
fn every_request_is_signed_as_botocore_signs_it() {
    let vectors = oracle("signatures");
    assert_eq!(vectors.len(), 40);
    for vector in &vectors {
        let text = |name: &str| vector[name].as_str().expect("a text");
        let key = Credentials {
            id: text("id").to_owned(),
            secret: text("secret").to_owned().into(),
            token: vector["token"]
                .as_str()
                .map(|token| token.to_owned().into()),
        };
        let service = text("service");
        assert!([BEDROCK, STS].contains(&service));
        let scope = Scope {
            region: text("region"),
            service,
            now: moment(text("moment")),
        };
        let body = bytes_of(&vector["body"]);
        let request = Signable {
            method: "POST",
            host: text("host"),
            path: text("path"),
            content_type: text("content_type"),
            body: &body,
        };
        let signed = scope.sign(&key, &request);
        assert_eq!(
            signed.authorization.expose(),
            text("authorization"),
            "{vector}"
        );
        assert_eq!(signed.date, text("moment"));
        let end = format!("/model/{}/converse", encoded(text("model")));
        assert!(text("path").ends_with(&end), "{end}");
    }
}

#[test]
fn every_stream_is_read_as_botocore_reads_it() {
    for stream in oracle("streams") {
        let mut decoder = Decoder::default();
        let messages = decoder.feed(&bytes_of(&stream["bytes"]));
        let messages = messages.expect("all are whole");
        let expected = stream["messages"].as_array().expect("a list");
        assert_eq!(messages.len(), expected.len());
        for (message, expected) in messages.iter().zip(expected) {
            assert_eq!(message.payload, bytes_of(&expected["payload"]));
            let headers = expected["headers"].as_object().expect("an object");
            for (name, value) in &message.headers {
                assert_eq!(Some(value.as_str()), headers[name].as_str());
            }
        }
    }
}

/// What comes of the pieces of a stream: what is known at its end, and what is forwarded to a
/// translator.
fn metered(options: MeterOptions, pieces: &[&[u8]]) -> (Reading, String) {
    let options = MeterOptions {
        translated: true,
        ..options
    };
    let mut meter = Meter::new(Dialect::Converse, options);
    let mut out = Vec::new();
    for piece in pieces {
        out.extend_from_slice(&meter.feed(piece).expect("whole messages").forward);
    }
    out.extend_from_slice(&meter.finish());
    (
        meter.reading().clone(),
        String::from_utf8(out).expect("UTF-8"),
    )
}

#[test]
fn a_client_of_bedrock_is_given_its_messages_as_they_came() {
    for (first, second) in stream(0).iter().enumerate().map(|(at, _)| stream_split(at)) {
        let mut meter = Meter::new(Dialect::Converse, MeterOptions::default());
        let mut out = meter.feed(&first).expect("messages").forward.to_vec();
        out.extend_from_slice(&meter.feed(&second).expect("messages").forward);
        assert_eq!(out, stream(0));
        assert_eq!(
            *meter.reading(),
            metered(MeterOptions::default(), &[&out]).0
        );
    }
}

fn stream_split(at: usize) -> (Vec<u8>, Vec<u8>) {
    let (first, second) = (stream(0), stream(0).split_off(at));
    (first[..at].to_vec(), second)
}

fn stream(number: usize) -> Vec<u8> {
    bytes_of(&oracle("streams")[number]["bytes"])
}

#[test]
fn a_stream_of_bedrock_is_metered_wherever_it_is_split() {
    let bytes = stream(0);
    let (reading, out) = metered(MeterOptions::default(), &[&bytes]);
    for at in 0..=bytes.len() {
        let (first, second) = bytes.split_at(at);
        let split = metered(MeterOptions::default(), &[first, second]);
        assert_eq!(split, (reading.clone(), out.clone()), "split at {at}");
    }
    let expected = Usage {
        input: 11,
        cache_read: 10,
        cache_write_5m: 30,
        output: 7,
        ..Usage::default()
    };
    assert_eq!(reading.usage, Some(expected));
    assert_eq!(reading.finish.as_deref(), Some("tool_use"));
    assert_eq!(reading.tool_calls, 1);
    assert!(reading.complete && reading.content_seen && reading.started);
    assert!(
        out.starts_with("data: {\"messageStart\":{\"role\":\"assistant\""),
        "{out}"
    );
    let long = MeterOptions {
        long_cache: true,
        ..MeterOptions::default()
    };
    let usage = metered(long, &[&bytes]).0.usage.expect("a usage");
    assert_eq!((usage.cache_write_5m, usage.cache_write_1h), (0, 30));
}

#[test]
fn an_exception_in_a_stream_is_a_fault() {
    let (reading, _) = metered(MeterOptions::default(), &[&stream(2)]);
    let fault = reading.fault.expect("a fault");
    assert_eq!(
        (fault.kind.as_str(), fault.message.as_str()),
        ("throttlingException", "Too many tokens")
    );
    assert!(!reading.complete);
    assert_eq!(reading.usage, None);
}

#[test]
fn a_stream_beyond_its_bound_is_ended_and_read_on() {
    let options = MeterOptions {
        output_bound: Some(1),
        ..MeterOptions::default()
    };
    let (reading, out) = metered(options, &[&stream(0)]);
    assert!(
        out.ends_with(
            "data: {\"messageStop\":{\"stopReason\":\"max_tokens\"}}\n\ndata: [DONE]\n\n"
        ),
        "{out}"
    );
    assert_eq!(reading.usage.map(|usage| usage.output), Some(7));
}

/// A message of a stream: a piece of the answer's first block.
fn delta_message(delta: &Value) -> Vec<u8> {
    let payload = json!({ "delta": delta, "contentBlockIndex": 0 }).to_string();
    let mut headers = Vec::new();
    for (name, value) in [
        (":event-type", "contentBlockDelta"),
        (":message-type", "event"),
    ] {
        headers.push(u8::try_from(name.len()).expect("short"));
        headers.extend_from_slice(name.as_bytes());
        headers.push(7);
        let length = u16::try_from(value.len()).expect("short");
        headers.extend_from_slice(&length.to_be_bytes());
        headers.extend_from_slice(value.as_bytes());
    }
    let told = |length: usize| u32::try_from(length).expect("short").to_be_bytes();
    let total = headers.len() + payload.len() + 16;
    let mut out = [told(total), told(headers.len())].concat();
    out.extend_from_slice(&crc32fast::hash(&out).to_be_bytes());
    out.extend_from_slice(&headers);
    out.extend_from_slice(payload.as_bytes());
    out.extend_from_slice(&crc32fast::hash(&out).to_be_bytes());
    out
}

#[test]
fn a_stream_of_sealed_thoughts_is_ended_at_its_bound() {
    for (field, piece, cut) in [
        ("redactedContent", "c2VhbGVk", true),
        ("signature", "c2lnbmVk", true),
        ("redactedContent", "", false),
        ("sha256", "c2lnbmVk", false),
    ] {
        let options = MeterOptions {
            output_bound: Some(3),
            ..MeterOptions::default()
        };
        let mut meter = Meter::new(Dialect::Converse, options);
        let message = delta_message(&json!({ "reasoningContent": { field: piece } }));
        let at = (0..5).position(|_| meter.feed(&message).expect("a message").cut);
        assert_eq!(at, cut.then_some(3), "{field} {piece}");
    }
}
