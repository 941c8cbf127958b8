//! The features of the control plane on one database.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use iron_api::Far;
use iron_approvals::{AccessRequests, Approvals, Channels};
use iron_audit::{Archive, Audit, AuditLog, JournalPlace};
use iron_budget::{Ledger, Limits, Paths, Pools, Requests, Teller};
use iron_catalog::{Models, Providers};
use iron_custody::{Batches, Files};
use iron_fleet::{Agents, Runtimes};
use iron_identity::{Bootstrap, FirstAdmin, Identity};
use iron_insight::{Projections, Reconciliations};
use iron_net::egress::AddressRules;
use iron_primitives::{Environment, InstanceId, Period, Scope};
use iron_rules::{Policies, Profiles, Sets, Tools};
use iron_runtime::ToolPlaces;
use iron_store::{Db, Engine, Tx};
use iron_vault::{MasterKey, Purpose, Vault};

use super::adapters::Keeper;
use super::authority::House;
use super::custody::Desk;
use super::folder::Folder;
use super::oversight::Watch;
use super::projections::LastUse;
use super::settings::Settings;
use crate::commands::journal_keys;

/// Every table, in the order in which they are made.
const MIGRATIONS: &[iron_store::Migrations] = &[
    iron_audit::MIGRATIONS,
    iron_vault::MIGRATIONS,
    iron_identity::MIGRATIONS,
    iron_budget::MIGRATIONS,
    iron_catalog::MIGRATIONS,
    iron_fleet::MIGRATIONS,
    iron_insight::MIGRATIONS,
    iron_approvals::MIGRATIONS,
    iron_settings::MIGRATIONS,
    iron_custody::MIGRATIONS,
    iron_rules::MIGRATIONS,
    iron_api::MIGRATIONS,
];

/// The features, each cheap to clone.
#[derive(Clone)]
pub(super) struct Features {
    pub(super) db: Db,
    pub(super) master: MasterKey,
    pub(super) vault: Vault,
    pub(super) audit: Audit,
    pub(super) log: AuditLog,
    pub(super) projections: Projections,
    pub(super) reconciliations: Reconciliations,
    pub(super) identity: Identity,
    pub(super) settings: iron_settings::Settings,
    pub(super) agents: Agents,
    pub(super) runtimes: Runtimes,
    pub(super) providers: Providers,
    pub(super) models: Models,
    pub(super) ledger: Ledger,
    pub(super) paths: Paths,
    far_leases: Duration,
    /// How long records are kept, if not for ever, and where they go then.
    pub(super) retention: Option<(u32, Archive)>,
    pub(super) limits: Limits,
    pub(super) pools: Pools,
    pub(super) requests: Requests,
    pub(super) channels: Channels,
    pub(super) approvals: Approvals,
    pub(super) access: AccessRequests,
    pub(super) files: Files,
    pub(super) profiles: Profiles,
    pub(super) tools: Tools,
    pub(super) policies: Policies,
    sets: Sets,
    pub(super) environment: Environment,
}

impl Features {
    /// Opens the database, brings its tables up to date, and opens the features on it.
    pub(super) async fn open(
        settings: &Settings,
        folder: &Folder,
        instance: InstanceId,
        rules: AddressRules,
        environment: &Environment,
    ) -> Result<Self> {
        let db = database(settings, folder).await?;
        db.migrate(MIGRATIONS)
            .await
            .context("the database cannot be brought up to date")?;
        if db.engine() == Engine::Postgres && !db.is_bound_by_row_security().await? {
            tracing::warn!(
                "the role in database_url is a superuser or has BYPASSRLS: row security, the second \
                 net between tenants, does not hold for it; see docs/how-to/keep-tenants-apart.md"
            );
        }
        let master = master_key(settings, folder, environment)?;
        let vault = Vault::open(db.clone(), &master, environment.clone()).await?;
        let keeper = Arc::new(Keeper(vault.clone()));
        let audit = Audit::new(db.clone(), instance, environment.clone());
        let identity = Identity::new(
            db.clone(),
            audit.clone(),
            environment.clone(),
            settings.identity.clone(),
            &*master.derive(Purpose::Sessions)?,
        )?;
        let live = iron_settings::Settings::open(
            db.clone(),
            audit.clone(),
            environment.clone(),
            settings.api.defaults(),
        )
        .await?;
        let identity = identity.with_terms(iron_api::terms_of(&live));
        let providers = Providers::new(
            db.clone(),
            audit.clone(),
            keeper.clone(),
            rules,
            environment.clone(),
        );
        let channels = Channels::new(
            db.clone(),
            audit.clone(),
            keeper.clone(),
            rules,
            environment.clone(),
        );
        let models = Models::open(db.clone(), audit.clone(), environment.clone()).await?;
        let ledger = Ledger::new(
            db.clone(),
            audit.clone(),
            environment.clone(),
            settings.leases.clone(),
        );
        let limits = Limits::new(ledger.clone());
        let keys = journal_keys(&master, instance)?;
        let journal = JournalPlace {
            folder: folder.journal(),
            keys,
        };
        let public_url = &settings.api.public_url;
        Ok(Features {
            approvals: iron_api::approvals(&identity, &live, &channels, public_url),
            log: AuditLog::new(audit.clone(), keeper.clone(), journal),
            projections: Projections::new(audit.clone(), environment.clone()),
            reconciliations: Reconciliations::new(db.clone(), audit.clone(), environment.clone()),
            agents: Agents::new(db.clone(), audit.clone(), environment.clone()),
            runtimes: Runtimes::new(db.clone(), audit.clone(), environment.clone()),
            far_leases: settings.far_leases,
            retention: settings
                .retention_days
                .map(|days| (days, settings.archive.clone())),
            paths: Paths::new(ledger.clone(), settings.path_leases),
            pools: Pools::new(limits.clone()),
            requests: Requests::new(limits.clone()),
            channels,
            files: Files::new(db.clone(), environment.clone()),
            environment: environment.clone(),
            access: AccessRequests::new(db.clone(), audit.clone(), environment.clone()),
            profiles: Profiles::new(db.clone(), audit.clone(), environment.clone()),
            tools: Tools::new(
                db.clone(),
                audit.clone(),
                keeper.clone(),
                ToolPlaces::new(rules, settings.tools.inside.clone()),
                environment.clone(),
            ),
            policies: Policies::new(db.clone(), audit.clone(), environment.clone()),
            sets: Sets::new(db.clone()),
            limits,
            db,
            master,
            vault,
            audit,
            identity,
            settings: live,
            providers,
            models,
            ledger,
        })
    }

