//! The book itself: reading, finding, overriding, hashing.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, LazyLock};

use aws_lc_rs::digest::{SHA256, digest};
use iron_primitives::UnitPrice;
use serde::{Deserialize, Serialize};

use super::file::{Entry, File, unreadable};
use super::{Abilities, Mode, Model, ModelRef, Price, PriceError, Rates};
use crate::kind::ProviderKind;
use crate::passage::{covers, is_route};
use crate::simulated;

/// The source of a tenant's own price.
const OWN_PRICE: &str = "override";
const BUILTIN: &str = include_str!("../../data/prices.json");

/// Where a book's prices come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceNote {
    /// The list's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its licence.
    #[serde(default)]
    pub licence: String,
    /// Where it is published.
    #[serde(default)]
    pub url: String,
}

/// A tenant's own price for a model, replacing the book's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// The provider's kind.
    pub kind: ProviderKind,
    /// The model; `*` for all of the kind that have no entry of their own.
    pub model: String,
    /// Uncached input, and what is not stated below.
    pub input: UnitPrice,
    /// Output.
    pub output: UnitPrice,
    /// Input read from a cache; as much as input if it is not stated.
    pub cache_read: Option<UnitPrice>,
    /// Input written to a cache, for any time; as much as input if it is not stated.
    pub cache_write: Option<UnitPrice>,
    /// The most output tokens, if it is to be changed.
    pub max_output: Option<u64>,
}

/// All prices that are in force, found by provider and model.
#[derive(Debug, Clone)]
pub struct PriceBook {
    version: String,
    sources: Vec<SourceNote>,
    models: BTreeMap<ProviderKind, HashMap<String, ModelRef>>,
    hash: [u8; 32],
}

impl PriceBook {
    /// The book that is built in, with the simulated models and free local ones.
    pub fn builtin() -> Arc<PriceBook> {
        static BOOK: LazyLock<Arc<PriceBook>> = LazyLock::new(|| {
            // A test reads the whole file, so a broken one cannot be shipped; and a book
            // without prices refuses calls instead of giving them away.
            let book = PriceBook::read(BUILTIN).unwrap_or_else(|_| PriceBook::empty("unreadable"));
            Arc::new(book.with(free_local_models()).with(simulated::models()))
        });
        BOOK.clone()
    }

    /// A book without models.
    pub fn empty(version: &str) -> PriceBook {
        let mut book = PriceBook {
            version: version.to_owned(),
            sources: Vec::new(),
            models: BTreeMap::new(),
            hash: [0; 32],
        };
        book.rehash();
        book
    }

    /// Reads a book in our own format (`data/prices.json`).
    ///
    /// # Errors
    /// [`PriceError`], naming the model and the bucket.
    pub fn read(json: &str) -> Result<PriceBook, PriceError> {
        let file: File = serde_json::from_str(json).map_err(|error| unreadable(&error))?;
        let models = file
            .models
            .into_iter()
            .map(Entry::into_model)
            .collect::<Result<Vec<_>, _>>()?;
        let mut book = PriceBook::empty(&file.version);
        book.sources = file.sources;
        Ok(book.with(models))
    }

    pub(super) fn with_sources(mut self, sources: Vec<SourceNote>) -> PriceBook {
        self.sources = sources;
        self
    }

    /// The book with more models; one that is there already is replaced.
    #[must_use]
    pub fn with(mut self, models: impl IntoIterator<Item = Model>) -> PriceBook {
        for model in models {
            self.models
                .entry(model.kind)
                .or_default()
                .insert(model.name.clone(), Arc::new(model));
        }
        self.rehash();
        self
    }

    /// The book as one tenant sees it.
    #[must_use]
    pub fn with_overrides<'a>(
        &self,
        overrides: impl IntoIterator<Item = &'a Override>,
    ) -> PriceBook {
        let models: Vec<Model> = overrides
            .into_iter()
            .map(|change| {
                let before = self.lookup(change.kind, &change.model);
                change.apply(before.map(|model| Model::clone(model)))
            })
            .collect();
        self.clone().with(models)
    }

    /// Finds a model: by its name, else by the wildcard of the kind.
    pub fn lookup(&self, kind: ProviderKind, model: &str) -> Option<&ModelRef> {
        let models = self.models.get(&kind)?;
        models.get(model).or_else(|| models.get("*"))
    }

    /// Finds what one request of a route costs, such as `POST /v1/moderations`: the entry of that
    /// name, else the dearest one that covers it with `*` in the place of segments, else the
    /// wildcard of the kind, if that is free and so is every model: a route that is not known may
    /// lead to each of them.
    pub fn lookup_route(&self, kind: ProviderKind, route: &str) -> Option<&ModelRef> {
        let models = self.models.get(&kind)?;
        let covering = || {
            let covering = models.values().filter(|model| covers(&model.name, route));
            covering.max_by_key(|model| (model.price.request, &model.name))
        };
        let free = || {
            let wildcard = models.get("*");
            let are_free = || {
                let mut models = models.values().filter(|model| !is_route(&model.name));
                models.all(|model| model.price.is_free())
            };
            wildcard.filter(|_| are_free())
        };
        models.get(route).or_else(covering).or_else(free)
    }

    /// All models in order of kind and name.
    pub fn models(&self) -> impl Iterator<Item = &ModelRef> {
        let mut all: Vec<&ModelRef> = self.models.values().flat_map(HashMap::values).collect();
        all.sort_by(|one, other| (one.kind, &one.name).cmp(&(other.kind, &other.name)));
        all.into_iter()
    }

    /// The date or name of the list.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Where the prices come from.
    pub fn sources(&self) -> &[SourceNote] {
        &self.sources
    }

    /// SHA-256 over everything that decides about money.
    pub const fn hash(&self) -> [u8; 32] {
        self.hash
    }

    /// The hash in hexadecimal.
    pub fn hash_hex(&self) -> String {
        hex::encode(self.hash)
    }

    fn rehash(&mut self) {
        let mut text = String::new();
        for model in self.models() {
            model.write_terms(&mut text);
        }
        let hashed = digest(&SHA256, text.as_bytes());
        self.hash = hashed.as_ref().try_into().unwrap_or_default();
    }
}

