//! Headers of HTTP that an agent may set.

use serde_json::Value;

use super::findings::Findings;
use super::pointer::Pointer;
use super::violation::{Broken, quoted};

/// What carries credentials, says on whose behalf a request is made, or belongs to the connection.
const REFUSED: &[&str] = &[
    "authorization",
    "cookie",
    "cookie2",
    "set-cookie",
    "set-cookie2",
    "www-authenticate",
    "authentication-info",
    "x-api-key",
    "api-key",
    "apikey",
    "x-auth-token",
    "x-access-token",
    "x-csrf-token",
    "x-goog-api-key",
    "x-vault-token",
    "private-token",
    "job-token",
    "host",
    "forwarded",
    "via",
    "x-real-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-original-url",
    "x-original-host",
    "x-rewrite-url",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-host",
    "true-client-ip",
    "cf-connecting-ip",
    "fastly-client-ip",
    "x-originating-ip",
    "x-remote-ip",
    "x-remote-addr",
    "x-remote-user",
    "x-user",
    "metadata",
    "metadata-flavor",
    "connection",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "content-length",
    "http2-settings",
    "expect",
    "origin",
    "sec-websocket-key",
];

/// The beginnings of names that are refused for the same reasons.
const REFUSED_FAMILIES: &[&str] = &[
    "proxy-",
    "x-forwarded-",
    "x-amz-",
    "x-amzn-",
    "x-aws-",
    "x-ms-",
    "x-google-",
    "x-goog-iam-",
    "x-envoy-",
    "x-vercel-",
    "x-iron-",
    "sec-",
];

const MOST_BYTES: usize = 8192;

/// Which headers may be set.
#[derive(Debug, Clone, Default)]
pub(super) struct Headers {
    allowed: Vec<String>,
}

impl Headers {
    pub(super) fn new(allowed: &[String]) -> Self {
        Headers {
            allowed: allowed
                .iter()
                .map(|name| name.to_ascii_lowercase())
                .collect(),
        }
    }

    /// Takes an object of names and values, or a list of `{"name", "value"}` or `"Name: value"`.
    pub(super) fn apply(&self, value: &Value, pointer: &mut Pointer, findings: &mut Findings<'_>) {
        if let Err(broken) = self.check(value) {
            findings.refuse(broken, pointer);
        }
    }

    fn check(&self, value: &Value) -> Result<(), Broken> {
        match value {
            Value::Null => Ok(()),
            Value::Object(members) => members
                .iter()
                .try_for_each(|(name, value)| self.check_one(name, value)),
            Value::Array(items) => items.iter().try_for_each(|item| self.check_item(item)),
            Value::String(text) if text.trim().is_empty() => Ok(()),
            _ => Err(unreadable()),
        }
    }

    fn check_item(&self, item: &Value) -> Result<(), Broken> {
        match item {
            Value::Array(pair) => match pair.as_slice() {
                [Value::String(name), value] => self.check_one(name, value),
                _ => Err(unreadable()),
            },
            Value::Object(members) => {
                let name = members.get("name").or_else(|| members.get("key"));
                match (name, members.get("value"), members.len()) {
                    (Some(Value::String(name)), Some(value), 2) => self.check_one(name, value),
                    _ => Err(unreadable()),
                }
            }
            Value::String(line) => {
                let (name, value) = line.split_once(':').ok_or_else(unreadable)?;
                self.check_name(name)?;
                check_value(name, value.trim_start_matches(' '))
            }
            _ => Err(unreadable()),
        }
    }

    fn check_one(&self, name: &str, value: &Value) -> Result<(), Broken> {
        self.check_name(name)?;
        match value {
            Value::String(text) => check_value(name, text),
            Value::Array(items) => items.iter().try_for_each(|item| match item {
                Value::String(text) => check_value(name, text),
                _ => Err(unreadable()),
            }),
            Value::Number(_) | Value::Bool(_) | Value::Null => Ok(()),
            Value::Object(_) => Err(unreadable()),
        }
    }

    fn check_name(&self, name: &str) -> Result<(), Broken> {
        let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty() || name.len() > 256 || !name.bytes().all(token) {
            let message = format!(
                "{} is no name of a header; use letters, digits and `-`",
                quoted(name)
            );
            return Err(Broken::new("header_name", message));
        }
        // Some servers read `_` as `-`.
        let folded = name.to_ascii_lowercase().replace('_', "-");
        let refused = REFUSED.contains(&&*folded)
            || REFUSED_FAMILIES
                .iter()
                .any(|family| folded.starts_with(family));
        if refused && !self.allowed.contains(&folded) {
            let message = format!(
                "the header {} is not for agents to set; leave it out, or allow it for this tool",
                quoted(name)
            );
            return Err(Broken::new("header_credential", message));
        }
        Ok(())
    }
}

fn check_value(name: &str, value: &str) -> Result<(), Broken> {
    let control = value.chars().any(|symbol| {
        (symbol.is_control() && symbol != '\t') || matches!(symbol, '\u{2028}' | '\u{2029}')
    });
    if control || folds_to_line_break(value) {
        let message = format!(
            "the value of {} holds a line break or another control character; leave it out",
            quoted(name)
        );
        return Err(Broken::new("header_injection", message));
    }
    if value.len() > MOST_BYTES {
        let message = format!("the value of a header has at most {MOST_BYTES} bytes; give less");
        return Err(Broken::new("too_large", message));
    }
    Ok(())
}

/// Escapes of line breaks, and characters that some programs cut down to one.
pub(super) fn folds_to_line_break(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    lower.contains("%0d") || lower.contains("%0a") || text.contains(['\u{560a}', '\u{560d}'])
}

fn unreadable() -> Broken {
    let message = "headers are an object of names and texts; give `{\"Accept\": \"text/html\"}`";
    Broken::new("type", message)
}
