//! Masking what must not be kept.

use serde::Serialize;
use serde_json::Value;

/// Stands for a secret whose kind cannot be told.
const REDACTED: &str = "[REDACTED]";

/// Words in the name of a field that make its value a secret.
const SECRET_WORDS: [&str; 11] = [
    "password",
    "passwd",
    "secret",
    "api_key",
    "apikey",
    "authorization",
    "credential",
    "private_key",
    "access_key",
    "cookie",
    "signature",
];

/// Names that end so hold a token; `token_prefix` and `max_tokens` do not.
const SECRET_ENDS: [&str; 2] = ["token", "otp"];

/// The value as JSON, with all secrets masked: what fields hold whose names speak of secrets, and
/// what is shaped like a token.
pub fn masked<T: Serialize + ?Sized>(value: &T) -> Value {
    // What cannot be written as JSON is left out rather than written wrongly.
    let mut value = serde_json::to_value(value).unwrap_or(Value::Null);
    mask(&mut value);
    value
}

fn mask(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(mask),
        Value::Object(fields) => {
            for (name, value) in fields.iter_mut() {
                if is_secret(name) {
                    hide(value);
                } else {
                    mask(value);
                }
            }
        }
        // A token is known by its shape, wherever it stands.
        Value::String(text) if looks_like_token(text) => *value = Value::from(REDACTED),
        _ => {}
    }
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('-', "_");
    // Ids of credentials are no secrets, nor is how long a password must be.
    !name.ends_with("_id")
        && !name.ends_with("_length")
        && (SECRET_WORDS.iter().any(|word| name.contains(word))
            || SECRET_ENDS.iter().any(|end| name.ends_with(end)))
}

/// Shows the prefix of a key, nothing else.
fn hide(value: &mut Value) {
    let shown = match &*value {
        Value::Null | Value::Bool(_) => return,
        Value::String(text) => match text.split_once('-') {
            Some((prefix @ ("sk" | "pk" | "rk"), _)) => format!("{prefix}-***"),
            _ => REDACTED.to_owned(),
        },
        _ => REDACTED.to_owned(),
    };
    *value = Value::from(shown);
}

/// `sk-…` keys, our own token values, and JWTs.
fn looks_like_token(text: &str) -> bool {
    let word = |text: &str| {
        text.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
    };
    let own = |prefix| {
        text.strip_prefix(prefix)
            .is_some_and(|rest: &str| rest.len() == 32 && word(rest))
    };
    (text.starts_with("sk-") && text.len() >= 20 && word(text))
        || own("ic_")
        || own("at_")
        || (text.starts_with("eyJ") && text.matches('.').count() == 2 && word(text))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_are_masked_by_name_at_any_depth() {
        let given = json!({
            "name": "main", "api_key": "sk-proj-1234567890", "Password": "hunter2",
            "nested": [{ "refresh_token": "abc", "token_prefix": "ic_12345", "max_tokens": 7 }],
            "credentials": { "user": "x", "password": "y" }, "credential_id": "at_1",
            "api_key_set": true, "secret": null,
        });
        let expected = json!({
            "name": "main", "api_key": "sk-***", "Password": "[REDACTED]",
            "nested": [{ "refresh_token": "[REDACTED]", "token_prefix": "ic_12345", "max_tokens": 7 }],
            "credentials": "[REDACTED]", "credential_id": "at_1",
            "api_key_set": true, "secret": null,
        });
        assert_eq!(masked(&given), expected);
    }

    #[test]
    fn tokens_are_masked_by_shape_under_any_name() {
        for secret in [
            "ic_0123456789abcdefABCDEF0123456789",
            "at_0123456789abcdefABCDEF012345678-",
            "sk-ant-api03-abcdefghijklmnop",
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
        ] {
            assert_eq!(
                masked(&json!({ "note": secret })),
                json!({ "note": REDACTED }),
                "{secret}"
            );
        }
        let harmless =
            json!({ "note": "sk-learn", "id": "at_0192f0c1-7d5e-7cc3-98c4-dc0c0c07398f" });
        assert_eq!(masked(&harmless), harmless);
    }
}
