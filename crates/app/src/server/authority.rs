//! The control plane as the runtime of the same process sees it: a direct call.

use std::sync::Arc;

use async_trait::async_trait;
use iron_budget::{BudgetKey, Ledger, Limits, PassHold, Paths, Pools, Teller};
use iron_catalog::{CallProvider, Models, Providers};
use iron_custody::Files;
use iron_fleet::{AgentStanding, Agents, CallAgent, RuntimeState};
use iron_identity::{
    Bearer, BookedCalls, CallBlock, Identity, PrivacyLevel, TeamPolicy, TokenIs, TokenStanding,
};
use iron_llm::PriceBook;
use iron_net::rate::Pace;
use iron_policy::Role;
use iron_primitives::{
    ActorPath, BudgetShortfall, Money, ProviderId, Refusal, RequestId, Scope, TenantId,
    TokenDigest, ToolId,
};
use iron_rules::{Named, Profiles, Sets, Tools, Wanted};
use iron_runtime::authority::{
    AgentState, AskPassHold, AuthFailure, Authority, AuthorityError, BookCalls, CallsBooked,
    Credential, End, Engaged, Exchange, ExchangeReply, Guardrails, Pass, PassHeld, Principal,
    Privacy, Route, SubjectKey, TeamRules, ToolRules,
};
use iron_runtime::custody::Custody;
use iron_runtime::oversight::Oversight;
use iron_vault::{MasterKey, Purpose, Vault};

use super::custody::Desk;
use super::oversight::Watch;
use super::routing::routing;

/// The features that know the answers.
pub(super) struct House {
    pub(super) identity: Identity,
    pub(super) settings: iron_settings::Settings,
    pub(super) agents: Agents,
    pub(super) providers: Providers,
    pub(super) models: Models,
    pub(super) pools: Pools,
    pub(super) profiles: Profiles,
    pub(super) tools: Tools,
    pub(super) sets: Sets,
    pub(super) ledger: Ledger,
    pub(super) paths: Paths,
    pub(super) limits: Limits,
    pub(super) teller: Teller,
    pub(super) files: Files,
    pub(super) watch: Watch,
    pub(super) desk: Desk,
    pub(super) vault: Vault,
    pub(super) master: MasterKey,
}

impl House {
    async fn principal(&self, bearer: Bearer) -> Result<Principal, AuthFailure> {
        let tenant = bearer.tenant;
        let agent = self
            .agents
            .for_call(tenant, bearer.agent)
            .await
            .map_err(away)?;
        // A token outlives its agent by the moment between two statements at most.
        let agent = agent.ok_or(AuthFailure::Revoked)?;
        let owner_suspended = self
            .identity
            .user_suspended(tenant, agent.path.user)
            .await
            .map_err(away)?;
        let standing = self.identity.tenant_standing(tenant).await.map_err(away)?;
        let pool = self
            .pools
            .path_of(tenant, bearer.agent)
            .await
            .map_err(away)?;
        let routes = self
            .providers
            .for_call(tenant, &agent.providers)
            .await
            .map_err(away)?;
        let (team_name, policy) = match agent.path.team {
            None => (None, TeamPolicy::default()),
            Some(team) => {
                let found = self.identity.team_for_call(tenant, team).await;
                found.map_err(away)?
            }
        };
        let guardrails = self.guardrails(tenant, &agent, &policy).await?;
        let tools = self.tools(&agent, team_name).await?;
        let allowed_models = policy.allowed_with(agent.allowed_models.clone());
        let spent_out = self.spent_out(tenant, &agent).await.map_err(away)?;
        let counted = self
            .limits
            .counted(tenant, bearer.agent)
            .await
            .map_err(away)?;
        let hash_key = self
            .master
            .derive(Purpose::TenantHash(tenant))
            .map_err(away)?;
        Ok(Principal {
            token: bearer.token,
            expires_at: bearer.expires_at,
            path: ActorPath { pool, ..agent.path },
            agent_state: state(&agent, owner_suspended),
            spent_out,
            counted,
            agent_ends: agent.ends,
            tenant_suspended: standing.suspended,
            calls_per_day: standing.calls_per_day,
            allowed_models,
            team_rules: team_rules(&policy),
            routes: routes.into_iter().map(route_of).collect(),
            routing: routing(agent.routing, self.settings.routing(tenant)),
            hash_key: *hash_key,
            environment: Some(agent.environment.as_str().to_owned()),
            guardrails,
            tools,
        })
    }

    /// What is looked for in the texts of an agent.
    async fn guardrails(
        &self,
        tenant: TenantId,
        agent: &CallAgent,
        policy: &TeamPolicy,
    ) -> Result<Guardrails, AuthFailure> {
        let named = Named {
            by_agent: agent.guardrail_profile,
            by_team: policy.guardrail_profile_id,
            privacy: match policy.privacy_level {
                PrivacyLevel::Strict => iron_rules::Privacy::Strict,
                PrivacyLevel::Moderate => iron_rules::Privacy::Moderate,
                PrivacyLevel::Permissive => iron_rules::Privacy::Permissive,
            },
        };
        let chosen = self.profiles.chosen(tenant, named).await.map_err(away)?;
        Ok(Guardrails {
            profile_id: chosen.id,
            version: chosen.version,
            profile: chosen.profile,
        })
    }

