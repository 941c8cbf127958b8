//! API tokens: a user's credential for programs.

use iron_audit::{Authorised, Entry};
use iron_primitives::{
    ApiTokenId, Environment, Secret, TenantId, Timestamp, TokenKind, TokenValue, UserId,
};
use iron_store::{Page, Paged, Sort, Target, Tx};

use crate::sessions::own_or_reached;
use crate::{ApiToken, ApiTokenStatus, Error, Identity, Permission, store};

/// What a user asks for.
#[derive(Debug, Clone)]
pub struct NewApiToken {
    /// What he calls it.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// When it ends; in the future.
    pub expires_at: Option<Timestamp>,
}

/// Which tokens are wanted.
#[derive(Debug, Clone, Default)]
pub struct ApiTokenFilter {
    /// Those of this user.
    pub user: Option<UserId>,
    /// Those whose name contains it.
    pub name: Option<String>,
    /// Also those that were withdrawn.
    pub include_revoked: bool,
}

impl ApiTokenFilter {
    /// By which fields the list can be sorted, with their columns.
    pub const SORTS: &'static [(&'static str, &'static str)] = &[
        ("name", "name"),
        ("created_at", "created_at"),
        ("expires_at", "expires_at"),
        ("last_used_at", "last_used_at"),
    ];
}

/// A moment that must lie ahead.
pub(crate) fn ahead(expires_at: Option<Timestamp>, environment: &Environment) -> Result<(), Error> {
    if expires_at.is_some_and(|end| end <= environment.now()) {
        return Err(Error::Invalid {
            field: "expires_at",
            problem: "must lie in the future",
        });
    }
    Ok(())
}

impl Identity {
    /// Makes a token for the caller; its value is shown this once.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an end in the past.
    pub async fn create_api_token(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        new: NewApiToken,
    ) -> Result<(ApiToken, Secret), Error> {
        ahead(new.expires_at, &self.environment)?;
        self.not_too_long(authorised.tenant, new.expires_at)?;
        let value = TokenValue::generate(TokenKind::Api, &self.environment);
        let token = ApiToken {
            id: self.environment.new_id(),
            tenant_id: authorised.tenant,
            user_id: authorised.user,
            name: new.name,
            description: new.description,
            token_prefix: value.display_prefix().to_owned(),
            status: ApiTokenStatus::Active,
            created_at: self.now(),
            expires_at: new.expires_at,
            last_used_at: None,
            revoked_at: None,
            total_requests: 0,
            requests_today: 0,
        };
        store::api_tokens::insert(tx, &token, value.digest()).await?;
        let entry = Entry::new("api_token.create", "api_token")
            .resource(token.id)
            .changes(None::<&ApiToken>, Some(&token));
        self.record(tx, authorised, entry).await?;
        Ok((token, value.secret().clone()))
    }

    fn not_too_long(&self, tenant: TenantId, ends: Option<Timestamp>) -> Result<(), Error> {
        let Some(most) = self.terms(tenant).api_token_max else {
            return Ok(());
        };
        let field = "expires_at";
        match ends {
            None => Err(Error::Invalid {
                field,
                problem: "an end is needed: the setting `security.api_token_max_days` bounds it",
            }),
            Some(ends) if ends > self.now().plus(most) => Err(Error::Invalid {
                field,
                problem: "later than the setting `security.api_token_max_days` allows",
            }),
            Some(_) => Ok(()),
        }
    }

    /// A page of tokens: the caller's own, or anybody's where the permission reaches.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn api_tokens(
        &self,
        authorised: &Authorised,
        mut filter: ApiTokenFilter,
        sort: Sort,
        page: Page,
    ) -> Result<Paged<ApiToken>, Error> {
        if !matches!(authorised.reach, iron_audit::Reach::Tenant) {
            filter.user = Some(authorised.user);
        }
        let now = self.now();
        Ok(store::api_tokens::list(&self.db, authorised.tenant, &filter, sort, page, now).await?)
    }

    /// One token.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::InsufficientPermissions`] for another user's token.
    pub async fn api_token<'a>(
        &self,
        on: impl Into<Target<'a>>,
        authorised: &Authorised,
        id: ApiTokenId,
    ) -> Result<ApiToken, Error> {
        let token = store::api_tokens::get(on, authorised.tenant, id, self.now())
            .await?
            .ok_or_else(|| Error::no("api token", id))?;
        own_or_reached(authorised, token.user_id, Permission::ApiTokenRead)?;
        Ok(token)
    }

    /// One token, held until the end of the transaction: what is read here is what will be
    /// changed, whoever else wants to change it.
    ///
    /// # Errors
    /// As [`Identity::api_token`].
    pub async fn hold_api_token(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        id: ApiTokenId,
    ) -> Result<ApiToken, Error> {
        store::api_tokens::lock(tx, authorised.tenant, id).await?;
        self.api_token(tx, authorised, id).await
    }

    /// Withdraws a token; doing it again gives the same answer.
    ///
    /// # Errors
    /// As [`Identity::api_token`].
    pub async fn revoke_api_token(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        id: ApiTokenId,
    ) -> Result<ApiToken, Error> {
        let mut token = self.hold_api_token(tx, authorised, id).await?;
        let now = self.now();
        if store::api_tokens::revoke(tx, authorised.tenant, id, now).await? {
            token.revoked_at = Some(now);
            let entry = Entry::new("api_token.revoke", "api_token")
                .resource(id)
                .subject(token.user_id);
            self.record(tx, authorised, entry).await?;
        }
        token.status = ApiTokenStatus::Revoked;
        Ok(token)
    }
}
