//! Step 3: which provider, if any.
//!
//! The request is read here, once; everything later works on what was read. Then the agent's
//! list of models is asked, then its providers in their order: the first one that serves the
//! model, has a price for it and can be spoken to is taken.

use std::sync::Arc;

use http::header::CONTENT_TYPE;
use iron_llm::envelope::{Envelope, RequestError};
use iron_llm::prices::{Mode, ModelRef};
use iron_llm::translate::Direction;
use iron_llm::{Dialect, PriceBook, ProviderConfig, ProviderKind, is_route};
use iron_primitives::{ProviderId, Refusal};

use crate::Runtime;
use crate::affinity::{Stored, StoredId};
use crate::authority::Privacy;
use crate::bearer::{Bearer, Lane};
use crate::record::Roles;

use super::admit::Admitted;
use super::draft::{Draft, Refused};
use super::request::CallRequest;

/// A call whose model and provider are decided.
pub(super) struct Decided {
    pub(super) draft: Box<Draft>,
    pub(super) request: CallRequest,
    pub(super) envelope: Box<Envelope>,
    pub(super) choice: Choice,
    /// The stored response that is continued: its id for the agent and for the provider.
    pub(super) stored: Option<(String, String)>,
    /// What the provider calls the stored files of the request.
    pub(super) files: Vec<String>,
}

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

    pub(super) fn lane(&self) -> &Lane {
        &self.lane
    }

    pub(super) fn shared_lane(&self) -> Arc<Lane> {
        self.lane.clone()
    }
}

impl Runtime {
    pub(super) fn decide(&self, admitted: Admitted) -> Result<Decided, Refused> {
        let Admitted {
            mut draft,
            mut request,
        } = admitted;
        let envelope = match read(&mut request) {
            Ok(envelope) => envelope,
            Err(error) => return Err(draft.refuse("shape", error.into())),
        };
        let facts = envelope.facts();
        let model = facts.model.clone();
        draft.stream = facts.stream;
        draft.roles = Some(Roles::from(facts.roles));
        draft.model = Some(truncated(&model, self.config.max_label_chars));
        if draft.attribution.end_user.is_none() {
            draft.attribution.end_user.clone_from(&facts.end_user);
        }
        if !allows(draft.bearer.principal.allowed_models.as_deref(), &model) {
            return Err(draft.refuse("allowed_models", Refusal::ModelNotAllowed { model }));
        }
        draft.passed("allowed_models");
        if draft.bearer.principal.team_rules.privacy == Privacy::Moderate {
            if let Err(refusal) = check_stores_nothing(&envelope) {
                return Err(draft.refuse("privacy_level", refusal));
            }
            draft.passed("privacy_level");
        }
        let book = self.authority.prices(draft.bearer.principal.path.tenant);
        draft.price_book = Some(book.hash_hex());
        let named = request.passing.as_ref().map(|passing| passing.provider);
        let previous = envelope.facts().previous_response.clone();
        let continued = previous
            .as_deref()
            .map(|id| StoredId::open(Stored::Response, &draft.bearer, id));
        let previous_at = match &continued {
            Some(None) => {
                let refusal = Refusal::NotFound {
                    resource: "previous response",
                };
                return Err(draft.refuse("owner", refusal));
            }
            Some(Some(stored)) => Some(stored.provider),
            None => None,
        };
        let (files, files_at) = match files_of(&draft.bearer, &envelope) {
            Ok(found) => found,
            Err(refusal) => return Err(draft.refuse("owner", refusal)),
        };
        let provider = match only_one([named, previous_at, files_at]) {
            Ok(provider) => provider,
            Err(refusal) => return Err(draft.refuse("owner", refusal)),
        };
        let chosen = match request.dialect {
            Dialect::Passthrough => choose_route(&draft.bearer, &book, &model, provider),
            dialect => choose(&draft.bearer, &book, dialect, &model, provider),
        };
        match chosen {
            Ok(choice) => {
                draft.passed("assigned_provider");
                let stored = continued.flatten().map(|stored| stored.original);
                let stored = previous.zip(stored);
                Ok(Decided {
                    draft,
                    request,
                    envelope,
                    choice,
                    stored,
                    files,
                })
            }
            Err(refusal) => Err(draft.refuse("assigned_provider", refusal)),
        }
    }
}

