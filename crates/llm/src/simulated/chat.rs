//! The answer as chat completions and as old completions.

use serde_json::{Value, json};

use super::ask::Ask;
use super::reply::{Call, Choice, Content, Ended, Reply};
use super::words;

fn reason(ended: &Ended) -> &'static str {
    match ended {
        Ended::Naturally | Ended::AtStop(_) => "stop",
        Ended::AtCap => "length",
        Ended::WithCalls => "tool_calls",
    }
}

fn usage(reply: &Reply) -> Value {
    reply.usage.map_or(Value::Null, |(input, output)| {
        json!({
            "prompt_tokens": input,
            "completion_tokens": output,
            "total_tokens": input.saturating_add(output),
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": 0, "audio_tokens": 0,
                "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0,
            },
        })
    })
}

fn call(call: &Call) -> Value {
    json!({
        "id": format!("call_{}", call.id),
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments},
    })
}

fn message(choice: &Choice) -> Value {
    match &choice.content {
        Content::Text(text) => json!({"role": "assistant", "content": text, "refusal": null}),
        Content::Calls(calls) => {
            let calls: Vec<Value> = calls.iter().map(call).collect();
            json!({"role": "assistant", "content": null, "refusal": null, "tool_calls": calls})
        }
    }
}

/// The whole answer.
pub(super) fn whole(reply: &Reply) -> String {
    let choices: Vec<Value> = reply
        .choices
        .iter()
        .enumerate()
        .map(|(index, choice)| {
            json!({
                "index": index,
                "message": message(choice),
                "logprobs": null,
                "finish_reason": reason(&choice.ended),
            })
        })
        .collect();
    finished(
        json!({
            "id": format!("chatcmpl-{}", reply.id),
            "object": "chat.completion",
            "created": reply.created_s,
            "model": reply.model,
            "choices": choices,
            "service_tier": "default",
        }),
        reply,
    )
}

/// Adds the usage, where there is one.
fn finished(mut answer: Value, reply: &Reply) -> String {
    if let (Some(fields), Some(_)) = (answer.as_object_mut(), reply.usage) {
        fields.insert("usage".to_owned(), usage(reply));
    }
    answer.to_string()
}

/// The answer in chunks, as real servers send them.
pub(super) fn stream(ask: &Ask, reply: &Reply) -> Vec<String> {
    let chunk = |choices: Value, usage: Option<Value>| {
        let mut chunk = json!({
            "id": format!("chatcmpl-{}", reply.id),
            "object": "chat.completion.chunk",
            "created": reply.created_s,
            "model": reply.model,
            "choices": choices,
        });
        if let (Some(fields), true) = (chunk.as_object_mut(), ask.usage_asked) {
            fields.insert("usage".to_owned(), usage.unwrap_or_default());
        }
        format!("data: {chunk}\n\n")
    };
    let delta = |index: usize, delta: Value, reason: Option<&str>| {
        chunk(
            json!([{"index": index, "delta": delta, "logprobs": null, "finish_reason": reason}]),
            None,
        )
    };
    let mut frames = Vec::new();
    for (index, choice) in reply.choices.iter().enumerate() {
        match &choice.content {
            Content::Text(text) => {
                frames.push(delta(
                    index,
                    json!({"role": "assistant", "content": "", "refusal": null}),
                    None,
                ));
                frames.extend(
                    words::tokens(text)
                        .into_iter()
                        .map(|piece| delta(index, json!({"content": piece}), None)),
                );
            }
            Content::Calls(calls) => {
                frames.push(delta(
                    index,
                    json!({"role": "assistant", "content": null}),
                    None,
                ));
                for (number, called) in calls.iter().enumerate() {
                    let mut opening = call(called);
                    merge(&mut opening, json!({"index": number}));
                    set(&mut opening, "/function/arguments", json!(""));
                    frames.push(delta(index, json!({"tool_calls": [opening]}), None));
                    frames.extend(words::tokens(&called.arguments).into_iter().map(|piece| {
                        let more = json!([{"index": number, "function": {"arguments": piece}}]);
                        delta(index, json!({"tool_calls": more}), None)
                    }));
                }
            }
        }
        frames.push(delta(index, json!({}), Some(reason(&choice.ended))));
    }
    if ask.usage_asked && reply.usage.is_some() {
        frames.push(chunk(json!([]), Some(usage(reply))));
    }
    frames.push("data: [DONE]\n\n".to_owned());
    frames
}

fn merge(object: &mut Value, more: Value) {
    if let (Some(fields), Value::Object(more)) = (object.as_object_mut(), more) {
        fields.extend(more);
    }
}

fn set(value: &mut Value, place: &str, to: Value) {
    if let Some(slot) = value.pointer_mut(place) {
        *slot = to;
    }
}

fn text(choice: &Choice) -> &str {
    match &choice.content {
        Content::Text(text) => text,
        Content::Calls(_) => "",
    }
}

fn text_chunk(reply: &Reply, choices: &Value) -> Value {
    json!({
        "id": format!("cmpl-{}", reply.id),
        "object": "text_completion",
        "created": reply.created_s,
        "model": reply.model,
        "choices": choices,
    })
}

/// The whole answer as an old completion.
pub(super) fn text_whole(reply: &Reply) -> String {
    let choices: Vec<Value> = reply
        .choices
        .iter()
        .enumerate()
        .map(|(index, choice)| {
            json!({"index": index, "text": text(choice), "logprobs": null, "finish_reason": reason(&choice.ended)})
        })
        .collect();
    finished(text_chunk(reply, &json!(choices)), reply)
}

/// The old completion in chunks.
pub(super) fn text_stream(ask: &Ask, reply: &Reply) -> Vec<String> {
    let mut frames = Vec::new();
    let mut push = |choices: Value, usage: Option<Value>| {
        let mut chunk = text_chunk(reply, &choices);
        if let Some(usage) = usage {
            merge(&mut chunk, json!({"usage": usage}));
        }
        frames.push(format!("data: {chunk}\n\n"));
    };
    for (index, choice) in reply.choices.iter().enumerate() {
        for piece in words::tokens(text(choice)) {
            push(
                json!([{"index": index, "text": piece, "logprobs": null, "finish_reason": null}]),
                None,
            );
        }
        let end = json!([{"index": index, "text": "", "logprobs": null, "finish_reason": reason(&choice.ended)}]);
        push(end, None);
    }
    if ask.usage_asked && reply.usage.is_some() {
        push(json!([]), Some(usage(reply)));
    }
    frames.push("data: [DONE]\n\n".to_owned());
    frames
}
