//! `iron guardrails profiles`.

use iron_primitives::ProfileId;
use iron_sdk::Client;
use iron_sdk::guardrails::{
    CreateGuardrailProfile, GuardrailProfileQuery, GuardrailProfileVersion, GuardrailProfileView,
    GuardrailRules, UpdateGuardrailProfile,
};
use iron_sdk::lists::PageQuery;
use serde_json::Value;

use super::read_yaml;
use crate::args::{ProfileFile, Profiles};
use crate::commands::resolve::only;
use crate::console::Console;
use crate::failure::Outcome;

pub(super) async fn run(verb: Profiles, client: &Client, console: Console) -> Outcome {
    match verb {
        Profiles::List { paging } => {
            let query = GuardrailProfileQuery {
                page: Some(paging.page),
                per_page: Some(paging.per_page),
                sort: None,
            };
            let list = client.list_guardrail_profiles(&query).await?;
            console.show(&list, || table(console, &list.data))
        }
        Profiles::Get { profile } => {
            let id = find(client, &profile).await?;
            let view = client.get_guardrail_profile(id).await?;
            console.show(&view, || facts(console, &view))
        }
        Profiles::Create { name, says } => {
            let body = body_of(name, &says)?;
            let made = client.create_guardrail_profile(&body).await?;
            console.show(&made, || facts(console, &made))
        }
        Profiles::Update {
            profile,
            name,
            says,
        } => {
            let id = find(client, &profile).await?;
            let mut change = change_of(&says)?;
            change.name = name.or(change.name);
            let view = client.update_guardrail_profile(id, &change).await?;
            console.show(&view, || facts(console, &view))
        }
        Profiles::Delete { profile, force } => {
            let id = find(client, &profile).await?;
            console.confirm(&format!("delete the profile `{profile}`?"), force)?;
            let gone = client.delete_guardrail_profile(id).await?;
            console.show(&gone, || format!("deleted {}", gone.id))
        }
        Profiles::Versions {
            profile,
            version: Some(version),
            ..
        } => {
            let id = find(client, &profile).await?;
            let one = client.get_guardrail_profile_version(id, version).await?;
            console.show(&one, || {
                let mut lines = said(&one.rules);
                lines.insert(0, ("version", one.version.to_string()));
                console.facts(&lines)
            })
        }
        Profiles::Versions {
            profile, paging, ..
        } => {
            let id = find(client, &profile).await?;
            let query = PageQuery {
                page: Some(paging.page),
                per_page: Some(paging.per_page),
            };
            let list = client.list_guardrail_profile_versions(id, &query).await?;
            console.show(&list, || versions(console, &list.data))
        }
    }
}

/// The profile of this id or exactly this name.
pub(in crate::commands) async fn find(client: &Client, text: &str) -> Outcome<ProfileId> {
    if let Ok(id) = text.parse() {
        return Ok(id);
    }
    let mut named = Vec::new();
    for page in 1.. {
        let query = GuardrailProfileQuery {
            page: Some(page),
            per_page: Some(100),
            sort: None,
        };
        let found = client.list_guardrail_profiles(&query).await?.data;
        let matches = found.iter().filter(|one| one.name == text);
        named.extend(matches.map(|one| one.id));
        if found.len() < 100 {
            break;
        }
    }
    only(text, "guardrails profile", named.into_iter())
}

fn change_of(says: &ProfileFile) -> Outcome<UpdateGuardrailProfile> {
    let mut change: UpdateGuardrailProfile = match &says.file {
        Some(file) => read_yaml(file)?,
        None => UpdateGuardrailProfile::default(),
    };
    change.is_default = says.is_default.or(change.is_default);
    Ok(change)
}

/// Both bodies have the same fields.
fn body_of(name: String, says: &ProfileFile) -> Outcome<CreateGuardrailProfile> {
    let mut change = change_of(says)?;
    change.name = Some(name);
    let text = serde_json::to_string(&change).map_err(anyhow::Error::from)?;
    Ok(serde_json::from_str(&text).map_err(anyhow::Error::from)?)
}

fn table(console: Console, profiles: &[GuardrailProfileView]) -> String {
    let rows = profiles.iter().map(|one| {
        vec![
            one.id.to_string(),
            one.name.clone(),
            one.version.to_string(),
            if one.is_default { "yes" } else { "no" }.to_owned(),
            one.rules.sensitivity.to_string(),
            one.updated_at.to_string(),
        ]
    });
    let headings = ["id", "name", "version", "default", "sensitivity", "updated"];
    console.table(&headings, rows.collect())
}

fn facts(console: Console, profile: &GuardrailProfileView) -> String {
    let mut lines = vec![
        ("id", profile.id.to_string()),
        ("name", profile.name.clone()),
        ("version", profile.version.to_string()),
        ("default", profile.is_default.to_string()),
    ];
    lines.extend(said(&profile.rules));
    console.facts(&lines)
}

/// What a profile says, one line for each of its parts.
fn said(rules: &GuardrailRules) -> Vec<(&'static str, String)> {
    let json = |value: Result<Value, serde_json::Error>| match value {
        Ok(Value::String(text)) => text,
        Ok(value) => value.to_string(),
        Err(_) => "-".to_owned(),
    };
    vec![
        ("sensitivity", rules.sensitivity.to_string()),
        ("max input chars", rules.max_input_chars.to_string()),
        ("injection", json(serde_json::to_value(rules.injection))),
        ("pii", json(serde_json::to_value(&rules.pii))),
        ("secrets", json(serde_json::to_value(rules.secrets))),
        ("entities", json(serde_json::to_value(&rules.entities))),
        ("compliance", json(serde_json::to_value(&rules.compliance))),
        (
            "custom patterns",
            json(serde_json::to_value(&rules.custom_patterns)),
        ),
        ("allow", json(serde_json::to_value(&rules.allow))),
        ("block", json(serde_json::to_value(&rules.block))),
        ("canaries", json(serde_json::to_value(&rules.canaries))),
        ("redaction", rules.redaction.to_string()),
        ("strip markup", rules.strip_markup.to_string()),
        ("unread", rules.unread.to_string()),
        ("tool calls", json(serde_json::to_value(rules.tool_calls))),
        ("max hold ms", rules.max_hold_ms.to_string()),
    ]
}

fn versions(console: Console, versions: &[GuardrailProfileVersion]) -> String {
    let rows = versions.iter().map(|one| {
        vec![
            one.version.to_string(),
            one.name.clone(),
            one.changed_by.to_string(),
            one.created_at.to_string(),
        ]
    });
    console.table(&["version", "name", "by", "since"], rows.collect())
}
