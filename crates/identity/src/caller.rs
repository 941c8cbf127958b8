//! From a shown credential to a caller, and from a caller to evidence.

use std::time::Duration;

use iron_audit::{Authorised, Credential, Grounds, Reach, RequestFacts};
use iron_primitives::{TenantId, Timestamp, TokenDigest, TokenKind, TokenValue, UserId};
use subtle::ConstantTimeEq as _;

use crate::access_token::Claims;
use crate::store;
use crate::{ApiTokenStatus, Error, Extent, Identity, Permission, TenantStatus, User, UserStatus};

/// How a credential came.
#[derive(Debug, Clone, Copy)]
pub enum Presented<'a> {
    /// In the `Authorization` header.
    Bearer(&'a str),
    /// In the cookie of a browser.
    Cookie {
        /// The access token.
        access: &'a str,
        /// The `X-CSRF-Token` header.
        csrf: Option<&'a str>,
        /// Whether the request may change something.
        writes: bool,
    },
}

/// Whoever has shown a good credential.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The user, as he is now.
    pub user: User,
    /// Whether his tenant may work.
    pub tenant_status: TenantStatus,
    /// What was shown.
    pub credential: Credential,
    /// When that ends.
    pub expires_at: Option<Timestamp>,
}

/// A session is noted as used once in this time, not at each request.
const TOUCH_EVERY: Duration = Duration::from_secs(60);

impl Identity {
    /// Who shows this credential.
    ///
    /// # Errors
    /// [`Error::InvalidToken`], [`Error::TokenExpired`], [`Error::TokenRevoked`],
    /// [`Error::AccountDisabled`], [`Error::CsrfFailed`], or [`Error::WrongTokenType`] for an
    /// agent's token.
    pub async fn authenticate(&self, presented: Presented<'_>) -> Result<Caller, Error> {
        let text = match presented {
            Presented::Bearer(text) => text,
            Presented::Cookie { access, .. } => access,
        };
        match TokenValue::parse(text).map(|value| (value.kind(), value.digest())) {
            Ok((TokenKind::Ic | TokenKind::Runtime | TokenKind::Pass, _)) => {
                Err(Error::WrongTokenType)
            }
            Ok((TokenKind::Api, digest)) => self.by_api_token(digest).await,
            Err(_) => {
                self.by_access_token(self.access.read(text)?, presented)
                    .await
            }
        }
    }

    /// The evidence that the caller may do what the permission names, as far as it reaches.
    ///
    /// # Errors
    /// [`Error::InsufficientPermissions`], [`Error::TenantSuspended`] or
    /// [`Error::PasswordChangeRequired`].
    pub fn authorise(
        &self,
        caller: &Caller,
        permission: Permission,
        request: RequestFacts,
    ) -> Result<Authorised, Error> {
        let user = &caller.user;
        if caller.tenant_status != TenantStatus::Active && !user.platform_admin {
            return Err(Error::TenantSuspended);
        }
        let first_aid = matches!(
            permission,
            Permission::PasswordChange | Permission::SessionManage
        );
        if user.must_change_password && !first_aid {
            return Err(Error::PasswordChangeRequired);
        }
        // A token that could mint tokens or change the password would outlive its own end.
        let by_session = matches!(caller.credential, Credential::Session(_));
        let person_only = matches!(
            permission,
            Permission::ApiTokenCreate | Permission::PasswordChange
        );
        if person_only && !by_session {
            return Err(Error::InsufficientPermissions { permission });
        }
        let reach = match permission.extent(user.role) {
            _ if permission == Permission::TenantManage && user.platform_admin => Reach::Tenant,
            Extent::Tenant => Reach::Tenant,
            Extent::Team if user.team_ids.is_empty() => Reach::Tenant,
            Extent::Team => Reach::Teams(user.team_ids.clone()),
            Extent::Own => Reach::Own(user.id),
            Extent::Nothing => return Err(Error::InsufficientPermissions { permission }),
        };
        Ok(Authorised::attest(Grounds {
            tenant: user.tenant_id,
            user: user.id,
            role: user.role,
            credential: caller.credential,
            reach,
            platform_admin: user.platform_admin,
            request,
        }))
    }

