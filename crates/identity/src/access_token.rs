//! Access tokens: signed by us, read back by us, trusted for nothing but who and which session.

use std::fmt;

use iron_audit::Role;
use iron_primitives::{Environment, Secret, SessionId, TeamId, TenantId, Timestamp, UserId};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};

use crate::Error;

const ISSUER: &str = "iron-cage";

/// What stands in an access token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claims {
    pub(crate) sub: UserId,
    pub(crate) tenant_id: TenantId,
    pub(crate) role: Role,
    pub(crate) teams: Vec<TeamId>,
    pub(crate) sid: SessionId,
    pub(crate) iat: i64,
    pub(crate) exp: i64,
    pub(crate) jti: String,
    pub(crate) iss: String,
}

/// Whom a new access token is for.
pub(crate) struct Subject<'a> {
    pub(crate) user: UserId,
    pub(crate) tenant: TenantId,
    pub(crate) role: Role,
    pub(crate) teams: &'a [TeamId],
    pub(crate) session: SessionId,
}

/// Makes and reads access tokens.
#[derive(Clone)]
pub(crate) struct AccessTokens {
    signing: EncodingKey,
    verifying: DecodingKey,
    validation: Validation,
}

impl AccessTokens {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        // The expiry is checked against the clock that was given, not the system's.
        validation.validate_exp = false;
        validation.set_issuer(&[ISSUER]);
        validation.set_required_spec_claims(&["exp", "iss", "sub"]);
        AccessTokens {
            signing: EncodingKey::from_secret(key),
            verifying: DecodingKey::from_secret(key),
            validation,
        }
    }

    pub(crate) fn issue(
        &self,
        subject: &Subject<'_>,
        expires_at: Timestamp,
        environment: &Environment,
    ) -> Result<Secret, Error> {
        let claims = Claims {
            sub: subject.user,
            tenant_id: subject.tenant,
            role: subject.role,
            teams: subject.teams.to_vec(),
            sid: subject.session,
            iat: environment.now().seconds(),
            exp: expires_at.seconds(),
            jti: hex::encode(environment.random::<16>()),
            iss: ISSUER.to_owned(),
        };
        encode(&Header::new(Algorithm::HS256), &claims, &self.signing)
            .map(Secret::new)
            .map_err(Error::SigningKey)
    }

    /// Reads a token that we signed; its time may be over.
    pub(crate) fn read(&self, token: &str) -> Result<Claims, Error> {
        decode::<Claims>(token, &self.verifying, &self.validation)
            .map(|data| data.claims)
            .map_err(|_| Error::InvalidToken)
    }
}

impl fmt::Debug for AccessTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessTokens").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use iron_testkit::TestEnvironment;
    use proptest::prelude::*;

    use super::*;

    fn issued(key: [u8; 32]) -> (AccessTokens, String) {
        let environment = TestEnvironment::new().environment;
        let tokens = AccessTokens::new(&key);
        let subject = Subject {
            user: environment.new_id(),
            tenant: environment.new_id(),
            role: Role::Viewer,
            teams: &[],
            session: environment.new_id(),
        };
        let expires_at = environment.now().plus(Duration::from_secs(60));
        let token = tokens.issue(&subject, expires_at, &environment).unwrap();
        (tokens, token.expose().to_owned())
    }

    fn base64(text: &str) -> String {
        use base64::Engine as _;
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text)
    }

    #[test]
    fn a_token_signed_with_another_key_or_with_none_is_refused() {
        let (tokens, token) = issued([1; 32]);
        assert!(tokens.read(&token).is_ok());
        assert!(matches!(
            AccessTokens::new(&[2; 32]).read(&token),
            Err(Error::InvalidToken)
        ));
        let mut parts = token.split('.');
        let (_, body, signature) = (
            parts.next().unwrap(),
            parts.next().unwrap(),
            parts.next().unwrap(),
        );
        for header in [
            r#"{"alg":"none","typ":"JWT"}"#,
            r#"{"alg":"HS384","typ":"JWT"}"#,
        ] {
            for tail in ["", signature] {
                let forged = format!("{}.{body}.{tail}", base64(header));
                assert!(tokens.read(&forged).is_err(), "{header}");
            }
        }
    }

    #[test]
    fn every_changed_character_is_noticed() {
        let (tokens, token) = issued([1; 32]);
        for position in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[position] = if bytes[position] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(bytes).unwrap();
            // The last character of a base64 text may hold bits that mean nothing.
            let same = forged.rsplit('.').next() != token.rsplit('.').next()
                && position + 1 == token.len();
            assert!(same || tokens.read(&forged).is_err(), "position {position}");
        }
    }

    proptest! {
        #[test]
        fn no_other_text_is_a_token(text in "\\PC{0,200}", dotted in "[A-Za-z0-9_-]{0,40}(\\.[A-Za-z0-9_-]{0,80}){0,4}") {
            let tokens = AccessTokens::new(&[1; 32]);
            prop_assert!(tokens.read(&text).is_err());
            prop_assert!(tokens.read(&dotted).is_err());
        }
    }
}
