//! Size, depth and names, before anything else is looked at.

use serde_json::Value;

use super::pointer::Pointer;
use super::violation::{Broken, Violation, quoted};
use super::{Limits, characters};

const MOST_BYTES_OF_A_NAME: usize = 256;

/// Refuses arguments that are too large, too deep, or whose names cannot be read.
pub(super) fn check(arguments: &Value, limits: Limits) -> Result<(), Violation> {
    let mut bytes = 0;
    walk(arguments, &mut Pointer::default(), 1, &mut bytes, limits)
}

fn walk(
    node: &Value,
    pointer: &mut Pointer,
    depth: usize,
    bytes: &mut usize,
    limits: Limits,
) -> Result<(), Violation> {
    if depth > limits.max_depth {
        let message = format!(
            "arguments are nested at most {} deep; flatten them",
            limits.max_depth
        );
        return Err(Broken::new("too_deep", message).at(pointer.to_string()));
    }
    *bytes += match node {
        Value::String(text) => text.len() + 2,
        _ => 2,
    };
    if *bytes > limits.max_bytes {
        let message = format!(
            "arguments have at most {} bytes; give less, or raise the limit",
            limits.max_bytes
        );
        return Err(Broken::new("too_large", message).at(String::new()));
    }
    match node {
        Value::Object(members) => {
            for (name, member) in members {
                check_name(name).map_err(|broken| broken.at(pointer.to_string()))?;
                *bytes += name.len() + 4;
                let length = pointer.push(name);
                walk(member, pointer, depth + 1, bytes, limits)?;
                pointer.truncate(length);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let length = pointer.push_index(index);
                walk(item, pointer, depth + 1, bytes, limits)?;
                pointer.truncate(length);
            }
        }
        _ => {}
    }
    Ok(())
}

fn check_name(name: &str) -> Result<(), Broken> {
    if name.len() > MOST_BYTES_OF_A_NAME {
        let message =
            format!("a name has at most {MOST_BYTES_OF_A_NAME} bytes; give a shorter one");
        return Err(Broken::new("too_large", message));
    }
    if name.chars().any(characters::is_unprintable) {
        let message = format!(
            "the name {} holds characters that cannot be seen; leave them out",
            quoted(name)
        );
        return Err(Broken::new("key", message));
    }
    if name == "__proto__" {
        let message = "`__proto__` changes other objects in some languages; leave it out";
        return Err(Broken::new("key", message));
    }
    Ok(())
}
