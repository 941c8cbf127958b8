//! Tools and the choice among them, in the shapes of all three dialects.

use serde_json::{Map, Value, json};

use super::fields::{Fields, missing, wrong_type};
use super::{Error, Note};
use crate::canonical::{Request, Tool, ToolChoice};
use crate::kind::Dialect;

/// The tools of a chat completion: `{"type": "function", "function": {…}}`.
pub(super) fn chat_tools(fields: &mut Fields) -> Result<Vec<Tool>, Error> {
    each(fields, |mut tool| {
        let kind = tool.required_string("type")?;
        if kind != "function" {
            return Err(tool.refuse_self(&kind));
        }
        let inner = tool
            .object("function")?
            .ok_or_else(|| missing(tool.at("function")))?;
        tool.finish()?;
        function(inner)
    })
}

/// The tools of a response: `{"type": "function", "name": …}`.
pub(super) fn responses_tools(fields: &mut Fields) -> Result<Vec<Tool>, Error> {
    each(fields, |mut tool| {
        let kind = tool.required_string("type")?;
        if kind != "function" {
            return Err(tool.refuse_self(&kind));
        }
        tool.only_false("defer_loading")?;
        tool.only_false("async")?;
        function(tool)
    })
}

/// The tools of a message: `{"name": …, "input_schema": …}`; those that run at the provider
/// carry a type and are refused by it.
pub(super) fn messages_tools(
    fields: &mut Fields,
    notes: &mut Vec<Note>,
) -> Result<Vec<Tool>, Error> {
    let mut cached = false;
    let mut eager = false;
    let tools = each(fields, |mut tool| {
        if let Some(kind) = tool.string("type")?
            && kind != "custom"
        {
            return Err(tool.refuse_self(&kind));
        }
        cached |= tool.take("cache_control").is_some();
        eager |= tool.take("eager_input_streaming").is_some();
        tool.only_false("defer_loading")?;
        if let Some(Value::Array(callers)) = tool.take("allowed_callers")
            && callers.iter().any(|caller| caller != "direct")
        {
            return Err(tool.refuse("allowed_callers"));
        }
        tool.only_empty("input_examples")?;
        let path = tool.at("input_schema");
        let schema = tool.take("input_schema").ok_or_else(|| missing(path))?;
        let read = Tool {
            name: tool.required_string("name")?,
            description: tool.string("description")?,
            schema,
            strict: tool.boolean("strict")?,
        };
        tool.finish()?;
        Ok(read)
    })?;
    if cached {
        let becomes = match fields.direction().upstream() {
            Dialect::Converse => "nothing: the next mark covers the tools",
            _ => "nothing: prefixes are cached by themselves",
        };
        notes.push(Note {
            field: "cache_control",
            becomes,
        });
    }
    if eager {
        notes.push(Note {
            field: "eager_input_streaming",
            becomes: "nothing: arguments always stream",
        });
    }
    Ok(tools)
}

fn each(
    fields: &mut Fields,
    mut read: impl FnMut(Fields) -> Result<Tool, Error>,
) -> Result<Vec<Tool>, Error> {
    let path = fields.at("tools");
    let direction = fields.direction();
    let items = fields.array("tools")?.unwrap_or_default();
    items
        .into_iter()
        .enumerate()
        .map(|(index, item)| read(Fields::of(item, format!("{path}[{index}]"), direction)?))
        .collect()
}

fn function(mut inner: Fields) -> Result<Tool, Error> {
    let tool = Tool {
        name: inner.required_string("name")?,
        description: inner.string("description")?,
        schema: inner
            .take("parameters")
            .unwrap_or_else(|| json!({ "type": "object", "properties": {} })),
        strict: inner.boolean("strict")?,
    };
    inner.finish()?;
    Ok(tool)
}

/// `tool_choice` and `parallel_tool_calls` of a chat completion.
pub(super) fn chat_choice(
    fields: &mut Fields,
) -> Result<(Option<ToolChoice>, Option<bool>), Error> {
    let choice = match fields.take("tool_choice") {
        Some(Value::Object(map)) => {
            let path = fields.at("tool_choice");
            let mut named = Fields::of(Value::Object(map), path, fields.direction())?;
            let kind = named.required_string("type")?;
            if kind != "function" {
                return Err(named.refuse_self(&kind));
            }
            let mut function = named
                .object("function")?
                .ok_or_else(|| missing(named.at("function")))?;
            let name = function.required_string("name")?;
            function.finish()?;
            named.finish()?;
            Some(ToolChoice::Named(name))
        }
        other => other.map(|value| word(&value)).transpose()?,
    };
    Ok((choice, fields.boolean("parallel_tool_calls")?))
}

