//! The shape of Vertex AI: a service account's assertion is exchanged for a token, with which
//! Gemini is asked in a project and a location.
//!
//! Google's documents on OAuth 2.0 for server to server applications and on Vertex AI's REST API,
//! read 2026-11.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::pieces::Reply;
use super::{Behaviour, SeenRequest, gemini};

/// The project and the location that the fake serves.
pub(super) const PROJECT: &str = "fake-project";
pub(super) const LOCATION: &str = "europe-west4";
const EMAIL: &str = "iron@fake-project.iam.gserviceaccount.com";
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
/// Google accepts no assertion that is good for longer, nor one that is not made yet or that ended
/// long ago.
const LONGEST_SECONDS: i64 = 3600;
const SKEW_SECONDS: i64 = 300;

/// A service account that Google knows.
pub(super) struct Account {
    token_uri: String,
    public: Vec<u8>,
    /// The JSON that its owner was given.
    pub(super) key_file: String,
    given: u64,
    /// How many of the tokens are worth nothing; they are numbered as they were given.
    revoked: u64,
    /// What time it is in seconds, if not that of the machine.
    pub(super) time: Option<i64>,
}

impl Account {
    /// A new account whose assertions are exchanged at this server.
    pub(super) fn new(server: &str) -> std::io::Result<Self> {
        let failed = |_| std::io::Error::other("no RSA key could be made");
        let pair = KeyPair::generate(KeySize::Rsa2048).map_err(failed)?;
        let pkcs8: Pkcs8V1Der<'_> = pair.as_der().map_err(failed)?;
        let pem = format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
            STANDARD.encode(pkcs8.as_ref())
        );
        let token_uri = format!("{server}/token");
        let file = json!({
            "type": "service_account", "project_id": PROJECT, "private_key_id": "fake-key",
            "private_key": pem, "client_email": EMAIL, "token_uri": token_uri,
        });
        Ok(Account {
            token_uri,
            public: pair.public_key().as_ref().to_vec(),
            key_file: file.to_string(),
            given: 0,
            revoked: 0,
            time: None,
        })
    }

    fn token(&self) -> String {
        format!("ya29.fake-{}", self.given)
    }

    /// Makes the tokens worthless that were given out.
    pub(super) fn revoke(&mut self) {
        self.revoked = self.given;
    }

    /// Whether a request shows a token that is worth something.
    fn admits(&self, seen: &SeenRequest) -> bool {
        let token = seen.header("authorization");
        let number = token.and_then(|token| token.strip_prefix("Bearer ya29.fake-"));
        let number = number.and_then(|number| number.parse::<u64>().ok());
        number.is_some_and(|number| self.revoked < number && number <= self.given)
    }

    /// Exchanges an assertion for a token.
    pub(super) fn exchange(&mut self, seen: &SeenRequest) -> Reply {
        let refused = |why: &str| {
            let body = json!({"error": "invalid_grant", "error_description": why});
            Reply::status(400, body)
        };
        if seen.header("content-type") != Some("application/x-www-form-urlencoded") {
            return refused("Bad Request");
        }
        let form = String::from_utf8_lossy(&seen.body);
        let field = |name: &str| {
            let mut pairs = form.split('&').filter_map(|pair| pair.split_once('='));
            pairs
                .find(|(key, _)| *key == name)
                .map(|(_, value)| value.to_owned())
        };
        let grant = "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer";
        if field("grant_type").as_deref() != Some(grant) {
            return refused("Invalid grant_type");
        }
        match self.problem(&field("assertion").unwrap_or_default()) {
            Some(why) => refused(why),
            None => {
                self.given = self.given.saturating_add(1);
                let token = self.token();
                let body =
                    json!({"access_token": token, "expires_in": 3599, "token_type": "Bearer"});
                Reply::json(body, None)
            }
        }
    }

    /// What is wrong with an assertion.
    fn problem(&self, assertion: &str) -> Option<&'static str> {
        let Some((signed, signature)) = assertion.rsplit_once('.') else {
            return Some("Invalid JWT: not enough segments");
        };
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap_or_default();
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &self.public);
        if key.verify(signed.as_bytes(), &signature).is_err() {
            return Some("Invalid JWT Signature.");
        }
        let part = |text: &str| -> Value {
            let bytes = URL_SAFE_NO_PAD.decode(text).unwrap_or_default();
            serde_json::from_slice(&bytes).unwrap_or_default()
        };
        let (header, claims) = signed.split_once('.')?;
        let (header, claims) = (part(header), part(claims));
        let says = |value: &Value, name: &str, expected: &str| {
            value.get(name).and_then(Value::as_str) == Some(expected)
        };
        if !says(&header, "alg", "RS256") || !says(&claims, "iss", EMAIL) {
            return Some("Invalid JWT: wrong algorithm or issuer");
        }
        if !says(&claims, "aud", &self.token_uri) {
            return Some("Invalid JWT: Failed audience check.");
        }
        if !says(&claims, "scope", SCOPE) {
            return Some("Invalid OAuth scope or ID token audience provided.");
        }
        let number = |name: &str| claims.get(name).and_then(Value::as_i64).unwrap_or(0);
        let now = self.time.unwrap_or_else(seconds);
        let (made, ends) = (number("iat"), number("exp"));
        let timely = made <= now
            && ends > now.saturating_sub(SKEW_SECONDS)
            && ends.saturating_sub(made) <= LONGEST_SECONDS;
        (!timely).then_some("Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe.")
    }

    /// Answers a request that must carry the token.
    pub(super) fn reply(&self, seen: &SeenRequest, behaviour: &Behaviour) -> Reply {
        if !self.admits(seen) {
            return gemini::error(401, "Request had invalid authentication credentials.", &[]);
        }
        let below =
            format!("/v1/projects/{PROJECT}/locations/{LOCATION}/publishers/google/models/");
        match seen.path.strip_prefix(&below) {
            Some(asked)
                if !asked.starts_with("gemini-") && !asked.starts_with("text-embedding") =>
            {
                gemini::error(404, "Publisher Model was not found.", &[])
            }
            Some(asked) if asked.ends_with(":countTokens") => {
                Reply::json(json!({"totalTokens": 1}), None)
            }
            Some(asked) => gemini::answer(asked, seen, behaviour),
            None => gemini::error(
                403,
                "Permission 'aiplatform.endpoints.predict' denied on resource.",
                &[],
            ),
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a server of its own, which has its own clock"
)]
pub(super) fn seconds() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    })
}
