//! People name things by name; the API by id.

use iron_primitives::{AgentId, PoolId, ProjectId, ProviderId, TeamId, TenantId, UserId};
use iron_sdk::Client;
use iron_sdk::access::TeamNameQuery;
use iron_sdk::agents::AgentQuery;
use iron_sdk::pools::PoolQuery;
use iron_sdk::projects::ProjectQuery;
use iron_sdk::providers::ProviderQuery;
use iron_sdk::teams::TeamQuery;
use iron_sdk::tenants::TenantQuery;
use iron_sdk::users::UserQuery;

use crate::failure::{Exit, Failure, Outcome};

/// The agent of this id or exactly this name.
pub(super) async fn agent(client: &Client, text: &str) -> Outcome<AgentId> {
    if let Ok(id) = text.parse() {
        return Ok(id);
    }
    let query = AgentQuery {
        name: Some(text.to_owned()),
        ..AgentQuery::default()
    };
    let found = client.list_agents(&query).await?.data;
    only(
        text,
        "agent",
        found
            .iter()
            .filter(|agent| agent.name == text)
            .map(|agent| agent.id),
    )
}

/// The provider of this id or exactly this name.
pub(super) async fn provider(client: &Client, text: &str) -> Outcome<ProviderId> {
    if let Ok(id) = text.parse() {
        return Ok(id);
    }
    let query = ProviderQuery {
        name: Some(text.to_owned()),
        ..ProviderQuery::default()
    };
    let found = client.list_providers(&query).await?.data;
    only(
        text,
        "provider",
        found
            .iter()
            .filter(|one| one.name == text)
            .map(|one| one.id),
    )
}

/// The project of this id or exactly this name.
pub(super) async fn project(client: &Client, text: &str) -> Outcome<ProjectId> {
    if let Ok(id) = text.parse() {
        return Ok(id);
    }
    let query = ProjectQuery {
        name: Some(text.to_owned()),
        ..ProjectQuery::default()
    };
    let found = client.list_projects(&query).await?.data;
    let named = found.iter().filter(|project| project.name == text);
    only(text, "project", named.map(|project| project.id))
}

/// The team of this id or exactly this name.
pub(super) async fn team(client: &Client, text: &str) -> Outcome<TeamId> {
    if let Ok(id) = text.parse() {
        return Ok(id);
    }
    let query = TeamQuery {
        name: Some(text.to_owned()),
        ..TeamQuery::default()
    };
    let found = client.list_teams(&query).await?.data;
    let named = found.iter().filter(|team| team.name == text);
    only(text, "team", named.map(|team| team.id))
}

/// The same among all teams of the tenant, whoever is in them.
pub(super) async fn any_team(client: &Client, text: &str) -> Outcome<TeamId> {
    if let Ok(id) = text.parse() {
        return Ok(id);
    }
    let query = TeamNameQuery {
        name: Some(text.to_owned()),
        ..TeamNameQuery::default()
    };
    let found = client.list_access_teams(&query).await?.data;
    let named = found.iter().filter(|team| team.name == text);
    only(text, "team", named.map(|team| team.id))
}

/// The pool of this id or exactly this name.
pub(super) async fn pool(client: &Client, text: &str) -> Outcome<PoolId> {
    if let Ok(id) = text.parse() {
        return Ok(id);
    }
    let query = PoolQuery {
        name: Some(text.to_owned()),
        ..PoolQuery::default()
    };
    let found = client.list_pools(&query).await?.data;
    let named = found.iter().filter(|pool| pool.name == text);
    only(text, "pool", named.map(|pool| pool.id))
}

/// The user of this id or address.
pub(super) async fn user(client: &Client, text: &str) -> Outcome<UserId> {
    if let Ok(id) = text.parse() {
        return Ok(id);
    }
    let query = UserQuery {
        search: Some(text.to_owned()),
        ..UserQuery::default()
    };
    let found = client.list_users(&query).await?.data;
    let named = found
        .iter()
        .filter(|user| user.email.eq_ignore_ascii_case(text));
    only(text, "user", named.map(|user| user.id))
}

/// The tenant of this id or slug.
pub(super) async fn tenant(client: &Client, text: &str) -> Outcome<TenantId> {
    if let Ok(id) = text.parse() {
        return Ok(id);
    }
    for page in 1.. {
        let query = TenantQuery {
            page: Some(page),
            per_page: Some(100),
            ..TenantQuery::default()
        };
        let found = client.list_tenants(&query).await?.data;
        if let Some(tenant) = found.iter().find(|tenant| tenant.slug == text) {
            return Ok(tenant.id);
        }
        if found.is_empty() {
            break;
        }
    }
    only(text, "tenant", std::iter::empty())
}

pub(super) fn only<T>(text: &str, noun: &str, mut found: impl Iterator<Item = T>) -> Outcome<T> {
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        (None, _) => {
            let message = format!("no {noun} has the id or name `{text}`");
            let failure = Failure::new(Exit::NotFound, "RESOURCE_NOT_FOUND", message);
            Err(failure.hint(format!("`iron {noun}s list` shows what there is")))
        }
        (Some(_), Some(_)) => {
            let message = format!("several {noun}s are named `{text}`");
            Err(Failure::usage(message).hint("use the id instead"))
        }
    }
}

/// Parses an argument, or says which one is wrong.
pub(super) fn parse<T: std::str::FromStr>(text: &str, expected: &str) -> Outcome<T> {
    text.parse()
        .map_err(|_| Failure::usage(format!("`{text}` is not {expected}")))
}
