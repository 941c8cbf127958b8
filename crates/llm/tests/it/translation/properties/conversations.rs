//! A conversation that goes from one dialect to the other and back is the same.

use iron_llm::translate::Plan;
use iron_llm::{Dialect, ProviderKind};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::answers::arguments;
use crate::translation::fixture::json;

/// A user's words, then the model's words and calls, each with its result.
#[derive(Debug, Clone)]
struct Exchange {
    asked: String,
    said: String,
    calls: Vec<(String, Value, String)>,
}

fn words() -> impl Strategy<Value = String> {
    "[a-zA-Zé\"\\\\\n🙂 ]{1,12}"
}

fn exchange() -> impl Strategy<Value = Exchange> {
    (
        words(),
        words(),
        vec(("[a-z_]{1,8}", arguments(), words()), 0..3),
    )
        .prop_map(|(asked, said, calls)| Exchange { asked, said, calls })
}

fn messages(system: Option<&str>, exchanges: &[Exchange], last: &str) -> Vec<Value> {
    let mut out = Vec::new();
    if let Some(system) = system {
        out.push(json!({ "role": "system", "content": system }));
    }
    for (number, exchange) in exchanges.iter().enumerate() {
        out.push(json!({ "role": "user", "content": exchange.asked }));
        let id = |call: usize| format!("call_{number}_{call}");
        let mut assistant = json!({ "role": "assistant", "content": exchange.said });
        let calls: Vec<Value> = exchange
            .calls
            .iter()
            .enumerate()
            .map(|(call, (name, input, _))| {
                json!({
                    "id": id(call), "type": "function",
                    "function": { "name": name, "arguments": input.to_string() },
                })
            })
            .collect();
        if !calls.is_empty() {
            assistant["tool_calls"] = calls.into();
        }
        out.push(assistant);
        for (call, (_, _, result)) in exchange.calls.iter().enumerate() {
            out.push(json!({ "role": "tool", "tool_call_id": id(call), "content": result }));
        }
    }
    out.push(json!({ "role": "user", "content": last }));
    out
}

proptest! {
    #[test]
    fn a_conversation_survives_the_way_there_and_back(
        system in option::of(words()),
        exchanges in vec(exchange(), 0..4),
        last in words(),
        temperature in option::of(0_u32..10),
        stop in vec("[A-Z]{1,4}", 0..4),
    ) {
        let mut body = json!({
            "model": "m", "max_tokens": 77,
            "messages": messages(system.as_deref(), &exchanges, &last),
        });
        if let Some(tenths) = temperature {
            body["temperature"] = json!(f64::from(tenths) / 10.0);
        }
        if !stop.is_empty() {
            body["stop"] = json!(stop);
        }
        let there = Plan::new(Dialect::OpenAiChat, ProviderKind::Anthropic, body.to_string().as_bytes())
            .expect("a plan there");
        let message = there.request(77).expect("a body there");
        let back = Plan::new(Dialect::AnthropicMessages, ProviderKind::Local, &message)
            .expect("a plan back");
        let again = json(&back.request(77).expect("a body back"));
        prop_assert_eq!(again, body);
        prop_assert!(there.notes().is_empty() && back.notes().is_empty());
    }
}
