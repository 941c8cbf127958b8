//! The true upper bound of what a call can cost, before it is sent.
//!
//! A [`Bound`] is a fixed cost (the input at the dearest rate that may apply, fees) plus so
//! much for each token of output, times the output cap that is forwarded. It holds as long
//! as four things do, which `docs/PROOF.md` states: the provider keeps to the cap, the price
//! book is right, a tokenizer never makes more tokens of a text than it has bytes, and a
//! provider never accepts more input than the model's context.
//!
//! What is bounded how:
//!
//! | input | quick | tight |
//! |---|---|---|
//! | text | bytes of the body without inline media | tokens where the tokenizer is public, with OpenAI's published overhead per message; else bytes |
//! | tools, schemas | their bytes, and an allowance for the hidden instructions | twice the tokens of their JSON, and the allowance |
//! | documents to rank | their bytes, and the query again for each piece of at most 500 tokens; a search for a hundred pieces | the same |
//! | images | the largest size at that detail | by their size, where it can be read |
//! | files, sounds, stored and fetched input | what fits in the model's context | the same |
//! | tools that run at the provider | the context once per allowed use, and their fees; refused without a limit of uses | the same |
//!
//! The input never counts more than the model's context where that is known. Rates: the tier
//! asked for; where none is asked, the dearest of standard and priority if the provider's
//! project might default to it ([`Assumptions::unnamed_tier`]); long-context rates as soon as
//! the bound of the input exceeds the threshold; the dearest of input and the cache writes
//! that may happen.

mod input;
mod pictures;
mod terms;

use iron_primitives::{Money, MoneyError, PicoDollars, Refusal, UnitPrice};

use self::pictures::Drawn;
use self::terms::{OutputTerms, Terms, input_price, may_show_pictures, output_price};
use crate::envelope::{CapField, Edits, Envelope, Facts};
use crate::kind::{Dialect, ProviderKind};
use crate::prices::{ModelRef, PictureRule, PriceBook};
use crate::replicate::Family;
use crate::usage::{ServiceTier, Usage};

/// The output cap that is assumed, and not forwarded, for a model that is free and whose
/// maximum nobody states (a local server rejects caps beyond its context).
pub const UNSTATED_OUTPUT_CAP: u64 = 32_768;

/// Why a call has no bound.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BoundError {
    /// The price book has no entry.
    #[error("the price of the model `{model}` is not in the price book; add it, 0 if it is free")]
    UnknownModel {
        /// The model.
        model: String,
    },
    /// The model is not for this route.
    #[error("the model `{model}` does not answer on `{path}`")]
    WrongRoute {
        /// The model.
        model: String,
        /// The route.
        path: &'static str,
    },
    /// A tier without prices.
    #[error("the tier `{tier}` of the model `{model}` has no known price")]
    Tier {
        /// The tier asked for.
        tier: String,
        /// The model.
        model: String,
    },
    /// A modality without prices or limits.
    #[error("{what} in a request to the model `{model}`")]
    Modality {
        /// Which.
        what: &'static str,
        /// The model.
        model: String,
    },
    /// A tool that runs at the provider without a limit.
    #[error("the tool `{tool}`, which runs at the provider without a limit of uses")]
    HostedTool {
        /// Its type.
        tool: String,
    },
    /// A field that may move the price.
    #[error("`{field}`, which may cost more at the model `{model}`; leave it out")]
    Field {
        /// The field.
        field: String,
        /// The model.
        model: String,
    },
    /// An answer that is made after the connection has ended.
    #[error("`background`")]
    Background,
    /// The dialect demands a cap (a request that only counts tokens has none).
    #[error("`{field}` is required")]
    CapMissing {
        /// The field to send.
        field: &'static str,
    },
    /// The output of the model has no known maximum, and the client sent no cap.
    #[error("the output of `{model}`, whose maximum is not known; send `{field}`")]
    NoCap {
        /// The model.
        model: String,
        /// The field to send.
        field: &'static str,
    },
    /// The amount is out of range.
    #[error("an amount beyond what can be counted")]
    OutOfRange(#[from] MoneyError),
}