impl Model {
    /// Whether a tenant has set the price itself.
    pub fn is_own_price(&self) -> bool {
        self.source.as_deref() == Some(OWN_PRICE)
    }

    /// Writes what decides about money, one line: the input of the book's hash.
    fn write_terms(&self, out: &mut String) {
        use std::fmt::Write as _;
        let price = &self.price;
        // Writing to a string cannot fail.
        let _ = write!(
            out,
            "{}\t{}\t{}\t{:?}\t{:?}\t{:?}\t{:?}\t{:?}\t{:?}\t{}\t{}\t{}\t{:?}\t{}",
            self.kind.as_str(),
            self.name,
            self.mode.as_str(),
            self.context,
            self.max_output,
            self.encoding,
            self.images,
            price.long_context_above,
            price.web_search.map(UnitPrice::picos),
            price.search_unit.picos(),
            price.request.picos(),
            price.image.picos(),
            price.regional_permille,
            self.simulated,
        );
        for (unit, price) in [("second", price.second), ("character", price.character)] {
            if price != UnitPrice::FREE {
                let _ = write!(out, "\t{unit}={}", price.picos());
            }
        }
        if let Some(rule) = self.draws {
            let _ = write!(out, "\tdraws={rule:?}");
        }
        for rate in &price.pictures {
            let (quality, size) = (&rate.quality, &rate.size);
            let _ = write!(out, "\t{quality}/{size}={}", rate.price.picos());
        }
        for (tier, rates) in &price.tiers {
            for rates in std::iter::once(&rates.base).chain(&rates.long) {
                let buckets = [
                    Some(rates.input),
                    Some(rates.cache_read),
                    Some(rates.cache_write_5m),
                    Some(rates.cache_write_1h),
                    Some(rates.output),
                    rates.reasoning,
                    rates.input_audio,
                    rates.output_audio,
                ];
                let _ = write!(out, "\t{}", tier.as_str());
                for bucket in buckets {
                    let _ = write!(
                        out,
                        ",{}",
                        bucket.map_or_else(|| "-".to_owned(), |price| price.picos().to_string())
                    );
                }
                for bucket in [rates.input_image, rates.output_image]
                    .into_iter()
                    .flatten()
                {
                    let _ = write!(out, ",image={}", bucket.picos());
                }
            }
        }
        out.push('\n');
    }
}

impl Override {
    fn apply(&self, before: Option<Model>) -> Model {
        let rates = Rates {
            input: self.input,
            cache_read: self.cache_read.unwrap_or(self.input),
            cache_write_5m: self.cache_write.unwrap_or(self.input),
            cache_write_1h: self.cache_write.unwrap_or(self.input),
            output: self.output,
            reasoning: None,
            input_audio: None,
            output_audio: None,
            input_image: None,
            output_image: None,
        };
        let mut model = before.unwrap_or_else(|| unknown_model(self.kind));
        model.name.clone_from(&self.model);
        model.price = Price {
            web_search: model.price.web_search,
            search_unit: model.price.search_unit,
            request: model.price.request,
            image: model.price.image,
            pictures: model.price.pictures.clone(),
            second: model.price.second,
            character: model.price.character,
            ..Price::flat(rates)
        };
        model.max_output = self.max_output.or(model.max_output);
        model.source = Some(OWN_PRICE.to_owned());
        model
    }
}

fn unknown_model(kind: ProviderKind) -> Model {
    Model {
        kind,
        name: "*".to_owned(),
        mode: Mode::Any,
        context: None,
        max_output: None,
        encoding: None,
        images: None,
        draws: None,
        abilities: Abilities {
            vision: true,
            files: true,
            audio_input: true,
            audio_output: true,
            tools: true,
            reasoning: true,
            json_schema: true,
            prompt_cache: true,
        },
        price: Price::flat(Rates::FREE),
        simulated: false,
        source: None,
        retires_on: None,
    }
}

/// A server of one's own sends no bill. Whoever runs one at a cost states it.
fn free_local_models() -> Vec<Model> {
    vec![Model {
        source: Some("self-hosted: no price unless one is set".to_owned()),
        ..unknown_model(ProviderKind::Local)
    }]
}
