//! Names of people and postal addresses.
//!
//! A text is cut into **tokens** ([`token`]); tokens that can stand in a name or an address make
//! **runs** ([`run`]); a linear-chain conditional random field ([`chain`]) labels each run by
//! itself, by what the words are known to be ([`lexicon`]), how they are written, and what stands
//! within [`run::BEFORE`] bytes before the run and [`run::AFTER`] bytes after it ([`feature`]).
//! Nothing outside that stretch counts, so that a text in pieces has the findings of the whole,
//! and what a stream holds back is a run and the few bytes after it.
//!
//! Names in scripts without capitals are found by rules (`script`), as far as a usual surname and a
//! word beside it tell.
//!
//! What is not found: addresses in scripts without capitals, and those without a number; names in
//! scripts that have no rules (Thai, Georgian, Bengali and others); a given name that is an
//! ordinary word too, or that no list knows, where nothing around it says that it is a name. Names
//! of pets, of figures of fiction and of the famous are names here.
//!
//! The weights and the known words are `data/names.bin`, written by the program `train-names` of
//! the crate `trainer`. Scores of addresses are calibrated probabilities; those of names are lower
//! ([`model::Model::calibrated`]), since texts full of capitals are common.

pub mod chain;
pub mod decode;
pub mod feature;
pub mod lexicon;
pub mod model;
pub mod run;
mod script;
pub mod token;

use std::ops::Range;
use std::sync::Arc;

use crate::finding::{Entity, Finding, RuleId, Severity};
use chain::Lattice;
use feature::Features;
use model::{Model, Trained};
use run::{Runs, Search};
use script::{Held, Scripts};

/// Detects names of people and postal addresses.
#[derive(Debug)]
pub struct Names {
    model: Model,
    scripts: Scripts,
    person: RuleId,
    address: RuleId,
}

/// The file of weights of the repository.
const TRAINED: &[u8] = include_bytes!("../data/names.bin");

/// The file of weights cannot be read.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the file of weights of names is damaged: train it again")]
pub struct DamagedError;

impl Names {
    /// With the weights of the repository.
    ///
    /// # Errors
    /// If they were written by another version of the trainer.
    pub fn new() -> Result<Self, DamagedError> {
        Ok(Self::with(&Trained::read(TRAINED).ok_or(DamagedError)?))
    }

    /// With other weights.
    pub fn with(trained: &Trained) -> Self {
        Self {
            model: Model::new(trained),
            scripts: Scripts::new(),
            person: Arc::from("names.person"),
            address: Arc::from("names.address"),
        }
    }

    /// Tells the findings of `text` that begin at or after `from`, in the order of their starts,
    /// and returns up to where they are final: the first byte that what follows could still make
    /// part of a finding, or the length of the text. `from` is 0 or what the last call returned;
    /// of the text before it the last [`crate::LOOK_BEHIND`] bytes count. With `last` nothing
    /// follows, and all are told.
    pub fn scan(&self, text: &str, from: usize, last: bool, found: &mut Vec<Finding>) -> usize {
        let runs = Runs::new(&self.model.lexicon, text, last);
        let mut run = Vec::new();
        let mut features = Features::default();
        let mut lattice = Lattice::default();
        let mut at = from;
        loop {
            let end = match runs.next(at, &mut run) {
                Search::Run(end) => end,
                Search::Open(at) | Search::None(at) => return at,
                Search::Caseless(token) => {
                    let Held::Names(names) = self.scripts.find(text, &token, last) else {
                        return token.start;
                    };
                    at = names
                        .last()
                        .map_or(token.end, |(span, _)| span.end.max(token.end));
                    let told = names.into_iter();
                    found.extend(
                        told.map(|(span, score)| self.finding(Entity::Person, span, score)),
                    );
                    continue;
                }
            };
            let start = run.first().map_or(end, |word| word.token.start);
            if !feature::see(&runs, text, &run, &mut features) {
                return start;
            }
            lattice.label(&features, &self.model);
            for part in decode::parts(&run, &lattice.marginals) {
                let score = self.model.calibrated(part.entity, part.marginal);
                found.push(self.finding(part.entity, part.span, score));
            }
            at = end;
        }
    }

    fn finding(&self, entity: Entity, span: Range<usize>, score: f32) -> Finding {
        Finding {
            entity,
            rule: match entity {
                Entity::Address => self.address.clone(),
                _ => self.person.clone(),
            },
            span,
            score,
            severity: Severity::Low,
        }
    }
}
