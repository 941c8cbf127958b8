//! The address of a tool with arguments put into it.
//!
//! Scheme, host and port are those that were registered, whatever an argument says: it becomes one
//! part of the path, or one value of the query, with every character escaped that has a meaning
//! there.

use iron_policy::parameters::Violation;
use serde_json::{Map, Value};

/// How long an argument may be that is a part of a path, in bytes.
const MOST_BYTES: usize = 2_048;
/// How often a text is decoded to see whether it climbs: more often than any server does.
const MOST_ROUNDS: usize = 8;

/// The parts of a URL with the arguments in it.
pub(super) struct Filled {
    /// `scheme://host:port`.
    pub(super) origin: String,
    /// Path and query.
    pub(super) tail: String,
    /// The arguments that the template does not name.
    pub(super) rest: Map<String, Value>,
}

/// Puts arguments into a URL.
pub(super) fn fill(template: &str, arguments: &Map<String, Value>) -> Result<Filled, Violation> {
    let at = template.find("://").map_or(0, |at| at.saturating_add(3));
    let behind = template.get(at..).unwrap_or_default();
    let host = behind.find(['/', '?']).unwrap_or(behind.len());
    let (origin, tail) = template
        .split_at_checked(at.saturating_add(host))
        .unwrap_or((template, ""));
    let (path, query) = match tail.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (tail, None),
    };
    let mut rest = arguments.clone();
    let mut filled = String::with_capacity(template.len());
    let segments = path.split('/').skip(1);
    for segment in segments {
        filled.push('/');
        filled.push_str(&filled_segment(segment, arguments, &mut rest)?);
    }
    if filled.is_empty() {
        filled.push('/');
    }
    if let Some(query) = query {
        filled.push('?');
        let put = |value: &str| form_urlencoded::byte_serialize(value.as_bytes()).collect();
        filled.push_str(&replaced(query, arguments, &mut rest, |_, value| {
            Ok(put(value))
        })?);
    }
    Ok(Filled {
        origin: origin.to_owned(),
        tail: filled,
        rest,
    })
}

/// A part of a path between two slashes.
fn filled_segment(
    segment: &str,
    arguments: &Map<String, Value>,
    rest: &mut Map<String, Value>,
) -> Result<String, Violation> {
    let filled = replaced(segment, arguments, rest, |name, value| {
        if value.is_empty() {
            return Err(violation(
                name,
                "must not be empty, since it is a part of a path",
            ));
        }
        if value.len() > MOST_BYTES {
            let problem = "is longer than 2048 bytes, and a part of a path";
            return Err(violation(name, problem));
        }
        if climbs(value) || value.chars().any(char::is_control) {
            let problem =
                "is a part of a path: no `.` or `..` on its own, and no control characters";
            return Err(violation(name, problem));
        }
        Ok(escaped(value))
    })?;
    // Parts that are harmless alone may not be so together.
    match segment.contains('{') && climbs(&filled) {
        true => Err(Violation {
            pointer: String::new(),
            rule: "path_traversal",
            message: "together the arguments would leave the path of the tool".to_owned(),
        }),
        false => Ok(filled),
    }
}

/// A text with its `{name}`s replaced by what `put` makes of their values.
fn replaced(
    text: &str,
    arguments: &Map<String, Value>,
    rest: &mut Map<String, Value>,
    put: impl Fn(&str, &str) -> Result<String, Violation>,
) -> Result<String, Violation> {
    let mut pieces = text.split('{');
    let mut filled = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (name, behind) = piece.split_once('}').unwrap_or((piece, ""));
        let value = plain(name, arguments.get(name))?;
        rest.remove(name);
        filled.push_str(&put(name, &value)?);
        filled.push_str(behind);
    }
    Ok(filled)
}

/// A value that can stand in an address.
fn plain(name: &str, value: Option<&Value>) -> Result<String, Violation> {
    match value {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(Value::Number(number)) => Ok(number.to_string()),
        Some(Value::Bool(flag)) => Ok(flag.to_string()),
        Some(Value::Null) | None => Err(violation(
            name,
            "required: the address of the tool names it",
        )),
        Some(Value::Array(_) | Value::Object(_)) => Err(violation(
            name,
            "expected a text, a number or a boolean, since the address of the tool names it",
        )),
    }
}

fn violation(name: &str, message: &str) -> Violation {
    Violation {
        pointer: format!("/{}", name.replace('~', "~0").replace('/', "~1")),
        rule: "url_argument",
        message: message.to_owned(),
    }
}

/// Whether a text has a part that moves within a path, however often it is decoded. What has not come
/// to an end after [`MOST_ROUNDS`] is taken for one.
fn climbs(text: &str) -> bool {
    let mut text = text.to_owned();
    for _ in 0..MOST_ROUNDS {
        let mut parts = text.split(['/', '\\']);
        // Some servers end a part at a semicolon.
        if parts.any(|part| matches!(part.split(';').next(), Some("." | ".."))) {
            return true;
        }
        let decoded = decoded(&text);
        if decoded == text {
            return false;
        }
        text = decoded;
    }
    true
}

