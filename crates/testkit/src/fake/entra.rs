//! The token endpoint of Microsoft's Entra ID, for an application that may use Azure OpenAI.
//!
//! learn.microsoft.com, OAuth 2.0 client credentials flow on the Microsoft identity platform, read by
//! excerpts 2026-11. The tokens are JWTs that only this server can have signed.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::SeenRequest;
use super::pieces::Reply;
use super::vertex::seconds;

const TENANT: &str = "11111111-2222-3333-4444-555555555555";
const CLIENT: &str = "66666666-7777-8888-9999-000000000000";
/// With everything that a form has to escape.
const SECRET: &str = "s~8Q+&= %/é";
const SECRET_IN_FORM: &str = "s~8Q%2B%26%3D%20%25%2F%C3%A9";
const SCOPE_IN_FORM: &str = "https%3A%2F%2Fcognitiveservices.azure.com%2F.default";
const AUDIENCE: &str = "https://cognitiveservices.azure.com";
const LIFE_SECONDS: i64 = 3599;

/// An application that Entra ID knows.
pub(super) struct Application {
    /// What its owner stores as a key.
    pub(super) key: String,
    signer: hmac::Key,
    given: i64,
    /// How many of the tokens are worth nothing; they are numbered as they were given.
    revoked: i64,
    /// What time it is in seconds, if not that of the machine.
    pub(super) time: Option<i64>,
}

impl Application {
    /// An application whose tokens are given out at this server.
    pub(super) fn new(server: &str) -> Self {
        let key = json!({"tenant_id": TENANT, "client_id": CLIENT, "client_secret": SECRET,
            "authority": server});
        Application {
            key: key.to_string(),
            signer: hmac::Key::new(hmac::HMAC_SHA256, server.as_bytes()),
            given: 0,
            revoked: 0,
            time: None,
        }
    }

    /// Whether a request is for this endpoint.
    pub(super) fn is_asked(seen: &SeenRequest) -> bool {
        seen.path.ends_with("/oauth2/v2.0/token")
    }

    /// Makes the tokens worthless that were given out.
    pub(super) fn revoke(&mut self) {
        self.revoked = self.given;
    }

    fn now(&self) -> i64 {
        self.time.unwrap_or_else(seconds)
    }

    /// Gives a token to who knows the secret.
    pub(super) fn exchange(&mut self, seen: &SeenRequest) -> Reply {
        let refused = |status, error: &str, code: u32, why: &str| {
            let body = json!({"error": error, "error_codes": [code],
                "error_description": format!("AADSTS{code}: {why}")});
            Reply::status(status, body)
        };
        if seen.path != format!("/{TENANT}/oauth2/v2.0/token") {
            return refused(400, "invalid_request", 90002, "Tenant not found.");
        }
        if seen.header("content-type") != Some("application/x-www-form-urlencoded") {
            return refused(
                400,
                "invalid_request",
                900144,
                "The request body must be a form.",
            );
        }
        let form = String::from_utf8_lossy(&seen.body);
        let says = |name: &str, value: &str| {
            let mut pairs = form.split('&').filter_map(|pair| pair.split_once('='));
            pairs.any(|pair| pair == (name, value))
        };
        if !says("grant_type", "client_credentials") {
            return refused(
                400,
                "unsupported_grant_type",
                70003,
                "Unsupported grant type.",
            );
        }
        if !says("client_id", CLIENT) {
            return refused(400, "unauthorized_client", 700016, "Application not found.");
        }
        if !says("client_secret", SECRET_IN_FORM) {
            return refused(
                401,
                "invalid_client",
                7000215,
                "Invalid client secret provided.",
            );
        }
        if !says("scope", SCOPE_IN_FORM) {
            return refused(
                400,
                "invalid_scope",
                70011,
                "The provided scope is not valid.",
            );
        }
        self.given = self.given.saturating_add(1);
        let body = json!({"token_type": "Bearer", "expires_in": LIFE_SECONDS,
            "ext_expires_in": LIFE_SECONDS, "access_token": self.token()});
        Reply::json(body, None)
    }

    fn token(&self) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let ends = self.now().saturating_add(LIFE_SECONDS);
        let claims = json!({"aud": AUDIENCE, "appid": CLIENT, "tid": TENANT, "exp": ends,
            "uti": self.given});
        let signed = format!(
            "{}.{}",
            part(&json!({"alg": "HS256", "typ": "JWT"})),
            part(&claims)
        );
        let signature = hmac::sign(&self.signer, signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// Whether a request shows a token that is worth something.
    pub(super) fn admits(&self, seen: &SeenRequest) -> bool {
        let token = seen.header("authorization");
        let token = token.and_then(|token| token.strip_prefix("Bearer "));
        let Some((signed, signature)) = token.and_then(|token| token.rsplit_once('.')) else {
            return false;
        };
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap_or_default();
        if hmac::verify(&self.signer, signed.as_bytes(), &signature).is_err() {
            return false;
        }
        let claims = signed.split_once('.').map(|(_, claims)| claims);
        let claims = claims.and_then(|claims| URL_SAFE_NO_PAD.decode(claims).ok());
        let claims: Value = serde_json::from_slice(&claims.unwrap_or_default()).unwrap_or_default();
        let number = |name: &str| claims.get(name).and_then(Value::as_i64).unwrap_or(0);
        number("uti") > self.revoked && number("exp") > self.now()
    }
}
