//! What a model costs: a dated book of integer prices, identified by its content.
//!
//! A [`PriceBook`] is data. The one that is built in ([`PriceBook::builtin`]) was made from
//! two public lists (`data/generate.py` says how and from which versions); others come from
//! LiteLLM's format ([`PriceBook::import_litellm`]) or from a tenant's overrides
//! ([`PriceBook::with_overrides`]). Its SHA-256 ([`PriceBook::hash`]) goes into every record,
//! so that each charge can be computed again.
//!
//! Prices are whole pico-dollars per token. Numbers are read as decimal text, exponents
//! included, and a price that does not fit exactly is refused; no float is involved
//! anywhere.
//!
//! A bucket for which a list states no price is charged at the dearest price that could be
//! meant, never at nothing: see [`Rates`].

mod book;
mod decimal;
mod file;
mod litellm;
mod model;
mod wire;

use std::collections::BTreeMap;

use iron_primitives::{Money, MoneyError, PicoDollars, UnitPrice};
use serde::{Deserialize, Serialize};

pub use self::book::{Override, PriceBook, SourceNote};
pub use self::litellm::{Import, Skipped};
pub use self::model::{Abilities, Encoding, ImageRule, Mode, Model, ModelRef, PictureRule};
use crate::usage::{ServiceTier, Usage};

/// Why a price list cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PriceError {
    /// The text is not JSON, or lacks what every list has.
    #[error("the price list cannot be read (line {line}, column {column}): {problem}")]
    Unreadable {
        /// Line of the problem, from one.
        line: usize,
        /// Column of the problem, from one.
        column: usize,
        /// What the reader said.
        problem: String,
    },
    /// A price is no exact amount of pico-dollars.
    #[error("the price `{value}` of `{model}` ({bucket}) cannot be used: {source}")]
    NotAPrice {
        /// The model.
        model: String,
        /// The bucket.
        bucket: String,
        /// The text that stands there.
        value: String,
        /// Why.
        source: MoneyError,
    },
    /// A model has no price for its input.
    #[error("`{model}` has no price for `{bucket}`; state one, 0 if it is free")]
    NoPrice {
        /// The model.
        model: String,
        /// The bucket.
        bucket: &'static str,
    },
    /// A word that the list may not contain.
    #[error("`{word}` is no known {what} (model `{model}`)")]
    UnknownWord {
        /// The model.
        model: String,
        /// The word.
        word: String,
        /// What it should have been.
        what: &'static str,
    },
}

/// Prices per unit of each bucket, at one tier, below or above a context threshold.
///
/// Filled so that nothing is free by omission: a cache read without a price costs as much as
/// input; a cache write costs 1.25 times (five minutes) or twice (one hour) the input at
/// Anthropic, elsewhere as much as input. Sound has no fallback: a model without a price for
/// it is not sold with sound, and if sound is reported all the same, it costs the dearest
/// price of the tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rates {
    /// Uncached input.
    pub input: UnitPrice,
    /// Input read from a cache.
    pub cache_read: UnitPrice,
    /// Input written to a cache for a short time.
    pub cache_write_5m: UnitPrice,
    /// Input written to a cache for a long time.
    pub cache_write_1h: UnitPrice,
    /// Output.
    pub output: UnitPrice,
    /// Reasoning, where it costs other than the rest of the output.
    pub reasoning: Option<UnitPrice>,
    /// Sound of the input.
    pub input_audio: Option<UnitPrice>,
    /// Sound of the output.
    pub output_audio: Option<UnitPrice>,
    /// Pictures of the input; as much as other input if it is not stated.
    #[serde(default)]
    pub input_image: Option<UnitPrice>,
    /// Pictures that are made; as much as other output if it is not stated.
    #[serde(default)]
    pub output_image: Option<UnitPrice>,
}

impl Rates {
    /// Everything costs nothing.
    pub const FREE: Rates = Rates {
        input: UnitPrice::FREE,
        cache_read: UnitPrice::FREE,
        cache_write_5m: UnitPrice::FREE,
        cache_write_1h: UnitPrice::FREE,
        output: UnitPrice::FREE,
        reasoning: None,
        input_audio: Some(UnitPrice::FREE),
        output_audio: Some(UnitPrice::FREE),
        input_image: None,
        output_image: None,
    };

    fn cost(&self, usage: &Usage) -> PicoDollars {
        let reasoning = usage.reasoning.min(usage.output);
        self.input
            .times(usage.input)
            .plus(self.cache_read.times(usage.cache_read))
            .plus(self.cache_write_5m.times(usage.cache_write_5m))
            .plus(self.cache_write_1h.times(usage.cache_write_1h))
            .plus(self.output.times(usage.output.saturating_sub(reasoning)))
            .plus(self.of_reasoning().times(reasoning))
            .plus(self.of_input_audio().times(usage.input_audio))
            .plus(self.of_output_audio().times(usage.output_audio))
            .plus(self.of_input_image().times(usage.input_image))
            .plus(self.of_output_image().times(usage.output_image))
    }