/// Each `%xx` replaced by what it stands for, once.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at).copied() {
        let digits = bytes.get(at.saturating_add(1)..at.saturating_add(3));
        let digits = digits.filter(|_| byte == b'%');
        let value = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        let value = value.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let (next, step) = value.map_or((byte, 1), |value| (value, 3));
        decoded.push(next);
        at = at.saturating_add(step);
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

/// A text in which only what has no meaning in an address is left as it is (RFC 3986, unreserved).
fn escaped(text: &str) -> String {
    use std::fmt::Write as _;
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                escaped.push(char::from(byte));
            }
            other => {
                let _ = write!(escaped, "%{other:02X}");
            }
        }
    }
    escaped
}

/// Arguments as pairs of a query: each member of a list is a pair of its own, what is nested is JSON.
pub(super) fn pairs(arguments: &Map<String, Value>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in arguments {
        match value {
            Value::Null => {}
            Value::Array(items) => items.iter().for_each(|item| {
                query.append_pair(name, &as_text(item));
            }),
            value => {
                query.append_pair(name, &as_text(value));
            }
        }
    }
    query.finish()
}

fn as_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn filled(template: &str, arguments: Value) -> Result<String, String> {
        let arguments = arguments.as_object().cloned().unwrap_or_default();
        fill(template, &arguments)
            .map(|filled| format!("{}{}", filled.origin, filled.tail))
            .map_err(|violation| violation.to_string())
    }

    #[test]
    fn arguments_become_parts_of_the_path_and_values_of_the_query() {
        let template = "https://crm.example.com:8443/v1/{kind}/{id}.json?q={q}&lang=en";
        let given = json!({ "kind": "a b/c", "id": 7, "q": "x&y=ä", "more": [1] });
        assert_eq!(
            filled(template, given).expect("it fits"),
            "https://crm.example.com:8443/v1/a%20b%2Fc/7.json?q=x%26y%3D%C3%A4&lang=en"
        );
        let given = json!({ "id": "x", "kind": "k", "q": true, "more": [1, "2"], "deep": { "a": null }, "no": null });
        let rest = fill(template, given.as_object().expect("an object"))
            .expect("it fits")
            .rest;
        assert_eq!(pairs(&rest), "deep=%7B%22a%22%3Anull%7D&more=1&more=2");
        assert_eq!(
            filled("https://example.com", json!({})).expect("it fits"),
            "https://example.com/"
        );
        assert_eq!(
            filled("https://example.com?q={q}", json!({ "q": "#" })).expect("it fits"),
            "https://example.com/?q=%23"
        );
    }

    #[test]
    fn no_argument_leaves_its_place() {
        let template = "https://crm.example.com/v1/users/{id}/notes";
        for hostile in [
            "..",
            ".",
            "../admin",
            "a/../../admin",
            "..\\admin",
            "%2e%2e",
            "%2e%2e%2fadmin",
            "%252e%252e",
            "..;/admin",
            "..;a=b",
            "",
            "a\r\nHost: evil",
            "a\0b",
        ] {
            let refused = filled(template, json!({ "id": hostile }));
            assert!(refused.is_err(), "{hostile:?}: {refused:?}");
        }
        for odd in [
            "@evil.com",
            "evil.com#",
            "?x=1",
            "//evil.com",
            "a:b@c",
            "...",
            "a..b",
            "%zz",
            "%",
        ] {
            let url = filled(template, json!({ "id": odd })).expect(odd);
            assert!(
                url.starts_with("https://crm.example.com/v1/users/") && url.ends_with("/notes"),
                "{url}"
            );
            assert_eq!(url.matches('/').count(), 6, "{url}");
            assert!(!url.contains(['#', '?', '@']), "{url}");
        }
        assert!(filled(template, json!({})).is_err());
        assert!(filled(template, json!({ "id": ["a"] })).is_err());
        let onion = format!("%{}2e%2e", "25".repeat(20));
        assert!(filled(template, json!({ "id": onion })).is_err());
        assert!(filled(template, json!({ "id": "a".repeat(MOST_BYTES) })).is_ok());
        assert!(filled(template, json!({ "id": "a".repeat(MOST_BYTES + 1) })).is_err());
        let two = "https://crm.example.com/{a}{b}/x";
        assert!(filled(two, json!({ "a": ".", "b": "." })).is_err());
        assert!(filled("https://crm.example.com/.{b}/x", json!({ "b": "%2e" })).is_err());
    }

    proptest! {
        /// Whatever an argument holds, the request goes to the same host and to as many parts.
        #[test]
        fn structure_is_kept(id in ".*", q in ".*") {
            let template = "https://crm.example.com/v1/{id}/notes?q={q}&z=1";
            let given = json!({ "id": id, "q": q });
            if let Ok(url) = filled(template, given) {
                let uri: http::Uri = url.parse().expect("an address");
                prop_assert_eq!(uri.host(), Some("crm.example.com"));
                prop_assert_eq!(uri.path().split('/').count(), 4);
                prop_assert!(uri.path().ends_with("/notes"));
                let query = uri.query().unwrap_or_default();
                let pairs: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
                prop_assert_eq!(pairs.len(), 2);
                prop_assert_eq!(&*pairs[0].1, q.as_str());
            }
        }
    }
}
