//! IC tokens: an agent's credential on the data plane.

use std::collections::HashMap;
use std::time::Duration;

use iron_audit::{Authorised, Entry, Reach};
use iron_primitives::{
    AgentId, IcTokenId, ProjectId, Secret, TenantId, Timestamp, TokenDigest, TokenKind, TokenValue,
    UserId,
};
use iron_store::{Page, Paged, Sort, Target, Tx};

use crate::api_tokens::ahead;
use crate::sessions::own_or_reached;
use crate::store::ic_tokens::Rotation;
use crate::{Error, IcToken, IcTokenStatus, Identity, Permission, store};

/// The agent that is to bear a token, as the fleet knows it.
#[derive(Debug, Clone)]
pub struct NewIcToken {
    /// The agent.
    pub agent: AgentId,
    /// Its project.
    pub project: ProjectId,
    /// Who owns it.
    pub owner: UserId,
    /// What the token is for.
    pub description: Option<String>,
    /// When it ends; in the future.
    pub expires_at: Option<Timestamp>,
}

/// Which tokens are wanted.
#[derive(Debug, Clone, Default)]
pub struct IcTokenFilter {
    /// Those of this agent.
    pub agent: Option<AgentId>,
    /// Those of agents of this project.
    pub project: Option<ProjectId>,
    /// Those of agents that this user owns.
    pub owner: Option<UserId>,
    /// Those in one of these states; all if empty.
    pub statuses: Vec<IcTokenStatus>,
}

impl IcTokenFilter {
    /// By which fields the list can be sorted, with their columns.
    pub const SORTS: &'static [(&'static str, &'static str)] = &[
        ("created_at", "created_at"),
        ("expires_at", "expires_at"),
        ("last_used_at", "last_used_at"),
    ];
}

/// Values that runtimes may have cached and must forget.
pub type StaleTokens = Vec<TokenDigest>;

/// What a rotation gives back.
#[derive(Debug, Clone)]
pub struct Rotated {
    /// The token, with its new prefix.
    pub token: IcToken,
    /// The new value, shown this once.
    pub value: Secret,
    /// What runtimes must forget.
    pub stale: StaleTokens,
}

/// Whether a value that was shown is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenIs {
    /// It is.
    Live,
    /// Its time is over.
    Expired,
    /// It was withdrawn, or replaced and its grace is over.
    Revoked,
}

/// Who shows a value on the data plane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bearer {
    /// The token.
    pub token: IcTokenId,
    /// Its tenant.
    pub tenant: TenantId,
    /// The agent that bears it.
    pub agent: AgentId,
    /// Until when this value is good: an old value ends with its grace.
    pub expires_at: Option<Timestamp>,
    /// Whether the value is good.
    pub is: TokenIs,
}

/// Whether what is under way with a token may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenStanding {
    /// Whether the token was withdrawn.
    pub revoked: bool,
    /// Whether the owner of its agent is suspended.
    pub owner_suspended: bool,
    /// Whether its tenant is suspended.
    pub tenant_suspended: bool,
}

const GRACE_HOURS_MAX: u32 = 24;

impl Identity {
    /// Makes a token for an agent; its value is shown this once.
    ///
    /// # Errors
    /// [`Error::TokenAlreadyExists`] if the agent has a live one.
    pub async fn create_ic_token(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        new: NewIcToken,
    ) -> Result<(IcToken, Secret), Error> {
        ahead(new.expires_at, &self.environment)?;
        let (tenant, now) = (authorised.tenant, self.now());
        store::ic_tokens::retire_expired(tx, tenant, new.agent, now).await?;
        if let Some(live) =
            store::ic_tokens::live_of_agent(&mut *tx, tenant, new.agent, now).await?
        {
            return Err(Error::TokenAlreadyExists { token: live.id });
        }
        let value = TokenValue::generate(TokenKind::Ic, &self.environment);
        let token = IcToken {
            id: self.environment.new_id(),
            tenant_id: tenant,
            agent_id: new.agent,
            project_id: new.project,
            owner_id: new.owner,
            description: new.description,
            token_prefix: value.display_prefix().to_owned(),
            status: IcTokenStatus::Active,
            created_at: now,
            created_by: authorised.user,
            expires_at: new.expires_at,
            last_used_at: None,
            rotated_at: None,
            rotated_by: None,
            previous_valid_until: None,
            previous_last_used_at: None,
            revoked_at: None,
        };
        store::ic_tokens::insert(tx, &token, value.digest()).await?;
        let entry = Entry::new("token.create", "token")
            .resource(token.id)
            .agent(token.agent_id)
            .changes(None::<&IcToken>, Some(&token));
        self.record(tx, authorised, entry).await?;
        Ok((token, value.secret().clone()))
    }

