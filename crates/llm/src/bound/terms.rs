//! Which rates and which output caps an attempt may come to.

use iron_primitives::UnitPrice;

use super::{Assumptions, BoundError, UNSTATED_OUTPUT_CAP};
use crate::envelope::{CapField, Facts};
use crate::kind::{Dialect, ProviderKind};
use crate::prices::{Model, Rates, scaled};
use crate::replicate::Family;
use crate::usage::ServiceTier;

/// The documented cap of the old completions when the client sends none.
const COMPLETIONS_DEFAULT_CAP: u64 = 16;

/// At which rates the attempt may be billed.
pub(super) struct Terms {
    pub(super) rates: Rates,
    pub(super) unsaid_tier: ServiceTier,
    pub(super) regional: bool,
}

impl Terms {
    pub(super) fn of(
        model: &Model,
        facts: &Facts,
        assumptions: &Assumptions,
        input_tokens: u64,
    ) -> Result<Terms, BoundError> {
        let price = &model.price;
        let asked = match facts.service_tier.as_deref() {
            None | Some("auto") => None,
            Some(word) => {
                let tier = ServiceTier::from_answer(word).map(|tier| match (model.kind, tier) {
                    // OpenAI's `fast` is another word for its priority tier.
                    (kind, ServiceTier::Fast) if kind.serves_openai() => ServiceTier::Priority,
                    _ => tier,
                });
                let unknown = || BoundError::Tier {
                    tier: word.to_owned(),
                    model: facts.model.clone(),
                };
                let tier = tier.ok_or_else(unknown)?;
                if !price.is_free() && !price.tiers.contains_key(&tier) {
                    return Err(unknown());
                }
                Some(tier)
            }
        };
        let standard = price.rates_up_to(ServiceTier::Standard, input_tokens);
        let rates = match asked.or(assumptions.unnamed_tier) {
            // A request may be served, and billed, at the standard tier all the same.
            Some(tier) => price.rates_up_to(tier, input_tokens).dearer(&standard),
            None if model.kind.serves_openai()
                && price.tiers.contains_key(&ServiceTier::Priority) =>
            {
                price
                    .rates_up_to(ServiceTier::Priority, input_tokens)
                    .dearer(&standard)
            }
            None => standard,
        };
        // Anthropic's workspaces may set a region by default; OpenAI's follows the address.
        let regional_possible = assumptions.regional
            || (model.kind == ProviderKind::Anthropic && facts.region.as_deref() != Some("global"));
        let rates = match price.regional_permille.filter(|_| regional_possible) {
            // A rebate may not be given after all.
            Some(permille) => scaled(&rates, permille.max(1000))?,
            None => rates,
        };
        let regional = assumptions.regional
            || facts
                .region
                .as_deref()
                .is_some_and(|region| region != "global");
        Ok(Terms {
            rates,
            unsaid_tier: asked.unwrap_or_default(),
            regional,
        })
    }
}

/// Whether pictures can be among the input.
pub(super) fn may_show_pictures(facts: &Facts) -> bool {
    !facts.media.is_empty() || facts.outside_input.is_some()
}

/// The dearest rate at which a token of input may be billed.
pub(super) fn input_price(model: &Model, facts: &Facts, rates: &Rates) -> UnitPrice {
    let writes = match model.kind {
        ProviderKind::Anthropic => facts.cache_marks,
        // OpenAI writes to its cache unasked.
        _ => true,
    };
    let mut dearest = rates.input.max(rates.cache_read);
    if may_show_pictures(facts) {
        dearest = dearest.max(rates.of_input_image());
    }
    if writes {
        dearest = dearest.max(rates.cache_write_5m);
        if facts.long_cache {
            dearest = dearest.max(rates.cache_write_1h);
        }
    }
    dearest
}

