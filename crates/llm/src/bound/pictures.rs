//! Pictures that are made: how many tokens they can have, and what each costs.
//!
//! GPT Image 1: developers.openai.com, image generation, the table of tokens (read 2026-11). GPT
//! Image 2 and later: the calculator of the same page, whose formula is an ellipse's grid of the
//! quality's width times a factor that grows with the pixels; its largest picture is a square of
//! 8 294 400 pixels. Later models take fewer tokens for the same words of quality, and the most of
//! what this formula knows for words of their own. Each picture is made by itself, so the input
//! counts once for each; a partial one counts a hundred tokens.

use std::sync::Arc;

use iron_primitives::UnitPrice;

use super::BoundError;
use crate::envelope::{Facts, Pictures};
use crate::kind::ProviderKind;
use crate::prices::{Model, ModelRef, PictureRule};
use crate::usage::ServiceTier;

/// Tokens of a partial picture.
const PARTIAL: u64 = 100;
/// The most pixels of a picture of GPT Image 2.
const MOST_PIXELS: u64 = 8_294_400;
/// The most tokens of one: a square of that many pixels at the finest quality.
const MOST_TOKENS: u64 = 23_719;
/// Sizes of GPT Image 1, with their tokens at the qualities of [`QUALITIES`].
const SIZES: [(&str, [u64; 3]); 3] = [
    ("1024x1024", [272, 1056, 4160]),
    ("1024x1536", [408, 1584, 6240]),
    ("1536x1024", [400, 1568, 6208]),
];
const QUALITIES: [&str; 3] = ["low", "medium", "high"];

/// What a request for pictures can come to.
pub(super) struct Drawn {
    /// The model, with the price of one picture of this size and quality.
    pub(super) model: ModelRef,
    /// How many are made, each with the whole input.
    pub(super) count: u64,
    /// The most tokens that all of them have.
    pub(super) tokens: u64,
    /// How often the price of one picture counts for each.
    pub(super) units_each: u64,
}

impl Drawn {
    /// None for a request that asks for no pictures.
    pub(super) fn of(model: &ModelRef, facts: &Facts) -> Result<Option<Drawn>, BoundError> {
        let unsaid = Pictures::default();
        let asked = match &facts.pictures {
            Some(asked) => asked,
            // Such a model draws without being asked to.
            None if model.draws == Some(PictureRule::AllOutput) => &unsaid,
            None => return Ok(None),
        };
        if let (false, Some(field)) = (model.price.is_free(), &asked.unknown) {
            return Err(BoundError::Field {
                field: field.clone(),
                model: facts.model.clone(),
            });
        }
        let price = model
            .price
            .picture(asked.quality.as_deref(), asked.size.as_deref());
        let partial = asked.partial.saturating_mul(PARTIAL);
        let each = tokens(model, facts, asked)?.saturating_add(partial);
        Ok(Some(Drawn {
            model: priced(model, price),
            count: facts.choices,
            tokens: each.saturating_mul(facts.choices),
            units_each: units(model, facts, asked)?,
        }))
    }
}

/// The model at this price of a picture.
fn priced(model: &ModelRef, image: UnitPrice) -> ModelRef {
    if model.price.image == image {
        return model.clone();
    }
    let mut priced = Model::clone(model);
    priced.price.image = image;
    Arc::new(priced)
}

/// The most tokens of one picture.
fn tokens(model: &Model, facts: &Facts, asked: &Pictures) -> Result<u64, BoundError> {
    let (size, quality) = (asked.size.as_deref(), asked.quality.as_deref());
    match model.draws {
        Some(PictureRule::GptImage1) => Ok(by_table(size, quality)),
        Some(PictureRule::GptImage2) => Ok(by_formula(size, quality)),
        // What the caller caps is words.
        Some(PictureRule::AllOutput) => model.max_output.ok_or(BoundError::Modality {
            what: "an output without a known maximum",
            model: facts.model.clone(),
        }),
        None => {
            let rates = model.price.rates(ServiceTier::Standard, 0);
            match rates.output.max(rates.of_output_image()) {
                UnitPrice::FREE => Ok(0),
                _ => Err(BoundError::Modality {
                    what: "a picture with an unknown number of tokens",
                    model: facts.model.clone(),
                }),
            }
        }
    }
}

