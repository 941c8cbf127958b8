//! The demo that `iron up` makes: a simulated provider, an agent with a budget, its token.
//!
//! It is made through the API, as anyone would. The administrator works with a password that
//! nobody has seen and leaves with a one-time password that is shown once. What later starts
//! add, a provider for a key that has come into the environment, is the work of a developer
//! named `iron up`, who owns the demo and nothing else; the records tell the two apart.

use iron_primitives::{AgentId, ProviderId, Secret, UserId};
use iron_sdk::agents::{AgentQuery, CreateAgent};
use iron_sdk::auth::{Login, Logout};
use iron_sdk::tokens::{CreateApiToken, CreateToken, RotateToken, TokenQuery};
use iron_sdk::users::{CreateUser, ResetPassword, Role, UserQuery};
use iron_sdk::{Client, SecretText};
use serde_json::{Value, json};

use super::resolve::parse;
use super::up::Demo;
use crate::config::{Config, keys};
use crate::connection::Connection;
use crate::console::Console;
use crate::environment;
use crate::failure::{Exit, Failure, Outcome};
use crate::keychain::write_private;
use crate::server::folder::Folder;

mod from_environment;

pub(super) use from_environment::{Changes, Fingerprint};

const AGENT: &str = "demo";
const BUDGET: &str = "5.00";
/// The developer who owns the demo.
const OPERATOR: &str = "iron-up@localhost.local";

/// What was made just now; nothing if it was there already.
#[derive(Default)]
pub(super) struct Made {
    one_time_password: Option<String>,
    keys: Changes,
    /// Whether the demo was made, or finished, by this start.
    fresh: bool,
    /// Where the commands look for a server, if that is not this one.
    elsewhere: Option<String>,
}

/// What an earlier `iron up` noted in this folder.
pub(super) fn read(folder: &Folder) -> Option<Demo> {
    serde_json::from_str(&std::fs::read_to_string(folder.demo()).ok()?).ok()
}

/// The same, or a new beginning with a password of its own.
pub(super) fn remembered(folder: &Folder, config: &Config) -> Outcome<Demo> {
    if let Some(demo) = read(folder) {
        return Ok(demo);
    }
    let admin = config.text(keys::ADMIN_EMAIL);
    if folder.known_instance().is_some() || config.optional(keys::DATABASE_URL).is_some() {
        // Somebody else's server: nothing is made in it.
        return Ok(Demo {
            admin,
            ..Demo::default()
        });
    }
    let chosen = config.optional(keys::ADMIN_PASSWORD);
    let chosen = chosen.filter(|password| !password.is_empty());
    let demo = Demo {
        admin,
        chosen: chosen.is_some(),
        password: Some(chosen.unwrap_or_else(draw)),
        ..Demo::default()
    };
    drop(folder.lock()?);
    keep(folder, &demo)?;
    Ok(demo)
}

fn draw() -> String {
    hex::encode(environment::system().random::<12>())
}

fn keep(folder: &Folder, demo: &Demo) -> Outcome {
    let text = serde_json::to_string_pretty(demo).map_err(anyhow::Error::from)?;
    write_private(&folder.demo(), &text)
}

/// Makes the demo where it is not there yet, and what the environment adds to it.
pub(super) async fn make(
    config: &Config,
    url: &str,
    folder: &Folder,
    demo: &mut Demo,
    console: Console,
) -> Outcome<Made> {
    let Some(password) = demo.password.clone() else {
        if demo.token.is_none() {
            console.note("this server was not made by `iron up`; sign in with `iron login`");
        }
        let keys = later(config, url, folder, demo, console).await?;
        return Ok(Made {
            keys,
            ..Made::default()
        });
    };
    let admin = Client::new(url)?;
    let Some(me) = begin(&admin, demo, &password).await? else {
        return finish(config, url, folder, demo, Changes::default());
    };
    let owner = developer(&admin, url, folder, demo).await?;
    let operator = operator(url, demo)?;
    let simulated = from_environment::simulated(&operator).await?;
    first_agent(&admin, owner, simulated, folder, demo).await?;
    let mut changes = Changes::default();
    from_environment::follow(&operator, folder, demo, console, &mut changes).await?;
    // A password that the administrator has chosen stays.
    if !demo.chosen {
        // Kept first: whatever happens in between, one of the two passwords opens.
        let one_time = demo.one_time.get_or_insert_with(draw).clone();
        keep(folder, demo)?;
        reset(&admin, me, &one_time, true).await?;
    }
    finish(config, url, folder, demo, changes)
}

/// Signs the administrator in with the password of the beginning; none if an interrupted start
/// has already put the one-time password in its place, which is its last step but one.
async fn begin(admin: &Client, demo: &Demo, password: &str) -> Outcome<Option<UserId>> {
    let refused = match sign_in(admin, &demo.admin, password).await {
        Ok(me) => return Ok(Some(me)),
        Err(failure) => failure,
    };
    match &demo.one_time {
        Some(one_time) if sign_in(admin, &demo.admin, one_time).await.is_ok() => Ok(None),
        _ => Err(refused),
    }
}

