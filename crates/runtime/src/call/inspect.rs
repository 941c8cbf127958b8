//! Step 4: is the request of a size, a content and a shape that may be sent.
//!
//! First its texts stand before the guardrails of the agent, which may refuse the call or
//! replace parts of it; what follows knows only what is left.
//!
//! Here the request becomes what the provider will be sent: as it is where the provider
//! speaks the caller's dialect, else translated whole. What cannot be said to the provider
//! is refused by name now, before any money is held.

use bytes::Bytes;
use http::HeaderMap;
use iron_llm::anthropic::BETA_HEADER;
use iron_llm::envelope::{Envelope, Facts};
use iron_llm::translate::{Direction, Error, Plan};
use iron_llm::{Dialect, ProviderKind};
use iron_primitives::Refusal;

use crate::Runtime;

use super::choice::Choice;
use super::count::Counted;
use super::decide::Decided;
use super::draft::{Draft, Refused};
use super::flow::Owner;
use super::request::CallRequest;
use super::screen;
use super::tiers::Way;

/// A call whose request may be sent.
pub(super) struct Cleared {
    pub(super) draft: Box<Draft>,
    pub(super) request: CallRequest,
    pub(super) choice: Choice,
    pub(super) outbound: Outbound,
    pub(super) way: Way,
}

/// The request in the provider's dialect.
pub(super) struct Outbound {
    /// In the dialect of the provider.
    pub(super) envelope: Box<Envelope>,
    /// The request as guardrails let it pass, where it is not the envelope.
    original: Option<Box<Envelope>>,
    /// How the answer finds back, if the caller speaks another dialect.
    pub(super) plan: Option<Box<Plan>>,
    /// Ids of stored responses in the request, as the agent and as the provider knows them.
    pub(super) renames: Vec<(String, String)>,
    /// What the provider calls the stored files of the request.
    pub(super) files: Vec<String>,
    /// Whether the caller itself asked for the usage in its stream.
    pub(super) usage_asked: bool,
}

impl Outbound {
    /// The request as guardrails let it pass, in the caller's dialect and of the model that it names.
    pub(super) fn original(&self) -> &Envelope {
        self.original.as_ref().unwrap_or(&self.envelope)
    }

    /// Who owns the response that is being made, if the provider stores it.
    pub(super) fn owner(&self, draft: &Draft, choice: &Choice) -> Option<Owner> {
        let stores = self.plan.is_none() && self.envelope.dialect() == Dialect::OpenAiResponses;
        stores.then(|| Owner {
            bearer: draft.bearer.shared(),
            provider: choice.lane().route.provider,
            previous: self.renames.clone(),
        })
    }
}

impl Runtime {
    pub(super) fn inspect_input(&self, counted: Counted) -> Result<Cleared, Refused> {
        let Counted(decided) = counted;
        let Decided {
            mut draft,
            request,
            envelope,
            choice,
            stored,
            files,
            other_model,
            way,
        } = decided;
        if let Err(refusal) = self.check_size(envelope.facts()) {
            return Err(draft.refuse("size", refusal));
        }
        let begun = self.environment.boot();
        let screened = match &request.passing {
            Some(passing) => screen::address(&mut draft, passing),
            None => Ok(()),
        };
        let screened = screened.and_then(|()| screen::input(&mut draft, envelope));
        let took = self.environment.boot().since(begun);
        self.metrics.guard.input.observe(took);
        let envelope = match screened {
            Ok(envelope) => envelope,
            Err(refusal) => return Err(draft.refuse("guardrails", refusal)),
        };
        hash_prompt(&mut draft, &envelope);
        let said = match other_model {
            None => translated(envelope, &choice, &files),
            Some(model) => of_another_model(envelope, &choice, &model),
        };
        match said {
            Ok(mut outbound) => {
                draft.passed("size");
                draft.passed("guardrails");
                outbound.renames.extend(stored);
                name_betas(&mut outbound.envelope, choice.model.kind, &request.headers);
                outbound.files = files;
                Ok(Cleared {
                    draft,
                    request,
                    choice,
                    outbound,
                    way,
                })
            }
            Err(refusal) => Err(draft.refuse("translation", refusal)),
        }
    }

