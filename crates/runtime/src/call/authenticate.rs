//! Step 1: who is this.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use iron_llm::{ProviderConfig, ProviderKind};
use iron_primitives::{
    BootInstant, ProviderId, Refusal, Timestamp, TokenDigest, TokenKind, TokenValue,
};

use crate::Runtime;
use crate::authority::{AuthFailure, Pass};
use crate::bearer::{Acting, Bearer};

/// The bearer of a valid token. There is no other way to make one than
/// [`Runtime::authenticate`].
pub struct Authenticated {
    pub(super) bearer: Acting,
    pub(super) started_at: Timestamp,
    pub(super) started: BootInstant,
    /// The pass that was shown in place of the token; its lease pays.
    pub(super) pass: Option<Pass>,
    /// What had changed when this was found out.
    seen: u64,
}

impl std::fmt::Debug for Authenticated {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Authenticated")
            .field(&self.bearer.principal)
            .finish()
    }
}

impl Authenticated {
    /// The agent and everything above it.
    pub fn path(&self) -> iron_primitives::ActorPath {
        self.bearer.principal.path
    }

    /// The provider of this name, if it is one of the agent's.
    pub fn provider(&self, name: &str) -> Option<Named<'_>> {
        let mut lanes = self.bearer.lanes.iter();
        let lane = lanes.find(|lane| lane.route.name == name && !name.is_empty())?;
        Some(Named {
            id: lane.route.provider,
            kind: lane.route.kind,
            config: &lane.route.config,
        })
    }
}

/// A provider of an agent, found by its name.
#[derive(Debug, Clone, Copy)]
pub struct Named<'a> {
    /// The provider.
    pub id: ProviderId,
    /// Its kind.
    pub kind: ProviderKind,
    /// What only some kinds have.
    pub config: &'a ProviderConfig,
}

impl Runtime {
    /// Finds out whose token this is.
    ///
    /// # Errors
    /// A refusal that leaves no record, because there is nobody whose record it could be; it
    /// is counted.
    pub async fn authenticate(&self, presented: Option<&str>) -> Result<Authenticated, Refusal> {
        let authenticated = self.identify(presented).await;
        if let Err(refusal) = &authenticated {
            self.metrics.calls.refused(refusal.kind()).inc();
        }
        authenticated
    }

    async fn identify(&self, presented: Option<&str>) -> Result<Authenticated, Refusal> {
        let started_at = self.environment.now();
        let started = self.environment.boot();
        let presented = presented.ok_or(Refusal::CredentialMissing)?;
        let value =
            TokenValue::parse(presented).map_err(|_| match looks_like_a_session(presented) {
                true => Refusal::WrongTokenType,
                false => Refusal::TokenUnknown,
            })?;
        let pass = match value.kind() {
            TokenKind::Ic => None,
            TokenKind::Pass => {
                let pass = self.authority.pass(value.digest()).await;
                Some(pass.map_err(refusal_of)?)
            }
            TokenKind::Api | TokenKind::Runtime => return Err(Refusal::WrongTokenType),
        };
        let token = pass.map_or_else(|| value.digest(), |pass| pass.token);
        let (bearer, seen) = self.bearer_of(token, started_at, started).await?;
        Ok(Authenticated {
            bearer: Acting::new(bearer),
            started_at,
            started,
            pass,
            seen,
        })
    }

    /// Whose token it is, and what had changed before that was asked.
    async fn bearer_of(
        &self,
        token: TokenDigest,
        now: Timestamp,
        boot: BootInstant,
    ) -> Result<(Arc<Bearer>, u64), Refusal> {
        let seen = self.changes.load(Ordering::Acquire);
        let bearer = match self.bearers.get(&token, boot).await {
            Ok(Ok(bearer)) => bearer,
            Ok(Err(failure)) | Err(failure) => return Err(refusal_of(failure)),
        };
        match bearer.principal.expires_at {
            Some(at) if at <= now => Err(Refusal::TokenExpired),
            _ => Ok((bearer, seen)),
        }
    }

    /// Finds out again whose token it is, if anything has changed since: the body may have taken
    /// its time.
    pub(super) async fn renewed(&self, known: &mut Authenticated) -> Result<(), Refusal> {
        if known.seen == self.changes.load(Ordering::Acquire) {
            return Ok(());
        }
        let token = known.bearer.lifeline.token();
        let (now, boot) = (self.environment.now(), self.environment.boot());
        let (bearer, seen) = self.bearer_of(token, now, boot).await?;
        (known.bearer, known.seen) = (Acting::new(bearer), seen);
        Ok(())
    }
}

/// A JWT of the control plane: three dotted parts that begin with a JSON object in base64.
fn looks_like_a_session(presented: &str) -> bool {
    presented.starts_with("eyJ") && presented.split('.').count() == 3
}

fn refusal_of(failure: AuthFailure) -> Refusal {
    match failure {
        AuthFailure::Unknown => Refusal::TokenUnknown,
        AuthFailure::Expired => Refusal::TokenExpired,
        AuthFailure::Revoked => Refusal::TokenRevoked,
        AuthFailure::Unavailable => Refusal::AuthorityUnavailable,
    }
}