/// `tool_choice` and `parallel_tool_calls` of a response.
pub(super) fn responses_choice(
    fields: &mut Fields,
) -> Result<(Option<ToolChoice>, Option<bool>), Error> {
    let choice = match fields.take("tool_choice") {
        Some(Value::Object(map)) => {
            let path = fields.at("tool_choice");
            let mut named = Fields::of(Value::Object(map), path, fields.direction())?;
            let kind = named.required_string("type")?;
            if kind != "function" {
                return Err(named.refuse_self(&kind));
            }
            let name = named.required_string("name")?;
            named.finish()?;
            Some(ToolChoice::Named(name))
        }
        other => other.map(|value| word(&value)).transpose()?,
    };
    Ok((choice, fields.boolean("parallel_tool_calls")?))
}

fn word(value: &Value) -> Result<ToolChoice, Error> {
    match value.as_str() {
        Some("auto") => Ok(ToolChoice::Auto),
        Some("none") => Ok(ToolChoice::Never),
        Some("required") => Ok(ToolChoice::Any),
        Some(other) => Err(Error::Invalid {
            field: "tool_choice".to_owned(),
            problem: format!("`{other}` is no choice; use auto, none, required or a function"),
        }),
        None => Err(wrong_type(
            "tool_choice".to_owned(),
            "a string or an object",
            value,
        )),
    }
}

/// `tool_choice` of a message, with the inverted `disable_parallel_tool_use` inside.
pub(super) fn messages_choice(
    fields: &mut Fields,
) -> Result<(Option<ToolChoice>, Option<bool>), Error> {
    let Some(mut choice) = fields.object("tool_choice")? else {
        return Ok((None, None));
    };
    let read = match choice.required_string("type")?.as_str() {
        "auto" => ToolChoice::Auto,
        "any" => ToolChoice::Any,
        "none" => ToolChoice::Never,
        "tool" => ToolChoice::Named(choice.required_string("name")?),
        other => {
            return Err(Error::Invalid {
                field: choice.at("type"),
                problem: format!("`{other}` is no choice; use auto, any, none or tool"),
            });
        }
    };
    let disabled = choice.boolean("disable_parallel_tool_use")?;
    choice.finish()?;
    Ok((Some(read), disabled.map(|disabled| !disabled)))
}

/// The tools as a message has them.
pub(super) fn to_messages(tools: &[Tool]) -> Vec<Value> {
    tools
        .iter()
        .map(|tool| {
            let mut out = Map::new();
            out.insert("name".to_owned(), tool.name.clone().into());
            if let Some(description) = &tool.description {
                out.insert("description".to_owned(), description.clone().into());
            }
            out.insert("input_schema".to_owned(), tool.schema.clone());
            // Both sides' default is false, so only `true` has to be said.
            if tool.strict == Some(true) {
                out.insert("strict".to_owned(), true.into());
            }
            Value::Object(out)
        })
        .collect()
}

/// The choice as a message has it.
pub(super) fn choice_to_messages(request: &Request) -> Option<Value> {
    if request.tools.is_empty() {
        // There is nothing to choose from, and Anthropic refuses a choice among nothing.
        return None;
    }
    let serial = request.parallel_tool_calls == Some(false);
    let mut out = match (&request.tool_choice, serial) {
        (None, false) => return None,
        (None | Some(ToolChoice::Auto), _) => json!({ "type": "auto" }),
        (Some(ToolChoice::Any), _) => json!({ "type": "any" }),
        (Some(ToolChoice::Never), _) => return Some(json!({ "type": "none" })),
        (Some(ToolChoice::Named(name)), _) => json!({ "type": "tool", "name": name }),
    };
    if serial && let Some(map) = out.as_object_mut() {
        map.insert("disable_parallel_tool_use".to_owned(), true.into());
    }
    Some(out)
}

/// The tools as a chat completion has them.
pub(super) fn to_chat(tools: &[Tool]) -> Vec<Value> {
    tools
        .iter()
        .map(|tool| {
            let mut function = Map::new();
            function.insert("name".to_owned(), tool.name.clone().into());
            if let Some(description) = &tool.description {
                function.insert("description".to_owned(), description.clone().into());
            }
            function.insert("parameters".to_owned(), tool.schema.clone());
            if let Some(strict) = tool.strict {
                function.insert("strict".to_owned(), strict.into());
            }
            json!({ "type": "function", "function": function })
        })
        .collect()
}

/// The choice as a chat completion has it.
pub(super) fn choice_to_chat(choice: &ToolChoice) -> Value {
    match choice {
        ToolChoice::Auto => "auto".into(),
        ToolChoice::Never => "none".into(),
        ToolChoice::Any => "required".into(),
        ToolChoice::Named(name) => json!({ "type": "function", "function": { "name": name } }),
    }
}
