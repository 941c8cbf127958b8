//! A service account of Google Cloud, and how it asks for a token: it signs an assertion, which the
//! token endpoint exchanges (developers.google.com, OAuth 2.0 for server to server applications,
//! by excerpts, 2026-11; RFC 7523).

use std::fmt;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use iron_primitives::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

/// What a token of ours may do: all that the account may.
pub const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
/// How long an assertion is good; Google accepts no longer one.
const ASSERTION_SECONDS: i64 = 3600;
/// So much earlier an assertion says it was made, for a clock of Google's that is a little behind.
const BACK_SECONDS: i64 = 10;

/// Why a text is no key of a service account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ServiceAccountError {
    /// It is not the JSON that Google gives out.
    #[error("expected the JSON of a service account's key, as Google Cloud gives it out")]
    NotAKey,
    /// Its private key is none that can sign.
    #[error("`private_key` is no RSA key in PEM")]
    PrivateKey,
}

/// The key of a service account.
pub struct ServiceAccount {
    email: String,
    key_id: Option<String>,
    token_uri: String,
    pair: RsaKeyPair,
}

/// The JSON that Google gives out, as far as it is needed.
#[derive(Deserialize)]
struct KeyFile {
    r#type: String,
    client_email: String,
    private_key: String,
    private_key_id: Option<String>,
    token_uri: String,
}

impl fmt::Debug for ServiceAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServiceAccount({})", self.email)
    }
}

impl ServiceAccount {
    /// Reads the key.
    ///
    /// # Errors
    /// [`ServiceAccountError`]; it never repeats a part of the text.
    pub fn parse(text: &str) -> Result<ServiceAccount, ServiceAccountError> {
        let file: KeyFile = serde_json::from_str(text).map_err(|_| ServiceAccountError::NotAKey)?;
        if file.r#type != "service_account" {
            return Err(ServiceAccountError::NotAKey);
        }
        let pair = der(&file.private_key)
            .and_then(|der| RsaKeyPair::from_pkcs8(&der).ok())
            .ok_or(ServiceAccountError::PrivateKey)?;
        Ok(ServiceAccount {
            email: file.client_email,
            key_id: file.private_key_id,
            token_uri: file.token_uri,
            pair,
        })
    }

    /// Where the assertion is exchanged.
    pub fn token_uri(&self) -> &str {
        &self.token_uri
    }

    /// The form that asks for a token, to be posted to [`ServiceAccount::token_uri`].
    ///
    /// # Errors
    /// [`ServiceAccountError::PrivateKey`] if the key cannot sign.
    pub fn request(&self, now: Timestamp) -> Result<String, ServiceAccountError> {
        let assertion = self.assertion(now)?;
        Ok(format!(
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion={assertion}"
        ))
    }

    fn assertion(&self, now: Timestamp) -> Result<String, ServiceAccountError> {
        let mut header = json!({ "alg": "RS256", "typ": "JWT" });
        if let (Some(id), Some(header)) = (&self.key_id, header.as_object_mut()) {
            header.insert("kid".to_owned(), id.clone().into());
        }
        let made = now.seconds().saturating_sub(BACK_SECONDS);
        let claims = json!({
            "iss": self.email,
            "scope": SCOPE,
            "aud": self.token_uri,
            "iat": made,
            "exp": made.saturating_add(ASSERTION_SECONDS),
        });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(&claims));
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                signed.as_bytes(),
                &mut signature,
            )
            .map_err(|_| ServiceAccountError::PrivateKey)?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

/// The bytes of a PEM text.
fn der(pem: &str) -> Option<Vec<u8>> {
    let inner = pem
        .trim()
        .strip_prefix("-----BEGIN PRIVATE KEY-----")?
        .strip_suffix("-----END PRIVATE KEY-----")?;
    let plain: String = inner.chars().filter(|c| !c.is_whitespace()).collect();
    STANDARD.decode(plain).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_key_is_refused_without_repeating_it() {
        for text in [
            "",
            "AIzaSecret",
            r#"{"type":"authorized_user","client_email":"a","private_key":"b","token_uri":"c"}"#,
        ] {
            let refused = ServiceAccount::parse(text).map(|_| ());
            assert_eq!(refused, Err(ServiceAccountError::NotAKey), "{text}");
        }
        let broken =
            r#"{"type":"service_account","client_email":"a","private_key":"b","token_uri":"c"}"#;
        let refused = ServiceAccount::parse(broken).map(|_| ());
        assert_eq!(refused, Err(ServiceAccountError::PrivateKey));
    }
}
