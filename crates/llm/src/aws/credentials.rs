//! Keys of AWS: a pair of an id and a secret, with the token of a session or not, or a key of
//! Bedrock's own.

use std::fmt;

use iron_primitives::Secret;
use serde::Deserialize;

/// How the keys of Bedrock's own begin (AWS, Amazon Bedrock User Guide, API keys, by excerpts,
/// 2026-11): those that live long, and those of a session.
const API_KEYS: [&str; 2] = ["ABSK", "bedrock-api-key-"];

/// Why a text is no key of AWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It is in none of the forms.
    #[error(
        "expected `ID:SECRET` or `ID:SECRET:TOKEN` of an access key, or JSON with `access_key_id`, `secret_access_key` and perhaps `session_token`, or an API key of Bedrock"
    )]
    NotAKey,
    /// The id is none.
    #[error("an access key id has 16 to 128 capital letters and digits, such as `AKIA…`")]
    Id,
    /// The secret or the token holds what cannot stand there.
    #[error("a secret access key and a session token are printable and have no spaces")]
    Secret,
}

/// With what a request is signed.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The id of the key, which is no secret.
    pub id: String,
    /// The secret, which is never sent.
    pub secret: Secret,
    /// The token of a session, for keys that end.
    pub token: Option<Secret>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({})", self.id)
    }
}

/// How a request shows who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// It is signed.
    Signs(Credentials),
    /// It bears a key of Bedrock's own.
    Bearer(Secret),
}

/// The JSON forms: ours, and that of AWS's own tools.
#[derive(Deserialize)]
struct KeyFile {
    #[serde(alias = "AccessKeyId", alias = "aws_access_key_id")]
    access_key_id: String,
    #[serde(alias = "SecretAccessKey", alias = "aws_secret_access_key")]
    secret_access_key: String,
    #[serde(alias = "SessionToken", alias = "aws_session_token")]
    session_token: Option<String>,
}

impl Key {
    /// Reads a key in any of its forms.
    ///
    /// # Errors
    /// [`KeyError`]; it never repeats a part of the text.
    pub fn parse(text: &str) -> Result<Key, KeyError> {
        let text = text.trim();
        if API_KEYS.iter().any(|start| text.starts_with(start)) {
            let plain = text.bytes().all(|byte| byte.is_ascii_graphic());
            return match plain {
                true => Ok(Key::Bearer(text.to_owned().into())),
                false => Err(KeyError::Secret),
            };
        }
        if text.starts_with('{') {
            let file: KeyFile = serde_json::from_str(text).map_err(|_| KeyError::NotAKey)?;
            let token = file.session_token.as_deref();
            return credentials(&file.access_key_id, &file.secret_access_key, token)
                .map(Key::Signs);
        }
        let mut parts = text.splitn(3, ':');
        let (Some(id), Some(secret)) = (parts.next(), parts.next()) else {
            return Err(KeyError::NotAKey);
        };
        credentials(id, secret, parts.next()).map(Key::Signs)
    }
}

impl Credentials {
    /// One text of them, as [`Key::parse`] reads it.
    pub fn to_secret(&self) -> Secret {
        let (id, secret) = (&self.id, self.secret.expose());
        match &self.token {
            Some(token) => format!("{id}:{secret}:{}", token.expose()).into(),
            None => format!("{id}:{secret}").into(),
        }
    }
}

/// Checks the parts and puts them together.
pub(super) fn credentials(
    id: &str,
    secret: &str,
    token: Option<&str>,
) -> Result<Credentials, KeyError> {
    let is_id = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    if !(16..=128).contains(&id.len()) || !id.bytes().all(is_id) {
        return Err(KeyError::Id);
    }
    let token = token.filter(|token| !token.is_empty());
    let plain = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    if !plain(secret) || token.is_some_and(|token| !plain(token)) {
        return Err(KeyError::Secret);
    }
    Ok(Credentials {
        id: id.to_owned(),
        secret: secret.to_owned().into(),
        token: token.map(|token| token.to_owned().into()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_in_each_of_its_forms() {
        let signs = |text: &str| match Key::parse(text) {
            Ok(Key::Signs(key)) => key,
            other => panic!("{text}: {other:?}"),
        };
        let plain = signs("AKIDEXAMPLE0000000:wJalr/UtnFEMI+K7");
        assert_eq!(plain.secret.expose(), "wJalr/UtnFEMI+K7");
        assert_eq!(plain.token, None);
        let token = signs("ASIDEXAMPLE0000000:secret:to:ken==\n");
        assert_eq!(token.token.as_ref().map(Secret::expose), Some("to:ken=="));
        assert_eq!(signs(token.to_secret().expose()), token);
        for json in [
            r#"{"access_key_id":"ASIDEXAMPLE0000000","secret_access_key":"secret","session_token":"to:ken=="}"#,
            r#"{"Version":1,"AccessKeyId":"ASIDEXAMPLE0000000","SecretAccessKey":"secret","SessionToken":"to:ken==","Expiration":"2026-11-23T06:00:00Z"}"#,
        ] {
            assert_eq!(signs(json), token);
        }
        let bearer = Key::parse("ABSKQmVkcm9jaw==");
        assert_eq!(
            bearer,
            Ok(Key::Bearer("ABSKQmVkcm9jaw==".to_owned().into()))
        );
    }

    #[test]
    fn what_is_no_key_is_named_without_repeating_it() {
        for (text, error) in [
            ("", KeyError::NotAKey),
            ("sk-1234", KeyError::NotAKey),
            ("{}", KeyError::NotAKey),
            ("akid:secret", KeyError::Id),
            ("AKIDEXAMPLE0000000:", KeyError::Secret),
            ("AKIDEXAMPLE0000000:se cret", KeyError::Secret),
            ("ABSKQm Vk", KeyError::Secret),
        ] {
            assert_eq!(Key::parse(text), Err(error), "{text}");
        }
        let key = Key::parse("AKIDEXAMPLE0000000:hidden").expect("a key");
        assert!(!format!("{key:?}").contains("hidden"));
    }
}