/// What the provider calls the stored files that a request names, all of which must be the agent's
/// own and at one place, and where they are.
fn files_of(
    bearer: &Bearer,
    envelope: &Envelope,
) -> Result<(Vec<String>, Option<ProviderId>), Refusal> {
    let (mut files, mut place) = (Vec::new(), None);
    for id in envelope.files() {
        let stored = StoredId::open(Stored::File, bearer, id);
        let stored = stored.ok_or(Refusal::NotFound { resource: "file" })?;
        place = only_one([place, Some(stored.provider), None])?;
        files.push(stored.original);
    }
    Ok((files, place))
}

/// The one provider that is named, if any is.
fn only_one(named: [Option<ProviderId>; 3]) -> Result<Option<ProviderId>, Refusal> {
    let mut named = named.into_iter().flatten();
    let first = named.next();
    match named.all(|other| Some(other) == first) {
        true => Ok(first),
        false => Err(Refusal::NotFound {
            resource: "response or file at this provider",
        }),
    }
}

/// Whether a provider keeps nothing of a request.
fn check_stores_nothing(envelope: &Envelope) -> Result<(), Refusal> {
    if envelope.dialect() == Dialect::Passthrough {
        return Err(Refusal::InvalidField {
            field: "path".to_owned(),
            problem: "what the provider stores of it is not known, and the privacy level of the \
                      agent's team lets providers store nothing"
                .to_owned(),
        });
    }
    match stored_by_provider(envelope) {
        Some(field) => Err(Refusal::StoringForbidden { field }),
        None => Ok(()),
    }
}

/// Reads what is asked, and takes the body away.
fn read(request: &mut CallRequest) -> Result<Box<Envelope>, RequestError> {
    let body = std::mem::take(&mut request.body);
    let passing = request.passing.as_deref();
    let address = passing.and_then(|passing| passing.address.as_ref());
    let read = match (request.dialect, passing, address) {
        (Dialect::Passthrough, Some(passing), _) => Envelope::opaque(&passing.route(), body),
        (dialect, _, _) if dialect.takes_a_form() => {
            let kind = request.headers.get(CONTENT_TYPE);
            let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
            Envelope::read_form(dialect, kind, body)?
        }
        (dialect, _, Some(at)) => Envelope::read_addressed(dialect, body, &at.model, at.stream)?,
        (dialect, _, _) => Envelope::read(dialect, body)?,
    };
    Ok(Box::new(read))
}

/// The field that makes a provider keep a request and its answer, if it would: OpenAI stores
/// responses unless it is told not to, chat completions only if it is told to.
const fn stored_by_provider(envelope: &Envelope) -> Option<&'static str> {
    let facts = envelope.facts();
    match (envelope.dialect(), facts.store) {
        (Dialect::OpenAiResponses, _) if facts.background => Some("background"),
        (Dialect::OpenAiResponses, None) | (_, Some(true)) => Some("store"),
        _ => None,
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

pub(super) fn choose(
    bearer: &Bearer,
    book: &PriceBook,
    dialect: Dialect,
    model: &str,
    only: Option<ProviderId>,
) -> Result<Choice, Refusal> {
    let mut refusal = match bearer.lanes.is_empty() {
        true => Refusal::NoProvider {
            model: model.to_owned(),
        },
        false => Refusal::InvalidField {
            field: "model".to_owned(),
            problem: format!("`{model}` is served by none of the agent's providers"),
        },
    };
    for lane in &bearer.lanes {
        // A stored response is continued where it is stored.
        let elsewhere = only.is_some_and(|only| only != lane.route.provider);
        if elsewhere || !serves(lane, model) {
            continue;
        }
        let kind = lane.route.kind;
        let served = lane.route.config.served(model);
        if !ProviderConfig::can_name(kind, served.sent) {
            continue;
        }
        let Some((priced, known)) = priced(book, lane, served.priced) else {
            if !lane.route.models.is_empty() {
                let what = format!("the model `{model}`, which has no price");
                refusal = Refusal::Unbounded { what };
            }
            continue;
        };
        let spoken = Direction::of(dialect, kind).map_or(dialect, Direction::upstream);
        // A model that draws is asked for pictures, or in its own dialect.
        let draws = known.mode != Mode::Image || spoken == dialect || dialect.draws();
        if draws && known.answers(spoken) {
            return Ok(Choice {
                lane: lane.clone(),
                asked: served.sent.into(),
                priced,
                model: known.clone(),
            });
        }
    }
    Err(refusal)
}

/// A route that is not known is sent to the provider that the request names, if its tenant has set
/// what one request costs.
fn choose_route(
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

/// A name that a client invented, short enough for a record.
fn truncated(text: &str, most_chars: usize) -> String {
    match text.char_indices().nth(most_chars) {
        Some((end, _)) => text.get(..end).unwrap_or_default().to_owned(),
        None => text.to_owned(),
    }
}
