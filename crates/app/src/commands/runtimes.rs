//! `iron runtimes`.

use std::path::Path;

use iron_net::ClientCertificate;
use iron_primitives::RuntimeId;
use iron_sdk::Client;
use iron_sdk::runtimes::{
    CreateRuntime, RotateRuntimeKey, RuntimeQuery, RuntimeStatus, RuntimeView, UpdateRuntime,
};
use iron_sdk::users::Reason;

use crate::args::Runtimes;
use crate::connection::Connection;
use crate::console::Console;
use crate::failure::{Exit, Failure, Outcome};

pub(super) async fn run(verb: Runtimes, connection: &Connection, console: Console) -> Outcome {
    let client = connection.client().await?;
    match verb {
        Runtimes::List { paging } => {
            let query = RuntimeQuery {
                page: Some(paging.page),
                per_page: Some(paging.per_page),
            };
            let list = client.list_runtimes(&query).await?;
            console.show(&list, || table(console, &list.data))
        }
        Runtimes::Get { runtime } => {
            let view = client.get_runtime(find(&client, &runtime).await?).await?;
            console.show(&view, || facts(console, &view))
        }
        Runtimes::Create { name } => {
            let made = client.create_runtime(&CreateRuntime { name }).await?;
            console.show(&made, || {
                let key = made.key.expose().to_owned();
                console.facts(&[("id", made.id.to_string()), ("key", key)])
            })?;
            console.note("the key is shown this once; give it to `iron router` as IRON_ROUTER_KEY");
            Ok(())
        }
        Runtimes::Update {
            runtime,
            certificates,
        } => {
            let certificates = fingerprints(&certificates)?;
            let id = find(&client, &runtime).await?;
            let body = UpdateRuntime { certificates };
            let view = client.update_runtime(id, &body).await?;
            console.show(&view, || facts(console, &view))
        }
        Runtimes::Rotate {
            runtime,
            grace_minutes,
        } => {
            let id = find(&client, &runtime).await?;
            let body = RotateRuntimeKey { grace_minutes };
            let rotated = client.rotate_runtime_key(id, &body).await?;
            console.show(&rotated, || {
                let key = rotated.key.expose().to_owned();
                console.facts(&[("id", rotated.id.to_string()), ("key", key)])
            })?;
            console.note(&format!(
                "the former key works until {}",
                rotated.previous_valid_until
            ));
            Ok(())
        }
        Runtimes::Revoke {
            runtime,
            reason,
            force,
        } => {
            let id = find(&client, &runtime).await?;
            let question = format!("revoke the key of `{runtime}` for good?");
            console.confirm(&question, force)?;
            let view = client.revoke_runtime(id, &Reason { reason }).await?;
            console.show(&view, || facts(console, &view))
        }
    }
}

/// The SHA-256 of certificates, each given as a file or as just that.
fn fingerprints(given: &[String]) -> Outcome<Vec<String>> {
    if given.len() == 1 && given.iter().any(|word| word == "none") {
        return Ok(Vec::new());
    }
    let fingerprints = given.iter().map(|word| {
        let digits = word.replace(':', "").to_ascii_lowercase();
        if digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(digits);
        }
        let certificate = ClientCertificate::in_file(Path::new(word));
        let certificate = certificate.map_err(anyhow::Error::from)?;
        Ok(certificate.fingerprint())
    });
    fingerprints.collect()
}

/// The runtime of this id, or the one of this name that is not revoked.
async fn find(client: &Client, text: &str) -> Outcome<RuntimeId> {
    if let Ok(id) = text.parse() {
        return Ok(id);
    }
    let mut page = 1;
    loop {
        let query = RuntimeQuery {
            page: Some(page),
            per_page: Some(100),
        };
        let list = client.list_runtimes(&query).await?;
        let mut named = list.data.iter().filter(|one| one.name == text);
        if let Some(found) = named.find(|one| one.status != RuntimeStatus::Revoked) {
            return Ok(found.id);
        }
        if list.data.len() < 100 {
            let message = format!("there is no runtime `{text}`");
            return Err(Failure::new(Exit::NotFound, "RESOURCE_NOT_FOUND", message)
                .hint("`iron runtimes list` shows them all"));
        }
        page += 1;
    }
}

fn table(console: Console, runtimes: &[RuntimeView]) -> String {
    let rows = runtimes.iter().map(|runtime| {
        vec![
            runtime.id.to_string(),
            runtime.name.clone(),
            runtime.status.to_string(),
            runtime.key_prefix.clone(),
            runtime
                .enrolled_at
                .map_or("never".to_owned(), |at| at.to_string()),
        ]
    });
    console.table(
        &["id", "name", "status", "key", "last start"],
        rows.collect(),
    )
}

fn facts(console: Console, runtime: &RuntimeView) -> String {
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "none yet".to_owned());
    let instance = runtime.instance_id.map(|id| id.to_string());
    console.facts(&[
        ("id", runtime.id.to_string()),
        ("name", runtime.name.clone()),
        ("status", runtime.status.to_string()),
        ("key", runtime.key_prefix.clone()),
        ("certificates", certificates(runtime)),
        ("instance", text(&instance)),
        ("public key", text(&runtime.public_key)),
        ("version", text(&runtime.version)),
        ("created", runtime.created_at.to_string()),
    ])
}

fn certificates(runtime: &RuntimeView) -> String {
    match runtime.certificates.as_slice() {
        [] => "none; its key will do".to_owned(),
        some => some.join(" "),
    }
}
