//! Which providers can be asked for a model, and what each of them is asked.

use std::sync::Arc;

use iron_llm::prices::{Mode, ModelRef};
use iron_llm::translate::Direction;
use iron_llm::{Dialect, PriceBook, ProviderConfig, ProviderKind, is_route};
use iron_primitives::{ProviderId, Refusal};

use crate::bearer::{Bearer, Lane};

/// A provider and the model it is asked for.
#[derive(Clone)]
pub(super) struct Choice {
    lane: Arc<Lane>,
    asked: Arc<str>,
    priced: Arc<str>,
    pub(super) model: ModelRef,
}

impl Choice {
    /// The model as the provider is asked for it; at Azure a deployment.
    pub(super) fn asked_as(&self) -> &str {
        &self.asked
    }

    /// The model as the price book knows it.
    pub(super) fn priced_as(&self) -> &str {
        &self.priced
    }

    /// The same, to keep.
    pub(super) fn shared_asked(&self) -> Arc<str> {
        self.asked.clone()
    }

    pub(super) fn lane(&self) -> &Lane {
        &self.lane
    }

    pub(super) fn shared_lane(&self) -> Arc<Lane> {
        self.lane.clone()
    }
}

/// Whether a list of models (none: all) has the model.
pub(super) fn allows(list: Option<&[String]>, model: &str) -> bool {
    list.is_none_or(|allowed| allowed.iter().any(|name| name == model))
}

/// Whether a route serves a model by its name.
pub(super) fn serves(lane: &Lane, model: &str) -> bool {
    let models = &lane.route.models;
    models.is_empty() || models.iter().any(|name| name == model)
}

/// The first provider that serves a model, whatever is known of it.
pub(super) fn choose(
    bearer: &Bearer,
    book: &PriceBook,
    dialect: Dialect,
    model: &str,
    only: Option<ProviderId>,
) -> Result<Choice, Refusal> {
    let first = candidates(bearer, book, dialect, model, only).next();
    first.ok_or_else(|| no_lane(bearer, book, model, only))
}

/// The providers that serve a model and can be asked for it in this dialect, in their order.
pub(super) fn candidates<'a>(
    bearer: &'a Bearer,
    book: &'a PriceBook,
    dialect: Dialect,
    model: &'a str,
    only: Option<ProviderId>,
) -> impl Iterator<Item = Choice> + 'a {
    let lanes = lanes_of(bearer, model, only);
    lanes.filter_map(move |lane| choice_at(lane, book, dialect, model))
}

/// The lanes that serve a model by its name. What is kept at a provider is asked for there alone.
fn lanes_of<'a>(
    bearer: &'a Bearer,
    model: &'a str,
    only: Option<ProviderId>,
) -> impl Iterator<Item = &'a Arc<Lane>> + 'a {
    let here = move |lane: &&Arc<Lane>| only.is_none_or(|only| only == lane.route.provider);
    let lanes = bearer.lanes.iter().filter(here);
    lanes.filter(move |lane| {
        let sent = lane.route.config.served(model).sent;
        serves(lane, model) && ProviderConfig::can_name(lane.route.kind, sent)
    })
}

/// What a lane is asked for a model; none if it has no price, or no such request can be made.
fn choice_at(lane: &Arc<Lane>, book: &PriceBook, dialect: Dialect, model: &str) -> Option<Choice> {
    let kind = lane.route.kind;
    let served = lane.route.config.served(model);
    let (priced, known) = priced(book, lane, served.priced)?;
    let spoken = Direction::of(dialect, kind).map_or(dialect, Direction::upstream);
    // A model that draws is asked for pictures, or in its own dialect.
    let draws = known.mode != Mode::Image || spoken == dialect || dialect.draws();
    (draws && known.answers(spoken)).then(|| Choice {
        lane: lane.clone(),
        asked: served.sent.into(),
        priced,
        model: known.clone(),
    })
}

/// Why no provider serves a model.
pub(super) fn no_lane(
    bearer: &Bearer,
    book: &PriceBook,
    model: &str,
    only: Option<ProviderId>,
) -> Refusal {
    if bearer.lanes.is_empty() {
        return Refusal::NoProvider {
            model: model.to_owned(),
        };
    }
    let has_no_price = |lane: &&Arc<Lane>| {
        let priced = priced(book, lane, lane.route.config.served(model).priced);
        !lane.route.models.is_empty() && priced.is_none()
    };
    match lanes_of(bearer, model, only).any(|lane| has_no_price(&lane)) {
        true => Refusal::Unbounded {
            what: format!("the model `{model}`, which has no price"),
        },
        false => Refusal::InvalidField {
            field: "model".to_owned(),
            problem: format!("`{model}` is served by none of the agent's providers"),
        },
    }
}

/// A route that is not known is sent to the provider that the request names, if its tenant has set
/// what one request costs.
pub(super) fn choose_route(
    bearer: &Bearer,
    book: &PriceBook,
    route: &str,
    only: Option<ProviderId>,
) -> Result<Choice, Refusal> {
    let mut lanes = bearer.lanes.iter();
    let named = lanes.find(|lane| Some(lane.route.provider) == only && serves(lane, route));
    let Some(lane) = named else {
        return Err(Refusal::InvalidField {
            field: "path".to_owned(),
            problem: format!("`{route}` is not among what the provider is limited to"),
        });
    };
    let kind = lane.route.kind;
    let priced = book.lookup_route(kind, route);
    match priced.filter(|priced| priced.price.is_by_request()) {
        Some(model) => Ok(Choice {
            lane: lane.clone(),
            asked: route.into(),
            priced: route.into(),
            model: model.clone(),
        }),
        None => Err(without_price(route, kind, priced.is_some())),
    }
}

/// What becomes of a request to a route that is not known and has no price of its own.
fn without_price(route: &str, kind: ProviderKind, has_another: bool) -> Refusal {
    let kind = kind.as_str();
    let why = match has_another {
        true => "has a price for tokens, which nobody counts there",
        false => "is not known here",
    };
    Refusal::Unbounded {
        what: format!(
            "`{route}`, which {why} (an admin sets a price for each request with `iron models \
             price '{route}' --type {kind} --input 0 --output 0 --per-query DOLLARS`)"
        ),
    }
}

/// The price of a model at a lane, and the name under which it is known: a price of one's own goes
/// before the list's, and one of the model before one for all.
pub(super) fn priced<'a>(
    book: &'a PriceBook,
    lane: &Lane,
    model: &str,
) -> Option<(Arc<str>, &'a ModelRef)> {
    let kind = lane.route.kind;
    let names = lane.route.config.price_names(kind, model);
    // The price of a route is none of a model, whatever a client calls its model.
    let found = names
        .iter()
        .filter(|name| !is_route(name))
        .filter_map(|name| Some((name, book.lookup(kind, name)?)));
    let rank = |known: &ModelRef| (known.name == "*", !known.is_own_price());
    let (name, known) = found.min_by_key(|(_, known)| rank(known))?;
    Some((Arc::from(name.as_ref()), known))
}
