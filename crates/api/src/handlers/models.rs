//! Models and what they cost.

use axum::extract::State;
use iron_audit::Authorised;
use iron_catalog::ListedModel;
use iron_identity::Permission;
use iron_runtime::authority::Change;
use iron_sdk::lists::List;
use iron_sdk::models::{
    ImportPrices, ModelQuery, ModelView, PriceQuery, PriceView, PricesImported, SetPrice,
    SkippedPrice,
};

use iron_store::Target;

use crate::answer::{Answer, Tagged, page, slice};
use crate::caller::Caller;
use crate::failure::Failure;
use crate::input::{IfMatch, Input, Params, PathText, Upload};
use crate::state::Api;
use crate::view;

/// The most rows of an import that are told to have been left out.
const MOST_SKIPPED: usize = 100;

/// Lists the models that are known, with their prices.
#[utoipa::path(get, path = "/models", tag = "models", params(ModelQuery), responses(
    (status = 200, description = "The models", body = List<ModelView>),
))]
pub(crate) async fn list_models(
    State(api): State<Api>,
    caller: Caller,
    Params(query): Params<ModelQuery>,
) -> Result<Answer<List<ModelView>>, Failure> {
    let authorised = caller.may(Permission::ModelRead)?;
    let provider = match query.provider_id {
        Some(id) => Some(api.providers.get(&authorised, id).await?),
        None => None,
    };
    let kinds: Vec<_> = provider.iter().map(|provider| provider.kind).collect();
    let mut models = api.models.list(&authorised, &kinds, query.model.as_deref());
    if let Some(only) = provider
        .map(|provider| provider.models)
        .filter(|only| !only.is_empty())
    {
        models.retain(|listed| only.iter().any(|name| name == &listed.model.name));
    }
    Ok(slice(models, page(query.page, query.per_page), view::model))
}

/// What a model costs.
#[utoipa::path(get, path = "/models/{model}/price", tag = "models",
    params(("model" = String, Path, description = "The model, percent-encoded"), PriceQuery),
    responses((status = 200, description = "The price", body = PriceView)))]
pub(crate) async fn get_model_price(
    State(api): State<Api>,
    caller: Caller,
    PathText(model): PathText,
    Params(query): Params<PriceQuery>,
) -> Result<Tagged<PriceView>, Failure> {
    let authorised = caller.may(Permission::ModelRead)?;
    let kind = query.provider_type.map(view::provider_kind);
    let listed = api.models.price(&authorised, kind, &model)?;
    let tag = tag(&api, &api.db, &authorised, &listed).await?;
    Ok(Tagged::with_tag(view::price(listed.price), tag))
}

async fn tag<'a>(
    api: &Api,
    on: impl Into<Target<'a>>,
    authorised: &Authorised,
    listed: &ListedModel,
) -> Result<String, Failure> {
    let ListedModel { model, price } = listed;
    let since = price.effective_from;
    let version = api
        .models
        .price_version(on, authorised, model.kind, &model.name, since)
        .await?;
    Ok(format!("\"{version}\""))
}

/// Sets the tenant's own price of a model.
#[utoipa::path(put, path = "/models/{model}/price", tag = "models", request_body = SetPrice,
    params(("model" = String, Path, description = "The model, percent-encoded")),
    responses((status = 200, description = "The price", body = PriceView)))]
pub(crate) async fn set_model_price(
    State(api): State<Api>,
    caller: Caller,
    PathText(model): PathText,
    if_match: IfMatch,
    Input(body): Input<SetPrice>,
) -> Result<Tagged<PriceView>, Failure> {
    let authorised = caller.may(Permission::ConfigWrite)?;
    let kind = match body.provider_type {
        Some(name) => view::provider_kind(name),
        None => api.models.price(&authorised, None, &model)?.model.kind,
    };
    let wanted = body.effective_from;
    let prices = view::prices_of(body);
    if if_match.0.is_some() {
        // What another server has set a moment ago counts, too.
        api.models.refresh().await?;
    }
    let mut tx = api.db.begin().await?;
    if if_match.0.is_some() {
        api.models.hold(&mut tx, &authorised).await?;
        let present = api.models.price(&authorised, Some(kind), &model)?;
        if_match.allows(&tag(&api, &mut tx, &authorised, &present).await?)?;
    }
    let since = api
        .models
        .set_price(&mut tx, &authorised, kind, &model, &prices, wanted)
        .await?;
    tx.commit().await?;
    api.models.refresh().await?;
    (api.notify)(Change::Prices);
    // A price that is announced for later is not the one in force, and there may be none yet.
    let tag = match api.models.price(&authorised, Some(kind), &model) {
        Ok(present) => tag(&api, &api.db, &authorised, &present).await?,
        Err(_) => {
            let version = api
                .models
                .price_version(&api.db, &authorised, kind, &model, None)
                .await?;
            format!("\"{version}\"")
        }
    };
    Ok(Tagged::with_tag(view::own_price(prices, since), tag))
}

/// Takes the tenant's prices from a public list in LiteLLM's JSON format.
#[utoipa::path(post, path = "/models/import", tag = "models", request_body = ImportPrices,
    responses((status = 200, description = "What was taken", body = PricesImported)))]
pub(crate) async fn import_prices(
    State(api): State<Api>,
    caller: Caller,
    Upload(body): Upload<ImportPrices>,
) -> Result<Answer<PricesImported>, Failure> {
    let authorised = caller.may(Permission::ConfigWrite)?;
    let mut tx = api.db.begin().await?;
    let done = api
        .models
        .import(&mut tx, &authorised, &body.prices)
        .await?;
    tx.commit().await?;
    api.models.refresh().await?;
    (api.notify)(Change::Prices);
    let skipped_count = u64::try_from(done.skipped.len()).unwrap_or(u64::MAX);
    let skipped = done.skipped.into_iter().take(MOST_SKIPPED);
    Ok(Answer(PricesImported {
        imported: u64::try_from(done.imported).unwrap_or(u64::MAX),
        skipped: skipped
            .map(|(model, reason)| SkippedPrice {
                model,
                reason: view::skipped(&reason),
            })
            .collect(),
        skipped_count,
    }))
}
