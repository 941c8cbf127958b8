//! Answers that a client sends back.

use super::*;

proptest! {
    #[test]
    fn a_responses_client_can_send_an_answer_back_and_nothing_is_lost(
        blocks in vec(block(), 1..6),
    ) {
        let first = json!({ "model": "claude-sonnet-4-5", "input": "Hi" });
        let answered = message(&blocks, "end_turn");
        let given = json(
            &plan(Dialect::OpenAiResponses, first)
                .response(answered.to_string().as_bytes(), NOW)
                .expect("an answer"),
        );
        let mut input = vec![json!({ "role": "user", "content": "Hi" })];
        input.extend(given["output"].as_array().expect("output").iter().cloned());
        for item in given["output"].as_array().expect("output") {
            if item["type"] == "function_call" {
                input.push(json!({
                    "type": "function_call_output", "call_id": item["call_id"], "output": "x",
                }));
            }
        }
        input.push(json!({ "role": "user", "content": "Go on" }));
        let again = plan(Dialect::OpenAiResponses, json!({
            "model": "claude-sonnet-4-5", "input": input,
        }));
        let sent = json(&again.request(64).expect("a body"));
        // Empty texts say nothing, and Anthropic refuses them.
        let content = answered["content"].as_array().expect("content");
        let said: Vec<&Value> = content.iter().filter(|block| block["text"] != "").collect();
        let assistant = sent["messages"].as_array().expect("messages").iter();
        let assistant = assistant.filter(|message| message["role"] == "assistant");
        let back: Vec<&Value> =
            assistant.flat_map(|message| message["content"].as_array().expect("content")).collect();
        prop_assert_eq!(back, said);
    }

    #[test]
    fn a_chat_client_can_send_thoughts_back_and_their_signatures_hold(
        blocks in vec(block(), 1..6),
    ) {
        let first = json!({ "model": "claude-sonnet-4-5", "messages": [{ "role": "user", "content": "Hi" }] });
        let answered = message(&blocks, "end_turn");
        let given = json(
            &plan(Dialect::OpenAiChat, first)
                .response(answered.to_string().as_bytes(), NOW)
                .expect("an answer"),
        );
        let content = answered["content"].as_array().expect("content").clone();
        prop_assume!(content.iter().any(|block| block["text"] != ""));
        let echoed = given["choices"][0]["message"].clone();
        let mut messages = vec![json!({ "role": "user", "content": "Hi" }), echoed.clone()];
        for call in echoed["tool_calls"].as_array().into_iter().flatten() {
            messages.push(json!({ "role": "tool", "tool_call_id": call["id"], "content": "x" }));
        }
        messages.push(json!({ "role": "user", "content": "Go on" }));
        let again = plan(Dialect::OpenAiChat, json!({
            "model": "claude-sonnet-4-5", "messages": messages,
        }));
        let sent = json(&again.request(64).expect("a body"));
        let thoughts = |blocks: &Value| -> Vec<Value> {
            let blocks = blocks.as_array().expect("content").iter();
            blocks.filter(|block| block["type"].as_str().expect("a type").contains("thinking")).cloned().collect()
        };
        prop_assert_eq!(thoughts(&sent["messages"][1]["content"]), thoughts(&answered["content"]));
    }
}
