//! Keys that are no keys to be shown, but accounts that ask for tokens.
//!
//! Each posts a form to a token endpoint and gets back a token that is good for a while (RFC 6749,
//! section 4.4 and RFC 7523). Which account stands behind a key is told by the kind of provider and
//! by what the key looks like.

use std::time::Duration;

use iron_primitives::{Secret, Timestamp};
use serde_json::Value;

use crate::entra::{Application, ApplicationError};
use crate::google::{ServiceAccount, ServiceAccountError};
use crate::kind::ProviderKind;

/// How long a token counts as good if the endpoint does not say it, in seconds.
const UNSTATED_SECONDS: u64 = 60;

/// An account that asks for tokens.
#[derive(Debug)]
pub enum Account {
    /// A service account of Google Cloud.
    Google(ServiceAccount),
    /// An application that is registered with Microsoft's Entra ID.
    Entra(Application),
}

/// Why a key is no account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    /// No service account of Google Cloud.
    #[error(transparent)]
    Google(#[from] ServiceAccountError),
    /// No application of Entra ID.
    #[error(transparent)]
    Entra(#[from] ApplicationError),
}

/// What is posted for a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRequest {
    /// The token endpoint.
    pub uri: String,
    /// The body, `application/x-www-form-urlencoded`: it may bear a secret.
    pub form: Secret,
}

/// A token, and how long it is good from when it was asked for.
#[derive(Debug, Clone)]
pub struct AccessToken {
    /// The token.
    pub secret: Secret,
    /// How long it is good, in seconds.
    pub seconds: u64,
}

impl Account {
    /// Whether a key of this kind of provider is an account: always at Vertex AI, at Azure OpenAI if
    /// it is an object of JSON.
    pub fn is_one(kind: ProviderKind, key: &str) -> bool {
        match kind {
            ProviderKind::Vertex => true,
            ProviderKind::AzureOpenAi => key.trim_start().starts_with('{'),
            _ => false,
        }
    }

    /// Reads a key that [`Account::is_one`].
    ///
    /// # Errors
    /// [`AccountError`]; it never repeats a part of the key.
    pub fn parse(kind: ProviderKind, key: &str) -> Result<Account, AccountError> {
        Ok(match kind {
            ProviderKind::AzureOpenAi => Account::Entra(Application::parse(key)?),
            _ => Account::Google(ServiceAccount::parse(key)?),
        })
    }

    /// What asks for a token.
    ///
    /// # Errors
    /// [`AccountError`] if the key cannot sign.
    pub fn request(&self, now: Timestamp) -> Result<TokenRequest, AccountError> {
        Ok(match self {
            Account::Google(account) => TokenRequest {
                uri: account.token_uri().to_owned(),
                form: Secret::new(account.request(now)?),
            },
            Account::Entra(application) => application.request(),
        })
    }
}

impl AccessToken {
    /// Reads the answer of the token endpoint; else its own words.
    ///
    /// # Errors
    /// What the endpoint says against it.
    pub fn read(body: &[u8]) -> Result<AccessToken, String> {
        let answer: Value = serde_json::from_slice(body).unwrap_or_default();
        let text = |name: &str| answer.get(name).and_then(Value::as_str);
        match text("access_token") {
            Some(token) if !token.is_empty() => Ok(AccessToken {
                secret: Secret::new(token.to_owned()),
                seconds: answer
                    .get("expires_in")
                    .and_then(seconds)
                    .unwrap_or(UNSTATED_SECONDS),
            }),
            _ => Err(text("error_description")
                .or_else(|| text("error"))
                .unwrap_or("the token endpoint gave no readable answer")
                .chars()
                .take(200)
                .collect()),
        }
    }
}

/// Whole seconds, of a number or of a text that is one.
fn seconds(value: &Value) -> Option<u64> {
    let stated = match value {
        Value::String(text) => text.trim().parse().ok()?,
        value => value.as_f64()?,
    };
    let duration = Duration::try_from_secs_f64(stated).ok()?;
    Some(duration.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_token_or_the_words_against_it() {
        let token = AccessToken::read(br#"{"access_token":"ya29.x","expires_in":3599}"#);
        assert_eq!(token.map(|token| token.seconds), Ok(3599));
        for (stated, seconds) in [
            (r#","expires_in":"3599""#, 3599),
            (r#","expires_in":3599.7"#, 3599),
            (r#","expires_in":0"#, 0),
            (r#","expires_in":-5"#, 60),
            (r#","expires_in":"soon""#, 60),
            (r#","expires_in":null"#, 60),
            ("", 60),
        ] {
            let token = AccessToken::read(format!(r#"{{"access_token":"a"{stated}}}"#).as_bytes());
            assert_eq!(token.map(|token| token.seconds), Ok(seconds), "{stated}");
        }
        let refused = AccessToken::read(
            br#"{"error":"invalid_grant","error_description":"Invalid JWT Signature."}"#,
        );
        assert_eq!(
            refused.map(|_| ()),
            Err("Invalid JWT Signature.".to_owned())
        );
        assert!(AccessToken::read(b"<html>").is_err());
    }
}
