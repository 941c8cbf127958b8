//! Requests: what is read, what is refused, what is changed.

use bytes::Bytes;
use iron_llm::Dialect;
use iron_llm::envelope::{CapField, Detail, Edits, Envelope, Facts, Media, RequestError, Source};
use iron_primitives::Refusal;
use proptest::prelude::*;
use serde_json::Value;

fn read(dialect: Dialect, body: &str) -> Result<Envelope, RequestError> {
    Envelope::read(dialect, Bytes::copy_from_slice(body.as_bytes()))
}

fn chat(body: &str) -> Envelope {
    read(Dialect::OpenAiChat, body).expect("a request")
}

fn facts(dialect: Dialect, body: &str) -> Facts {
    read(dialect, body).expect("a request").facts().clone()
}

#[test]
fn a_chat_is_read_for_what_decides_about_money_and_records() {
    let body = r#"{"model":"gpt-4o-mini","stream":true,"stream_options":{"include_usage":true},"n":3,
        "max_tokens":50,"max_completion_tokens":70,"user":"u-1","metadata":{"team":"blue"},"service_tier":"flex",
        "messages":[{"role":"system","content":"Be brief."},
          {"role":"user","content":[{"type":"text","text":"What is this?"},
            {"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0KGgo=","detail":"low"}}]},
          {"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]},
          {"role":"tool","tool_call_id":"c","content":"42"}],
        "tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}],"store":false}"#;
    let envelope = chat(body);
    let facts = envelope.facts();
    assert_eq!(
        (facts.model.as_str(), facts.stream, facts.usage_asked),
        ("gpt-4o-mini", true, true)
    );
    assert_eq!(
        (facts.output_cap, facts.choices, facts.messages, facts.tools),
        (Some(70), 3, 4, 1)
    );
    assert_eq!(facts.end_user.as_deref(), Some("u-1"));
    assert_eq!(facts.metadata, [("team".to_owned(), "blue".to_owned())]);
    assert_eq!(
        (facts.service_tier.as_deref(), facts.store),
        (Some("flex"), Some(false))
    );
    assert_eq!(
        facts.roles.system,
        ("system".len() + "Be brief.".len()) as u64
    );
    assert_eq!(
        facts.roles.tool,
        ("tool".len() + "c".len() + "42".len()) as u64
    );
    let [
        Media::Image {
            detail: Detail::Low,
            source: Source::Inline(payload),
        },
    ] = facts.media.as_slice()
    else {
        panic!("{:?}", facts.media)
    };
    assert_eq!(&envelope.body()[payload.clone()], b"iVBORw0KGgo=");
    let inline = "data:image/png;base64,iVBORw0KGgo=".len();
    assert_eq!(facts.text_bytes, (body.len() - inline) as u64);
    assert!(envelope.prompt().starts_with(br#"[{"role":"system""#));
    let prefix: Vec<&[u8]> = envelope.prefix().collect();
    assert_eq!(
        prefix[1], br#"{"role":"system","content":"Be brief."}"#,
        "tools, then the instruction"
    );
}

#[test]
fn responses_messages_completions_and_embeddings_are_read_in_their_own_words() {
    let responses = facts(
        Dialect::OpenAiResponses,
        r#"{"model":"gpt-5","instructions":"Be brief.","max_output_tokens":99,"background":true,"store":true,
        "previous_response_id":"resp_1","max_tool_calls":2,"tools":[{"type":"web_search"},{"type":"function","name":"f"}],
        "input":[{"role":"user","content":[{"type":"input_image","image_url":"https://example.com/a.png"},
          {"type":"input_file","file_id":"file-1"}]},{"type":"function_call_output","call_id":"c","output":"x"}]}"#,
    );
    assert_eq!(responses.outside_input, Some("previous_response_id"));
    assert_eq!(responses.previous_response.as_deref(), Some("resp_1"));
    assert_eq!(
        (
            responses.output_cap,
            responses.hosted_uses,
            responses.background
        ),
        (Some(99), Some(2), true)
    );
    assert_eq!(responses.hosted_tools[0].name, "web_search");
    assert_eq!(responses.hosted_tools.len(), 1);
    assert_eq!(
        responses.media,
        [
            Media::Image {
                detail: Detail::High,
                source: Source::Url
            },
            Media::File(Source::Stored)
        ]
    );
    assert_eq!((responses.messages, responses.roles.system), (2, 9));

    let messages = facts(
        Dialect::AnthropicMessages,
        r#"{"model":"claude-sonnet-5-5","max_tokens":1024,"metadata":{"user_id":"u-2"},"speed":"fast","inference_geo":"us",
        "system":[{"type":"text","text":"Be brief.","cache_control":{"type":"ephemeral","ttl":"1h"}}],
        "thinking":{"type":"enabled","budget_tokens":512},
        "tools":[{"type":"web_search_20250305","name":"web_search","max_uses":3},{"type":"bash_20250124","name":"bash"}],
        "messages":[{"role":"user","content":[
          {"type":"image","source":{"type":"base64","media_type":"image/png","data":"AAAA"}},
          {"type":"document","source":{"type":"text","media_type":"text/plain","data":"plain words"}},
          {"type":"document","source":{"type":"url","url":"https://example.com/a.pdf"}},
          {"type":"text","text":"hi"}]}]}"#,
    );
    assert_eq!(messages.end_user.as_deref(), Some("u-2"));
    assert_eq!(
        (messages.service_tier.as_deref(), messages.region.as_deref()),
        (Some("fast"), Some("us"))
    );
    assert!(messages.cache_marks && messages.long_cache);
    assert_eq!(messages.thinking_budget, Some(512));
    assert_eq!(
        (
            messages.hosted_tools.len(),
            messages.hosted_tools[0].max_uses
        ),
        (1, Some(3))
    );
    assert_eq!(
        messages.media.len(),
        2,
        "a document of plain text is text: {:?}",
        messages.media
    );
    assert_eq!(messages.media[1], Media::File(Source::Url));

    let completions = facts(
        Dialect::OpenAiCompletions,
        r#"{"model":"m","prompt":["a","b"],"best_of":5,"n":2}"#,
    );
    assert_eq!((completions.choices, completions.messages), (5, 2));
    let tokens = facts(
        Dialect::OpenAiEmbeddings,
        r#"{"model":"m","input":[[1,2,3],[4]]}"#,
    );
    assert_eq!((tokens.input_tokens, tokens.messages), (4, 2));
    let one = facts(
        Dialect::OpenAiEmbeddings,
        r#"{"model":"m","input":[1,2,3]}"#,
    );
    assert_eq!((one.input_tokens, one.messages), (3, 1));
}

