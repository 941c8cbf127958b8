//! The book of a tenant: what is built in, over it what was imported, over that the tenant's own.

use std::collections::HashMap;
use std::sync::Arc;

use iron_llm::prices::{Override, Price};
use iron_llm::{Model, PriceBook, ProviderKind, ServiceTier};
use iron_primitives::Timestamp;

use super::{PriceOrigin, TenantBook};
use crate::Error;
use crate::store::OverrideRow;

/// Puts imports over the built-in book and the tenant's own prices over those.
pub(super) fn compose(
    imports: Vec<(String, Timestamp)>,
    overrides: Vec<OverrideRow>,
) -> Result<TenantBook, Error> {
    let mut book = PriceBook::clone(&PriceBook::builtin());
    let mut origins = HashMap::new();
    let mut models = Vec::new();
    for (listing, at) in imports {
        for model in PriceBook::import_litellm(&listing)
            .map_err(Error::List)?
            .models
        {
            origins.insert((model.kind, model.name.clone()), (PriceOrigin::Import, at));
            models.push(model);
        }
    }
    book = book.with(models.clone());
    let raised: Vec<Model> = models
        .into_iter()
        .map(|model| dearest_of_regions(&book, model))
        .collect();
    book = book.with(raised);
    let mut own = Vec::new();
    for row in overrides {
        let price = row.prices.read()?;
        own.extend(priced(&book, &row, price));
        origins.insert(
            (row.kind, row.model),
            (PriceOrigin::Override, row.effective_from),
        );
    }
    Ok(TenantBook {
        book: Arc::new(book.with(own)),
        origins,
    })
}

/// A model of Bedrock that is listed without a region, at the dearest price of the regions that have
/// their own: it stands for those that have none.
fn dearest_of_regions(book: &PriceBook, mut model: Model) -> Model {
    if model.kind != ProviderKind::AwsBedrock || model.name.contains('/') {
        return model;
    }
    let regional = book.models().filter(|other| {
        let named = other.name.split_once('/');
        let is_apart = |region: &str| region.starts_with("us-gov") || region.starts_with("cn-");
        other.kind == model.kind
            && named.is_some_and(|(region, name)| name == model.name && !is_apart(region))
    });
    for other in regional {
        for (tier, rates) in &mut model.price.tiers {
            if let Some(there) = other.price.tiers.get(tier) {
                rates.base = rates.base.dearer(&there.base);
            }
        }
    }
    model
}

/// The model as the book knows it, or as an unknown one, at the tenant's price.
fn priced(book: &PriceBook, row: &OverrideRow, price: Price) -> Option<Model> {
    let rates = price.rates(ServiceTier::Standard, 0);
    let known = book.with_overrides([&Override {
        kind: row.kind,
        model: row.model.clone(),
        input: rates.input,
        output: rates.output,
        cache_read: None,
        cache_write: None,
        max_output: None,
    }]);
    let model = known.lookup(row.kind, &row.model)?;
    let web_search = model.price.web_search;
    Some(Model {
        price: Price {
            web_search,
            ..price
        },
        ..Model::clone(model)
    })
}
