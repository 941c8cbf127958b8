//! Writing a request for Bedrock's `Converse` (botocore 1.44.5, `ConverseRequest`). The model and
//! whether the answer streams are said by the address.

mod documents;
mod thinking;
mod turns;

use serde::Serialize;
use serde_json::{Map, Value, json};

use self::documents::Names;
pub(super) use self::thinking::output_floor;
use self::turns::{Block, Message, Writer, cache};
use super::{Direction, Error, Note};
use crate::canonical::{OutputSchema, Part, Request, Tool, ToolChoice};
use crate::kind::Dialect;

/// The body. What is said stands apart because arguments must stay the text they are.
#[derive(Serialize)]
struct Body {
    messages: Vec<Message>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    system: Vec<Block>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// Tells what the body leaves out because Bedrock has no field for it, or does it by itself.
pub(super) fn note_what_is_not_said(
    request: &Request,
    direction: Direction,
    notes: &mut Vec<Note>,
) {
    let mut note = |field: &'static str, becomes: &'static str| {
        if !notes.iter().any(|note| note.field == field) {
            notes.push(Note { field, becomes });
        }
    };
    if request.tool_choice == Some(ToolChoice::Never) && !request.tools.is_empty() {
        note(
            "tools",
            "nothing: none may be called, which Bedrock cannot be told",
        );
    }
    let parts = request.turns.iter().flat_map(|turn| &turn.parts);
    let marked = parts
        .chain(&request.system)
        .any(|part| cache(part).is_some());
    if marked && !caches(&request.model) {
        note(
            match direction.client() {
                Dialect::AnthropicMessages => "cache_control",
                _ => "prompt_cache_breakpoint",
            },
            "nothing: the model has no cache that could be marked",
        );
    }
}

/// Whether the models of this maker have a cache whose prefixes are marked (Amazon Bedrock User
/// Guide, prompt caching, by excerpts, 2026-11).
fn caches(model: &str) -> bool {
    model.contains("anthropic.") || model.contains("amazon.nova")
}

/// Writes the body.
pub(super) fn write(
    request: &Request,
    direction: Direction,
    model: &str,
    output_cap: u64,
) -> Result<Vec<u8>, Error> {
    let mut writer = Writer {
        direction,
        marks: caches(model),
        documents: Names::default(),
    };
    let body = Body {
        messages: writer.messages(request)?,
        system: writer.parts(&request.system, "system")?,
        rest: rest(request, direction, model, output_cap)?,
    };
    serde_json::to_vec(&body).map_err(|_| Error::Invalid {
        field: "messages".to_owned(),
        problem: "cannot be written as JSON".to_owned(),
    })
}

fn rest(
    request: &Request,
    direction: Direction,
    model: &str,
    output_cap: u64,
) -> Result<Map<String, Value>, Error> {
    let mut body = Map::new();
    let mut put = |name: &str, value: Value| body.insert(name.to_owned(), value);
    put("inferenceConfig", inference(request, output_cap).into());
    if let Some(tools) = tools(request, direction)? {
        put("toolConfig", tools);
    }
    let mut output = Map::new();
    if let Some(schema) = &request.output_schema {
        output.insert("textFormat".to_owned(), text_format(schema));
    }
    if let Some(additional) = thinking::write(request, direction, model, output_cap, &mut output)? {
        put("additionalModelRequestFields", additional);
    }
    if !output.is_empty() {
        put("outputConfig", output.into());
    }
    Ok(body)
}

fn inference(request: &Request, output_cap: u64) -> Map<String, Value> {
    let mut config = Map::new();
    config.insert("maxTokens".to_owned(), output_cap.into());
    if let Some(temperature) = &request.temperature {
        config.insert("temperature".to_owned(), temperature.clone().into());
    }
    if let Some(top_p) = &request.top_p {
        config.insert("topP".to_owned(), top_p.clone().into());
    }
    if !request.stop.is_empty() {
        config.insert("stopSequences".to_owned(), request.stop.clone().into());
    }
    config
}

/// The schema is told as a text.
fn text_format(output: &OutputSchema) -> Value {
    let mut schema = Map::new();
    schema.insert("schema".to_owned(), output.schema.to_string().into());
    if let Some(name) = &output.name {
        schema.insert("name".to_owned(), name.clone().into());
    }
    json!({ "type": "json_schema", "structure": { "jsonSchema": schema } })
}

/// The tools and the choice among them. That none may be called cannot be told, so they are left
/// out, unless the conversation has called some: then they must stand there.
fn tools(request: &Request, direction: Direction) -> Result<Option<Value>, Error> {
    let refuse = |feature: &str| Error::Untranslatable {
        feature: feature.to_owned(),
        direction,
    };
    if request.tools.is_empty() {
        return Ok(None);
    }
    if request.parallel_tool_calls == Some(false) {
        return Err(refuse(match direction.client() {
            Dialect::AnthropicMessages => "tool_choice.disable_parallel_tool_use",
            _ => "parallel_tool_calls",
        }));
    }
    let choice = match &request.tool_choice {
        None => None,
        Some(ToolChoice::Auto) => Some(json!({ "auto": {} })),
        Some(ToolChoice::Any) => Some(json!({ "any": {} })),
        Some(ToolChoice::Named(name)) => Some(json!({ "tool": { "name": name } })),
        Some(ToolChoice::Never) => {
            let parts = request.turns.iter().flat_map(|turn| &turn.parts);
            let called = parts
                .into_iter()
                .any(|part| matches!(part, Part::ToolCall { .. }));
            return match called {
                true => Err(refuse("tool_choice none after calls of tools")),
                false => Ok(None),
            };
        }
    };
    let specs: Vec<Value> = request.tools.iter().map(spec).collect();
    let mut config = Map::new();
    config.insert("tools".to_owned(), specs.into());
    if let Some(choice) = choice {
        config.insert("toolChoice".to_owned(), choice);
    }
    Ok(Some(config.into()))
}

fn spec(tool: &Tool) -> Value {
    let mut spec = Map::new();
    spec.insert("name".to_owned(), tool.name.clone().into());
    // An empty one is refused.
    if let Some(description) = tool.description.as_ref().filter(|text| !text.is_empty()) {
        spec.insert("description".to_owned(), description.clone().into());
    }
    spec.insert("inputSchema".to_owned(), json!({ "json": tool.schema }));
    if tool.strict == Some(true) {
        spec.insert("strict".to_owned(), true.into());
    }
    json!({ "toolSpec": spec })
}
