//! The first start: a tenant, a project and somebody who may sign in.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use iron_audit::{Entry, Origin};
use iron_primitives::Secret;
use iron_store::Tx;

use crate::tenants::Founder;
use crate::{Error, Identity, PasswordHash, Plan, TenantCreated, store};

/// Who is to be the first admin.
#[derive(Debug, Clone)]
pub struct Bootstrap {
    /// The e-mail address.
    pub email: String,
    /// The password; one is drawn if none is given.
    pub password: Option<Secret>,
}

/// What the first start has made.
#[derive(Debug, Clone)]
pub struct FirstAdmin {
    /// The tenant `default`, its project, and the platform admin.
    pub made: TenantCreated,
    /// The password that was drawn, to be shown this once; it must be changed at first login.
    pub password: Option<Secret>,
}

impl Identity {
    /// Makes what the first start needs, if this is the first start.
    ///
    /// The password must be hashed before the transaction begins: see
    /// [`Identity::prepare_bootstrap`]. Of several processes that do so at once one makes it, the
    /// others fail with [`Error::DuplicateName`] and find it made when they try again.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an address or a password that does not do.
    pub async fn bootstrap(
        &self,
        tx: &mut Tx,
        prepared: &PreparedBootstrap,
    ) -> Result<Option<FirstAdmin>, Error> {
        if store::tenants::first(&mut *tx).await?.is_some() {
            return Ok(None);
        }
        let founder = Founder {
            email: &prepared.email,
            name: "Administrator",
            platform_admin: true,
            must_change_password: prepared.drawn.is_some(),
            password: Some(&prepared.hash),
        };
        let made = self
            .found_tenant(tx, "Default", "default", Plan::Enterprise, &founder)
            .await?;
        let origin = Origin {
            tenant: made.tenant.id,
            user: None,
            request: None,
        };
        let entry = Entry::new("tenant.bootstrap", "tenant")
            .resource(made.tenant.id)
            .subject(made.admin.id)
            .changes(None::<&crate::User>, Some(&made.admin));
        self.audit.write_event(tx, &origin, entry).await?;
        Ok(Some(FirstAdmin {
            made,
            password: prepared.drawn.clone(),
        }))
    }

    /// Whether there is no tenant yet.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn needs_bootstrap(&self) -> Result<bool, Error> {
        Ok(store::tenants::first(&self.db).await?.is_none())
    }

    /// Draws and hashes what the first start needs.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a password that does not do.
    pub async fn prepare_bootstrap(&self, wish: Bootstrap) -> Result<PreparedBootstrap, Error> {
        let (password, drawn) = match wish.password {
            Some(given) => (given, None),
            None => {
                let drawn = Secret::new(URL_SAFE_NO_PAD.encode(self.environment.random::<18>()));
                (drawn.clone(), Some(drawn))
            }
        };
        let hash = self.hash_password(None, "password", password).await?;
        Ok(PreparedBootstrap {
            email: wish.email,
            hash,
            drawn,
        })
    }
}

/// What [`Identity::bootstrap`] writes if this is the first start.
#[derive(Debug, Clone)]
pub struct PreparedBootstrap {
    email: String,
    hash: PasswordHash,
    drawn: Option<Secret>,
}