    /// A user as a caller who has shown no credential of his own but something that others vouch
    /// for: the signature of a channel, the link of a letter to him.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::AccountDisabled`].
    pub async fn vouched_for(
        &self,
        tenant: TenantId,
        user: UserId,
        credential: Credential,
    ) -> Result<Caller, Error> {
        let found = store::users::with_tenant(&self.db, tenant, user).await?;
        let (user, tenant_status) = found.ok_or_else(|| Error::no("user", user))?;
        enabled(&user)?;
        Ok(Caller {
            user,
            tenant_status,
            credential,
            expires_at: None,
        })
    }

    async fn by_api_token(&self, digest: TokenDigest) -> Result<Caller, Error> {
        let now = self.now();
        let token = store::api_tokens::find(&self.db, digest, now)
            .await?
            .ok_or(Error::InvalidToken)?;
        match token.status {
            ApiTokenStatus::Active => {}
            ApiTokenStatus::Revoked => return Err(Error::TokenRevoked),
            ApiTokenStatus::Expired => return Err(Error::TokenExpired),
        }
        let (user, tenant_status) =
            store::users::with_tenant(&self.db, token.tenant_id, token.user_id)
                .await?
                .ok_or(Error::InvalidToken)?;
        enabled(&user)?;
        store::api_tokens::used(&self.db, &token, now).await?;
        let credential = Credential::ApiToken(token.id);
        Ok(Caller {
            user,
            tenant_status,
            credential,
            expires_at: token.expires_at,
        })
    }

    async fn by_access_token(
        &self,
        claims: Claims,
        presented: Presented<'_>,
    ) -> Result<Caller, Error> {
        let now = self.now();
        let expires_at = Timestamp::from_seconds(claims.exp);
        if expires_at <= now {
            return Err(Error::TokenExpired);
        }
        let (user, tenant_status) =
            store::users::with_tenant(&self.db, claims.tenant_id, claims.sub)
                .await?
                .ok_or(Error::InvalidToken)?;
        enabled(&user)?;
        let stored = store::sessions::get(&self.db, claims.tenant_id, claims.sid)
            .await?
            .filter(|stored| stored.session.user_id == user.id)
            .ok_or(Error::TokenRevoked)?;
        let session = &stored.session;
        if session.ended_at.is_some() {
            return Err(Error::TokenRevoked);
        }
        if now.since(session.last_seen_at) >= self.terms(session.tenant_id).idle_limit {
            return Err(Error::TokenExpired);
        }
        if let Presented::Cookie {
            csrf, writes: true, ..
        } = presented
        {
            check_csrf(stored.csrf, csrf)?;
        }
        if now.since(session.last_seen_at) >= TOUCH_EVERY {
            store::sessions::touch(&self.db, session.tenant_id, session.id, now).await?;
        }
        let credential = Credential::Session(session.id);
        Ok(Caller {
            user,
            tenant_status,
            credential,
            expires_at: Some(expires_at),
        })
    }
}

/// Whether the user's status lets him in.
pub(crate) fn enabled(user: &User) -> Result<(), Error> {
    match user.status {
        UserStatus::Active => Ok(()),
        UserStatus::Invited | UserStatus::Suspended | UserStatus::Deleted => {
            Err(Error::AccountDisabled)
        }
    }
}

fn check_csrf(stored: Option<TokenDigest>, shown: Option<&str>) -> Result<(), Error> {
    let (Some(stored), Some(shown)) = (stored, shown) else {
        return Err(Error::CsrfFailed);
    };
    let same: bool = stored
        .as_bytes()
        .ct_eq(TokenDigest::of(shown).as_bytes())
        .into();
    if same { Ok(()) } else { Err(Error::CsrfFailed) }
}
