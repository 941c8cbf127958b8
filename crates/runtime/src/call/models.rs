//! Which models an agent may use.

use std::collections::BTreeSet;

use iron_llm::{ProviderConfig, ProviderKind, is_route};

use crate::Runtime;
use crate::bearer::Lane;

use super::Authenticated;
use super::choice::{allows, priced};

/// A model that an agent may use, and who serves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelOffer {
    /// Its name.
    pub name: String,
    /// The kind of the first provider that serves it.
    pub kind: ProviderKind,
}

impl Runtime {
    /// The models that the agent may use, in the order of its providers.
    ///
    /// A provider without a list serves what the price book knows; a local server without a
    /// list serves whatever it is asked for, so nothing can be named.
    pub fn models(&self, authenticated: &Authenticated) -> Vec<ModelOffer> {
        let principal = &authenticated.bearer.principal;
        let book = self.authority.prices(principal.path.tenant);
        let named = |lane: &Lane| -> Vec<String> {
            let (kind, config) = (lane.route.kind, &lane.route.config);
            let is_priced =
                |name: &String| priced(&book, lane, config.served(name).priced).is_some();
            if !lane.route.models.is_empty() {
                let listed = lane.route.models.iter();
                listed.filter(|name| is_priced(name)).cloned().collect()
            } else if !config.deployments.is_empty() && kind == ProviderKind::AzureOpenAi {
                let deployments = config.deployments.keys();
                deployments
                    .filter(|name| is_priced(name))
                    .cloned()
                    .collect()
            } else {
                let known = book.models().filter(|model| {
                    model.kind == kind && model.name != "*" && !is_route(&model.name)
                });
                known
                    .filter(|model| ProviderConfig::can_name(kind, &model.name))
                    .map(|model| model.name.clone())
                    .chain(config.deployments.keys().cloned())
                    .filter(|name| is_priced(name))
                    .collect()
            }
        };
        let mut seen = BTreeSet::new();
        let mut offers = Vec::new();
        for lane in &authenticated.bearer.lanes {
            for name in named(lane) {
                if allows(principal.allowed_models.as_deref(), &name) && seen.insert(name.clone()) {
                    offers.push(ModelOffer {
                        name,
                        kind: lane.route.kind,
                    });
                }
            }
        }
        offers
    }
}
