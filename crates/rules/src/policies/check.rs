//! Whether a policy may be stored: its size, and that it works.

use iron_policy::{ExampleError, Policy, Tool};
use serde_json::{Map, Value};

use crate::Error;
use crate::check::field;
use crate::tools::StoredTool;

const MAX_BYTES: usize = 64 * 1024;

/// The policy with these fields in the place of its own; a null clears one.
pub(crate) fn merged(before: Option<&Policy>, fields: Map<String, Value>) -> Result<Policy, Error> {
    let mut object = match before.map(serde_json::to_value) {
        Some(Ok(Value::Object(object))) => object,
        _ => Map::new(),
    };
    for (name, value) in fields {
        match value {
            Value::Null => object.shift_remove(&name),
            value => object.insert(name, value),
        };
    }
    serde_json::from_value(Value::Object(object))
        .map_err(|error| field("policy", error.to_string()))
}

/// Whether a policy works, together with the tools that are offered: it compiles, and its examples
/// hold.
pub(crate) fn policy(policy: &Policy, tools: &[StoredTool]) -> Result<(), Error> {
    if serde_json::to_vec(policy).map_or(usize::MAX, |text| text.len()) > MAX_BYTES {
        return Err(field("policy", "expected at most 64 KiB"));
    }
    let tools: Vec<Tool> = tools.iter().map(|stored| stored.tool.clone()).collect();
    match iron_policy::check_examples(std::slice::from_ref(policy), &tools) {
        Ok(()) => Ok(()),
        Err(ExampleError::Policy(error)) => Err(field(error.field, error.problem.to_string())),
        Err(ExampleError::Sample {
            list,
            number,
            problem,
            ..
        }) => Err(field(example(list, number), problem.to_string())),
        Err(ExampleError::Fails {
            list,
            number,
            problem,
            ..
        }) => Err(field(example(list, number), problem.to_string())),
    }
}

fn example(list: &str, number: usize) -> String {
    format!("examples.{list}[{number}]")
}

/// The policies that are built in.
pub(crate) fn built_in() -> Vec<Policy> {
    iron_policy::shipped().to_vec()
}