    /// Whether no token costs anything.
    pub(crate) fn is_nothing(&self) -> bool {
        let of_text = [
            self.input,
            self.cache_read,
            self.cache_write_5m,
            self.cache_write_1h,
            self.output,
        ];
        let others = [
            self.of_reasoning(),
            self.of_input_audio(),
            self.of_output_audio(),
            self.of_input_image(),
            self.of_output_image(),
        ];
        let mut all = of_text.into_iter().chain(others);
        all.all(|price| price == UnitPrice::FREE)
    }

    /// What a token of reasoning costs.
    pub fn of_reasoning(&self) -> UnitPrice {
        self.reasoning.unwrap_or(self.output)
    }

    /// What a token of sound costs that is heard.
    pub fn of_input_audio(&self) -> UnitPrice {
        let dearest = self.input.max(self.cache_write_5m).max(self.cache_write_1h);
        self.input_audio.unwrap_or(dearest)
    }

    /// What a token of sound costs that is spoken.
    pub fn of_output_audio(&self) -> UnitPrice {
        self.output_audio.unwrap_or(self.output)
    }

    /// What a token of a picture costs that is seen.
    pub fn of_input_image(&self) -> UnitPrice {
        self.input_image.unwrap_or(self.input)
    }

    /// What a token of a picture costs that is made.
    pub fn of_output_image(&self) -> UnitPrice {
        self.output_image.unwrap_or(self.output)
    }

    /// The larger price of each bucket.
    #[must_use]
    pub fn dearer(&self, other: &Rates) -> Rates {
        // A bucket that only one of them prices is compared with what it costs at the other.
        let either = |stated: fn(&Rates) -> Option<UnitPrice>, of: fn(&Rates) -> UnitPrice| {
            let priced = stated(self).or(stated(other)).is_some();
            priced.then(|| of(self).max(of(other)))
        };
        Rates {
            input: self.input.max(other.input),
            cache_read: self.cache_read.max(other.cache_read),
            cache_write_5m: self.cache_write_5m.max(other.cache_write_5m),
            cache_write_1h: self.cache_write_1h.max(other.cache_write_1h),
            output: self.output.max(other.output),
            reasoning: either(|rates| rates.reasoning, Rates::of_reasoning),
            input_audio: either(|rates| rates.input_audio, Rates::of_input_audio),
            output_audio: either(|rates| rates.output_audio, Rates::of_output_audio),
            input_image: either(|rates| rates.input_image, Rates::of_input_image),
            output_image: either(|rates| rates.output_image, Rates::of_output_image),
        }
    }
}

/// The rates of one tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TierRates {
    /// Up to the threshold.
    pub base: Rates,
    /// Above it, where there is one: it then holds for every token of the request.
    pub long: Option<Rates>,
}

/// What one picture costs that is made in this way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PictureRate {
    /// Its quality, as requests name it.
    pub quality: String,
    /// Its size, as requests name it: `1024x1792`.
    pub size: String,
    /// The price of one.
    pub price: UnitPrice,
}

/// Everything that is charged for one model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    /// By tier; the standard tier is always there.
    pub tiers: BTreeMap<ServiceTier, TierRates>,
    /// Input tokens above which the long-context rates hold.
    pub long_context_above: Option<u64>,
    /// One search of the web.
    pub web_search: Option<UnitPrice>,
    /// One search among up to a hundred documents.
    #[serde(default)]
    pub search_unit: UnitPrice,
    /// One request.
    pub request: UnitPrice,
    /// One picture of the input, or one that is made, on top of its tokens.
    pub image: UnitPrice,
    /// What one picture costs that is made, where that depends on how it is asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pictures: Vec<PictureRate>,
    /// One second of a recording that is heard.
    #[serde(default)]
    pub second: UnitPrice,
    /// One character of text that is spoken.
    #[serde(default)]
    pub character: UnitPrice,
    /// The factor of regional processing, in thousandths.
    pub regional_permille: Option<u32>,
}

impl Price {
    /// The same rates whatever the tier and the context.
    pub fn flat(rates: Rates) -> Price {
        let standard = TierRates {
            base: rates,
            long: None,
        };
        Price {
            tiers: BTreeMap::from([(ServiceTier::Standard, standard)]),
            long_context_above: None,
            web_search: None,
            search_unit: UnitPrice::FREE,
            request: UnitPrice::FREE,
            image: UnitPrice::FREE,
            pictures: Vec::new(),
            second: UnitPrice::FREE,
            character: UnitPrice::FREE,
            regional_permille: None,
        }
    }

    /// What one picture costs that is made: the dearest that a request may mean which says so
    /// much of its quality and its size.
    pub fn picture(&self, quality: Option<&str>, size: Option<&str>) -> UnitPrice {
        let fits = |asked: Option<&str>, of: &str| asked.is_none_or(|asked| asked == of);
        let dearest = |meant: &dyn Fn(&PictureRate) -> bool| {
            let meant = self.pictures.iter().filter(|rate| meant(rate));
            meant.map(|rate| rate.price).max()
        };
        dearest(&|rate| fits(quality, &rate.quality) && fits(size, &rate.size))
            .or_else(|| dearest(&|_| true))
            .unwrap_or(self.image)
    }