fn finish(
    config: &Config,
    url: &str,
    folder: &Folder,
    demo: &mut Demo,
    changes: Changes,
) -> Outcome<Made> {
    demo.password = None;
    let one_time_password = demo.one_time.take();
    keep(folder, demo)?;
    let server = config.text(keys::SERVER);
    Ok(Made {
        one_time_password,
        keys: changes,
        fresh: true,
        elsewhere: Some(server).filter(|server| server.trim_end_matches('/') != url),
    })
}

/// What the environment adds to a server that has its demo, or never had one. Whoever may not
/// add it is told so, and that is all: the server serves without it.
pub(super) async fn later(
    config: &Config,
    url: &str,
    folder: &Folder,
    demo: &mut Demo,
    console: Console,
) -> Outcome<Changes> {
    if from_environment::is_empty() {
        return Ok(Changes::default());
    }
    let client = match demo.operator {
        Some(_) => operator(url, demo)?,
        None => match Connection::to(url, config).client().await {
            Ok(client) => client,
            Err(_) => {
                console.note(&from_environment::sign_in_first());
                return Ok(Changes::default());
            }
        },
    };
    let mut changes = Changes::default();
    match from_environment::follow(&client, folder, demo, console, &mut changes).await {
        Err(failure) if failure.is_interruption() => return Err(failure),
        Err(failure) => console.note(&format!(
            "keys in the environment were not looked at: {failure}"
        )),
        Ok(()) => {}
    }
    Ok(changes)
}

/// A client with the rights of the demo's owner.
pub(super) fn operator(url: &str, demo: &Demo) -> Outcome<Client> {
    let token = demo.operator.clone().map(Secret::new);
    let client = Client::new(url)?;
    client.set_credential(token);
    Ok(client)
}

async fn sign_in(client: &Client, email: &str, password: &str) -> Outcome<UserId> {
    let login = Login {
        email: email.to_owned(),
        password: password.to_owned().into(),
        tenant: None,
        method: None,
        cookie: None,
    };
    let session = client.login(&login).await?;
    let token = session.access_token;
    client.set_credential(token.map(|token| Secret::new(token.expose().to_owned())));
    Ok(session.user.id)
}

async fn reset(admin: &Client, user: UserId, password: &str, force_change: bool) -> Outcome {
    let reset = ResetPassword {
        new_password: password.to_owned().into(),
        force_change: Some(force_change),
    };
    admin.reset_user_password(user, &reset).await?;
    Ok(())
}

/// The developer who owns the demo, with a token and without a password that anybody knows.
async fn developer(admin: &Client, url: &str, folder: &Folder, demo: &mut Demo) -> Outcome<UserId> {
    let query = UserQuery {
        search: Some(OPERATOR.to_owned()),
        ..UserQuery::default()
    };
    let found = admin.list_users(&query).await?.data;
    let id = match found.iter().find(|user| user.email == OPERATOR) {
        Some(user) => user.id,
        None => {
            let body = CreateUser {
                email: OPERATOR.to_owned(),
                name: "iron up".to_owned(),
                role: Some(Role::Developer),
                password: None,
            };
            admin.create_user(&body).await?.user.id
        }
    };
    if demo.operator.is_some() {
        return Ok(id);
    }
    let password = draw();
    reset(admin, id, &password, false).await?;
    let developer = Client::new(url)?;
    sign_in(&developer, OPERATOR, &password).await?;
    let body = CreateApiToken {
        name: "iron up".to_owned(),
        description: Some("adds providers for keys in the environment".to_owned()),
        expires_at: None,
    };
    let token = developer.create_api_token(&body).await?.token;
    demo.operator = Some(token.expose().to_owned());
    keep(folder, demo)?;
    developer.logout(&Logout { all_sessions: None }).await?;
    Ok(id)
}

/// The demo agent and its token; what an interrupted start has made is taken up again.
async fn first_agent(
    admin: &Client,
    owner: UserId,
    simulated: ProviderId,
    folder: &Folder,
    demo: &mut Demo,
) -> Outcome {
    if demo.token.is_some() {
        return Ok(());
    }
    let query = AgentQuery {
        name: Some(AGENT.to_owned()),
        ..AgentQuery::default()
    };
    let found = admin.list_agents(&query).await?.data;
    let token = match found.iter().find(|agent| agent.name == AGENT) {
        Some(agent) => {
            demo.agent = Some(agent.id.to_string());
            token_of(admin, agent.id).await?
        }
        None => {
            let body = CreateAgent {
                name: AGENT.to_owned(),
                budget: parse(BUDGET, "an amount")?,
                description: Some("made by `iron up`".to_owned()),
                providers: Some(vec![simulated]),
                tags: None,
                settings: None,
                project_id: None,
                team_id: None,
                owner_id: Some(owner),
                environment: None,
                period: None,
                schedule: None,
                create_ic_token: Some(true),
            };
            let created = admin.create_agent(&body).await?;
            demo.agent = Some(created.id.to_string());
            created
                .ic_token
                .and_then(|token| token.token)
                .ok_or_else(|| Failure::new(Exit::Error, "NO_TOKEN", "the server gave no token"))?
        }
    };
    demo.token = Some(token.expose().to_owned());
    keep(folder, demo)
}

