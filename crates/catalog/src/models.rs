//! Which models there are and what they cost a tenant: [`Models`].

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use iron_audit::{Audit, Authorised, Entry, Removal};
use iron_llm::prices::Skipped;
use iron_llm::{Model, PriceBook, ProviderKind};
use iron_primitives::{Environment, TenantId, Timestamp};
use iron_store::{Db, Tx};
use serde_json::{Map, Value, json};

use crate::store::{self, OverrideRow};
use crate::{Error, Prices};

mod compose;
mod versions;

use compose::compose;

/// Where a price comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PriceOrigin {
    /// From the book that is built in.
    Book,
    /// From an imported list.
    Import,
    /// Set by the tenant.
    Override,
}

/// A price in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedPrice {
    /// The prices.
    pub prices: Prices,
    /// Since when; none for the book that is built in.
    pub effective_from: Option<Timestamp>,
    /// Where it comes from.
    pub origin: PriceOrigin,
}

/// A model and what it costs the tenant.
#[derive(Debug, Clone)]
pub struct ListedModel {
    /// The model as the price book knows it.
    pub model: Arc<Model>,
    /// What it costs.
    pub price: ListedPrice,
}

/// What an import did.
#[derive(Debug, Clone)]
pub struct Imported {
    /// How many models have a price from it now.
    pub imported: usize,
    /// The rows that were left out, and why.
    pub skipped: Vec<(String, Skipped)>,
}

/// One tenant's book and where its prices come from.
#[derive(Debug, Clone)]
struct TenantBook {
    book: Arc<PriceBook>,
    origins: HashMap<(ProviderKind, String), (PriceOrigin, Timestamp)>,
}

/// The models of all tenants; a clone shares everything.
#[derive(Debug, Clone)]
pub struct Models {
    db: Db,
    audit: Audit,
    environment: Environment,
    books: Arc<ArcSwap<HashMap<TenantId, TenantBook>>>,
}