impl BoundError {
    fn beta(name: &str, facts: &Facts) -> Self {
        BoundError::Field {
            field: format!("anthropic-beta: {name}"),
            model: facts.model.clone(),
        }
    }
}

impl From<BoundError> for Refusal {
    fn from(error: BoundError) -> Refusal {
        match error {
            BoundError::CapMissing { field } => Refusal::InvalidField {
                field: field.to_owned(),
                problem: "is required".to_owned(),
            },
            error => Refusal::Unbounded {
                what: error.to_string(),
            },
        }
    }
}

/// What the operator knows about a provider and what cannot be seen in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Assumptions {
    /// The tier of a request that names none. Unknown by default: an OpenAI project may be
    /// set to priority.
    pub unnamed_tier: Option<ServiceTier>,
    /// Whether the provider's address adds the regional surcharge.
    pub regional: bool,
    /// Tokens of the stored answers that the request refers to, if they are known.
    pub stored_input_tokens: Option<u64>,
    /// Uses of hosted tools that are allowed where the request sets no limit.
    pub hosted_uses: Option<u64>,
    /// The least output cap that is worth forwarding near the edge of a budget.
    pub floor_tokens: u64,
    /// Whether answers may be made in the background.
    pub background: bool,
}

impl Default for Assumptions {
    fn default() -> Self {
        Assumptions {
            unnamed_tier: None,
            regional: false,
            stored_input_tokens: None,
            hosted_uses: None,
            floor_tokens: 64,
            background: false,
        }
    }
}

/// The upper bound of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bound {
    model: ModelRef,
    input_tokens: u64,
    /// What of a prediction may be rejected, in all answers together.
    predicted_tokens: u64,
    fixed: PicoDollars,
    per_output_token: PicoPerToken,
    choices: u64,
    cap: u64,
    floor: u64,
    shrinkable: bool,
    forwarded: Option<CapField>,
    settle_tier: ServiceTier,
    settle_regional: bool,
    images: u64,
    /// Whether pictures can be among the input.
    may_show: bool,
    /// Of pictures that are made: how often the price of one counts for each.
    units_each: Option<u64>,
    search_units: u64,
    seconds: u64,
    characters: u64,
}

/// The price of one token of each of the answers together.
type PicoPerToken = UnitPrice;

impl Bound {
    /// The bound by bytes, without tokenizing: enough while the budget is far away.
    ///
    /// # Errors
    /// [`BoundError`] names what has no bound.
    pub fn quick(
        book: &PriceBook,
        kind: ProviderKind,
        envelope: &Envelope,
        assumptions: &Assumptions,
    ) -> Result<Bound, BoundError> {
        Bound::quick_of(find(book, kind, envelope)?, envelope, assumptions)
    }

    /// The same for a model that is known already: at some providers it goes by another name than
    /// the request's.
    ///
    /// # Errors
    /// [`BoundError`] names what has no bound.
    pub fn quick_of(
        model: &ModelRef,
        envelope: &Envelope,
        assumptions: &Assumptions,
    ) -> Result<Bound, BoundError> {
        let input = input::by_bytes(envelope, model, assumptions)?;
        Bound::of(model, envelope, assumptions, input)
    }

    /// The bound by the provider's own tokenizer, where it is public; never above
    /// [`Bound::quick`].
    ///
    /// # Errors
    /// [`BoundError`] names what has no bound.
    pub fn tight(
        book: &PriceBook,
        kind: ProviderKind,
        envelope: &Envelope,
        assumptions: &Assumptions,
    ) -> Result<Bound, BoundError> {
        Bound::tight_of(find(book, kind, envelope)?, envelope, assumptions)
    }

    /// The same for a model that is known already.
    ///
    /// # Errors
    /// [`BoundError`] names what has no bound.
    pub fn tight_of(
        model: &ModelRef,
        envelope: &Envelope,
        assumptions: &Assumptions,
    ) -> Result<Bound, BoundError> {
        let input = input::by_tokens(envelope, model, assumptions)?;
        Bound::of(model, envelope, assumptions, input)
    }

