//! The counters of models, resolved once for each.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use iron_telemetry::{Metrics, ModelMetrics};

/// The most names that are remembered; the rest is looked up each time.
const MOST: usize = 1_000;

/// Finding a model's counters in the registry costs locks and copies of its labels; here it
/// costs a lookup.
#[derive(Debug, Default)]
pub(crate) struct ModelCounters {
    known: RwLock<HashMap<String, HashMap<String, ModelMetrics>>>,
}

impl ModelCounters {
    pub(crate) fn of(&self, metrics: &Metrics, provider: &str, model: &str) -> ModelMetrics {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known.get(provider).and_then(|models| models.get(model)) {
            return found.clone();
        }
        drop(known);
        let resolved = metrics.model(provider, model);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let models = known.entry(provider.to_owned()).or_default();
        if models.len() < MOST {
            models.insert(model.to_owned(), resolved.clone());
        }
        resolved
    }
}