/// The dearest rate at which a token of output may be billed.
pub(super) fn output_price(
    model: &Model,
    facts: &Facts,
    rates: &Rates,
) -> Result<UnitPrice, BoundError> {
    let dearest = rates.output.max(rates.of_reasoning());
    let draws = facts.pictures.is_some() || model.draws.is_some();
    let dearest = match draws {
        true => dearest.max(rates.of_output_image()),
        false => dearest,
    };
    if !facts.audio_output || model.price.is_free() {
        return Ok(dearest);
    }
    match rates.output_audio {
        Some(audio) => Ok(audio.max(dearest)),
        None => Err(BoundError::Modality {
            what: "spoken output",
            model: facts.model.clone(),
        }),
    }
}

/// The most output of a model that takes no cap.
fn uncapped(model: &Model, dialect: Dialect, facts: &Facts) -> Result<u64, BoundError> {
    let rates = model.price.rates(ServiceTier::Standard, 0);
    let is_free = [rates.output, rates.of_reasoning(), rates.of_output_audio()]
        .iter()
        .all(|price| *price == UnitPrice::FREE);
    match (model.max_output, dialect) {
        // No answer tells how many tokens a text that is spoken had.
        (_, Dialect::OpenAiSpeech) if rates.input != UnitPrice::FREE => Err(BoundError::Modality {
            what: "speech that is priced by tokens, which no answer tells",
            model: facts.model.clone(),
        }),
        _ if is_free || !dialect.is_of_sound() => Ok(0),
        // What is spoken is not counted in tokens of text.
        (Some(most), dialect) if dialect.listens() => Ok(most),
        _ => Err(BoundError::Modality {
            what: "sound or words of unknown length",
            model: facts.model.clone(),
        }),
    }
}

/// Which output caps may be forwarded.
pub(super) struct OutputTerms {
    pub(super) cap: u64,
    pub(super) floor: u64,
    pub(super) shrinkable: bool,
    pub(super) forwarded: Option<CapField>,
}

impl OutputTerms {
    /// An amount of output that no cap changes.
    pub(super) const fn fixed(tokens: u64) -> OutputTerms {
        OutputTerms {
            cap: tokens,
            floor: tokens,
            shrinkable: false,
            forwarded: None,
        }
    }

    pub(super) fn of(
        model: &Model,
        dialect: Dialect,
        facts: &Facts,
        assumptions: &Assumptions,
    ) -> Result<OutputTerms, BoundError> {
        let Some(field) = model.cap_field(dialect) else {
            let cap = uncapped(model, dialect, facts)?;
            return Ok(OutputTerms::fixed(cap));
        };
        let most = match dialect {
            Dialect::OpenAiCompletions => {
                Some(model.max_output.map_or(COMPLETIONS_DEFAULT_CAP, |most| {
                    most.min(COMPLETIONS_DEFAULT_CAP)
                }))
            }
            _ => model.max_output,
        };
        let (cap, forwarded) = match (facts.output_cap, most) {
            (Some(asked), _) => (asked.min(model.max_output.unwrap_or(asked)), Some(field)),
            (None, Some(most)) => (most, Some(field)),
            (None, None) if model.price.is_free() => (UNSTATED_OUTPUT_CAP, None),
            (None, None) => {
                return Err(BoundError::NoCap {
                    model: facts.model.clone(),
                    field: field.as_str(),
                });
            }
        };
        // A thinking budget must fit below the cap, or the provider refuses the request.
        let thinking = facts
            .thinking_budget
            .map_or(0, |budget| budget.saturating_add(1));
        let least = match dialect {
            Dialect::Replicate => Family::of(&facts.model).least_cap,
            _ => 1,
        };
        let floor = assumptions.floor_tokens.max(thinking).max(least).min(cap);
        // A cap of the client's own is a promise to it, unless it watches the answer grow.
        let chosen_by_us = facts.output_cap.is_none() || facts.cap_is_ours;
        let shrinkable = forwarded.is_some()
            && floor < cap
            && (chosen_by_us || facts.stream && model.kind.abort_stops_billing());
        Ok(OutputTerms {
            cap,
            floor,
            shrinkable,
            forwarded,
        })
    }
}