    fn of(
        model: &ModelRef,
        envelope: &Envelope,
        assumptions: &Assumptions,
        input: input::InputBound,
    ) -> Result<Bound, BoundError> {
        let (facts, dialect) = (envelope.facts(), envelope.dialect());
        if facts.background && !assumptions.background {
            return Err(BoundError::Background);
        }
        if let (Some(beta), false) = (facts.betas.unknown(), model.price.is_free()) {
            return Err(BoundError::beta(beta, facts));
        }
        let drawn = Drawn::of(model, facts)?;
        let model = drawn.as_ref().map_or(model, |drawn| &drawn.model);
        let input = match &drawn {
            Some(drawn) => input.for_each_of(drawn),
            None => input,
        };
        // All rounds together: a provider that adds them up may look at the sum for its tiers.
        let terms = Terms::of(model, facts, assumptions, input.billed_tokens)?;
        let rates = terms.rates;
        let needed = match dialect {
            Dialect::AnthropicMessages | Dialect::BedrockMessages => Some(CapField::MaxTokens),
            Dialect::Converse => Some(CapField::InferenceConfig),
            _ => None,
        };
        if let (Some(field), None) = (needed, facts.output_cap) {
            return Err(BoundError::CapMissing {
                field: field.as_str(),
            });
        }
        let choices = match dialect {
            // Those of all pictures are counted already.
            _ if drawn.is_some() => 1,
            // Each of several prompts is completed.
            Dialect::OpenAiCompletions => facts.choices.saturating_mul(facts.messages.max(1)),
            _ => facts.choices,
        };
        let output = match &drawn {
            Some(drawn) => OutputTerms::fixed(drawn.tokens),
            None => OutputTerms::of(model, dialect, facts, assumptions)?,
        };
        let dearest_output = output_price(model, facts, &rates)?;
        let per_output_token =
            u64::try_from(u128::from(dearest_output.picos()) * u128::from(choices))
                .map(UnitPrice::from_picos)
                .map_err(|_| MoneyError::OutOfRange)?;
        let input_price = input_price(model, facts, &rates);
        let searches = match model.price.web_search {
            Some(price) => price.times(input.searches),
            None if input.searches == 0 || model.price.is_free() => PicoDollars::ZERO,
            None => {
                let what = "a search of the web without a known price";
                return Err(BoundError::Modality {
                    what,
                    model: facts.model.clone(),
                });
            }
        };
        if dialect == Dialect::Replicate
            && dearest_output != UnitPrice::FREE
            && !Family::of(&facts.model).keeps_cap
        {
            return Err(BoundError::Modality {
                what: "output without a cap that is known to be kept",
                model: facts.model.clone(),
            });
        }
        let (seconds, characters) = units(model, facts)?;
        // What of a prediction is rejected is billed as output, outside of the cap.
        let predictions = per_output_token.times(facts.prediction_bytes);
        let fixed = input_price
            .times(input.billed_tokens.saturating_sub(input.audio_tokens))
            .plus(
                input_price
                    .max(rates.of_input_audio())
                    .times(input.audio_tokens),
            )
            .plus(searches)
            .plus(predictions)
            .plus(model.price.image.times(input.images))
            .plus(model.price.search_unit.times(input.search_units))
            .plus(model.price.second.times(seconds))
            .plus(model.price.character.times(characters))
            .plus(model.price.request.times(1));
        let bound = Bound {
            model: model.clone(),
            input_tokens: input.billed_tokens,
            predicted_tokens: facts.prediction_bytes.saturating_mul(choices),
            fixed,
            per_output_token,
            choices,
            cap: output.cap,
            floor: output.floor,
            shrinkable: output.shrinkable,
            forwarded: output.forwarded,
            settle_tier: terms.unsaid_tier,
            settle_regional: terms.regional,
            search_units: match model.price.search_unit {
                UnitPrice::FREE => 0,
                _ => input.search_units,
            },
            may_show: may_show_pictures(facts),
            units_each: drawn.as_ref().map(|drawn| drawn.units_each),
            images: if model.price.image == UnitPrice::FREE {
                0
            } else {
                input.images
            },
            seconds,
            characters,
        };
        bound.cost_at(bound.cap)?;
        Ok(bound)
    }