/// Each of these could be used to pay less than what it costs, if it were read differently.
#[test]
fn what_could_hide_cost_is_counted() {
    let hidden = |part: &str| {
        let body = format!(r#"{{"model":"m","messages":[{{"role":"user","content":[{part}]}}]}}"#);
        (chat(&body).facts().clone(), body.len() as u64)
    };
    let (facts, all) =
        hidden(r#"{"type":"text","image_url":"a long text that a reader might skip"}"#);
    assert_eq!(
        (facts.text_bytes, facts.media.len()),
        (all, 0),
        "no medium, so its payload is text"
    );
    let (facts, _) =
        hidden(r#"{"type":"image_url","type":"text","image_url":{"url":"data:,x"},"text":"t"}"#);
    assert_eq!(
        facts.media.len(),
        1,
        "either type may be the one that counts"
    );
    let (facts, _) = hidden(
        r#"{"type":"image_url","image_url":{"url":"data:,x","detail":"high","detail":"low"}}"#,
    );
    assert!(
        matches!(
            facts.media[0],
            Media::Image {
                detail: Detail::High,
                ..
            }
        ),
        "the dearer detail counts"
    );
    let (facts, _) = hidden(r#"{"type":"image\u005furl","image\u005furl":{"url":"data:,x"}}"#);
    assert_eq!(facts.media.len(), 1, "names are compared as they are meant");
    let escaped = r#"{"model":"m","max\u005ftokens":7,"messages":[]}"#;
    assert_eq!(chat(escaped).facts().output_cap, Some(7));
    let audio = chat(r#"{"model":"m","messages":[],"modalities":["text","audio"]}"#);
    assert!(audio.facts().audio_output);
}

#[test]
fn refusals_name_the_field_and_what_is_wrong_with_it() {
    let ok = r#""model":"m","messages":[]"#;
    let cases = [
        (
            format!("{{{ok},\"model\":\"x\"}}"),
            "`model`: stands twice; send it once",
        ),
        (
            format!("{{{ok},\"mod\\u0065l\":\"x\"}}"),
            "`model`: stands twice; send it once",
        ),
        (
            format!("{{{ok},\"n\":0}}"),
            "`n`: must be a whole number from 1 to 128",
        ),
        (
            format!("{{{ok},\"n\":1e9}}"),
            "`n`: must be a whole number from 1 to 128",
        ),
        (
            format!("{{{ok},\"max_tokens\":-1}}"),
            "`max_tokens`: must be a whole number from 1 to 10000000",
        ),
        (
            format!("{{{ok},\"max_tokens\":1.5}}"),
            "`max_tokens`: must be a whole number from 1 to 10000000",
        ),
        (
            format!("{{{ok},\"max_completion_tokens\":99999999999999999999}}"),
            "`max_completion_tokens`: must be a whole number from 1 to 10000000",
        ),
        (
            format!("{{{ok},\"max_tokens\":\"5\"}}"),
            "`max_tokens`: must be a whole number, not a string",
        ),
        (
            format!("{{{ok},\"stream\":\"yes\"}}"),
            "`stream`: must be true or false, not a string",
        ),
        (
            format!("{{{ok},\"stream_options\":{{\"include_usage\":1}}}}"),
            "`stream_options.include_usage`: must be true or false, not a number",
        ),
        (r#"{"messages":[]}"#.to_owned(), "`model`: is required"),
        (r#"{"model":"m"}"#.to_owned(), "`messages`: is required"),
        (
            r#"{"model":7,"messages":[]}"#.to_owned(),
            "`model`: must be a string, not a number",
        ),
        (
            r#"{"model":"m","messages":{}}"#.to_owned(),
            "`messages`: must be an array, not an object",
        ),
        (
            r#"{"model":"m","messages":["x"]}"#.to_owned(),
            "`messages[0]`: must be an object, not a string",
        ),
        (
            r#"{"model":"m","messages":[{},{"role":3}]}"#.to_owned(),
            "`messages[1].role`: must be a string, not a number",
        ),
        (
            r#"{"model":"m","messages":[{"content":5}]}"#.to_owned(),
            "`messages[0].content`: must be a string or a list of parts, not a number",
        ),
        (
            format!("{{{ok},\"tools\":[1]}}"),
            "`tools[0]`: must be an object, not a number",
        ),
        (
            "[]".to_owned(),
            "the request is malformed: the body is an array, not an object",
        ),
        (
            format!("{{{ok}}} x"),
            "the request is malformed: unexpected text after the value at byte 28",
        ),
        (
            format!("{{{ok}"),
            "the request is malformed: the text ends at byte 26, in the middle of a value",
        ),
        (
            String::new(),
            "the request is malformed: the text ends at byte 0, in the middle of a value",
        ),
    ];
    for (body, expected) in cases {
        let refused = read(Dialect::OpenAiChat, &body).expect_err(&body);
        assert_eq!(Refusal::from(refused).to_string(), expected, "{body}");
    }
    let deep = format!("{{\"model\":\"m\",\"x\":{}", "[".repeat(5_000_000));
    let refused = read(Dialect::OpenAiChat, &deep).expect_err("too deep");
    assert_eq!(
        refused.to_string(),
        "nested deeper than 64 levels at byte 80"
    );
    let refused = Envelope::read(
        Dialect::OpenAiChat,
        Bytes::from_static(b"{\"model\":\"\xff\"}"),
    )
    .expect_err("bytes");
    assert_eq!(refused.to_string(), "the body is not UTF-8 at byte 10");
    let path = read(
        Dialect::OpenAiEmbeddings,
        r#"{"model":"m","input":[[1,"x"]]}"#,
    )
    .expect_err("mixed");
    assert_eq!(
        path.to_string(),
        "`input[0]` must be a whole number, not a string"
    );
}

fn rewritten(body: &str, edits: &Edits<'_>) -> String {
    String::from_utf8(chat(body).rewrite(edits).to_vec()).expect("UTF-8")
}

#[test]
fn edits_change_their_own_bytes_and_nothing_else() {
    let cap = |cap| Edits {
        output_cap: Some((CapField::MaxCompletionTokens, cap)),
        ..Edits::default()
    };
    let usage = Edits {
        include_usage: true,
        ..Edits::default()
    };
    let odd =
        "{ \"x\":1.0e0,\t\"max_tokens\" : 500 , \"model\":\"m\",\"messages\":[ ],\"stream\":true }";
    assert_eq!(rewritten(odd, &cap(20)), odd.replace("500", "20"));
    assert_eq!(
        rewritten(odd, &cap(900)),
        odd,
        "a cap is lowered, never raised"
    );
    let bare = r#"{"model":"m","messages":[]}"#;
    assert_eq!(
        rewritten(bare, &cap(20)),
        r#"{"max_completion_tokens":20,"model":"m","messages":[]}"#
    );
    let null = r#"{"model":"m","max_completion_tokens":null,"messages":[]}"#;
    assert_eq!(rewritten(null, &cap(20)), null.replace("null", "20"));
    let both = r#"{"max_tokens":9,"max_completion_tokens":50,"model":"m","messages":[]}"#;
    assert_eq!(rewritten(both, &cap(20)), both.replace("50", "20"));
    assert_eq!(
        rewritten(odd, &usage),
        odd.replacen('{', "{\"stream_options\":{\"include_usage\":true},", 1)
    );
    for (given, wanted) in [
        (r#"{"include_usage":false}"#, r#"{"include_usage":true}"#),
        (r#"{"include_usage":null}"#, r#"{"include_usage":true}"#),
        (
            r#"{"include_obfuscation":false}"#,
            r#"{"include_usage":true,"include_obfuscation":false}"#,
        ),
        ("{}", r#"{"include_usage":true}"#),
        ("null", r#"{"include_usage":true}"#),
    ] {
        let body =
            format!(r#"{{"model":"m","stream":true,"stream_options":{given},"messages":[]}}"#);
        assert_eq!(rewritten(&body, &usage), body.replace(given, wanted));
    }
    assert_eq!(
        rewritten(bare, &usage),
        bare,
        "an answer that is not streamed tells its usage anyway"
    );
    let model = Edits {
        model: Some("say \"m\""),
        ..Edits::default()
    };
    assert_eq!(
        rewritten(bare, &model),
        bare.replace("\"m\"", r#""say \"m\"""#)
    );
}

#[test]
fn a_request_without_edits_keeps_its_very_memory() {
    let body = Bytes::from_static(br#"{"model":"m","max_tokens":5,"messages":[]}"#);
    let envelope = Envelope::read(Dialect::OpenAiChat, body.clone()).expect("a request");
    let edits = Edits {
        model: Some("m"),
        output_cap: Some((CapField::MaxTokens, 5)),
        include_usage: true,
        files: &[],
    };
    assert_eq!(envelope.rewrite(&edits).as_ptr(), body.as_ptr());
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map("[a-z_\\\\\"\u{e9}]{0,6}", inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

prop_compose! {
    /// A request with unknown fields all over, its fields in any order.
    fn any_request()(
        extra in prop::collection::btree_map("x_[a-z\\\\\"]{1,6}", any_json(), 0..6),
        content in "\\PC{0,40}",
        cap in proptest::option::of(1_u64..1000),
        options in prop_oneof![Just(None), any_json().prop_filter("an object", Value::is_object).prop_map(Some)],
        pretty in any::<bool>(),
        order in any::<prop::sample::Index>(),
    ) -> String {
        let mut fields: Vec<(String, Value)> = extra.into_iter().collect();
        fields.push(("model".to_owned(), "gpt-4o-mini".into()));
        fields.push(("messages".to_owned(), serde_json::json!([{"role": "user", "content": content}])));
        fields.push(("stream".to_owned(), true.into()));
        if let Some(cap) = cap {
            fields.push(("max_tokens".to_owned(), cap.into()));
        }
        if let Some(options) = options {
            fields.push(("stream_options".to_owned(), options));
        }
        let start = order.index(fields.len());
        fields.rotate_left(start);
        let object = Value::Object(fields.into_iter().collect());
        if pretty { format!("{object:#}") } else { object.to_string() }
    }
}

proptest! {
    #[test]
    fn splicing_leaves_all_other_bytes_as_they_were(body in any_request(), cap in 1_u64..1000) {
        let envelope = chat(&body);
        let edits = Edits {
            model: Some("other"),
            output_cap: Some((CapField::MaxCompletionTokens, cap)),
            include_usage: true,
            files: &[],
        };
        let out = envelope.rewrite(&edits);
        let before: Value = serde_json::from_str(&body).expect("JSON");
        let mut after: Value = serde_json::from_slice(&out).expect("still JSON");
        prop_assert_eq!(&after["model"], "other");
        prop_assert_eq!(&after["stream_options"]["include_usage"], true);
        let asked = before["max_tokens"].as_u64();
        match asked {
            Some(asked) => prop_assert_eq!(after["max_tokens"].as_u64(), Some(asked.min(cap))),
            None => prop_assert_eq!(after["max_completion_tokens"].as_u64(), Some(cap)),
        }
        // Undone by hand, the rewritten request is the old one again.
        after["model"] = before["model"].clone();
        if let Some(asked) = asked { after["max_tokens"] = asked.into(); }
        let fields = after.as_object_mut().expect("an object");
        fields.retain(|name, _| before.get(name).is_some());
        if let (Some(old), Some(new)) = (before.get("stream_options"), fields.get_mut("stream_options")) {
            *new = old.clone();
        }
        prop_assert_eq!(after, before);
        let text = std::str::from_utf8(&out).expect("UTF-8");
        prop_assert!(chat(text).facts().usage_asked);
    }

    /// Each edit alone: before and after the one place it touches, not a byte differs.
    #[test]
    fn an_edit_touches_one_place_only(body in any_request(), cap in 1_u64..1000) {
        let envelope = chat(&body);
        let edits = [
            Edits { model: Some("other"), ..Edits::default() },
            Edits { output_cap: Some((CapField::MaxCompletionTokens, cap)), ..Edits::default() },
            Edits { include_usage: true, ..Edits::default() },
        ];
        for edit in edits {
            let out = envelope.rewrite(&edit);
            let pairs = || body.bytes().zip(out.iter().copied());
            let before = pairs().take_while(|(old, new)| old == new).count();
            let after = body.bytes().rev().zip(out.iter().rev().copied()).take_while(|(old, new)| old == new).count();
            let old = body.len().saturating_sub(before + after);
            let new = out.len().saturating_sub(before + after);
            // The longest values there are: a model's name, `false`; the longest insertion.
            let (longest_value, longest_edit) = ("'gpt-4o-mini'", "'stream_options':{'include_usage':true},");
            prop_assert!(old <= longest_value.len() && new <= longest_edit.len(), "{} {}", old, new);
        }
    }

    #[test]
    fn any_text_is_read_or_refused(body in "\\PC{0,200}") {
        for dialect in Dialect::ALL {
            let _ = read(dialect, &body);
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Envelope::read(Dialect::OpenAiChat, body.into());
    }

    #[test]
    fn any_json_in_any_known_field_is_read_or_refused(
        name in prop::sample::select(vec!["model", "messages", "input", "prompt", "tools", "n", "stream", "stream_options",
            "metadata", "max_tokens", "system", "thinking", "modalities", "functions", "conversation", "cache_control"]),
        value in any_json(),
    ) {
        let mut body = serde_json::json!({"model": "m", "max_tokens": 5});
        body[name] = value;
        for dialect in Dialect::ALL {
            let _ = read(dialect, &body.to_string());
        }
    }
}

#[test]
fn files_are_named_anew_where_they_are_files_and_nowhere_else() {
    let body = br#"{"model":"m","messages":[{"role":"user","content":[
        {"type":"file","file":{"file_id":"a"}},
        {"type":"text","text":"a","file_id":"a"},
        {"type":"tool_use","input":{"file_id":"a"}},
        {"type":"document","source":{"type":"text","data":"x","file_id":"b"}},
        {"type":"container_upload","file_id":"c"}]}]}"#;
    let envelope = Envelope::read(Dialect::OpenAiChat, body[..].into()).expect("reads");
    assert_eq!(envelope.files().collect::<Vec<_>>(), ["a", "b", "c"]);
    let files = ["one".to_owned(), "two".to_owned(), "three".to_owned()];
    let edits = Edits {
        files: &files,
        ..Edits::default()
    };
    let sent = envelope.rewrite(&edits);
    let sent = std::str::from_utf8(&sent).expect("UTF-8");
    let expected = std::str::from_utf8(body).expect("UTF-8");
    let expected = expected
        .replace(
            r#"{"file_id":"a"}},
        {"type":"text""#,
            r#"{"file_id":"one"}},
        {"type":"text""#,
        )
        .replace(r#""b""#, r#""two""#)
        .replace(r#""c""#, r#""three""#);
    assert_eq!(sent, expected);
}
