//! A tenant's own price for a model, as decimal texts on their way to whole pico-dollars.

use std::collections::BTreeMap;

use iron_llm::ServiceTier;
use iron_llm::prices::{Price, Rates, TierRates};
use iron_primitives::{MoneyError, UnitPrice};
use serde::{Deserialize, Serialize};

use crate::Error;

/// What a model costs, in dollars as decimal texts. An explicit 0 is a price.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Prices {
    /// A million input tokens.
    pub input_per_million: String,
    /// A million output tokens, reasoning included unless it has a price of its own.
    pub output_per_million: String,
    /// A million output tokens of reasoning; as much as other output if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning_per_million: Option<String>,
    /// A million input tokens read from a cache; as much as input if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached_per_million: Option<String>,
    /// A million tokens written to a cache for five minutes; as much as input if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write_5m_per_million: Option<String>,
    /// A million tokens written to a cache for an hour; as much as input if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write_1h_per_million: Option<String>,
    /// One call, on top of its tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_query: Option<String>,
    /// One search among up to a hundred documents, on top of tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_search: Option<String>,
    /// One picture of the input, or one that is made, on top of its tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_image: Option<String>,
    /// One second of a recording that is heard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_second: Option<String>,
    /// One character of text that is spoken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_character: Option<String>,
    /// Prices above an amount of input; at most one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tiers: Vec<PriceTier>,
}

/// Prices above an amount of input; what is absent stays.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PriceTier {
    /// Applies when the input has more tokens than this.
    pub above_input_tokens: u64,
    /// A million input tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_per_million: Option<String>,
    /// A million output tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_per_million: Option<String>,
    /// A million output tokens of reasoning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning_per_million: Option<String>,
    /// A million input tokens read from a cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached_per_million: Option<String>,
    /// A million tokens written to a cache for five minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write_5m_per_million: Option<String>,
    /// A million tokens written to a cache for an hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write_1h_per_million: Option<String>,
}

impl Prices {
    /// The same as whole pico-dollars.
    ///
    /// # Errors
    /// [`Error::Price`] names the first field that is no exact amount.
    pub fn read(&self) -> Result<Price, Error> {
        let input = per_million("input_per_million", &self.input_per_million)?;
        let output = per_million("output_per_million", &self.output_per_million)?;
        let rate = |field, text: &Option<String>, otherwise| match text {
            Some(text) => per_million(field, text),
            None => Ok(otherwise),
        };
        let base = Rates {
            input,
            output,
            reasoning: match &self.reasoning_per_million {
                Some(text) => Some(per_million("reasoning_per_million", text)?),
                None => None,
            },
            cache_read: rate("cached_per_million", &self.cached_per_million, input)?,
            cache_write_5m: rate(
                "cache_write_5m_per_million",
                &self.cache_write_5m_per_million,
                input,
            )?,
            cache_write_1h: rate(
                "cache_write_1h_per_million",
                &self.cache_write_1h_per_million,
                input,
            )?,
            input_audio: None,
            output_audio: None,
            input_image: None,
            output_image: None,
        };
        let mut price = Price::flat(base);
        price.request = per_unit("per_query", self.per_query.as_deref())?;
        price.search_unit = per_unit("per_search", self.per_search.as_deref())?;
        price.image = per_unit("per_image", self.per_image.as_deref())?;
        price.second = per_unit("per_second", self.per_second.as_deref())?;
        price.character = per_unit("per_character", self.per_character.as_deref())?;
        match self.tiers.as_slice() {
            [] => {}
            [tier] => {
                let long = Some(tier.rates(base)?);
                price.tiers = BTreeMap::from([(ServiceTier::Standard, TierRates { base, long })]);
                price.long_context_above = Some(tier.above_input_tokens);
            }
            _ => {
                return Err(Error::Invalid {
                    field: "tiers",
                    problem: "expected at most one",
                });
            }
        }
        Ok(price)
    }