    /// The model, with the price that was in force.
    pub const fn model(&self) -> &ModelRef {
        &self.model
    }

    /// The most input tokens that can be billed.
    pub const fn input_tokens(&self) -> u64 {
        self.input_tokens
    }

    /// The cost without any output.
    ///
    /// # Errors
    /// [`MoneyError::OutOfRange`]; never for a bound that was made.
    pub fn fixed_cost(&self) -> Result<Money, MoneyError> {
        self.fixed.ceil()
    }

    /// The price of one more token of the cap, all answers together.
    pub const fn per_output_token(&self) -> UnitPrice {
        self.per_output_token
    }

    /// The output cap that is forwarded if there is room: the client's own, or the largest
    /// that the model can use.
    pub const fn cap(&self) -> u64 {
        self.cap
    }

    /// The least cap that may be forwarded.
    pub const fn floor(&self) -> u64 {
        self.floor
    }

    /// Whether a smaller cap than [`Bound::cap`] may be forwarded near the edge.
    pub const fn shrinkable(&self) -> bool {
        self.shrinkable
    }

    /// How many answers are made of the one input.
    pub const fn choices(&self) -> u64 {
        self.choices
    }

    /// The most the attempt can cost with this cap.
    ///
    /// # Errors
    /// [`MoneyError::OutOfRange`] above about 9.2 billion dollars.
    pub fn cost_at(&self, cap: u64) -> Result<Money, MoneyError> {
        self.fixed.plus(self.per_output_token.times(cap)).ceil()
    }

    /// The most tokens the attempt can use with this cap.
    pub const fn tokens_at(&self, cap: u64) -> u64 {
        self.input_tokens
            .saturating_add(self.predicted_tokens)
            .saturating_add(cap.saturating_mul(self.choices))
    }

    /// The largest cap that costs no more than the room, between floor and cap; only the
    /// full cap where the bound may not shrink.
    pub fn cap_within(&self, room: Money) -> Option<u64> {
        self.largest_cap(|cap| self.cost_at(cap).is_ok_and(|cost| cost <= room))
    }

    /// The largest cap that uses no more tokens than the room.
    pub fn cap_within_tokens(&self, room: u64) -> Option<u64> {
        self.largest_cap(|cap| self.tokens_at(cap) <= room)
    }

    fn largest_cap(&self, fits: impl Fn(u64) -> bool) -> Option<u64> {
        if fits(self.cap) {
            return Some(self.cap);
        }
        if !self.shrinkable || !fits(self.floor) {
            return None;
        }
        let (mut fitting, mut too_large) = (self.floor, self.cap);
        while too_large.saturating_sub(fitting) > 1 {
            let middle = fitting.midpoint(too_large);
            if fits(middle) {
                fitting = middle
            } else {
                too_large = middle
            }
        }
        Some(fitting)
    }

    /// The edit that puts a cap into the request.
    pub fn cap_edit(&self, cap: u64) -> Option<(CapField, u64)> {
        self.forwarded.map(|field| (field, cap))
    }

