//! Step 3: which provider, if any.
//!
//! The request is read here, once; everything later works on what was read. Then the agent's
//! list of models is asked, then its providers as its routing wants them ([`tiers`](super::tiers)):
//! the first one that serves the model, has a price for it, can be spoken to and answers is taken.

use http::header::CONTENT_TYPE;
use iron_llm::Dialect;
use iron_llm::envelope::{Envelope, RequestError};
use iron_primitives::{ProviderId, Refusal};

use crate::Runtime;
use crate::affinity::{Stored, StoredId};
use crate::authority::Privacy;
use crate::bearer::Bearer;
use crate::record::Roles;

use super::admit::Admitted;
use super::choice::{Choice, allows, choose_route};
use super::draft::{Draft, Refused};
use super::request::CallRequest;
use super::tiers::Way;

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
    /// The model, where another is asked than the caller named.
    pub(super) other_model: Option<String>,
    pub(super) way: Way,
}

/// What may answer a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// The model that it names, and what the agent falls back on.
    Fallbacks,
    /// The model that it names.
    ThatModel,
}

impl Runtime {
    pub(super) fn decide(&self, admitted: Admitted, reach: Reach) -> Result<Decided, Refused> {
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
        let mut way = match reach {
            Reach::Fallbacks => Way::new(book.clone(), provider),
            Reach::ThatModel => Way::new(book.clone(), provider).of_one_model(),
        };
        let chosen = match request.dialect {
            Dialect::Passthrough => {
                choose_route(&draft.bearer, &book, &model, provider).map(|choice| (choice, None))
            }
            dialect => self
                .next_tier(&draft.bearer, dialect, &model, &way)
                .map(|tier| way.take(tier)),
        };
        match chosen {
            Ok((choice, other_model)) => {
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
                    other_model,
                    way,
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

/// A name that a client invented, short enough for a record.
fn truncated(text: &str, most_chars: usize) -> String {
    match text.char_indices().nth(most_chars) {
        Some((end, _)) => text.get(..end).unwrap_or_default().to_owned(),
        None => text.to_owned(),
    }
}
