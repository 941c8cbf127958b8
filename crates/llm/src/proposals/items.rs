//! What says in each dialect that a tool is to be called: its name and its arguments.

use std::borrow::Cow;

use serde_json::json;

use super::tree::Node;

/// A call as it stands in an answer.
#[derive(Debug)]
pub(super) struct Call<'n> {
    pub(super) name: &'n str,
    pub(super) arguments: Cow<'n, str>,
}

/// A text that a tool takes in a form of its own, as arguments.
pub(super) fn input(text: &str) -> String {
    json!({ "input": text }).to_string()
}

fn json<'n>(node: &'n Node<'_>, name: &str) -> Cow<'n, str> {
    node.json_of(name).unwrap_or_default()
}

/// What a call of chat completions says of a tool that takes a text of its own form.
pub(super) fn custom_of<'n, 'a>(call: &'n Node<'a>) -> Option<&'n Node<'a>> {
    call.get("custom").filter(|custom| !custom.is_null())
}

/// One of the calls of chat completions, or of Cohere.
pub(super) fn of_chat<'n>(call: &'n Node<'_>) -> Call<'n> {
    match custom_of(call) {
        Some(custom) => Call {
            name: custom.text_of("name"),
            arguments: input(custom.text_of("input")).into(),
        },
        None => of_function(call.get("function").unwrap_or(call)),
    }
}

/// A function with its arguments.
pub(super) fn of_function<'n>(function: &'n Node<'_>) -> Call<'n> {
    Call {
        name: function.text_of("name"),
        arguments: json(function, "arguments"),
    }
}

/// An item of responses, if it is a call that the client is to make.
pub(super) fn of_item<'n>(item: &'n Node<'_>) -> Option<Call<'n>> {
    let kind = item.text_of("type");
    let arguments = match kind {
        "function_call" | "mcp_approval_request" => json(item, "arguments"),
        "custom_tool_call" => input(item.text_of("input")).into(),
        "computer_call" | "local_shell_call" | "shell_call" | "apply_patch_call" => action(item),
        _ => return None,
    };
    let name = match item.get("name").and_then(Node::text) {
        Some(name) => name,
        None => kind.strip_suffix("_call").unwrap_or_default(),
    };
    Some(Call { name, arguments })
}

/// What a computer, a shell or a patch is to do.
fn action<'n>(item: &'n Node<'_>) -> Cow<'n, str> {
    match item.get("actions") {
        Some(actions) => format!("{{\"actions\":{}}}", actions.raw).into(),
        None => {
            let names = ["action", "operation"];
            let mut actions = names.iter().filter_map(|name| item.json_of(name));
            actions.next().unwrap_or_default()
        }
    }
}

/// A block of messages, if it is a call that the client is to make.
pub(super) fn of_block<'n>(block: &'n Node<'_>) -> Option<Call<'n>> {
    (block.text_of("type") == "tool_use").then(|| Call {
        name: block.text_of("name"),
        arguments: json(block, "input"),
    })
}

/// A block of Converse, if it is a call that the client is to make.
pub(super) fn of_tool_use<'n>(block: &'n Node<'_>) -> Option<Call<'n>> {
    let tool = block.get("toolUse")?;
    (tool.text_of("type") != "server_tool_use").then(|| Call {
        name: tool.text_of("name"),
        arguments: json(tool, "input"),
    })
}

/// The call in a part of Gemini.
pub(super) fn function_of<'n, 'a>(part: &'n Node<'a>) -> Option<&'n Node<'a>> {
    let named = part.get("functionCall").or(part.get("function_call"));
    named.filter(|function| !function.is_null())
}

/// A part of Gemini, if it is a call. Arguments that come value by value are not put together here:
/// what is told of them is a list, which no tool takes.
pub(super) fn of_part<'n>(part: &'n Node<'_>) -> Option<Call<'n>> {
    let function = function_of(part)?;
    let pieces = ["partialArgs", "partial_args"];
    let mut pieces = pieces.iter().filter_map(|name| function.json_of(name));
    let arguments = match pieces.next() {
        Some(pieces) => pieces,
        None if goes_on(function) => "[]".into(),
        None => json(function, "args"),
    };
    let name = function.text_of("name");
    Some(Call { name, arguments })
}

/// Whether more of a call of Gemini follows.
pub(super) fn goes_on(function: &Node<'_>) -> bool {
    let names = ["willContinue", "will_continue"];
    let mut said = names.iter().filter_map(|name| function.get(name));
    said.any(|node| node.raw == "true")
}
