//! `iron tokens` and `iron api-tokens`.

use iron_primitives::Timestamp;
use iron_sdk::tokens::{ApiTokenQuery, CreateApiToken, CreateToken, RotateToken, TokenQuery};

use super::resolve::{self, parse};
use crate::args::{ApiTokens, Tokens};
use crate::connection::Connection;
use crate::console::Console;
use crate::failure::Outcome;

const IC_ID: &str = "a token id such as `ic_…` with 36 characters after it";
const API_ID: &str = "a token id such as `at_…` with 36 characters after it";

fn instant(at: Option<Timestamp>, absent: &str) -> String {
    at.map_or(absent.to_owned(), |at| at.to_string())
}

pub(super) async fn run(verb: Tokens, connection: &Connection, console: Console) -> Outcome {
    let client = connection.client().await?;
    match verb {
        Tokens::List { agent, paging } => {
            let agent_id = match agent {
                Some(agent) => Some(resolve::agent(&client, &agent).await?),
                None => None,
            };
            let (page, per_page) = (Some(paging.page), Some(paging.per_page));
            let query = TokenQuery {
                agent_id,
                page,
                per_page,
                ..TokenQuery::default()
            };
            let list = client.list_tokens(&query).await?;
            console.show(&list, || {
                let rows = list.data.iter().map(|token| {
                    vec![
                        token.id.to_string(),
                        token.token_prefix.clone(),
                        token.agent_id.to_string(),
                        token.status.to_string(),
                        instant(token.last_used_at, "never"),
                    ]
                });
                console.table(
                    &["id", "prefix", "agent", "status", "last used"],
                    rows.collect(),
                )
            })
        }
        Tokens::Get { token } => {
            let view = client.get_token(parse(&token, IC_ID)?).await?;
            console.show(&view, || {
                console.facts(&[
                    ("id", view.id.to_string()),
                    ("prefix", view.token_prefix.clone()),
                    ("agent", view.agent_id.to_string()),
                    ("status", view.status.to_string()),
                    ("created", view.created_at.to_string()),
                    ("last used", instant(view.last_used_at, "never")),
                ])
            })
        }
        Tokens::Create { agent } => {
            let agent_id = resolve::agent(&client, &agent).await?;
            let body = CreateToken {
                agent_id,
                description: None,
                expires_at: None,
            };
            let created = client.create_token(&body).await?;
            console.show(&created, || {
                let token = created.token.expose().to_owned();
                console.facts(&[("id", created.id.to_string()), ("token", token)])
            })?;
            console.note("the token is shown this once; the agent sends it as its API key");
            Ok(())
        }
        Tokens::Rotate { token, grace_hours } => {
            let body = RotateToken { grace_hours };
            let rotated = client.rotate_token(parse(&token, IC_ID)?, &body).await?;
            console.show(&rotated, || {
                let token = rotated.token.expose().to_owned();
                console.facts(&[("id", rotated.id.to_string()), ("token", token)])
            })?;
            console.note(&format!(
                "the old value works until {}",
                rotated.previous_valid_until
            ));
            Ok(())
        }
        Tokens::Delete { token, force } => {
            console.confirm(
                &format!("revoke `{token}`? its agent loses access at once"),
                force,
            )?;
            let revoked = client.delete_token(parse(&token, IC_ID)?).await?;
            console.show(&revoked, || format!("revoked {}", revoked.id))
        }
    }
}

pub(super) async fn run_api(verb: ApiTokens, connection: &Connection, console: Console) -> Outcome {
    let client = connection.client().await?;
    match verb {
        ApiTokens::List { all, paging } => {
            let (page, per_page) = (Some(paging.page), Some(paging.per_page));
            let query = ApiTokenQuery {
                page,
                per_page,
                ..ApiTokenQuery::default()
            };
            let list = match all {
                true => client.list_api_tokens(&query).await?,
                false => client.list_my_api_tokens(&query).await?,
            };
            console.show(&list, || {
                let rows = list.data.iter().map(|token| {
                    vec![
                        token.id.to_string(),
                        token.token_prefix.clone(),
                        token.name.clone(),
                        token.status.to_string(),
                        instant(token.expires_at, "never"),
                        instant(token.last_used_at, "never"),
                    ]
                });
                let headings = ["id", "prefix", "name", "status", "expires", "last used"];
                console.table(&headings, rows.collect())
            })
        }
        ApiTokens::Get { token } => {
            let view = client.get_api_token(parse(&token, API_ID)?).await?;
            console.show(&view, || {
                console.facts(&[
                    ("id", view.id.to_string()),
                    ("prefix", view.token_prefix.clone()),
                    ("name", view.name.clone()),
                    ("user", view.user_id.to_string()),
                    ("status", view.status.to_string()),
                    ("created", view.created_at.to_string()),
                    ("expires", instant(view.expires_at, "never")),
                    ("last used", instant(view.last_used_at, "never")),
                ])
            })
        }
        ApiTokens::Create { name, expires_at } => {
            let expires_at = expires_at
                .map(|text| parse(&text, "an instant such as `2027-01-31T00:00:00Z`"))
                .transpose()?;
            let body = CreateApiToken {
                name,
                description: None,
                expires_at,
            };
            let created = client.create_api_token(&body).await?;
            console.show(&created, || {
                let token = created.token.expose().to_owned();
                console.facts(&[("id", created.id.to_string()), ("token", token)])
            })?;
            console.note("the token is shown this once; programs send it as their bearer token");
            Ok(())
        }
        ApiTokens::Revoke { token, force } => {
            console.confirm(&format!("revoke `{token}`?"), force)?;
            let revoked = client.revoke_api_token(parse(&token, API_ID)?).await?;
            console.show(&revoked, || format!("revoked {}", revoked.id))
        }
    }
}
