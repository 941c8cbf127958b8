//! The checked-in list as it is written: decimal text, words, and what they leave out.

use std::collections::BTreeMap;

use iron_primitives::UnitPrice;
use serde::Deserialize;

use super::book::SourceNote;
use super::decimal::dollars_per_million;
use super::{
    Abilities, Encoding, ImageRule, Mode, Model, PictureRate, PictureRule, Price, PriceError,
    Rates, TierRates,
};
use crate::kind::ProviderKind;
use crate::usage::ServiceTier;

/// The file as it is written.
#[derive(Debug, Deserialize)]
pub(super) struct File {
    pub(super) version: String,
    #[serde(default)]
    pub(super) sources: Vec<SourceNote>,
    pub(super) models: Vec<Entry>,
}

type Buckets = BTreeMap<String, String>;

#[derive(Debug, Deserialize)]
pub(super) struct Entry {
    provider: ProviderKind,
    model: String,
    mode: String,
    context: Option<u64>,
    max_output: Option<u64>,
    tokenizer: Option<String>,
    images: Option<Images>,
    #[serde(default)]
    flags: Vec<String>,
    prices: BTreeMap<String, Buckets>,
    long_context_above: Option<u64>,
    #[serde(default)]
    long_prices: BTreeMap<String, Buckets>,
    web_search: Option<String>,
    search_unit: Option<String>,
    request: Option<String>,
    image: Option<String>,
    #[serde(default)]
    pictures: Vec<Picture>,
    draws: Option<String>,
    second: Option<String>,
    character: Option<String>,
    regional_permille: Option<u32>,
    source: Option<String>,
    retires_on: Option<String>,
}

/// What a picture costs that is made.
#[derive(Debug, Deserialize)]
struct Picture {
    quality: String,
    size: String,
    price: String,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Images {
    Tiles {
        base: u64,
        tile: u64,
    },
    Patches {
        patches: u64,
        original: Option<u64>,
        permille: u64,
    },
    Most {
        most: u64,
    },
    Crops {
        crop: u64,
    },
}

impl Entry {
    pub(super) fn into_model(self) -> Result<Model, PriceError> {
        let unknown = |word: &str, what| PriceError::UnknownWord {
            model: self.model.clone(),
            word: word.to_owned(),
            what,
        };
        let mode = Mode::from_word(&self.mode).ok_or_else(|| unknown(&self.mode, "mode"))?;
        let encoding = match self.tokenizer.as_deref() {
            None => None,
            Some("o200k") => Some(Encoding::O200k),
            Some("cl100k") => Some(Encoding::Cl100k),
            Some(word) => return Err(unknown(word, "tokenizer")),
        };
        let draws = match self.draws.as_deref() {
            None => None,
            Some("gpt-image-1") => Some(PictureRule::GptImage1),
            Some("gpt-image-2") => Some(PictureRule::GptImage2),
            Some("all-output") => Some(PictureRule::AllOutput),
            Some(word) => return Err(unknown(word, "rule for pictures")),
        };
        let mut tiers = BTreeMap::new();
        for (word, buckets) in &self.prices {
            let tier = tier(word).ok_or_else(|| unknown(word, "tier"))?;
            let base = self.rates(buckets, mode)?;
            let long = self
                .long_prices
                .get(word)
                .map(|buckets| self.rates(buckets, mode))
                .transpose()?;
            tiers.insert(
                tier,
                TierRates {
                    base,
                    long: long.map(|long| long.dearer(&base)),
                },
            );
        }
        if !tiers.contains_key(&ServiceTier::Standard) {
            return Err(PriceError::NoPrice {
                model: self.model,
                bucket: "input",
            });
        }
        let fee = |bucket, text: &Option<String>| {
            let text = text.as_deref();
            text.map(|text| self.price(bucket, text)).transpose()
        };
        let web_search = fee("web_search", &self.web_search)?;
        let search_unit = fee("search_unit", &self.search_unit)?.unwrap_or_default();
        let request = fee("request", &self.request)?.unwrap_or_default();
        let image = fee("image", &self.image)?.unwrap_or_default();
        let pictures = self.pictures.iter().map(|picture| {
            let price = self.price("pictures", &picture.price)?;
            let (quality, size) = (picture.quality.clone(), picture.size.clone());
            Ok(PictureRate {
                quality,
                size,
                price,
            })
        });
        let pictures = pictures.collect::<Result<Vec<_>, PriceError>>()?;
        let second = fee("second", &self.second)?.unwrap_or_default();
        let character = fee("character", &self.character)?.unwrap_or_default();
        Ok(Model {
            kind: self.provider,
            mode,
            context: self.context,
            max_output: self.max_output,
            encoding,
            images: self.images.as_ref().map(Images::rule),
            draws,
            abilities: abilities(&self.flags),
            price: Price {
                tiers,
                long_context_above: self.long_context_above,
                web_search,
                search_unit,
                request,
                image,
                pictures,
                second,
                character,
                regional_permille: self.regional_permille,
            },
            simulated: false,
            source: self.source,
            retires_on: self.retires_on,
            name: self.model,
        })
    }

