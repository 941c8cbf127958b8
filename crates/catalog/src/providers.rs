//! Creating, finding, changing and ending providers: [`Providers`].

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use iron_audit::{Audit, Authorised, Entry, Reach};
use iron_llm::ProviderKind;
use iron_llm::aws::{Key, KeyError};
use iron_llm::entra::ApplicationError;
use iron_llm::google::ServiceAccountError;
use iron_llm::oauth::{Account, AccountError};
use iron_net::egress::{AddressRules, BaseUrl};
use iron_primitives::{Environment, ProviderId, Secret, TenantId};
use iron_store::{Db, Page, Paged, Sort, Tx};

use crate::model::{
    CallProvider, Credential, KeySource, NewProvider, Provider, ProviderChange, ProviderFilter,
};
use crate::store::{self, SealedKey};
use crate::{Error, SealFailure};

const DEFAULT_TIMEOUT_SECONDS: u32 = 600;
const MAX_MODELS: usize = 100;
/// The longest key of a service account.
const LONGEST_ACCOUNT_BYTES: usize = 16 * 1024;

/// The ability to seal a key for one place and to open it there again.
#[async_trait]
pub trait Seal: Send + Sync {
    /// Seals a key, in the transaction that stores it.
    async fn seal(
        &self,
        tx: &mut Tx,
        tenant: TenantId,
        provider: ProviderId,
        version: i64,
        key: &Secret,
    ) -> Result<Vec<u8>, SealFailure>;

    /// Opens a sealed key.
    async fn unseal(
        &self,
        tenant: TenantId,
        provider: ProviderId,
        version: i64,
        sealed: &[u8],
    ) -> Result<Secret, SealFailure>;
}

/// The providers of all tenants; a clone shares everything.
#[derive(Clone)]
pub struct Providers {
    db: Db,
    audit: Audit,
    seal: Arc<dyn Seal>,
    rules: AddressRules,
    environment: Environment,
}

impl Providers {
    /// The providers in a database. The rules say which addresses may be called.
    pub fn new(
        db: Db,
        audit: Audit,
        seal: Arc<dyn Seal>,
        rules: AddressRules,
        environment: Environment,
    ) -> Self {
        Providers {
            db,
            audit,
            seal,
            rules,
            environment,
        }
    }

    /// Creates a provider. Only the form of its key is checked; nothing is called.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a field that does not do, [`Error::BaseUrl`],
    /// [`Error::DuplicateName`].
    pub async fn create(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        new: NewProvider,
    ) -> Result<Provider, Error> {
        let now = self.environment.now();
        let provider = Provider {
            id: self.environment.new_id(),
            tenant: authorised.tenant,
            name: new.name,
            kind: new.kind,
            masked_key: new.key.as_ref().map(Secret::masked),
            key_version: 1,
            key_rotated_at: None,
            base_url: new.base_url,
            organization: new.organization,
            config: new.config,
            models: new.models,
            timeout_seconds: new.timeout_seconds,
            active: true,
            shared: new.shared,
            owner: authorised.user,
            version: 1,
            created_at: now,
            updated_at: now,
        };
        self.check(&provider)?;
        check_key(&provider, new.key.as_ref())?;
        let sealed = self.sealed(tx, &provider, new.key.as_ref()).await?;
        store::insert(tx, &provider, sealed).await?;
        let entry = about(&provider, "provider.create").changes(None::<&Provider>, Some(&provider));
        self.audit.write(tx, authorised, entry.status(201)).await?;
        Ok(provider)
    }

