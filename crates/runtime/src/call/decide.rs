//! Step 3: which provider, if any.
//!
//! The request is read here, once; everything later works on what was read. Then the agent's
//! list of models is asked, then its providers in their order: the first one that serves the
//! model, has a price for it and can be spoken to is taken.

use std::sync::Arc;

use iron_llm::envelope::Envelope;
use iron_llm::prices::ModelRef;
use iron_llm::translate::Direction;
use iron_llm::{Dialect, PriceBook, ProviderConfig};
use iron_primitives::{ProviderId, Refusal};

use crate::Runtime;
use crate::affinity::StoredId;
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
}

impl Runtime {
    pub(super) fn decide(&self, admitted: Admitted) -> Result<Decided, Refused> {
        let Admitted {
            mut draft,
            mut request,
        } = admitted;
        let body = std::mem::take(&mut request.body);
        let envelope = match Envelope::read(request.dialect, body) {
            Ok(envelope) => Box::new(envelope),
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
            if let Some(field) = stored_by_provider(&envelope) {
                return Err(draft.refuse("privacy_level", Refusal::StoringForbidden { field }));
            }
            draft.passed("privacy_level");
        }
        let book = self.authority.prices(draft.bearer.principal.path.tenant);
        draft.price_book = Some(book.hash_hex());
        let previous = envelope.facts().previous_response.clone();
        let continued = previous
            .as_deref()
            .map(|id| StoredId::open(&draft.bearer, id));
        let provider = match &continued {
            Some(None) => {
                let refusal = Refusal::NotFound {
                    resource: "previous response",
                };
                return Err(draft.refuse("owner", refusal));
            }
            Some(Some(stored)) => Some(stored.provider),
            None => None,
        };
        match choose(&draft.bearer, &book, request.dialect, &model, provider) {
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
                })
            }
            Err(refusal) => Err(draft.refuse("assigned_provider", refusal)),
        }
    }
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

fn choose(
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
        let Some(known) = book.lookup(kind, served.priced) else {
            if !lane.route.models.is_empty() {
                let what = format!("the model `{model}`, which has no price");
                refusal = Refusal::Unbounded { what };
            }
            continue;
        };
        let spoken = Direction::of(dialect, kind).map_or(dialect, Direction::upstream);
        if known.answers(spoken) {
            return Ok(Choice {
                lane: lane.clone(),
                asked: served.sent.into(),
                priced: served.priced.into(),
                model: known.clone(),
            });
        }
    }
    Err(refusal)
}

/// A name that a client invented, short enough for a record.
fn truncated(text: &str, most_chars: usize) -> String {
    match text.char_indices().nth(most_chars) {
        Some((end, _)) => text.get(..end).unwrap_or_default().to_owned(),
        None => text.to_owned(),
    }
}
