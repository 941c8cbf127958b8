//! The demo that `iron up` makes: a simulated provider, an agent with a budget, its token.
//!
//! It is made through the API, as anyone would. The administrator works with a password that
//! nobody has seen and leaves with a one-time password that is shown once.

use iron_primitives::Secret;
use iron_sdk::Client;
use iron_sdk::agents::CreateAgent;
use iron_sdk::auth::Login;
use iron_sdk::providers::{CreateProvider, ProviderType};
use iron_sdk::users::ResetPassword;
use serde_json::{Value, json};

use super::resolve::parse;
use super::up::Demo;
use crate::config::{Config, keys};
use crate::console::Console;
use crate::environment;
use crate::failure::{Exit, Failure, Outcome};
use crate::keychain::write_private;
use crate::server::folder::Folder;

const AGENT: &str = "demo";
const BUDGET: &str = "5.00";

/// What was made just now; nothing if it was there already.
#[derive(Default)]
pub(super) struct Made {
    one_time_password: Option<String>,
    providers: Vec<String>,
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
            password: None,
            agent: None,
            token: None,
        });
    }
    let password = config.optional(keys::ADMIN_PASSWORD).unwrap_or_else(draw);
    let demo = Demo {
        admin,
        password: Some(password),
        agent: None,
        token: None,
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

/// Makes the demo where it is not there yet.
pub(super) async fn make(
    client: &Client,
    folder: &Folder,
    demo: &mut Demo,
    console: Console,
) -> Outcome<Made> {
    let Some(password) = demo.password.clone() else {
        if demo.token.is_none() {
            console.note("this server was not made by `iron up`; sign in with `iron login`");
        }
        return Ok(Made::default());
    };
    let login = Login {
        email: demo.admin.clone(),
        password: password.into(),
        tenant: None,
        method: None,
        cookie: None,
    };
    let session = client.login(&login).await?;
    client.set_credential(
        session
            .access_token
            .map(|token| Secret::new(token.expose().to_owned())),
    );
    let (providers, names) = providers(client).await?;
    let agent = CreateAgent {
        name: AGENT.to_owned(),
        budget: parse(BUDGET, "an amount")?,
        description: Some("made by `iron up`".to_owned()),
        providers: Some(providers),
        tags: None,
        settings: None,
        project_id: None,
        owner_id: None,
        environment: None,
        period: None,
        create_ic_token: Some(true),
    };
    let created = client.create_agent(&agent).await?;
    demo.agent = Some(created.id.to_string());
    demo.token = created
        .ic_token
        .map(|token| token.token.expose().to_owned());
    keep(folder, demo)?;
    let one_time = match std::env::var_os("IRON_ADMIN_PASSWORD") {
        // The operator has chosen one, and keeps it.
        Some(_) => None,
        None => {
            let one_time = draw();
            let reset = ResetPassword {
                new_password: one_time.clone().into(),
                force_change: Some(true),
            };
            client.reset_user_password(session.user.id, &reset).await?;
            Some(one_time)
        }
    };
    demo.password = None;
    keep(folder, demo)?;
    Ok(Made {
        one_time_password: one_time,
        providers: names,
    })
}

/// The simulated provider, and the real ones whose keys stand in the environment.
async fn providers(client: &Client) -> Outcome<(Vec<iron_primitives::ProviderId>, Vec<String>)> {
    let wanted = [
        ("simulated", ProviderType::Simulated, None),
        (
            "openai",
            ProviderType::Openai,
            std::env::var("OPENAI_API_KEY").ok(),
        ),
        (
            "anthropic",
            ProviderType::Anthropic,
            std::env::var("ANTHROPIC_API_KEY").ok(),
        ),
    ];
    let (mut ids, mut names) = (Vec::new(), Vec::new());
    for (name, kind, key) in wanted {
        let key = key.filter(|key| !key.is_empty());
        if kind != ProviderType::Simulated && key.is_none() {
            continue;
        }
        let body = CreateProvider {
            name: name.to_owned(),
            r#type: kind,
            api_key: key.map(Into::into),
            base_url: None,
            organization_id: None,
            models: None,
            timeout_seconds: None,
            shared: Some(true),
        };
        ids.push(client.create_provider(&body).await?.id);
        names.push(name.to_owned());
    }
    Ok((ids, names))
}

/// Says where everything is.
pub(super) fn greet(url: &str, demo: &Demo, made: &Made, console: Console) -> Outcome {
    let answer = json!({
        "server": url,
        "already_running": false,
        "admin": demo.admin,
        "one_time_password": made.one_time_password,
        "agent": demo.agent,
        "token": demo.token,
        "providers": made.providers,
    });
    console.show(&answer, || {
        let mut text = format!("Iron Cage is running on {url}\n");
        if let Some(password) = &made.one_time_password {
            text.push_str(&format!(
                "\nadministrator  {}\none-time password  {password}   (shown once; iron login, then iron auth password)\n",
                demo.admin
            ));
        }
        if let Some(token) = &demo.token {
            text.push_str(&format!("\nagent `{AGENT}`, budget ${BUDGET}; try it:\n\n"));
            text.push_str(&lines(url, token));
        }
        text
    })
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

/// One call, so that there is something to look at; gives what came back, in short.
pub(super) async fn first_call(url: &str, demo: &Demo) -> Outcome<String> {
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
