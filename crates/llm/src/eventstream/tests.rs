use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// A message whose headers are texts.
fn encode(headers: &[(&str, &str)], payload: &[u8]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in headers {
        block.push(u8::try_from(name.len()).expect("short"));
        block.extend_from_slice(name.as_bytes());
        block.push(7);
        let length = u16::try_from(value.len()).expect("short");
        block.extend_from_slice(&length.to_be_bytes());
        block.extend_from_slice(value.as_bytes());
    }
    let told = |length: usize| u32::try_from(length).expect("short").to_be_bytes();
    let total = block.len() + payload.len() + 16;
    let mut out = [told(total), told(block.len())].concat();
    out.extend_from_slice(&crc32fast::hash(&out).to_be_bytes());
    out.extend_from_slice(&block);
    out.extend_from_slice(payload);
    out.extend_from_slice(&crc32fast::hash(&out).to_be_bytes());
    out
}

fn event(name: &str, payload: &str) -> Vec<u8> {
    let headers = [
        (":event-type", name),
        (":content-type", "application/json"),
        (":message-type", "event"),
    ];
    encode(&headers, payload.as_bytes())
}

fn stream() -> Vec<u8> {
    let exception = [
        (":exception-type", "throttlingException"),
        (":message-type", "exception"),
    ];
    [
        event("messageStart", r#"{"role":"assistant"}"#),
        event(
            "contentBlockDelta",
            "{\"delta\":{\"text\":\"w0\"},\n\"contentBlockIndex\":0}",
        ),
        event("odd", "no JSON"),
        encode(&exception, br#"{"message":"Too many tokens"}"#),
    ]
    .concat()
}

const EVENTS: &str = "data: {\"messageStart\":{\"role\":\"assistant\"}}\n\n\
    data: {\"contentBlockDelta\":{\"delta\":{\"text\":\"w0\"},\"contentBlockIndex\":0}}\n\n\
    data: {\"odd\":null}\n\n\
    data: {\"error\":{\"type\":\"throttlingException\",\"message\":\"Too many tokens\"}}\n\n";

/// Everything that comes of these pieces, and the fault.
fn read(pieces: &[&[u8]]) -> (String, Option<MessageError>) {
    let mut decoder = Decoder::default();
    let mut out = Vec::new();
    for piece in pieces {
        out.extend(decoder.events(piece).unwrap_or_default());
    }
    (String::from_utf8(out).expect("UTF-8"), decoder.fault())
}

#[test]
fn messages_become_events() {
    assert_eq!(read(&[&stream()]), (EVENTS.to_owned(), None));
}

/// An empty message and one with a header, as the test vectors of the AWS SDKs have them
/// (`aws-c-event-stream`, `empty_message` and `payload_no_headers`).
#[test]
fn the_published_vectors_are_read() {
    let empty = hex::decode("000000100000000005c248eb7d98c8ff").expect("hexadecimal");
    let payload = hex::decode("0000001d00000000fd528c5a7b27666f6f273a27626172277dc3653936")
        .expect("hexadecimal");
    let mut decoder = Decoder::default();
    let read = decoder.feed(&[empty.clone(), payload.clone()].concat());
    let read = read.expect("both are whole");
    assert_eq!(read[0].payload, b"");
    assert_eq!(read[1].payload, b"{'foo':'bar'}");
    assert_eq!(encode(&[], b""), empty);
    assert_eq!(encode(&[], b"{'foo':'bar'}"), payload);
}

#[test]
fn each_changed_bit_is_found() {
    let message = event("messageStart", r#"{"role":"assistant"}"#);
    for at in 0..message.len() {
        for bit in 0..8 {
            let mut damaged = message.clone();
            damaged[at] ^= 1 << bit;
            let (out, fault) = read(&[&damaged]);
            assert_eq!(out, "", "byte {at} bit {bit}");
            assert!(fault.is_some(), "byte {at} bit {bit}");
        }
    }
}

#[test]
fn what_came_before_the_fault_counts() {
    let mut bytes = stream();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    let (out, fault) = read(&[&bytes]);
    assert!(out.starts_with("data: {\"messageStart\"") && !out.contains("error"));
    assert_eq!(fault, Some(MessageError::Checksum));
    let mut decoder = Decoder::default();
    assert!(decoder.feed(&bytes).is_ok_and(|read| read.len() == 3));
    assert_eq!(decoder.feed(b""), Err(MessageError::Checksum));
}

#[test]
fn lengths_that_lie_are_refused_at_once() {
    let prelude = |total: u32, headers: u32| {
        let mut bytes = [total.to_be_bytes(), headers.to_be_bytes()].concat();
        let sum = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&sum.to_be_bytes());
        read(&[&bytes]).1
    };
    let large = MessageError::TooLarge {
        limit_bytes: MESSAGE_LIMIT_BYTES,
    };
    assert_eq!(prelude(u32::MAX, 0), Some(large));
    assert_eq!(prelude(1024 * 1024, 129 * 1024), Some(large));
    assert_eq!(prelude(15, 0), Some(MessageError::Shape));
    assert_eq!(prelude(16, 1), Some(MessageError::Shape));
    assert_eq!(prelude(1024 * 1024, 1024), None);
}

proptest! {
    #[test]
    fn a_stream_is_the_same_wherever_its_bytes_are_split(cuts in vec(0..400_usize, 0..8)) {
        let bytes = stream();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|at| at.min(bytes.len())).collect();
        cuts.sort_unstable();
        cuts.push(bytes.len());
        let mut from = 0;
        let mut pieces = Vec::new();
        for at in cuts {
            pieces.push(&bytes[from..at]);
            from = at;
        }
        prop_assert_eq!(read(&pieces), (EVENTS.to_owned(), None));
    }

    #[test]
    fn no_bytes_are_too_strange(bytes in vec(any::<u8>(), 0..300), good in any::<bool>()) {
        // Behind a whole message, or as the content of one whose checksums are right.
        let wrapped = encode(&[(":message-type", "event")], &bytes);
        let all = if good { wrapped } else { [wrapped, bytes].concat() };
        let (out, _) = read(&[&all]);
        prop_assert!(out.starts_with("data: "));
    }

    #[test]
    fn strange_headers_end_the_stream_or_are_read(headers in vec(any::<u8>(), 0..80)) {
        let total = u32::try_from(headers.len() + 16).expect("short");
        let mut bytes = [total.to_be_bytes(), (total - 16).to_be_bytes()].concat();
        bytes.extend_from_slice(&crc32fast::hash(&bytes).to_be_bytes());
        bytes.extend_from_slice(&headers);
        bytes.extend_from_slice(&crc32fast::hash(&bytes).to_be_bytes());
        let read = Decoder::default().feed(&bytes);
        prop_assert!(matches!(read, Ok(ref one) if one.len() == 1) || read == Err(MessageError::Shape));
    }
}