    /// Whether nothing is ever charged.
    pub fn is_free(&self) -> bool {
        self.request == UnitPrice::FREE
            && self.is_without_units()
            && self
                .tiers
                .values()
                .all(|tier| tier.base == Rates::FREE && tier.long.is_none())
    }

    /// Whether one request has a price and nothing in it has: the only price that a route can have
    /// whose usage nobody reads.
    pub fn is_by_request(&self) -> bool {
        let nothing = |tier: &TierRates| {
            tier.base.is_nothing() && tier.long.is_none_or(|long| long.is_nothing())
        };
        self.is_without_units() && self.tiers.values().all(nothing)
    }

    /// Whether pictures, seconds, characters and searches cost nothing.
    fn is_without_units(&self) -> bool {
        let web_search = self.web_search.unwrap_or_default();
        let units = [
            self.image,
            self.picture(None, None),
            self.second,
            self.character,
            self.search_unit,
            web_search,
        ];
        units.iter().all(|price| *price == UnitPrice::FREE)
    }

    /// The rates that hold for a request of this tier and size; for a tier without prices,
    /// the dearest of all.
    pub fn rates(&self, tier: ServiceTier, input_tokens: u64) -> Rates {
        let long = self
            .long_context_above
            .is_some_and(|above| input_tokens > above);
        let standard_long = self
            .tiers
            .get(&ServiceTier::Standard)
            .and_then(|tier| tier.long);
        let of = |tier: &TierRates| match (long, tier.long, standard_long) {
            (false, _, _) | (true, None, None) => tier.base,
            (true, Some(rates), _) => rates,
            // A tier whose long-context rates nobody states is not cheaper than the standard.
            (true, None, Some(standard)) => tier.base.dearer(&standard),
        };
        match self.tiers.get(&tier) {
            Some(rates) => of(rates),
            None => self
                .tiers
                .values()
                .map(of)
                .reduce(|one, other| one.dearer(&other))
                .unwrap_or(Rates::FREE),
        }
    }

    /// The dearest rates that may hold for a request of this tier and at most this size: a
    /// threshold may also make tokens cheaper.
    pub fn rates_up_to(&self, tier: ServiceTier, input_tokens: u64) -> Rates {
        self.rates(tier, 0).dearer(&self.rates(tier, input_tokens))
    }

    /// What an attempt cost: all buckets summed, rounded up once.
    ///
    /// A usage that names no tier was served at the standard one; a tier that the book does
    /// not know is charged at the dearest it knows.
    ///
    /// # Errors
    /// [`MoneyError::OutOfRange`] above about 9.2 billion dollars.
    pub fn cost(&self, usage: &Usage) -> Result<Money, MoneyError> {
        self.picos(usage)?.ceil()
    }

    pub(crate) fn picos(&self, usage: &Usage) -> Result<PicoDollars, MoneyError> {
        let rates = self.rates(usage.tier.unwrap_or_default(), usage.input_total());
        let tokens = rates.cost(usage);
        let tokens = match self
            .regional_permille
            .filter(|_| usage.regional == Some(true))
        {
            Some(permille) => self.uplifted(&rates, usage, permille)?,
            None => tokens,
        };
        let searches = self
            .web_search
            .unwrap_or_default()
            .times(usage.web_searches);
        Ok(tokens
            .plus(searches)
            .plus(self.image.times(usage.images))
            .plus(self.search_unit.times(usage.search_units))
            .plus(self.second.times(usage.seconds))
            .plus(self.character.times(usage.characters))
            .plus(self.request.times(1)))
    }

    /// The rates times the factor, each rounded up to a pico-dollar.
    fn uplifted(
        &self,
        rates: &Rates,
        usage: &Usage,
        permille: u32,
    ) -> Result<PicoDollars, MoneyError> {
        Ok(scaled(rates, permille)?.cost(usage))
    }
}

/// Rates times a factor in thousandths, rounded up.
pub(crate) fn scaled(rates: &Rates, permille: u32) -> Result<Rates, MoneyError> {
    let scale = |price: UnitPrice| {
        let product = u128::from(price.picos())
            .saturating_mul(u128::from(permille))
            .div_ceil(1000);
        u64::try_from(product)
            .map(UnitPrice::from_picos)
            .map_err(|_| MoneyError::OutOfRange)
    };
    Ok(Rates {
        input: scale(rates.input)?,
        cache_read: scale(rates.cache_read)?,
        cache_write_5m: scale(rates.cache_write_5m)?,
        cache_write_1h: scale(rates.cache_write_1h)?,
        output: scale(rates.output)?,
        reasoning: rates.reasoning.map(scale).transpose()?,
        input_audio: rates.input_audio.map(scale).transpose()?,
        output_audio: rates.output_audio.map(scale).transpose()?,
        input_image: rates.input_image.map(scale).transpose()?,
        output_image: rates.output_image.map(scale).transpose()?,
    })
}