    /// The decimal texts of a price's standard tier.
    pub(crate) fn write(price: &Price) -> Prices {
        let standard = price.tiers.get(&ServiceTier::Standard).copied();
        let base = standard.map_or(Rates::FREE, |tier| tier.base);
        let text = |price: UnitPrice| price.to_dollars_per_million();
        let fee =
            |price: UnitPrice| (price != UnitPrice::FREE).then(|| price.to_dollars_per_unit());
        let long = standard
            .and_then(|tier| tier.long)
            .zip(price.long_context_above);
        Prices {
            input_per_million: text(base.input),
            output_per_million: text(base.output),
            cached_per_million: Some(text(base.cache_read)),
            cache_write_5m_per_million: Some(text(base.cache_write_5m)),
            cache_write_1h_per_million: Some(text(base.cache_write_1h)),
            reasoning_per_million: base.reasoning.map(text),
            per_query: fee(price.request),
            per_search: fee(price.search_unit),
            per_image: fee(price.picture(None, None)),
            per_second: fee(price.second),
            per_character: fee(price.character),
            tiers: long
                .map(|(rates, above_input_tokens)| PriceTier {
                    above_input_tokens,
                    input_per_million: Some(text(rates.input)),
                    output_per_million: Some(text(rates.output)),
                    reasoning_per_million: rates.reasoning.map(text),
                    cached_per_million: Some(text(rates.cache_read)),
                    cache_write_5m_per_million: Some(text(rates.cache_write_5m)),
                    cache_write_1h_per_million: Some(text(rates.cache_write_1h)),
                })
                .into_iter()
                .collect(),
        }
    }
}

impl PriceTier {
    fn rates(&self, base: Rates) -> Result<Rates, Error> {
        let rate = |field: &str, text: &Option<String>, otherwise| match text {
            Some(text) => per_million(&format!("tiers[0].{field}"), text),
            None => Ok(otherwise),
        };
        let write_5m = &self.cache_write_5m_per_million;
        let write_1h = &self.cache_write_1h_per_million;
        Ok(Rates {
            input: rate("input_per_million", &self.input_per_million, base.input)?,
            output: rate("output_per_million", &self.output_per_million, base.output)?,
            reasoning: match &self.reasoning_per_million {
                Some(text) => Some(per_million("tiers[0].reasoning_per_million", text)?),
                None => base.reasoning,
            },
            cache_read: rate(
                "cached_per_million",
                &self.cached_per_million,
                base.cache_read,
            )?,
            cache_write_5m: rate("cache_write_5m_per_million", write_5m, base.cache_write_5m)?,
            cache_write_1h: rate("cache_write_1h_per_million", write_1h, base.cache_write_1h)?,
            input_audio: base.input_audio,
            output_audio: base.output_audio,
            input_image: base.input_image,
            output_image: base.output_image,
        })
    }
}

fn per_million(field: &str, text: &str) -> Result<UnitPrice, Error> {
    let wrong = |problem: MoneyError| Error::Price {
        field: field.to_owned(),
        problem,
    };
    UnitPrice::from_dollars_per_million(text).map_err(wrong)
}

fn per_unit(field: &str, text: Option<&str>) -> Result<UnitPrice, Error> {
    let wrong = |problem: MoneyError| Error::Price {
        field: field.to_owned(),
        problem,
    };
    let price = text.map(UnitPrice::from_dollars_per_unit).transpose();
    Ok(price.map_err(wrong)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_without_cache_rates_charges_the_cache_like_input() {
        let prices = Prices {
            input_per_million: "1.50".to_owned(),
            output_per_million: "0".to_owned(),
            ..Prices::default()
        };
        let price = prices.read().unwrap();
        let rates = price.rates(ServiceTier::Standard, 10);
        assert_eq!(rates.cache_read, rates.input);
        assert_eq!(rates.output, UnitPrice::FREE);
    }

    #[test]
    fn a_tier_holds_above_its_threshold_only() {
        let prices = Prices {
            input_per_million: "1".to_owned(),
            output_per_million: "2".to_owned(),
            tiers: vec![PriceTier {
                above_input_tokens: 100,
                input_per_million: Some("3".to_owned()),
                ..PriceTier::default()
            }],
            ..Prices::default()
        };
        let price = prices.read().unwrap();
        assert_eq!(
            price.rates(ServiceTier::Standard, 100).input.picos(),
            1_000_000
        );
        assert_eq!(
            price.rates(ServiceTier::Standard, 101).input.picos(),
            3_000_000
        );
    }

    #[test]
    fn what_is_no_exact_price_is_refused_by_its_field() {
        for text in ["", "-1", "1e3", "0.0000001"] {
            let prices = Prices {
                input_per_million: "1".to_owned(),
                output_per_million: text.to_owned(),
                ..Prices::default()
            };
            let refused = prices.read().unwrap_err();
            assert_eq!(
                refused.field().as_deref(),
                Some("output_per_million"),
                "{text}"
            );
        }
    }
}
