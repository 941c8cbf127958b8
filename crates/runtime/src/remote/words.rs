//! Between the words of the port and those of the wire.

use std::sync::Arc;

use iron_llm::{ProviderConfig, ProviderKind};
use iron_net::rate::Pace;
use iron_primitives::{Secret, Unit};
use iron_sdk::providers::ProviderConfig as RuntimeRouteConfig;
use iron_sdk::runtimes::{
    EndWord, RuntimeBearer, RuntimeGuardrails, RuntimeRoute, RuntimeTeamRules,
};
use iron_sdk::teams::PrivacyLevel;

use crate::authority::{
    AgentState, Counted, End, Guardrails, Principal, Privacy, Route, TeamRules, ToolRules,
};

use super::{routing, tools};

/// What is sent of the bearer of a token.
///
/// What its tools and policies say is left out if their version is among those that are known.
pub fn bearer_of(principal: Principal, known_tools: &[String]) -> RuntimeBearer {
    let route = |route: Route| RuntimeRoute {
        provider: route.provider,
        name: route.name,
        kind: route.kind.as_str().to_owned(),
        base_url: route.base_url,
        organization: route.organization,
        config: RuntimeRouteConfig {
            api_version: route.config.api_version,
            deployments: route.config.deployments,
            project: route.config.project,
            location: route.config.location,
            region: route.config.region,
            role_arn: route.config.role_arn,
            external_id: route.config.external_id,
            sts_url: route.config.sts_url,
        },
        models: route.models,
        timeout_ms: route.timeout_ms,
    };
    RuntimeBearer {
        token: principal.token,
        expires_at: principal.expires_at,
        path: principal.path,
        agent_state: principal.agent_state.as_str().to_owned(),
        counted: counted_units(principal.counted),
        agent_ends: principal.agent_ends,
        tenant_suspended: principal.tenant_suspended,
        calls_per_day: principal.calls_per_day,
        allowed_models: principal.allowed_models,
        team_rules: rules_of(principal.team_rules),
        routes: principal.routes.into_iter().map(route).collect(),
        routing: Some(routing::told(principal.routing)),
        hash_key: Secret::new(hex::encode(principal.hash_key)).into(),
        environment: principal.environment,
        guardrails: Some(guardrails_of(&principal.guardrails)),
        tools: Some(tools::told(principal.tools, known_tools)),
    }
}

/// What is made of what was sent; none if a word of it is not known here. A provider of a kind
/// that is not known here is left out.
pub(super) fn principal_of(bearer: RuntimeBearer, known: Vec<ToolRules>) -> Option<Principal> {
    let mut hash_key = [0; 32];
    hex::decode_to_slice(bearer.hash_key.expose(), &mut hash_key).ok()?;
    let route = |route: RuntimeRoute| {
        Some(Route {
            kind: ProviderKind::from_word(&route.kind)?,
            provider: route.provider,
            name: route.name,
            base_url: route.base_url,
            organization: route.organization,
            config: ProviderConfig {
                api_version: route.config.api_version,
                deployments: route.config.deployments,
                project: route.config.project,
                location: route.config.location,
                region: route.config.region,
                role_arn: route.config.role_arn,
                external_id: route.config.external_id,
                sts_url: route.config.sts_url,
            },
            models: route.models,
            timeout_ms: route.timeout_ms,
        })
    };
    Some(Principal {
        token: bearer.token,
        expires_at: bearer.expires_at,
        path: bearer.path,
        agent_state: AgentState::from_word(&bearer.agent_state)?,
        // Far away the leases alone say so.
        spent_out: None,
        counted: Counted {
            tokens: bearer.counted.contains(&Unit::Tokens),
            execution_time: bearer.counted.contains(&Unit::ExecutionTime),
        },
        agent_ends: bearer.agent_ends,
        tenant_suspended: bearer.tenant_suspended,
        calls_per_day: bearer.calls_per_day,
        allowed_models: bearer.allowed_models,
        team_rules: team_rules(bearer.team_rules),
        routes: bearer.routes.into_iter().filter_map(route).collect(),
        routing: bearer.routing.map(routing::read).unwrap_or_default(),
        hash_key,
        environment: bearer.environment,
        guardrails: match bearer.guardrails {
            Some(told) => guardrails(told)?,
            None => Guardrails::default(),
        },
        tools: match bearer.tools {
            Some(told) => tools::read(told, known)?,
            None => ToolRules::default(),
        },
    })
}

fn guardrails_of(guardrails: &Guardrails) -> RuntimeGuardrails {
    RuntimeGuardrails {
        profile_id: guardrails.profile_id,
        version: guardrails.version,
        profile: serde_json::to_value(&*guardrails.profile).unwrap_or_default(),
    }
}

/// A profile that says something which is not known here is not half followed.
fn guardrails(told: RuntimeGuardrails) -> Option<Guardrails> {
    Some(Guardrails {
        profile_id: told.profile_id,
        version: told.version,
        profile: Arc::new(serde_json::from_value(told.profile).ok()?),
    })
}

const fn rules_of(rules: TeamRules) -> RuntimeTeamRules {
    RuntimeTeamRules {
        requests_per_minute: rules.pace.requests,
        tokens_per_minute: rules.pace.weight,
        privacy_level: match rules.privacy {
            Privacy::Permissive => PrivacyLevel::Permissive,
            Privacy::Moderate => PrivacyLevel::Moderate,
        },
    }
}

const fn team_rules(rules: RuntimeTeamRules) -> TeamRules {
    TeamRules {
        pace: Pace {
            requests: rules.requests_per_minute,
            weight: rules.tokens_per_minute,
        },
        privacy: match rules.privacy_level {
            PrivacyLevel::Permissive => Privacy::Permissive,
            // As much of it as is known here.
            PrivacyLevel::Moderate | PrivacyLevel::Strict => Privacy::Moderate,
        },
    }
}

fn counted_units(counted: Counted) -> Vec<Unit> {
    let tokens = counted.tokens.then_some(Unit::Tokens);
    let time = counted.execution_time.then_some(Unit::ExecutionTime);
    tokens.into_iter().chain(time).collect()
}

/// The word for an end.
pub const fn end_word(end: End) -> EndWord {
    match end {
        End::Token => EndWord::Token,
        End::Tenant => EndWord::Tenant,
        End::Owner => EndWord::Owner,
        End::Agent => EndWord::Agent,
    }
}

/// The end that a word names.
pub(super) const fn end_of(word: EndWord) -> End {
    match word {
        EndWord::Token => End::Token,
        EndWord::Tenant => End::Tenant,
        EndWord::Owner => End::Owner,
        EndWord::Agent => End::Agent,
    }
}