    fn check_size(&self, facts: &Facts) -> Result<(), Refusal> {
        let config = &self.config;
        let counts = [
            ("messages", facts.messages, config.max_messages),
            ("tools", facts.tools, config.max_tools),
        ];
        match counts.into_iter().find(|(_, count, most)| count > most) {
            None => Ok(()),
            Some((field, _, most)) => Err(Refusal::InvalidField {
                field: field.to_owned(),
                problem: format!("has more than {most} entries"),
            }),
        }
    }
}

/// The betas that a header names, if the provider is shown it.
pub(super) fn name_betas(envelope: &mut Envelope, kind: ProviderKind, headers: &HeaderMap) {
    if kind != ProviderKind::Anthropic {
        return;
    }
    for names in headers.get_all(BETA_HEADER) {
        // What is no text is shown to nobody under a name.
        envelope.name_betas(names.to_str().unwrap_or("unreadable"));
    }
}

fn hash_prompt(draft: &mut Draft, envelope: &Envelope) {
    let prefix = || envelope.prefix();
    let prompt = std::iter::once(envelope.prompt());
    draft.prefix_hash = Some(draft.bearer.keyed_hash("prefix", prefix()));
    draft.prompt_hash = Some(draft.bearer.keyed_hash("prompt", prefix().chain(prompt)));
}

/// As [`translated`], of another model than the caller named.
pub(super) fn of_another_model(
    envelope: Box<Envelope>,
    choice: &Choice,
    model: &str,
) -> Result<Outbound, Refusal> {
    let renamed = Box::new(envelope.of_model(model)?);
    let outbound = translated(renamed, choice, &[])?;
    Ok(Outbound {
        original: Some(envelope),
        ..outbound
    })
}

pub(super) fn translated(
    envelope: Box<Envelope>,
    choice: &Choice,
    files: &[String],
) -> Result<Outbound, Refusal> {
    let usage_asked = envelope.facts().usage_asked;
    if choice.model.kind.speaks(envelope.dialect()) {
        return Ok(Outbound {
            envelope,
            original: None,
            plan: None,
            renames: Vec::new(),
            files: Vec::new(),
            usage_asked,
        });
    }
    let client = envelope.dialect();
    if let Some(direction) = Direction::of(client, choice.model.kind) {
        let feature = match (files.is_empty(), envelope.form_type()) {
            (false, _) => Some("file_id"),
            (true, Some(_)) => Some(client.path()),
            (true, None) => None,
        };
        if let Some(feature) = feature {
            let feature = feature.to_owned();
            return Err(Error::Untranslatable { feature, direction }.into());
        }
    }
    let plan = Plan::new(client, choice.model.kind, envelope.body())?;
    // With the cap that will be held in full if there is room; the hold may shrink it.
    let cap = plan
        .output_cap()
        .or(choice.model.max_output)
        .ok_or_else(|| Refusal::Unbounded {
            what: format!(
                "the output of `{}`, whose maximum is not known",
                choice.model.name
            ),
        })?;
    let body = plan.request(cap.max(plan.output_floor()))?;
    let body = Bytes::from(body);
    let read = match plan.upstream() {
        dialect if dialect.is_addressed() => {
            let (model, stream) = (&envelope.facts().model, plan.streams());
            Envelope::read_addressed(dialect, body, model, stream)?
        }
        dialect => Envelope::read(dialect, body)?,
    };
    let read = match plan.output_cap() {
        None => read.capped_by_us(),
        Some(_) => read,
    };
    Ok(Outbound {
        envelope: Box::new(read),
        original: Some(envelope),
        plan: Some(Box::new(plan)),
        renames: Vec::new(),
        files: Vec::new(),
        usage_asked,
    })
}