    /// What an agent may do with tools.
    async fn tools(
        &self,
        agent: &CallAgent,
        team_name: Option<String>,
    ) -> Result<ToolRules, AuthFailure> {
        let wanted = Wanted {
            tools: agent.tools.clone(),
            policies: agent.policies.clone(),
        };
        let set = self.sets.of(agent.path.tenant, &wanted).await;
        let set = set.map_err(away)?;
        let role = agent.role.as_deref().map(Role::named);
        Ok(ToolRules {
            version: set.version,
            tools: set.tools,
            policies: set.policies,
            // A word from before there were roles gives nothing away.
            role: role.map_or_else(Role::default, |role| role.unwrap_or(Role::ReadOnly)),
            agent_name: agent.name.clone(),
            team_name,
        })
    }

    /// What is left of the budget that has paused an agent. Nothing if there is money again: then
    /// it may go on at once, before anybody has resumed it.
    async fn spent_out(
        &self,
        tenant: TenantId,
        agent: &CallAgent,
    ) -> Result<Option<BudgetShortfall>, iron_budget::Error> {
        if !agent.paused_by_budget {
            return Ok(None);
        }
        let scope = Scope::Agent(agent.path.agent);
        let Some(event) = self.ledger.reached(&[scope]).await?.remove(&scope) else {
            return Ok(None);
        };
        let unit = event.unit;
        let key = BudgetKey {
            scope,
            unit,
            tenant,
        };
        let status = self.limits.status_in(&key).await?;
        Ok(Some(BudgetShortfall {
            scope,
            unit,
            limit: event.limit.nanos(),
            spent: status.settled.nanos(),
            reserved: status.escrow.nanos(),
            suspense: status.suspense.nanos(),
            needed: 0,
            pool: None,
            resets_at: event.span.end,
        }))
    }
}

#[async_trait]
impl Authority for House {
    async fn authenticate(&self, token: TokenDigest) -> Result<Principal, AuthFailure> {
        let bearer = self.identity.find_ic_token(token).await.map_err(away)?;
        let bearer = bearer.ok_or(AuthFailure::Unknown)?;
        match bearer.is {
            TokenIs::Live => self.principal(bearer).await,
            TokenIs::Expired => Err(AuthFailure::Expired),
            TokenIs::Revoked => Err(AuthFailure::Revoked),
        }
    }

    async fn ended(&self, engaged: &[Engaged]) -> Result<Vec<Option<End>>, AuthorityError> {
        let tokens = padded(engaged.iter().map(|one| one.token));
        let agents = padded(engaged.iter().map(|one| one.path.agent));
        let (tokens, agents) = tokio::try_join!(
            async {
                let standing = self.identity.ic_tokens_standing(&tokens).await;
                standing.map_err(unheard)
            },
            async { self.agents.standing(&agents).await.map_err(unheard) },
        )?;
        let end_of = |one: &Engaged| {
            let (token, agent) = (tokens.get(&one.token), agents.get(&one.path.agent));
            end(one, token, agent)
        };
        Ok(engaged.iter().map(end_of).collect())
    }

    async fn credential(
        &self,
        tenant: TenantId,
        provider: ProviderId,
    ) -> Result<Credential, AuthorityError> {
        match self.providers.credential(tenant, provider).await {
            Ok(found) => Ok(Credential {
                secret: found.secret,
                version: found.version,
            }),
            Err(iron_catalog::Error::NotFound { .. }) => Err(AuthorityError::NotFound),
            Err(error) => Err(silent(error)),
        }
    }

    async fn tool_secret(
        &self,
        tenant: TenantId,
        tool: ToolId,
    ) -> Result<Credential, AuthorityError> {
        match self.tools.secret(tenant, tool).await {
            Ok((secret, version)) => Ok(Credential { secret, version }),
            Err(iron_rules::Error::NoTool { .. }) => Err(AuthorityError::NotFound),
            Err(error) => Err(silent(error)),
        }
    }

    async fn exchange(&self, exchange: Exchange) -> Result<ExchangeReply, AuthorityError> {
        self.teller.exchange(&exchange).await
    }

    async fn pass(&self, pass: TokenDigest) -> Result<Pass, AuthFailure> {
        let found = self.paths.pass(pass).await.map_err(away)?;
        let found = found.ok_or(AuthFailure::Unknown)?;
        if !found.good {
            return Err(AuthFailure::Expired);
        }
        Ok(Pass {
            digest: pass,
            token: found.token,
            lease: found.lease,
            left: found.left,
        })
    }