/// A token for an agent that is there already. If an interrupted start has made one, nobody has
/// seen its value: it gets a new one.
async fn token_of(admin: &Client, agent_id: AgentId) -> Outcome<SecretText> {
    let body = CreateToken {
        agent_id,
        description: None,
        expires_at: None,
    };
    let refused = match admin.create_token(&body).await {
        Ok(created) => return Ok(created.token),
        Err(refused) if refused.is_code("TOKEN_ALREADY_EXISTS") => refused,
        Err(other) => return Err(other.into()),
    };
    let query = TokenQuery {
        agent_id: Some(agent_id),
        status: Some("active,rotating".to_owned()),
        ..TokenQuery::default()
    };
    let live = admin.list_tokens(&query).await?.data.into_iter().next();
    let id = live.ok_or(refused)?.id;
    let at_once = RotateToken {
        grace_hours: Some(0),
    };
    Ok(admin.rotate_token(id, &at_once).await?.token)
}

/// Where everything is, for programs.
pub(super) fn facts(url: &str, demo: &Demo, made: &Made, already_running: bool) -> Value {
    json!({
        "server": url,
        "already_running": already_running,
        "admin": demo.admin,
        "one_time_password": made.one_time_password,
        "agent": demo.agent,
        "token": demo.token,
        "keys": made.keys,
    })
}

/// Where everything is, for people.
pub(super) fn greeting(url: &str, demo: &Demo, made: &Made) -> String {
    let mut text = format!("Iron Cage is running on {url}\n");
    if let Some(password) = &made.one_time_password {
        text.push_str(&format!(
            "\nadministrator      {}\n\
             one-time password  {password}\n\
             \x20                  shown this once; iron login, then iron auth password\n",
            demo.admin
        ));
        if made.elsewhere.is_some() {
            text.push_str(&format!(
                "                   in another shell first: export IRON_SERVER={url}\n"
            ));
        }
    }
    if let Some(token) = &demo.token {
        text.push_str(&format!("\nagent `{AGENT}`, budget ${BUDGET}; try it:\n\n"));
        text.push_str(&lines(url, token));
    }
    text
}

/// A call from the shell and from the two SDKs, ready to paste.
pub(super) fn lines(url: &str, token: &str) -> String {
    let body = r#"{"model":"sim/chat","messages":[{"role":"user","content":"Hello"}]}"#;
    format!(
        "  curl -s {url}/v1/chat/completions -H 'Authorization: Bearer {token}' -H 'Content-Type: application/json' -d '{body}'\n\n\
         OpenAI SDK:     export OPENAI_BASE_URL={url}/v1 OPENAI_API_KEY={token}\n\
         Anthropic SDK:  export ANTHROPIC_BASE_URL={url} ANTHROPIC_API_KEY={token}\n"
    )
}

/// Makes the first call and says what came of it. A demo that was just made must work; later
/// its agent may have no money left, or be stopped, and that is nobody's error.
pub(super) async fn show_first_call(
    url: &str,
    demo: &Demo,
    made: &Made,
    console: Console,
) -> Outcome {
    match first_call(url, demo).await {
        Ok(answered) => console.note(&format!("first governed call: {answered}")),
        Err(failure) if made.fresh => return Err(failure),
        Err(failure) => console.note(&failure.to_string()),
    }
    Ok(())
}

/// One call, so that there is something to look at; gives what came back, in short.
async fn first_call(url: &str, demo: &Demo) -> Outcome<String> {
    let Some(token) = &demo.token else {
        return Ok("no demo agent here".to_owned());
    };
    let body = json!({"model": "sim/chat", "messages": [{"role": "user", "content": "Hello"}]});
    let failed = |error: reqwest::Error| {
        Failure::new(
            Exit::Unreachable,
            "UNREACHABLE",
            format!("the first call failed: {error}"),
        )
    };
    let http = reqwest::Client::new();
    let request = http
        .post(format!("{url}/v1/chat/completions"))
        .bearer_auth(token)
        .json(&body);
    let answer = request.send().await.map_err(failed)?;
    let status = answer.status();
    let cost = answer
        .headers()
        .get("x-ironcage-cost-micros")
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned);
    let body: Value = answer.json().await.map_err(failed)?;
    if !status.is_success() {
        let message = body
            .pointer("/error/message")
            .and_then(Value::as_str)
            .unwrap_or("no reason given");
        return Err(Failure::new(
            Exit::Error,
            "FIRST_CALL",
            format!("the first call failed: {message}"),
        ));
    }
    let tokens = body
        .pointer("/usage/total_tokens")
        .and_then(Value::as_u64)
        .unwrap_or_default();
    Ok(format!(
        "{tokens} tokens, {} micro-dollars, recorded",
        cost.unwrap_or_else(|| "?".to_owned())
    ))
}