fn by_table(size: Option<&str>, quality: Option<&str>) -> u64 {
    let known = SIZES.iter().any(|(name, _)| size == Some(name));
    let place = QUALITIES.iter().position(|name| quality == Some(name));
    let sizes = SIZES
        .iter()
        .filter(|(name, _)| !known || size == Some(name));
    let tokens = sizes.filter_map(|(_, tokens)| match place {
        Some(place) => tokens.get(place),
        None => tokens.iter().max(),
    });
    tokens.copied().max().unwrap_or_default()
}

fn by_formula(size: Option<&str>, quality: Option<&str>) -> u64 {
    let width_of = match quality {
        Some("low") => 16,
        Some("medium") => 48,
        _ => 96,
    };
    let sides = size.and_then(|size| {
        let (width, height) = size.split_once('x')?;
        Some((width.parse::<u64>().ok()?, height.parse::<u64>().ok()?))
    });
    let fits = |(width, height): &(u64, u64)| {
        let pixels = width.saturating_mul(*height);
        (1..=MOST_PIXELS).contains(&pixels)
    };
    let Some((width, height)) = sides.filter(fits) else {
        // The square is the dearest shape of each quality.
        let side = MOST_PIXELS.isqrt();
        return grid(width_of, side, side)
            .saturating_add(1)
            .min(MOST_TOKENS);
    };
    grid(width_of, width, height)
}

/// So many columns, as many rows as the ratio of the sides has, rounded, each cell as many times as
/// there are pixels.
fn grid(columns: u64, width: u64, height: u64) -> u64 {
    let (long, short) = (width.max(height), width.min(height).max(1));
    let twice = long.saturating_mul(2);
    let rows = columns
        .saturating_mul(2)
        .saturating_mul(short)
        .saturating_add(long)
        / twice.max(1);
    let pixels = width.saturating_mul(height).saturating_add(2_000_000);
    columns
        .saturating_mul(rows.max(1))
        .saturating_mul(pixels)
        .div_ceil(4_000_000)
}

/// A price of Together's is for a megapixel, and for the steps that a model takes unasked.
fn units(model: &Model, facts: &Facts, asked: &Pictures) -> Result<u64, BoundError> {
    if model.kind != ProviderKind::Together || model.price.image == UnitPrice::FREE {
        return Ok(1);
    }
    if asked.steps {
        return Err(BoundError::Field {
            field: "steps".to_owned(),
            model: facts.model.clone(),
        });
    }
    // What is not said is at most 1024 (docs.together.ai, images, 2026-11).
    let side = |told: Option<u64>| told.unwrap_or(1024);
    let pixels = side(asked.width).saturating_mul(side(asked.height));
    Ok(pixels.div_ceil(1_048_576).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_of_gpt_image_1_are_those_of_its_table() {
        assert_eq!(by_table(Some("1024x1024"), Some("low")), 272);
        assert_eq!(by_table(Some("1536x1024"), Some("high")), 6208);
        assert_eq!(by_table(None, Some("medium")), 1584);
        assert_eq!(by_table(Some("1024x1024"), None), 4160);
        assert_eq!(by_table(Some("9x9"), Some("hd")), 6240);
    }

    #[test]
    fn tokens_of_gpt_image_2_are_those_of_its_calculator() {
        for (size, quality, tokens) in [
            ("1024x1024", "low", 196),
            ("1024x1024", "high", 7024),
            ("1536x1024", "high", 5488),
            ("1792x1024", "high", 5063),
            ("3584x2048", "high", 12329),
            ("2048x1152", "medium", 1413),
        ] {
            assert_eq!(by_formula(Some(size), Some(quality)), tokens, "{size}");
        }
    }

    #[test]
    fn no_picture_has_more_tokens_than_are_held_without_its_size() {
        for quality in [Some("low"), Some("medium"), Some("high"), None] {
            let most = by_formula(None, quality);
            for width in (16..=3840).step_by(16) {
                for height in (16..=3840_u64).step_by(16) {
                    let size = format!("{width}x{height}");
                    assert!(by_formula(Some(&size), quality) <= most, "{size}");
                }
            }
        }
        assert_eq!(by_formula(None, None), MOST_TOKENS);
        assert_eq!(by_formula(Some("9999x9999"), Some("max")), MOST_TOKENS);
    }
}