    async fn hold_on_pass(&self, ask: AskPassHold) -> Result<PassHeld, Refusal> {
        let hold = PassHold {
            pass: ask.pass,
            call: ask.call,
            request: ask.request,
            attempt: ask.attempt,
            full: ask.full,
            least: ask.least,
            sender: ask.sender,
        };
        match self.paths.hold(&hold).await {
            Ok((amount, legs)) => Ok(PassHeld { amount, legs }),
            Err(iron_budget::Error::Short(shortfall)) => Err(Refusal::Budget(shortfall)),
            Err(iron_budget::Error::PassSpent | iron_budget::Error::PathEnded { .. }) => {
                Err(Refusal::TokenExpired)
            }
            Err(error) => {
                tracing::error!(%error, "money could not be set aside for a pass");
                Err(Refusal::AuthorityUnavailable)
            }
        }
    }

    async fn settle_pass(
        &self,
        tenant: TenantId,
        call: RequestId,
        costs: &[(u32, Money)],
    ) -> Result<(), AuthorityError> {
        let settled = self.paths.settle(tenant, call, costs).await;
        settled.map_err(silent)
    }

    async fn book_calls(&self, ask: BookCalls) -> Result<CallsBooked, AuthorityError> {
        let block = CallBlock {
            day: ask.day,
            made: ask.made,
            want: ask.want,
        };
        match self.identity.book_calls(ask.tenant, block).await {
            Ok(BookedCalls { granted, booked }) => Ok(CallsBooked { granted, booked }),
            Err(error) => Err(silent(error)),
        }
    }

    fn custody(&self) -> Option<&dyn Custody> {
        Some(self)
    }

    fn oversight(&self) -> Option<&dyn Oversight> {
        Some(&self.watch)
    }

    fn prices(&self, tenant: TenantId) -> Arc<PriceBook> {
        self.models.book(tenant)
    }

    async fn subject_key(
        &self,
        tenant: TenantId,
        subject: [u8; 32],
    ) -> Result<SubjectKey, AuthorityError> {
        let found = self
            .vault
            .subject_key(tenant, subject)
            .await
            .map_err(silent)?;
        Ok(SubjectKey {
            id: found.id,
            key: *found.key,
        })
    }
}

/// Where a provider is reached.
pub(super) fn route_of(provider: CallProvider) -> Route {
    Route {
        provider: provider.id,
        name: provider.name,
        kind: provider.kind,
        base_url: provider.base_url,
        organization: provider.organization,
        config: provider.config,
        models: provider.models,
        timeout_ms: provider.timeout_ms,
    }
}

/// What a policy says besides models.
fn team_rules(policy: &TeamPolicy) -> TeamRules {
    TeamRules {
        pace: Pace {
            requests: policy.requests_per_minute.unwrap_or(0),
            weight: policy.tokens_per_minute.unwrap_or(0),
        },
        privacy: match policy.privacy_level {
            PrivacyLevel::Strict | PrivacyLevel::Moderate => Privacy::Moderate,
            PrivacyLevel::Permissive => Privacy::Permissive,
        },
    }
}

/// What has ended for one of those who have calls under way, in the order in which the next call
/// would be refused.
fn end(one: &Engaged, token: Option<&TokenStanding>, agent: Option<&AgentStanding>) -> Option<End> {
    let Some(token) = token.filter(|token| !token.revoked) else {
        return Some(End::Token);
    };
    if token.tenant_suspended {
        return Some(End::Tenant);
    }
    if token.owner_suspended {
        return Some(End::Owner);
    }
    let goes_on = agent.is_some_and(|agent| !agent.over && agent.ends == one.agent_ends);
    (!goes_on).then_some(End::Agent)
}

/// The same ids, the last one repeated up to a power of two: the database sees few different
/// statements, and knows them.
fn padded<T: Copy>(ids: impl Iterator<Item = T>) -> Vec<T> {
    let mut ids: Vec<T> = ids.collect();
    if let Some(&last) = ids.last() {
        ids.resize(ids.len().next_power_of_two(), last);
    }
    ids
}

/// The runtime asks again soon, and warns when it hears nothing for the first time.
fn unheard(error: impl std::error::Error) -> AuthorityError {
    tracing::debug!(%error, "nobody says whose calls must end");
    AuthorityError::Unavailable
}

fn away(error: impl std::error::Error) -> AuthFailure {
    tracing::error!(%error, "a token could not be looked up");
    AuthFailure::Unavailable
}

pub(super) fn silent(error: impl std::error::Error) -> AuthorityError {
    tracing::error!(%error, "the control plane gave no answer");
    AuthorityError::Unavailable
}

fn state(agent: &CallAgent, owner_suspended: bool) -> AgentState {
    if agent.switched_off || owner_suspended {
        return AgentState::Inactive;
    }
    if agent.paused_by_budget {
        // Its money says whether it may go on, and until when it may not.
        return AgentState::Running;
    }
    match agent.runtime_state {
        RuntimeState::Running => AgentState::Running,
        RuntimeState::Paused => AgentState::Paused,
        RuntimeState::Stopped => AgentState::Stopped,
    }
}
