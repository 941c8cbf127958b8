//! What a batch may cost: each of its lines bounded as it would be alone, at the prices of batches.

use std::collections::HashMap;
use std::sync::Arc;

use iron_llm::batch::{BatchLine, Planning};
use iron_llm::prices::ModelRef;
use iron_llm::{Assumptions, Bound, Envelope, PriceBook};
use iron_primitives::{Money, Refusal};

use crate::call::batch::screen::of_line;
use crate::call::choice::{allows, choose};
use crate::call::draft::Draft;
use crate::call::files::unreadable;
use crate::call::inspect::name_betas;

use super::Asked;

/// So many lines are bounded before others have their turn.
const LINES_AT_ONCE: usize = 64;

/// A batch that may be sent.
pub(super) struct Planned {
    /// What each line may cost, and at which prices.
    pub(super) plan: String,
    pub(super) lines: usize,
    /// Its model, the first of several.
    pub(super) model: Option<String>,
    /// The worst case of all lines.
    pub(super) amount: Money,
}

/// Bounds every line with the prices of batches; the first that would be refused alone refuses all.
pub(super) async fn plan(
    draft: &Draft,
    book: &PriceBook,
    asked: &Asked,
) -> Result<Planned, Refusal> {
    let mut planning = Planning::new(asked.dialect);
    let mut models = HashMap::new();
    for (index, line) in asked.lines.iter().enumerate() {
        let added = add_line(draft, book, asked, line, &mut models, &mut planning);
        added.map_err(|refusal| of_line(index.saturating_add(1), refusal))?;
        if index % LINES_AT_ONCE == 0 {
            tokio::task::yield_now().await;
        }
    }
    let (plan, amount) = planning.finish();
    let text = serde_json::to_string(&plan);
    Ok(Planned {
        plan: text.map_err(|_| unreadable())?,
        lines: plan.len(),
        model: plan.models().next().map(str::to_owned),
        amount,
    })
}

fn add_line(
    draft: &Draft,
    book: &PriceBook,
    asked: &Asked,
    line: &BatchLine,
    models: &mut HashMap<String, ModelRef>,
    planning: &mut Planning,
) -> Result<(), Refusal> {
    let mut envelope = Envelope::read(asked.dialect, line.body.clone())?;
    name_betas(&mut envelope, asked.lane.route.kind, &asked.headers);
    let facts = envelope.facts();
    stands_alone(&envelope)?;
    let model = match models.get(&facts.model) {
        Some(model) => model.clone(),
        None => {
            let model = priced(draft, book, asked, &facts.model)?;
            models.insert(facts.model.clone(), model.clone());
            model
        }
    };
    let assumptions = Assumptions {
        regional: asked.lane.route.config.is_regional(),
        ..Assumptions::default()
    };
    let bound = Bound::quick_of(&model, &envelope, &assumptions)?;
    let added = planning.add(line.custom_id.clone(), &bound, facts.long_cache);
    added.map_err(|what| Refusal::Unbounded {
        what: what.to_owned(),
    })
}

/// Refuses what a line of a batch cannot have, because it goes to the provider as it is.
fn stands_alone(envelope: &Envelope) -> Result<(), Refusal> {
    let facts = envelope.facts();
    let (field, problem) = match () {
        () if facts.stream => (
            "stream",
            "the answers of a batch do not stream; leave it out",
        ),
        () if facts.previous_response.is_some() => (
            "previous_response_id",
            "a line of a batch begins anew; send the conversation itself",
        ),
        () if envelope.files().next().is_some() => (
            "file_id",
            "a line of a batch names no stored files; send the content inline",
        ),
        () => return Ok(()),
    };
    Err(Refusal::InvalidField {
        field: field.to_owned(),
        problem: problem.to_owned(),
    })
}

/// A model at the prices of batches, if the agent may use it at the provider under its own name.
fn priced(
    draft: &Draft,
    book: &PriceBook,
    asked: &Asked,
    model: &str,
) -> Result<ModelRef, Refusal> {
    if !allows(draft.bearer.principal.allowed_models.as_deref(), model) {
        let model = model.to_owned();
        return Err(Refusal::ModelNotAllowed { model });
    }
    let only = Some(asked.lane.route.provider);
    let choice = choose(&draft.bearer, book, asked.dialect, model, only)?;
    if choice.asked_as() != model || !choice.model.kind.speaks(asked.dialect) {
        return Err(Refusal::InvalidField {
            field: "model".to_owned(),
            problem: format!("`{model}` has another name at the provider; send that one"),
        });
    }
    Ok(Arc::new(choice.model.at_batch_prices()))
}
