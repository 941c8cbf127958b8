//! Bearer tokens: `ic_`, `at_`, `rk_` or `ip_` followed by 32 base64url characters, known to us by digest.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::{Environment, Secret};

/// Which of the bearer tokens a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// An agent's token: good for the data plane.
    Ic,
    /// A user's token: good for the control plane.
    Api,
    /// A runtime's key: good for what a data plane elsewhere asks the control plane.
    Runtime,
    /// A pass: good for one call through a gateway, paid from a lease of the budget protocol.
    Pass,
}

impl TokenKind {
    /// The text that every value of this kind begins with.
    pub const fn prefix(self) -> &'static str {
        match self {
            TokenKind::Ic => "ic_",
            TokenKind::Api => "at_",
            TokenKind::Runtime => "rk_",
            TokenKind::Pass => "ip_",
        }
    }

    /// All kinds.
    const ALL: [TokenKind; 4] = [
        TokenKind::Ic,
        TokenKind::Api,
        TokenKind::Runtime,
        TokenKind::Pass,
    ];
}

/// The text is not a token value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected `ic_`, `at_`, `rk_` or `ip_` followed by 32 base64url characters")]
pub struct InvalidToken;

/// The SHA-256 of a token value: all that we keep of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TokenDigest([u8; 32]);

impl TokenDigest {
    /// Restores a stored digest.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        TokenDigest(bytes)
    }

    /// The digest of any text.
    pub fn of(text: &str) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
        TokenDigest(bytes)
    }

    /// The digest as stored.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenDigest(…)")
    }
}

/// A well-formed token value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenValue {
    kind: TokenKind,
    value: Secret,
}

impl TokenValue {
    /// Draws a new token: 24 random bytes.
    pub fn generate(kind: TokenKind, environment: &Environment) -> Self {
        let tail = URL_SAFE_NO_PAD.encode(environment.random::<24>());
        TokenValue {
            kind,
            value: Secret::new(format!("{}{tail}", kind.prefix())),
        }
    }

    /// Reads a token value; a record id (36-character tail) is not one.
    ///
    /// # Errors
    /// [`InvalidToken`] for any other shape.
    pub fn parse(text: &str) -> Result<Self, InvalidToken> {
        let kind = TokenKind::ALL
            .into_iter()
            .find(|kind| text.starts_with(kind.prefix()))
            .ok_or(InvalidToken)?;
        let well_formed = text.len() == 35
            && text
                .bytes()
                .skip(3)
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if !well_formed {
            return Err(InvalidToken);
        }
        Ok(TokenValue {
            kind,
            value: Secret::new(text.to_owned()),
        })
    }

    /// Which kind it is.
    pub const fn kind(&self) -> TokenKind {
        self.kind
    }

    /// The value itself, to be shown once.
    pub const fn secret(&self) -> &Secret {
        &self.value
    }

    /// What is stored of it.
    pub fn digest(&self) -> TokenDigest {
        TokenDigest::of(self.value.expose())
    }

    /// The first 8 characters, by which people tell tokens apart.
    pub fn display_prefix(&self) -> &str {
        self.value.expose().get(..8).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn record_ids_and_secrets_are_refused_in_each_others_place() {
        let secret = "ic_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        assert_eq!(
            TokenValue::parse(secret).map(|t| t.kind()),
            Ok(TokenKind::Ic)
        );
        assert_eq!(
            TokenValue::parse("ic_0192f0c1-7d5e-7cc3-98c4-dc0c0c07398f"),
            Err(InvalidToken)
        );
        assert!(secret.parse::<crate::IcTokenId>().is_err());
        assert_eq!(TokenValue::parse("at_short"), Err(InvalidToken));
        assert_eq!(
            TokenValue::parse("ic_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
            Err(InvalidToken)
        );
    }
}