    fn price(&self, bucket: &str, text: &str) -> Result<UnitPrice, PriceError> {
        dollars_per_million(text).map_err(|source| PriceError::NotAPrice {
            model: self.model.clone(),
            bucket: bucket.to_owned(),
            value: text.to_owned(),
            source,
        })
    }

    fn rates(&self, buckets: &Buckets, mode: Mode) -> Result<Rates, PriceError> {
        let stated = |bucket: &'static str| match buckets.get(bucket) {
            Some(text) => self.price(bucket, text).map(Some),
            None => Ok(None),
        };
        let missing = |bucket| PriceError::NoPrice {
            model: self.model.clone(),
            bucket,
        };
        let input = stated("input")?.ok_or_else(|| missing("input"))?;
        let output = match mode {
            Mode::Embedding | Mode::Rerank => stated("output")?.unwrap_or_default(),
            _ => stated("output")?.ok_or_else(|| missing("output"))?,
        };
        Ok(complete(
            self.provider,
            &self.model,
            Stated {
                input,
                output,
                cache_read: stated("cache_read")?,
                cache_write_5m: stated("cache_write_5m")?,
                cache_write_1h: stated("cache_write_1h")?,
                reasoning: stated("reasoning")?,
                input_audio: stated("input_audio")?,
                output_audio: stated("output_audio")?,
                input_image: stated("input_image")?,
                output_image: stated("output_image")?,
            },
        ))
    }
}

fn tier(word: &str) -> Option<ServiceTier> {
    ServiceTier::ALL
        .into_iter()
        .find(|tier| tier.as_str() == word)
}

fn abilities(flags: &[String]) -> Abilities {
    let has = |name: &str| flags.iter().any(|flag| flag == name);
    Abilities {
        vision: has("vision"),
        files: has("files"),
        audio_input: has("audio_input"),
        audio_output: has("audio_output"),
        tools: has("tools"),
        reasoning: has("reasoning"),
        json_schema: has("json_schema"),
        prompt_cache: has("prompt_cache"),
    }
}

impl Images {
    fn rule(&self) -> ImageRule {
        match *self {
            Images::Tiles { base, tile } => ImageRule::Tiles { base, tile },
            Images::Patches {
                patches,
                original,
                permille,
            } => ImageRule::Patches {
                most: patches,
                original: original.unwrap_or(patches),
                permille,
            },
            Images::Most { most } => ImageRule::Most(most),
            Images::Crops { crop } => ImageRule::Crops { tile: crop },
        }
    }
}

/// The prices that a list states.
pub(super) struct Stated {
    pub(super) input: UnitPrice,
    pub(super) output: UnitPrice,
    pub(super) cache_read: Option<UnitPrice>,
    pub(super) cache_write_5m: Option<UnitPrice>,
    pub(super) cache_write_1h: Option<UnitPrice>,
    pub(super) reasoning: Option<UnitPrice>,
    pub(super) input_audio: Option<UnitPrice>,
    pub(super) output_audio: Option<UnitPrice>,
    pub(super) input_image: Option<UnitPrice>,
    pub(super) output_image: Option<UnitPrice>,
}

/// Fills in what a list leaves out, so that nothing is free by omission.
pub(super) fn complete(kind: ProviderKind, name: &str, stated: Stated) -> Rates {
    let (short, long) = match kind {
        ProviderKind::Anthropic => (1250, 2000),
        ProviderKind::AwsBedrock if name.contains("anthropic.") => (1250, 2000),
        _ => (1000, 1000),
    };
    let times = |permille: u64| {
        let product = u128::from(stated.input.picos())
            .saturating_mul(u128::from(permille))
            .div_ceil(1000);
        UnitPrice::from_picos(u64::try_from(product).unwrap_or(u64::MAX))
    };
    let cache_write_5m = stated.cache_write_5m.unwrap_or_else(|| times(short));
    Rates {
        input: stated.input,
        cache_read: stated.cache_read.unwrap_or(stated.input),
        cache_write_5m,
        cache_write_1h: stated
            .cache_write_1h
            .unwrap_or_else(|| times(long))
            .max(cache_write_5m),
        output: stated.output,
        reasoning: stated.reasoning,
        input_audio: stated.input_audio,
        output_audio: stated.output_audio,
        input_image: stated.input_image,
        output_image: stated.output_image,
    }
}

pub(super) fn unreadable(error: &serde_json::Error) -> PriceError {
    PriceError::Unreadable {
        line: error.line(),
        column: error.column(),
        problem: error.to_string(),
    }
}