    /// Lists the providers of the tenant.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn list(
        &self,
        authorised: &Authorised,
        filter: &ProviderFilter,
        sort: Sort,
        page: Page,
    ) -> Result<Paged<Provider>, Error> {
        store::list(&self.db, authorised.tenant, filter, sort, page).await
    }

    /// One provider.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn get(&self, authorised: &Authorised, id: ProviderId) -> Result<Provider, Error> {
        let found = store::find(&self.db, authorised.tenant, id).await?;
        found.ok_or(Error::NotFound { id })
    }

    /// One provider that the caller may change, held until the end of the transaction: what is
    /// read here is what will be changed, whoever else wants to change it.
    ///
    /// # Errors
    /// As [`Providers::read`].
    pub async fn hold(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        id: ProviderId,
    ) -> Result<Provider, Error> {
        store::lock(tx, authorised.tenant, id).await?;
        self.read(tx, authorised, id).await
    }

    /// One provider that the caller may change.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::OutOfReach`].
    pub async fn read(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        id: ProviderId,
    ) -> Result<Provider, Error> {
        let found = store::find(tx, authorised.tenant, id).await?;
        let provider = found.ok_or(Error::NotFound { id })?;
        if authorised.reaches(provider.owner, None) {
            Ok(provider)
        } else {
            Err(Error::OutOfReach { id })
        }
    }

    /// Changes a provider. A new address needs its key sent along.
    ///
    /// # Errors
    /// As [`Providers::create`] and [`Providers::read`].
    pub async fn update(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        id: ProviderId,
        change: ProviderChange,
    ) -> Result<Provider, Error> {
        let before = self.hold(tx, authorised, id).await?;
        let now = self.environment.now();
        let mut after = changed(&before, &change);
        check_move(&before, &after, change.key.is_some())?;
        after.version = before.version.saturating_add(1);
        // Strictly later, so that the tag of the version before never fits this one.
        after.updated_at = now.max(before.updated_at.plus(Duration::from_micros(1)));
        let mut sealed = None;
        if let Some(key) = &change.key {
            after.key_version = before.key_version.saturating_add(1);
            after.key_rotated_at = Some(now);
            after.masked_key = Some(key.masked());
            sealed = self.sealed(tx, &after, Some(key)).await?;
        }
        self.check(&after)?;
        if change.key.is_some() {
            check_key(&after, change.key.as_ref())?;
        }
        store::replace(tx, &after, sealed, before.version).await?;
        let entry = about(&after, "provider.update").changes(Some(&before), Some(&after));
        self.audit.write(tx, authorised, entry).await?;
        Ok(after)
    }

    /// Deletes a provider and destroys its key. The caller takes it from its agents in the same
    /// transaction.
    ///
    /// # Errors
    /// As [`Providers::read`].
    pub async fn delete(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        id: ProviderId,
    ) -> Result<Provider, Error> {
        let provider = self.hold(tx, authorised, id).await?;
        store::delete(tx, &provider, self.environment.now()).await?;
        let entry = about(&provider, "provider.delete").changes(Some(&provider), None::<&Provider>);
        self.audit.write(tx, authorised, entry).await?;
        Ok(provider)
    }

    /// Makes sure that the caller may assign all of these to an agent: they exist, and are the
    /// caller's own or shared. They stay until the end of the transaction.
    ///
    /// # Errors
    /// [`Error::NotAssignable`] names the first one that may not.
    pub async fn check_assignable(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        ids: &[ProviderId],
    ) -> Result<(), Error> {
        // In one order, so that two assignments and a deletion never wait for each other.
        let mut ordered = ids.to_vec();
        ordered.sort_unstable();
        for id in ordered {
            store::keep(tx, authorised.tenant, id).await?;
        }
        for (index, id) in ids.iter().enumerate() {
            let found = store::find(&mut *tx, authorised.tenant, *id).await?;
            let own = |provider: &Provider| match authorised.reach {
                Reach::Own(user) => provider.owner == user || provider.shared,
                _ => true,
            };
            if !found.as_ref().is_some_and(own) {
                return Err(Error::NotAssignable { index });
            }
        }
        Ok(())
    }

    /// Those of these providers that are in use, in the given order, for the governed path.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn for_call(
        &self,
        tenant: TenantId,
        ids: &[ProviderId],
    ) -> Result<Vec<CallProvider>, Error> {
        let mut found = store::among(&self.db, tenant, ids).await?;
        found.retain(|provider| provider.active);
        let place = |id: ProviderId| ids.iter().position(|other| *other == id);
        found.sort_by_key(|provider| place(provider.id));
        Ok(found.into_iter().map(call_provider).collect())
    }

    /// The opened key of a provider, for the one call that needs it.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Seal`].
    pub async fn credential(&self, tenant: TenantId, id: ProviderId) -> Result<Credential, Error> {
        let found = store::key(&self.db, tenant, id)
            .await?
            .ok_or(Error::NotFound { id })?;
        let (version, Some(sealed)) = found else {
            let secret = Secret::new(String::new());
            return Ok(Credential {
                secret,
                source: KeySource::None,
                version: found.0,
            });
        };
        let secret = self.seal.unseal(tenant, id, version, &sealed).await?;
        Ok(Credential {
            secret,
            source: KeySource::Stored,
            version,
        })
    }

    async fn sealed(
        &self,
        tx: &mut Tx,
        provider: &Provider,
        key: Option<&Secret>,
    ) -> Result<Option<SealedKey>, Error> {
        let Some(key) = key else { return Ok(None) };
        let (tenant, id, version) = (provider.tenant, provider.id, provider.key_version);
        Ok(Some(SealedKey(
            self.seal.seal(tx, tenant, id, version, key).await?,
        )))
    }

    fn check(&self, provider: &Provider) -> Result<(), Error> {
        let invalid = |field, problem| Err(Error::Invalid { field, problem });
        let name = &provider.name;
        if !(1..=100).contains(&name.chars().count()) || name.chars().any(char::is_control) {
            return invalid(
                "name",
                "expected 1 to 100 characters, none of them a control character",
            );
        }
        let fits = |model: &String| (1..=200).contains(&model.len());
        if provider.models.len() > MAX_MODELS || !provider.models.iter().all(fits) {
            return invalid(
                "models",
                "expected at most 100 names of 1 to 200 characters",
            );
        }
        if provider
            .timeout_seconds
            .is_some_and(|seconds| !(1..=3_600).contains(&seconds))
        {
            return invalid("timeout_seconds", "expected 1 to 3600");
        }
        if provider
            .organization
            .as_ref()
            .is_some_and(|text| !is_plain(text, 200))
        {
            return invalid("organization_id", "expected 1 to 200 printable characters");
        }
        if let Err((field, problem)) = provider.config.check(provider.kind) {
            return invalid(field, problem);
        }
        match (&provider.base_url, provider.kind) {
            (Some(_), ProviderKind::Simulated) => invalid(
                "base_url",
                "a simulated provider is built in and has no address",
            ),
            (Some(url), _) => BaseUrl::parse(url, self.rules)
                .map(|_| ())
                .map_err(Error::BaseUrl),
            (None, ProviderKind::Local) => invalid(
                "base_url",
                "a local provider needs one, such as `http://127.0.0.1:11434/v1`",
            ),
            (None, ProviderKind::AzureOpenAi) => invalid(
                "base_url",
                "a resource of Azure has its own, such as `https://example.openai.azure.com`",
            ),
            (None, _) => Ok(()),
        }
    }
}

