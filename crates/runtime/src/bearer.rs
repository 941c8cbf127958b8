//! Who bears a token, made ready for the hot path.

use std::ops::Deref;
use std::sync::Arc;

use aws_lc_rs::hmac;
use iron_guard::Guard;
use iron_llm::{ProviderKind, root_of};
use iron_net::egress::{AddressRules, BaseUrl};

use crate::authority::{Principal, Route};
use crate::lifeline::Lifeline;
use crate::subject;
use crate::toolbox::Toolbox;

/// A principal with everything computed that does not change from call to call.
pub(crate) struct Bearer {
    pub(crate) principal: Principal,
    pub(crate) lanes: Vec<Arc<Lane>>,
    /// What ends the calls of this token.
    pub(crate) lifeline: Arc<Lifeline>,
    /// What looks at its texts.
    pub(crate) guard: Arc<Guard>,
    /// Its tools and the policies that hold for it; none if they cannot be used.
    pub(crate) toolbox: Option<Arc<Toolbox>>,
    /// What policies may know of it.
    pub(crate) actor: iron_policy::Agent,
    hash_key: hmac::Key,
}

/// A bearer with a request under way: what hangs on its lifeline for as long as this lives.
pub(crate) struct Acting(Arc<Bearer>);

impl Acting {
    pub(crate) fn new(bearer: Arc<Bearer>) -> Self {
        bearer.lifeline.hang_on();
        Acting(bearer)
    }

    /// The bearer, whatever becomes of the request.
    pub(crate) fn shared(&self) -> Arc<Bearer> {
        self.0.clone()
    }
}

impl Deref for Acting {
    type Target = Bearer;

    fn deref(&self) -> &Bearer {
        &self.0
    }
}

impl Drop for Acting {
    fn drop(&mut self) {
        self.0.lifeline.let_go();
    }
}

/// A route with its address read.
pub(crate) struct Lane {
    pub(crate) route: Route,
    /// None for the provider that is built in.
    pub(crate) base: Option<BaseUrl>,
}

impl Bearer {
    pub(crate) fn new(
        principal: Principal,
        rules: AddressRules,
        lifeline: Arc<Lifeline>,
        guard: Arc<Guard>,
        toolbox: Option<Arc<Toolbox>>,
    ) -> Self {
        let lanes = principal
            .routes
            .iter()
            .filter_map(|route| Lane::new(route, rules))
            .map(Arc::new)
            .collect();
        let hash_key = hmac::Key::new(hmac::HMAC_SHA256, &principal.hash_key);
        Bearer {
            actor: actor_of(&principal),
            principal,
            lanes,
            lifeline,
            guard,
            toolbox,
            hash_key,
        }
    }

    /// A keyed hash over parts under the tenant's key.
    pub(crate) fn keyed_hash<'a>(
        &self,
        label: &str,
        parts: impl Iterator<Item = &'a [u8]>,
    ) -> [u8; 32] {
        subject::keyed_hash(&self.hash_key, label, parts)
    }
}

/// What policies may know of an agent.
fn actor_of(principal: &Principal) -> iron_policy::Agent {
    let rules = &principal.tools;
    let team = principal.path.team.map(|id| iron_policy::Team {
        id,
        name: rules.team_name.clone().unwrap_or_default(),
    });
    let environment = principal.environment.iter();
    let attributes = environment.map(|name| ("environment".to_owned(), name.clone()));
    iron_policy::Agent {
        id: principal.path.agent,
        name: rules.agent_name.clone(),
        role: rules.role,
        team,
        attributes: attributes.collect(),
    }
}

impl Lane {
    /// None if its address cannot be read.
    pub(crate) fn new(route: &Route, rules: AddressRules) -> Option<Self> {
        if route.kind == ProviderKind::Simulated {
            return Some(Lane {
                route: route.clone(),
                base: None,
            });
        }
        let text = match route.base_url.as_str() {
            "" => route.config.default_base_url(route.kind)?,
            configured => configured.into(),
        };
        match BaseUrl::parse(&text, rules) {
            Ok(base) => Some(Lane {
                route: route.clone(),
                base: Some(base.with_path(root_of(route.kind, base.path()))),
            }),
            Err(error) => {
                tracing::warn!(provider = %route.provider, %error, "the provider is not used");
                None
            }
        }
    }
}
