//! Answers put together as the official SDKs do it: by numbers, which must have no gap.

use bytes::Bytes;
use iron_llm::eventstream::Decoder;
use iron_llm::{Dialect, eventstream};
use serde_json::Value;

use super::speech::parsed;

/// What a client makes of an answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Heard {
    pub(crate) text: String,
    pub(crate) calls: Vec<(String, Value)>,
    pub(crate) reason: String,
}

/// A block in the making.
#[derive(Debug, Default)]
struct Block {
    name: Option<String>,
    text: String,
}

fn str_of<'v>(value: &'v Value, way: &str) -> &'v str {
    value.pointer(way).and_then(Value::as_str).unwrap_or("")
}

fn items<'v>(value: &'v Value, way: &str) -> impl Iterator<Item = &'v Value> {
    let items = value.pointer(way).and_then(Value::as_array);
    items.into_iter().flatten()
}

fn number(value: &Value, name: &str) -> usize {
    let number = value[name].as_u64().expect("a number");
    usize::try_from(number).expect("small")
}

impl Heard {
    pub(crate) fn whole(dialect: Dialect, body: &[u8]) -> Self {
        let body: Value = serde_json::from_slice(body).expect("JSON");
        let mut heard = Heard::default();
        let (list, reason) = match dialect {
            Dialect::OpenAiChat => {
                heard.text = str_of(&body, "/choices/0/message/content").to_owned();
                ("/choices/0/message/tool_calls", "/choices/0/finish_reason")
            }
            Dialect::Cohere => ("/message/tool_calls", "/finish_reason"),
            Dialect::OpenAiResponses => ("/output", "/status"),
            Dialect::Gemini => ("/candidates/0/content/parts", "/candidates/0/finishReason"),
            Dialect::Converse => ("/output/message/content", "/stopReason"),
            _ => ("/content", "/stop_reason"),
        };
        heard.reason = str_of(&body, reason).to_owned();
        for item in items(&body, "/message/content").chain(items(&body, list)) {
            heard.item(item);
        }
        heard
    }

    /// A text or a call, in any dialect.
    fn item(&mut self, item: &Value) {
        self.text.push_str(str_of(item, "/text"));
        self.text.push_str(str_of(item, "/content/0/text"));
        let ways = [
            ("/function/name", "/function/arguments"),
            ("/toolUse/name", "/toolUse/input"),
            ("/functionCall/name", "/functionCall/args"),
            ("/name", "/arguments"),
            ("/name", "/input"),
        ];
        for (name, arguments) in ways {
            let Some(arguments) = item.pointer(arguments) else {
                continue;
            };
            let arguments = match arguments {
                Value::String(text) => parsed(text),
                value => value.clone(),
            };
            self.calls.push((str_of(item, name).to_owned(), arguments));
        }
    }

    pub(crate) fn stream(dialect: Dialect, bytes: &[u8]) -> Self {
        match dialect {
            Dialect::OpenAiChat => chat(&data(bytes)),
            Dialect::OpenAiResponses => responses(&data(bytes)),
            Dialect::AnthropicMessages => messages(&data(bytes)),
            Dialect::BedrockMessages => {
                let mut decoder = Decoder::default();
                messages(&data(&decoder.events(bytes).expect("messages")))
            }
            Dialect::Gemini => gemini(&data(bytes)),
            Dialect::Cohere => cohere(&data(bytes)),
            _ => converse(bytes),
        }
    }

    fn of(blocks: Vec<Block>, reason: &str) -> Self {
        let mut heard = Heard {
            reason: reason.to_owned(),
            ..Heard::default()
        };
        for block in blocks {
            match block.name {
                None => heard.text.push_str(&block.text),
                Some(name) => heard.calls.push((name, parsed(&block.text))),
            }
        }
        heard
    }
}

fn data(bytes: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(bytes).expect("UTF-8");
    let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
    let data = data.filter(|data| *data != "[DONE]");
    data.map(parsed).collect()
}

/// The block of a number: there already, or the next.
fn block(blocks: &mut Vec<Block>, number: usize) -> &mut Block {
    assert!(number <= blocks.len(), "a gap before {number}");
    if number == blocks.len() {
        blocks.push(Block::default());
    }
    &mut blocks[number]
}

fn chat(chunks: &[Value]) -> Heard {
    let (mut calls, mut text, mut reason) = (Vec::new(), String::new(), "");
    for choice in chunks.iter().flat_map(|chunk| items(chunk, "/choices")) {
        text.push_str(str_of(choice, "/delta/content"));
        for call in items(choice, "/delta/tool_calls") {
            let block = block(&mut calls, number(call, "index"));
            let name = block.name.get_or_insert_default();
            name.push_str(str_of(call, "/function/name"));
            block.text.push_str(str_of(call, "/function/arguments"));
        }
        if let Some(said) = choice["finish_reason"].as_str() {
            reason = said;
        }
    }
    Heard {
        text,
        ..Heard::of(calls, reason)
    }
}