/// Checks the form of a key. At the provider's own address its usual beginning is expected;
/// elsewhere keys look as they like.
fn check_key(provider: &Provider, key: Option<&Secret>) -> Result<(), Error> {
    let invalid = |problem| {
        Err(Error::Invalid {
            field: "api_key",
            problem,
        })
    };
    let Some(key) = key else {
        return match provider.kind {
            ProviderKind::Local | ProviderKind::Simulated => Ok(()),
            // A TGI server of one's own may ask for none.
            ProviderKind::HuggingFace if provider.base_url.is_some() => Ok(()),
            _ => invalid("required for this type"),
        };
    };
    if Account::is_one(provider.kind, key.expose()) {
        let long = key.expose().len() > LONGEST_ACCOUNT_BYTES;
        return match Account::parse(provider.kind, key.expose()) {
            Ok(_) if !long => Ok(()),
            Ok(_) => invalid("expected at most 16 KiB"),
            Err(error) => invalid(problem_of(error)),
        };
    }
    if provider.kind == ProviderKind::AwsBedrock {
        return check_aws_key(key, provider.config.role_arn.is_some());
    }
    if !is_plain(key.expose(), 500) {
        return invalid("expected 1 to 500 printable characters without spaces");
    }
    match (provider.kind, &provider.base_url) {
        (ProviderKind::OpenAi, None) if !key.expose().starts_with("sk-") => {
            invalid("a key of OpenAI begins with `sk-`")
        }
        (ProviderKind::Anthropic, None) if !key.expose().starts_with("sk-ant-") => {
            invalid("a key of Anthropic begins with `sk-ant-`")
        }
        (ProviderKind::HuggingFace, None) if !key.expose().starts_with("hf_") => {
            invalid("a token of Hugging Face begins with `hf_`")
        }
        _ => Ok(()),
    }
}