    /// The control plane as the runtime wants it.
    pub(super) fn house(&self) -> House {
        House {
            identity: self.identity.clone(),
            settings: self.settings.clone(),
            agents: self.agents.clone(),
            providers: self.providers.clone(),
            models: self.models.clone(),
            pools: self.pools.clone(),
            profiles: self.profiles.clone(),
            tools: self.tools.clone(),
            sets: self.sets.clone(),
            ledger: self.ledger.clone(),
            paths: self.paths.clone(),
            limits: self.limits.clone(),
            teller: Teller::new(self.ledger.clone()),
            files: self.files.clone(),
            watch: Watch {
                approvals: self.approvals.clone(),
                audit: self.audit.clone(),
            },
            desk: Desk {
                db: self.db.clone(),
                paths: self.paths.clone(),
                batches: Batches::new(self.db.clone(), self.environment.clone()),
                audit: self.audit.clone(),
            },
            vault: self.vault.clone(),
            master: self.master.clone(),
        }
    }

    /// The same for runtimes elsewhere, whose leases live longer.
    pub(super) fn far(&self) -> Far {
        let ledger = self.ledger.lending_for(self.far_leases);
        let house = House {
            teller: Teller::new(ledger.clone()),
            ..self.house()
        };
        Far {
            runtimes: self.runtimes.clone(),
            authority: Arc::new(house),
            ledger,
            projections: vec![Arc::new(LastUse::new(self.identity.clone()))],
        }
    }

    /// Makes the first tenant and its admin where there is none.
    pub(super) async fn first_start(&self, wish: Bootstrap) -> Result<Option<FirstAdmin>> {
        if !self.identity.needs_bootstrap().await? {
            return Ok(None);
        }
        let prepared = self
            .identity
            .prepare_bootstrap(wish)
            .await
            .context("the first administrator cannot be made")?;
        let mut tx = self.db.begin().await?;
        match self.identity.bootstrap(&mut tx, &prepared).await {
            Ok(made) => {
                if let Some(first) = &made {
                    self.budgets_of_birth(&mut tx, first).await?;
                }
                tx.commit().await?;
                Ok(made)
            }
            // Another server on the same database was faster.
            Err(iron_identity::Error::DuplicateName) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// A scope without a budget could not spend; these have one without a limit.
    async fn budgets_of_birth(&self, tx: &mut Tx, first: &FirstAdmin) -> Result<()> {
        let tenant = first.made.tenant.id;
        let scopes = [
            Scope::Tenant(tenant),
            Scope::Project(first.made.project.id),
            Scope::User(first.made.admin.id),
        ];
        for scope in scopes {
            self.limits
                .create_row(tx, tenant, scope, None, Period::None)
                .await?;
        }
        Ok(())
    }
}

async fn database(settings: &Settings, folder: &Folder) -> Result<Db> {
    match &settings.database_url {
        Some(url) => Db::connect_postgres(url.expose())
            .await
            .context("the database cannot be reached"),
        None => {
            let file = folder.database();
            let opened = Db::open_sqlite(&file).await;
            opened.with_context(|| format!("`{}` cannot be opened", file.display()))
        }
    }
}

fn master_key(
    settings: &Settings,
    folder: &Folder,
    environment: &Environment,
) -> Result<MasterKey> {
    match &settings.master_key {
        Some(key) => Ok(MasterKey::from_hex(key.expose())?),
        None => Ok(MasterKey::load_or_create(
            &folder.master_key(),
            environment,
        )?),
    }
}