fn responses(events: &[Value]) -> Heard {
    let mut blocks: Vec<Block> = Vec::new();
    for (at, event) in events.iter().enumerate() {
        assert_eq!(number(event, "sequence_number"), at);
        match str_of(event, "/type") {
            "response.output_item.added" => {
                assert_eq!(number(event, "output_index"), blocks.len());
                let name = event.pointer("/item/name").and_then(Value::as_str);
                block(&mut blocks, number(event, "output_index")).name = name.map(str::to_owned);
            }
            "response.output_text.delta" | "response.function_call_arguments.delta" => {
                let block = &mut blocks[number(event, "output_index")];
                block.text.push_str(str_of(event, "/delta"));
            }
            _ => {}
        }
    }
    let last = events.last().expect("an end");
    let heard = Heard::of(blocks, str_of(last, "/response/status"));
    let response = last["response"].to_string();
    assert_eq!(
        Heard::whole(Dialect::OpenAiResponses, response.as_bytes()),
        heard,
        "what is said last is what was said"
    );
    heard
}

fn messages(events: &[Value]) -> Heard {
    let (mut blocks, mut reason) = (Vec::new(), "");
    for event in events {
        match str_of(event, "/type") {
            "content_block_start" => {
                assert_eq!(number(event, "index"), blocks.len());
                let name = event.pointer("/content_block/name").and_then(Value::as_str);
                block(&mut blocks, number(event, "index")).name = name.map(str::to_owned);
            }
            "content_block_delta" => {
                let block: &mut Block = &mut blocks[number(event, "index")];
                block.text.push_str(str_of(event, "/delta/text"));
                block.text.push_str(str_of(event, "/delta/partial_json"));
            }
            "content_block_stop" => assert!(number(event, "index") < blocks.len()),
            "message_delta" => reason = str_of(event, "/delta/stop_reason"),
            _ => {}
        }
    }
    Heard::of(blocks, reason)
}

fn gemini(chunks: &[Value]) -> Heard {
    let mut heard = Heard::default();
    for chunk in chunks {
        for part in items(chunk, "/candidates/0/content/parts") {
            heard.item(part);
        }
        heard
            .reason
            .push_str(str_of(chunk, "/candidates/0/finishReason"));
    }
    heard
}

fn cohere(events: &[Value]) -> Heard {
    let (mut calls, mut text, mut reason) = (Vec::new(), String::new(), "");
    for event in events {
        text.push_str(str_of(event, "/delta/message/content/text"));
        let function = &event["delta"]["message"]["tool_calls"]["function"];
        match str_of(event, "/type") {
            "tool-call-start" => {
                assert_eq!(number(event, "index"), calls.len());
                let name = str_of(function, "/name").to_owned();
                block(&mut calls, number(event, "index")).name = Some(name);
            }
            "tool-call-delta" => {
                let block: &mut Block = &mut calls[number(event, "index")];
                block.text.push_str(str_of(function, "/arguments"));
            }
            "message-end" => reason = str_of(event, "/delta/finish_reason"),
            _ => {}
        }
    }
    Heard {
        text,
        ..Heard::of(calls, reason)
    }
}

fn converse(bytes: &[u8]) -> Heard {
    let mut decoder = Decoder::default();
    let messages = decoder.feed(bytes).expect("whole messages");
    let (mut blocks, mut reason) = (Vec::new(), String::new());
    for message in messages {
        let data: Value = serde_json::from_slice(&message.payload).expect("JSON");
        match message.header(":event-type") {
            Some("contentBlockStart" | "contentBlockDelta") => {
                let block = block(&mut blocks, number(&data, "contentBlockIndex"));
                let name = data.pointer("/start/toolUse/name").and_then(Value::as_str);
                block.name = name.map(str::to_owned).or(block.name.take());
                block.text.push_str(str_of(&data, "/delta/text"));
                block.text.push_str(str_of(&data, "/delta/toolUse/input"));
            }
            Some("messageStop") => str_of(&data, "/stopReason").clone_into(&mut reason),
            _ => {}
        }
    }
    Heard::of(blocks, &reason)
}

/// An event of AWS, for tests that make their own.
pub(crate) fn message(kind: &str, data: &Value) -> Bytes {
    eventstream::event(kind, data.to_string().as_bytes()).into()
}