impl Models {
    /// Opens the models of a database and composes every tenant's book.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn open(db: Db, audit: Audit, environment: Environment) -> Result<Self, Error> {
        let models = Models {
            db,
            audit,
            environment,
            books: Arc::default(),
        };
        models.refresh().await?;
        Ok(models)
    }

    /// The prices in force for a tenant; from memory.
    pub fn book(&self, tenant: TenantId) -> Arc<PriceBook> {
        let books = self.books.load();
        books
            .get(&tenant)
            .map_or_else(PriceBook::builtin, |own| own.book.clone())
    }

    /// Composes all books anew: after a change was committed, and from time to time, because a
    /// price may have come into force. Says whether any book is different now.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails, [`Error::List`] or [`Error::Price`] if a stored
    /// price does not read any more.
    pub async fn refresh(&self) -> Result<bool, Error> {
        // Whoever has set a price of his own may not see those of others.
        iron_store::as_platform(self.read_all()).await
    }

    async fn read_all(&self) -> Result<bool, Error> {
        let now = self.environment.now();
        let mut books = HashMap::new();
        for tenant in store::tenants_with_prices(&self.db).await? {
            let imports = store::imports(&self.db, tenant).await?;
            let overrides = store::overrides_in_force(&self.db, tenant, now).await?;
            books.insert(tenant, compose(imports, overrides)?);
        }
        let hashes = |books: &HashMap<TenantId, TenantBook>| {
            books
                .iter()
                .map(|(id, own)| (*id, own.book.hash()))
                .collect::<HashMap<_, _>>()
        };
        let changed = hashes(&books) != hashes(&self.books.load());
        self.books.store(Arc::new(books));
        Ok(changed)
    }

    /// The models of the tenant's book, of these kinds if any are named, by name.
    pub fn list(
        &self,
        authorised: &Authorised,
        kinds: &[ProviderKind],
        name: Option<&str>,
    ) -> Vec<ListedModel> {
        let wanted = name.map(str::to_lowercase);
        let books = self.books.load();
        let own = books.get(&authorised.tenant);
        let book = self.book(authorised.tenant);
        book.models()
            .filter(|model| kinds.is_empty() || kinds.contains(&model.kind))
            .filter(|model| {
                wanted
                    .as_ref()
                    .is_none_or(|part| model.name.to_lowercase().contains(part))
            })
            .map(|model| listed(model, own))
            .collect()
    }

    /// What one model costs the tenant; without a kind at whoever makes it.
    ///
    /// # Errors
    /// [`Error::NoPrice`]; [`Error::AmbiguousModel`] if no kind is named, several serve it and none of
    /// them makes it.
    pub fn price(
        &self,
        authorised: &Authorised,
        kind: Option<ProviderKind>,
        model: &str,
    ) -> Result<ListedModel, Error> {
        let book = self.book(authorised.tenant);
        let kinds = kind.map_or(ProviderKind::ALL.to_vec(), |kind| vec![kind]);
        let found: Vec<_> = kinds
            .into_iter()
            .filter_map(|kind| book.lookup(kind, model))
            .filter(|found| kind.is_some() || found.name == model)
            .collect();
        // Who makes a model is meant where others serve it, too.
        let maker = found.iter().find(|found| found.kind.makes_models());
        let found = match maker {
            Some(maker) if found.len() > 1 => vec![*maker],
            _ => found,
        };
        let books = self.books.load();
        match found.as_slice() {
            [] => Err(Error::NoPrice {
                model: model.to_owned(),
            }),
            [one] => Ok(listed(one, books.get(&authorised.tenant))),
            _ => Err(Error::AmbiguousModel {
                model: model.to_owned(),
            }),
        }
    }

    /// Sets the tenant's own price of a model. It counts after the commit and the next
    /// [`Models::refresh`], from its date on.
    ///
    /// # Errors
    /// [`Error::Price`] for a text that is no exact amount.
    pub async fn set_price(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        kind: ProviderKind,
        model: &str,
        prices: &Prices,
        effective_from: Option<Timestamp>,
    ) -> Result<Timestamp, Error> {
        if !(1..=200).contains(&model.len()) {
            return Err(Error::Invalid {
                field: "model",
                problem: "expected 1 to 200 characters",
            });
        }
        prices.read()?;
        self.hold(tx, authorised).await?;
        let last = store::priced_at(&mut *tx, authorised.tenant, kind, model).await?;
        // Strictly later, so that the version before never fits this one.
        let earliest = last.map(|last| last.plus(Duration::from_micros(1)));
        let now = self.environment.now();
        let now = earliest.map_or(now, |earliest| earliest.max(now));
        let effective_from = effective_from.unwrap_or(now);
        let row = OverrideRow {
            kind,
            model: model.to_owned(),
            effective_from,
            prices: prices.clone(),
        };
        store::put_override(tx, authorised.tenant, &row, authorised.user, now).await?;
        let entry = Entry::new("model.set_price", "model")
            .resource(model)
            .parameters(&json!({
                "provider_type": kind,
                "prices": prices,
                "effective_from": effective_from,
            }));
        self.audit.write(tx, authorised, entry).await?;
        Ok(effective_from)
    }

    /// Removes the providers and prices of a tenant whose time is over. Its prices are in force
    /// until the next [`Models::refresh`].
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn remove_tenant(&self, tx: &mut Tx, removal: &mut Removal) -> Result<(), Error> {
        Ok(removal.delete(tx, store::OF_A_TENANT).await?)
    }

    /// Imports a price list in LiteLLM's JSON format. Rows that cannot be used are listed.
    ///
    /// # Errors
    /// [`Error::List`] if it is no such list.
    pub async fn import(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        list: &Map<String, Value>,
    ) -> Result<Imported, Error> {
        self.hold(tx, authorised).await?;
        let mut imported = 0_usize;
        let mut skipped = Vec::new();
        for (name, row) in list {
            let alone = json!({ name: row }).to_string();
            let read = PriceBook::import_litellm(&alone).map_err(Error::List)?;
            if read.models.is_empty() {
                skipped.extend(read.skipped);
                continue;
            }
            store::put_import(tx, authorised.tenant, name, &alone, self.environment.now()).await?;
            imported = imported.saturating_add(1);
        }
        let facts = json!({"imported": imported, "skipped": skipped.len()});
        let entry = Entry::new("model.import_prices", "model").parameters(&facts);
        self.audit.write(tx, authorised, entry).await?;
        Ok(Imported { imported, skipped })
    }
}

fn listed(model: &Arc<Model>, own: Option<&TenantBook>) -> ListedModel {
    let origin = own.and_then(|own| own.origins.get(&(model.kind, model.name.clone())).copied());
    let price = ListedPrice {
        prices: Prices::write(&model.price),
        effective_from: origin.map(|(_, since)| since),
        origin: origin.map_or(PriceOrigin::Book, |(origin, _)| origin),
    };
    ListedModel {
        model: model.clone(),
        price,
    }
}
