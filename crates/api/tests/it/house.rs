//! The control plane as runtimes elsewhere see it, made of the features under test.

use std::sync::Arc;

use async_trait::async_trait;
use iron_budget::{Limits, Teller};
use iron_catalog::{Models, Providers};
use iron_fleet::Agents;
use iron_identity::{Identity, TeamPolicy, TokenIs};
use iron_llm::PriceBook;
use iron_net::rate::Pace;
use iron_primitives::{ProviderId, TenantId, TokenDigest};
use iron_rules::{Named, Profiles, Sets, Wanted};
use iron_runtime::authority::{
    AgentState, AuthFailure, Authority, AuthorityError, Credential, End, Engaged, Exchange,
    ExchangeReply, Guardrails, Principal, Route, Routing, SubjectKey, TeamRules, ToolRules,
};

/// Answers what the tests ask.
pub(crate) struct House {
    pub(crate) identity: Identity,
    pub(crate) agents: Agents,
    pub(crate) providers: Providers,
    pub(crate) models: Models,
    pub(crate) limits: Limits,
    pub(crate) profiles: Profiles,
    pub(crate) sets: Sets,
    pub(crate) teller: Teller,
}

#[async_trait]
impl Authority for House {
    async fn authenticate(&self, token: TokenDigest) -> Result<Principal, AuthFailure> {
        let bearer = self.identity.find_ic_token(token).await.unwrap();
        let bearer = bearer.ok_or(AuthFailure::Unknown)?;
        if bearer.is != TokenIs::Live {
            return Err(AuthFailure::Revoked);
        }
        let agent = self.agents.for_call(bearer.tenant, bearer.agent).await;
        let agent = agent.unwrap().ok_or(AuthFailure::Revoked)?;
        let (team_name, policy) = match agent.path.team {
            None => (None, TeamPolicy::default()),
            Some(team) => {
                let found = self.identity.team_for_call(bearer.tenant, team).await;
                found.unwrap()
            }
        };
        let wanted = Wanted {
            tools: agent.tools.clone(),
            policies: agent.policies.clone(),
        };
        let set = self.sets.of(bearer.tenant, &wanted).await.unwrap();
        let named = Named {
            by_agent: agent.guardrail_profile,
            by_team: policy.guardrail_profile_id,
            ..Named::default()
        };
        let chosen = self.profiles.chosen(bearer.tenant, named).await.unwrap();
        let allowed_models = policy.allowed_with(agent.allowed_models);
        let counted = self.limits.counted(bearer.tenant, bearer.agent).await;
        let routes = self.providers.for_call(bearer.tenant, &agent.providers);
        let routes = routes.await.unwrap().into_iter().map(|provider| Route {
            provider: provider.id,
            name: provider.name,
            kind: provider.kind,
            base_url: provider.base_url,
            config: provider.config,
            organization: provider.organization,
            models: provider.models,
            timeout_ms: provider.timeout_ms,
        });
        Ok(Principal {
            token: bearer.token,
            expires_at: bearer.expires_at,
            path: agent.path,
            agent_state: AgentState::Running,
            spent_out: None,
            counted: counted.unwrap(),
            agent_ends: agent.ends,
            tenant_suspended: false,
            calls_per_day: None,
            allowed_models,
            team_rules: TeamRules {
                pace: Pace {
                    requests: policy.requests_per_minute.unwrap_or(0),
                    weight: policy.tokens_per_minute.unwrap_or(0),
                },
                ..TeamRules::default()
            },
            routes: routes.collect(),
            routing: Routing::default(),
            hash_key: [7; 32],
            environment: None,
            guardrails: Guardrails {
                profile_id: chosen.id,
                version: chosen.version,
                profile: chosen.profile,
            },
            tools: ToolRules {
                version: set.version,
                tools: set.tools,
                policies: set.policies,
                agent_name: agent.name,
                team_name,
                ..ToolRules::default()
            },
        })
    }

    async fn credential(
        &self,
        tenant: TenantId,
        provider: ProviderId,
    ) -> Result<Credential, AuthorityError> {
        let found = self.providers.credential(tenant, provider).await;
        let found = found.map_err(|_| AuthorityError::NotFound)?;
        Ok(Credential {
            secret: found.secret,
            version: found.version,
        })
    }

    async fn ended(&self, engaged: &[Engaged]) -> Result<Vec<Option<End>>, AuthorityError> {
        Ok(vec![None; engaged.len()])
    }

    async fn exchange(&self, exchange: Exchange) -> Result<ExchangeReply, AuthorityError> {
        self.teller.exchange(&exchange).await
    }

    fn prices(&self, tenant: TenantId) -> Arc<PriceBook> {
        self.models.book(tenant)
    }

    async fn subject_key(
        &self,
        _tenant: TenantId,
        _subject: [u8; 32],
    ) -> Result<SubjectKey, AuthorityError> {
        Err(AuthorityError::Unavailable)
    }
}
