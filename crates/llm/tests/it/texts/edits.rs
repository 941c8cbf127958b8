//! Texts replaced, and everything else left as it was.

use bytes::Bytes;
use iron_llm::Dialect;
use iron_llm::texts::{edited, of_reply, of_request};
use proptest::prelude::*;
use serde_json::{Value, json};

#[test]
fn only_what_is_edited_changes() {
    let body = Bytes::from_static(
        br#"{ "messages" : [ {"role":"user","content":"I am Ada\ud83d.\u0041"} , {"role":"user","content":"\u0042"}] , "top_p":1.0e0 }"#,
    );
    let texts = of_request(Dialect::OpenAiChat, &body).expect("a request");
    let place = texts.parts[1].place.clone();
    assert_eq!(
        edited(&body, &[(place, "[\"x\"]\n")]),
        br#"{ "messages" : [ {"role":"user","content":"I am Ada\ud83d.\u0041"} , {"role":"user","content":"[\"x\"]\n"}] , "top_p":1.0e0 }"#[..]
    );
    let same = edited(&body, &[]);
    assert_eq!(same.as_ptr(), body.as_ptr(), "nothing is copied");
}

#[test]
fn what_repeats_an_edited_text_is_emptied() {
    let reply = br#"{"choices":[{"message":{"content":"I am Ada"},"logprobs":{"content":[{"token":"Ada"}]}},
        {"message":{"content":"I"},"logprobs":null}],"output":[{"logprobs":[{"token":"Ada"}]}]}"#;
    let reply = Bytes::from_static(reply);
    let texts = of_reply(Dialect::OpenAiChat, &reply).expect("an answer");
    assert_eq!(texts.parts.len(), 2);
    assert_eq!(texts.edited(&reply, &[]), reply);
    let edit = (texts.parts[0].place.clone(), "I am [NAME]");
    let edited = texts.edited(&reply, &[edit]);
    let edited: Value = serde_json::from_slice(&edited).expect("JSON");
    assert_eq!(
        edited,
        json!({"choices": [{"message": {"content": "I am [NAME]"}, "logprobs": null},
            {"message": {"content": "I"}, "logprobs": null}], "output": [{"logprobs": []}]})
    );
}

#[test]
fn a_transcription_that_is_no_json_is_one_text() {
    let body = Bytes::from_static(b"1\n00:00:00,000 --> 00:00:01,000\nI am Ada\n");
    let texts = of_reply(Dialect::OpenAiTranscriptions, &body).expect("anything");
    assert_eq!(texts.parts[0].text.as_bytes(), body);
    let place = texts.parts[0].place.clone();
    assert_eq!(
        texts.edited(&body, &[(place, "I am \"X\"")]),
        b"I am \"X\""[..]
    );
}

#[test]
fn places_that_overlap_or_lie_outside_do_no_harm() {
    let body = Bytes::from_static(br#"{"input":"one"}"#);
    for (edits, expected) in [
        (vec![(9..14, "a"), (9..14, "b")], r#"{"input":"a"}"#),
        (vec![(9..14, "a"), (10..12, "b")], r#"{"input":"a"}"#),
        (vec![(90..95, "a")], r#"{"input":"one"}"#),
    ] {
        assert_eq!(edited(&body, &edits), expected.as_bytes());
    }
}

proptest! {
    #[test]
    fn edits_read_back_as_what_was_written(
        texts in prop::collection::vec(".{1,12}", 1..6),
        with in prop::collection::vec(".{1,12}", 6),
        pretty: bool,
    ) {
        let messages: Vec<Value> = texts
            .iter()
            .map(|text| json!({"role": "user", "content": [{"type": "text", "text": text}]}))
            .collect();
        let value = json!({ "messages": messages });
        let body = Bytes::from(if pretty { format!("{value:#}") } else { value.to_string() });
        let found = of_request(Dialect::OpenAiChat, &body).expect("a request");
        let said: Vec<&str> = found.parts.iter().map(|part| part.text.as_ref()).collect();
        prop_assert_eq!(&said, &texts);
        let edits: Vec<_> = found.parts.iter().zip(&with)
            .map(|(part, text)| (part.place.clone(), text.as_str()))
            .collect();
        let mut expected = value;
        for (index, (_, text)) in edits.iter().enumerate() {
            expected["messages"][index]["content"][0]["text"] = (*text).into();
        }
        let edited: Value = serde_json::from_slice(&edited(&body, &edits)).expect("JSON");
        prop_assert_eq!(edited, expected);
    }

    #[test]
    fn no_bytes_do_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for dialect in [Dialect::OpenAiChat, Dialect::Passthrough] {
            let _ = of_request(dialect, &bytes);
            let _ = of_reply(dialect, &bytes);
        }
    }
}
