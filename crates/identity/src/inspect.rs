//! Telling a bearer whether a token is good, without doing anything with it.

use iron_audit::{Entry, Origin, RequestFacts};
use iron_primitives::{Timestamp, TokenKind, TokenValue};

use crate::{Error, Identity, Presented, TokenIs, User};

/// Why a token is not good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidReason {
    /// Its time is over.
    TokenExpired,
    /// It was withdrawn.
    TokenRevoked,
    /// It never was one of ours.
    InvalidToken,
}

/// What a token is worth.
#[derive(Debug, Clone, PartialEq)]
pub struct Inspection {
    /// Which bearer token it looks like; none for an access token.
    pub kind: Option<TokenKind>,
    /// Whose it is, if it is a user's and good.
    pub user: Option<User>,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// Why it is not good; none if it is.
    pub reason: Option<InvalidReason>,
}

impl Identity {
    /// Looks at any token that its bearer shows.
    ///
    /// # Errors
    /// Only where the question could not be answered.
    pub async fn inspect(&self, token: &str, request: &RequestFacts) -> Result<Inspection, Error> {
        let kind = TokenValue::parse(token).ok().map(|value| value.kind());
        // The key of a runtime is no token of a person or an agent.
        let kind = kind.filter(|kind| matches!(kind, TokenKind::Ic | TokenKind::Api));
        let inspection = match kind {
            Some(TokenKind::Ic) => self.inspect_ic(token).await?,
            _ => self.inspect_user(kind, token).await?,
        };
        if let Some(user) = &inspection.user {
            let origin = Origin {
                tenant: user.tenant_id,
                user: Some(user.id),
                request: Some(request.clone()),
            };
            let mut tx = self.db.begin().await?;
            self.audit
                .write_event(&mut tx, &origin, Entry::new("auth.validate", "token"))
                .await?;
            tx.commit().await?;
        }
        Ok(inspection)
    }

    async fn inspect_user(
        &self,
        kind: Option<TokenKind>,
        token: &str,
    ) -> Result<Inspection, Error> {
        let bad = |reason| Inspection {
            kind,
            user: None,
            expires_at: None,
            reason: Some(reason),
        };
        match self.authenticate(Presented::Bearer(token)).await {
            Ok(caller) => Ok(Inspection {
                kind,
                user: Some(caller.user),
                expires_at: caller.expires_at,
                reason: None,
            }),
            Err(Error::TokenExpired) => Ok(bad(InvalidReason::TokenExpired)),
            Err(Error::TokenRevoked | Error::AccountDisabled) => {
                Ok(bad(InvalidReason::TokenRevoked))
            }
            Err(Error::InvalidToken | Error::WrongTokenType) => {
                Ok(bad(InvalidReason::InvalidToken))
            }
            Err(other) => Err(other),
        }
    }

    async fn inspect_ic(&self, token: &str) -> Result<Inspection, Error> {
        let kind = Some(TokenKind::Ic);
        let digest = iron_primitives::TokenDigest::of(token);
        let (expires_at, reason) = match self.find_ic_token(digest).await? {
            Some(bearer) => (
                bearer.expires_at,
                match bearer.is {
                    TokenIs::Live => None,
                    TokenIs::Expired => Some(InvalidReason::TokenExpired),
                    TokenIs::Revoked => Some(InvalidReason::TokenRevoked),
                },
            ),
            None => (None, Some(InvalidReason::InvalidToken)),
        };
        Ok(Inspection {
            kind,
            user: None,
            expires_at,
            reason,
        })
    }
}