    /// The edits with which the request is forwarded.
    pub fn edits<'a>(&self, cap: u64, model: Option<&'a str>, dialect: Dialect) -> Edits<'a> {
        Edits {
            model,
            output_cap: self.cap_edit(cap),
            include_usage: self.model.kind.takes_stream_options()
                && matches!(dialect, Dialect::OpenAiChat | Dialect::OpenAiCompletions),
            files: &[],
        }
    }

    /// The provider's count with what it left unsaid: those facts are as they were asked for.
    pub fn completed(&self, usage: &Usage) -> Usage {
        let usage = &self.drawn(&self.shown(usage));
        Usage {
            tier: usage.tier.or(Some(self.settle_tier)),
            regional: usage.regional.or(Some(self.settle_regional)),
            images: match self.units_each {
                Some(each) => usage.images.saturating_mul(each),
                None => self.images,
            },
            // Who bills by the search and does not tell how many is taken to bill what was held.
            search_units: match usage.search_units {
                0 => self.search_units,
                told => told,
            },
            characters: self.characters,
            seconds: match usage.seconds {
                0 => self.seconds,
                told => told,
            },
            ..*usage
        }
    }

    /// What a model has read that does not tell words from pictures is taken for pictures, which cost
    /// more; where none were sent, it was words.
    fn shown(&self, usage: &Usage) -> Usage {
        let words = if self.may_show { 0 } else { usage.input_image };
        Usage {
            input: usage.input.saturating_add(words),
            input_image: usage.input_image - words,
            ..*usage
        }
    }

    /// What a model whose output may be all pictures has said without telling them apart is taken
    /// for pictures, which cost more.
    fn drawn(&self, usage: &Usage) -> Usage {
        let untold = self.model.draws == Some(PictureRule::AllOutput) && usage.output_image == 0;
        let drawn = match untold {
            true => usage.output.saturating_sub(usage.reasoning),
            false => 0,
        };
        Usage {
            output: usage.output - drawn,
            output_image: usage.output_image + drawn,
            ..*usage
        }
    }

    /// What an attempt cost by the provider's count, at the price that was held.
    ///
    /// # Errors
    /// [`MoneyError::OutOfRange`] above about 9.2 billion dollars.
    pub fn settle(&self, usage: &Usage) -> Result<Money, MoneyError> {
        match self.is_told_otherwise(usage) {
            true => self.cost_at(self.cap),
            false => self.model.cost(&self.completed(usage)),
        }
    }

    /// Whether a provider has told of a call in a unit that has no price, and not in one that has:
    /// what it bills is not known then.
    fn is_told_otherwise(&self, usage: &Usage) -> bool {
        let price = &self.model.price;
        let without_price = |count: u64, price: UnitPrice| count > 0 && price == UnitPrice::FREE;
        let otherwise = without_price(usage.search_units, price.search_unit)
            || without_price(usage.images, price.image)
            || without_price(usage.seconds, price.second)
            || self.model.draws.is_some() && price.image == UnitPrice::FREE;
        otherwise && usage.total() == 0 && !price.is_free()
    }
}

/// The most seconds and characters that can be billed one by one.
fn units(model: &ModelRef, facts: &Facts) -> Result<(u64, u64), BoundError> {
    let is_billed = |price: UnitPrice| price != UnitPrice::FREE;
    let seconds = match facts.seconds {
        _ if !is_billed(model.price.second) => 0,
        Some(seconds) => seconds,
        None => {
            return Err(BoundError::Modality {
                what: "sound of unknown length (send WAV or MP3)",
                model: facts.model.clone(),
            });
        }
    };
    if facts.tells_no_seconds && seconds > 0 {
        return Err(BoundError::Modality {
            what: "a transcript that does not tell its seconds (ask for `json` or `verbose_json`)",
            model: facts.model.clone(),
        });
    }
    let characters = match is_billed(model.price.character) {
        true => facts.characters,
        false => 0,
    };
    Ok((seconds, characters))
}

fn find<'a>(
    book: &'a PriceBook,
    kind: ProviderKind,
    envelope: &Envelope,
) -> Result<&'a ModelRef, BoundError> {
    let name = &envelope.facts().model;
    let model = book
        .lookup(kind, name)
        .ok_or_else(|| BoundError::UnknownModel {
            model: name.clone(),
        })?;
    if !model.answers(envelope.dialect()) {
        return Err(BoundError::WrongRoute {
            model: name.clone(),
            path: envelope.dialect().path(),
        });
    }
    Ok(model)
}