/// What is wrong with an account, in words that repeat nothing of it.
const fn problem_of(error: AccountError) -> &'static str {
    match error {
        AccountError::Google(ServiceAccountError::PrivateKey) => {
            "`private_key` is no RSA key in PEM"
        }
        AccountError::Google(ServiceAccountError::NotAKey) => {
            "expected the JSON of a service account's key, as Google Cloud gives it out"
        }
        AccountError::Entra(ApplicationError::NotAnApplication) => {
            "expected a key, or JSON with `tenant_id`, `client_id` and `client_secret`"
        }
        AccountError::Entra(ApplicationError::Tenant) => "`tenant_id` is no UUID and no domain",
        AccountError::Entra(ApplicationError::Length) => {
            "the fields of the JSON have 1 to 1024 characters"
        }
    }
}

/// Checks a key of AWS. A key of Bedrock's own cannot take on a role.
fn check_aws_key(key: &Secret, takes_role: bool) -> Result<(), Error> {
    let invalid = |problem| {
        Err(Error::Invalid {
            field: "api_key",
            problem,
        })
    };
    if key.expose().len() > LONGEST_ACCOUNT_BYTES {
        return invalid("longer than any key of AWS");
    }
    match Key::parse(key.expose()) {
        Ok(Key::Bearer(_)) if takes_role => {
            invalid("an API key of Bedrock takes on no role; use an access key")
        }
        Ok(_) => Ok(()),
        Err(KeyError::Id) => {
            invalid("an access key id has 16 to 128 capital letters and digits, such as `AKIA…`")
        }
        Err(KeyError::Secret) => {
            invalid("a secret access key and a session token are printable and have no spaces")
        }
        Err(KeyError::NotAKey) => invalid(
            "expected `ID:SECRET` or `ID:SECRET:TOKEN` of an access key, JSON with `access_key_id`, `secret_access_key` and perhaps `session_token`, or an API key of Bedrock",
        ),
    }
}

/// A key follows its provider to another address only if whoever moves it knows the key: else the
/// right to change an address would be the right to read a key.
fn check_move(before: &Provider, after: &Provider, with_key: bool) -> Result<(), Error> {
    let whither = |provider: &Provider| {
        let config = &provider.config;
        (
            provider.base_url.clone(),
            config.sts_url.clone(),
            config.role_arn.clone(),
        )
    };
    let moved = whither(before) != whither(after) && before.masked_key.is_some();
    if moved && !with_key {
        return Err(Error::Invalid {
            field: "api_key",
            problem: "send the key along when the address or the role changes",
        });
    }
    Ok(())
}

fn is_plain(text: &str, most: usize) -> bool {
    (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn changed(before: &Provider, change: &ProviderChange) -> Provider {
    let mut after = before.clone();
    if let Some(name) = &change.name {
        after.name.clone_from(name);
    }
    if let Some(base_url) = &change.base_url {
        after.base_url.clone_from(base_url);
    }
    if let Some(organization) = &change.organization {
        after.organization.clone_from(organization);
    }
    if let Some(config) = &change.config {
        after.config.clone_from(config);
    }
    if let Some(models) = &change.models {
        after.models.clone_from(models);
    }
    if let Some(timeout_seconds) = change.timeout_seconds {
        after.timeout_seconds = timeout_seconds;
    }
    after.shared = change.shared.unwrap_or(before.shared);
    after.active = change.active.unwrap_or(before.active);
    after
}

fn call_provider(provider: Provider) -> CallProvider {
    let own = provider.config.default_base_url(provider.kind);
    let own = own.map(std::borrow::Cow::into_owned).unwrap_or_default();
    let seconds = provider.timeout_seconds.unwrap_or(DEFAULT_TIMEOUT_SECONDS);
    CallProvider {
        id: provider.id,
        name: provider.name,
        kind: provider.kind,
        base_url: provider.base_url.unwrap_or(own),
        organization: provider.organization,
        config: provider.config,
        models: provider.models,
        timeout_ms: u64::from(seconds).saturating_mul(1_000),
    }
}

fn about(provider: &Provider, action: &'static str) -> Entry {
    Entry::new(action, "provider").resource(provider.id)
}

impl std::fmt::Debug for Providers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Providers")
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}