    /// A page of tokens: of the caller's own agents, or of all where the permission reaches.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn ic_tokens(
        &self,
        authorised: &Authorised,
        mut filter: IcTokenFilter,
        sort: Sort,
        page: Page,
    ) -> Result<Paged<IcToken>, Error> {
        if let Reach::Own(user) = authorised.reach {
            filter.owner = Some(user);
        }
        let now = self.now();
        Ok(store::ic_tokens::list(&self.db, authorised.tenant, &filter, sort, page, now).await?)
    }

    /// One token.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::InsufficientPermissions`] if its agent is out of reach.
    pub async fn ic_token<'a>(
        &self,
        on: impl Into<Target<'a>>,
        authorised: &Authorised,
        id: IcTokenId,
    ) -> Result<IcToken, Error> {
        let token = store::ic_tokens::get(on, authorised.tenant, id, self.now())
            .await?
            .ok_or_else(|| Error::no("token", id))?;
        own_or_reached(authorised, token.owner_id, Permission::TokenRead)?;
        Ok(token)
    }

    /// One token, held until the end of the transaction: what is read here is what will be
    /// changed, whoever else wants to change it.
    ///
    /// # Errors
    /// As [`Identity::ic_token`].
    pub async fn hold_ic_token(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        id: IcTokenId,
    ) -> Result<IcToken, Error> {
        store::ic_tokens::lock(tx, authorised.tenant, id).await?;
        self.ic_token(tx, authorised, id).await
    }

    /// The live token of an agent, for its view.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn live_ic_token<'a>(
        &self,
        on: impl Into<Target<'a>>,
        authorised: &Authorised,
        agent: AgentId,
    ) -> Result<Option<IcToken>, Error> {
        Ok(store::ic_tokens::live_of_agent(on, authorised.tenant, agent, self.now()).await?)
    }

    /// Gives a token a new value; the old one stays good for `grace_hours`.
    ///
    /// # Errors
    /// [`Error::InvalidTokenState`] if it was revoked or has expired.
    pub async fn rotate_ic_token(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        id: IcTokenId,
        grace_hours: u32,
    ) -> Result<Rotated, Error> {
        if grace_hours > GRACE_HOURS_MAX {
            return Err(Error::Invalid {
                field: "grace_hours",
                problem: "must be 0 to 24",
            });
        }
        let before = self.hold_ic_token(tx, authorised, id).await?;
        self.can_change(&before)?;
        let grace = Duration::from_secs(u64::from(grace_hours) * 60 * 60);
        let until = (grace_hours > 0).then(|| self.now().plus(grace));
        self.replace_value(tx, authorised, &before, (until, None))
            .await
    }

    /// Gives a token that ends soon, or has ended, a new value with a new end. Until the end that
    /// it had, but no longer than `grace`, the old value works, too.
    ///
    /// # Errors
    /// [`Error::InvalidTokenState`] if it was revoked; [`Error::TokenAlreadyExists`] if its agent
    /// was given another one since it has ended, and that one is live.
    pub async fn renew_ic_token(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        id: IcTokenId,
        (grace, expires_at): (Duration, Timestamp),
    ) -> Result<Rotated, Error> {
        let before = self.hold_ic_token(tx, authorised, id).await?;
        if before.status == IcTokenStatus::Revoked {
            let status = before.status.as_str();
            return Err(Error::InvalidTokenState { status });
        }
        let (tenant, agent, now) = (authorised.tenant, before.agent_id, self.now());
        store::ic_tokens::retire_expired(tx, tenant, agent, now).await?;
        let live = store::ic_tokens::live_of_agent(&mut *tx, tenant, agent, now).await?;
        if let Some(other) = live.filter(|live| live.id != id) {
            return Err(Error::TokenAlreadyExists { token: other.id });
        }
        let end = before.expires_at.unwrap_or(expires_at);
        let until = Some(end.min(now.plus(grace))).filter(|until| *until > now);
        let times = (until, Some(expires_at));
        self.replace_value(tx, authorised, &before, times).await
    }

    /// Replaces the value; the old one works until then, the new one until its end.
    async fn replace_value(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        before: &IcToken,
        (previous_valid_until, expires_at): (Option<Timestamp>, Option<Timestamp>),
    ) -> Result<Rotated, Error> {
        let id = before.id;
        let stale = store::ic_tokens::values(tx, authorised.tenant, id).await?;
        let value = TokenValue::generate(TokenKind::Ic, &self.environment);
        let rotation = Rotation {
            digest: value.digest(),
            prefix: value.display_prefix(),
            previous_valid_until,
            expires_at,
            by: authorised.user,
            now: self.now(),
        };
        if !store::ic_tokens::rotate(tx, authorised.tenant, id, &rotation).await? {
            return Err(Error::InvalidTokenState {
                status: IcTokenStatus::Revoked.as_str(),
            });
        }
        let token = self.ic_token(&mut *tx, authorised, id).await?;
        let entry = Entry::new("token.rotate", "token")
            .resource(id)
            .agent(token.agent_id)
            .changes(Some(before), Some(&token));
        self.record(tx, authorised, entry).await?;
        Ok(Rotated {
            token,
            value: value.secret().clone(),
            stale,
        })
    }

    /// Withdraws a token at once. Says what runtimes must forget.
    ///
    /// # Errors
    /// [`Error::InvalidTokenState`] if it was revoked before.
    pub async fn revoke_ic_token(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        id: IcTokenId,
    ) -> Result<(IcToken, StaleTokens), Error> {
        let before = self.hold_ic_token(tx, authorised, id).await?;
        let stale = store::ic_tokens::values(tx, authorised.tenant, id).await?;
        if !store::ic_tokens::revoke(tx, authorised.tenant, id, self.now()).await? {
            return Err(Error::InvalidTokenState {
                status: IcTokenStatus::Revoked.as_str(),
            });
        }
        let token = self.ic_token(&mut *tx, authorised, id).await?;
        let entry = Entry::new("token.revoke", "token")
            .resource(id)
            .agent(token.agent_id)
            .changes(Some(&before), Some(&token));
        self.record(tx, authorised, entry).await?;
        Ok((token, stale))
    }

    /// Withdraws every token of an agent that is being deleted. Says how many there were and
    /// what runtimes must forget; the agent's own entry tells of it.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn revoke_ic_tokens_of(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        agent: AgentId,
    ) -> Result<(u64, StaleTokens), Error> {
        let tenant = authorised.tenant;
        let (mut count, mut stale) = (0, StaleTokens::new());
        for id in store::ic_tokens::unrevoked_of_agent(tx, tenant, agent).await? {
            stale.extend(store::ic_tokens::values(tx, tenant, id).await?);
            if store::ic_tokens::revoke(tx, tenant, id, self.now()).await? {
                count += 1;
            }
        }
        Ok((count, stale))
    }

    /// Who shows this value on the data plane; nobody if it is unknown.
    ///
    /// # Errors
    /// [`Error::Store`] if nobody could be asked.
    pub async fn find_ic_token(&self, digest: TokenDigest) -> Result<Option<Bearer>, Error> {
        let now = self.now();
        let Some((token, is_previous)) = store::ic_tokens::find(&self.db, digest, now).await?
        else {
            return Ok(None);
        };
        let grace = token.previous_valid_until.filter(|_| is_previous);
        let is = match token.status {
            IcTokenStatus::Revoked => TokenIs::Revoked,
            IcTokenStatus::Expired => TokenIs::Expired,
            _ if is_previous && grace.is_none_or(|end| end <= now) => TokenIs::Revoked,
            _ => TokenIs::Live,
        };
        if is_previous && is == TokenIs::Live {
            store::ic_tokens::previous_used(&self.db, token.id, now).await?;
        }
        let expires_at = match (token.expires_at, grace) {
            (Some(end), Some(grace)) => Some(end.min(grace)),
            (end, grace) => end.or(grace),
        };
        let (tenant, agent) = (token.tenant_id, token.agent_id);
        Ok(Some(Bearer {
            token: token.id,
            tenant,
            agent,
            expires_at,
            is,
        }))
    }

    /// Whether what is under way with tokens of any tenant may go on, for the data plane; nothing
    /// of those that do not exist any more.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn ic_tokens_standing(
        &self,
        ids: &[IcTokenId],
    ) -> Result<HashMap<IcTokenId, TokenStanding>, Error> {
        Ok(store::ic_tokens::standing(&self.db, ids).await?)
    }

    /// Notes that a token was used, from the record of a call; an older use never replaces a
    /// newer one.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn ic_token_used<'a>(
        &self,
        on: impl Into<Target<'a>>,
        tenant: TenantId,
        id: IcTokenId,
        at: Timestamp,
    ) -> Result<(), Error> {
        Ok(store::ic_tokens::used(on, tenant, id, at).await?)
    }

    fn can_change(&self, token: &IcToken) -> Result<(), Error> {
        match token.status {
            IcTokenStatus::Active | IcTokenStatus::Rotating => Ok(()),
            IcTokenStatus::Revoked | IcTokenStatus::Expired => Err(Error::InvalidTokenState {
                status: token.status.as_str(),
            }),
        }
    }
}
