//! `iron settings`, and the part of `iron config` that asks the server.

use std::io::Read as _;
use std::path::Path;

use iron_sdk::client::SettingsOf;
use iron_sdk::settings::{
    ChangeSettings, ConfigChange, ConfigLevel, ConfigProblem, ConfigQuery, ConfigVersionsQuery,
    ConfigView, PutConfig, RollbackConfig, SettingsView,
};
use serde_json::{Map, Value};

use super::resolve;
use crate::args::{ConfigVerb, Level, SettingChanges, Settings};
use crate::connection::Connection;
use crate::console::Console;
use crate::failure::{Exit, Failure, Outcome};

pub(super) async fn run(verb: Settings, connection: &Connection, console: Console) -> Outcome {
    let client = connection.client().await?;
    let (of, changes) = match verb {
        Settings::User { reset: true, .. } => {
            let view = client.reset_own_settings().await?;
            return console.show(&view, || table(console, &view));
        }
        Settings::User { changes, .. } => (SettingsOf::User, changes),
        Settings::Project { project, changes } => {
            let id = resolve::project(&client, &project).await?;
            (SettingsOf::Project(id), changes)
        }
        Settings::Team { team, changes } => {
            let id = resolve::team(&client, &team).await?;
            (SettingsOf::Team(id), changes)
        }
        Settings::Tenant { changes } => (SettingsOf::Tenant, changes),
        Settings::System { changes } => (SettingsOf::System, changes),
    };
    let view = match patch(&changes)? {
        None => client.get_settings(of).await?,
        Some(body) => client.change_settings(of, &body).await?,
    };
    console.show(&view, || table(console, &view))
}

pub(super) async fn config(verb: ConfigVerb, connection: &Connection, console: Console) -> Outcome {
    let client = connection.client().await?;
    match verb {
        ConfigVerb::Get { version, level } => {
            let level = Some(level_of(level));
            let view = client.get_config(&ConfigQuery { level, version }).await?;
            console.show(&view, || match view.version {
                0 => "# nothing is set; everything is inherited".to_owned(),
                _ => view.yaml.trim_end().to_owned(),
            })
        }
        ConfigVerb::Validate { file, level } => {
            let path = file.unwrap_or_default();
            let check = client.validate_config(&put(&path, level, None)?).await?;
            if !check.valid {
                let lines = check.problems.iter().map(|one| problem(&path, one));
                let message = lines.collect::<Vec<_>>().join("\n");
                return Err(Failure::new(
                    Exit::Problems,
                    "INVALID_CONFIGURATION",
                    message,
                ));
            }
            console.show(&check, || match check.diff.as_slice() {
                [] => "valid: nothing would change".to_owned(),
                diff => format!("valid; it would change\n{}", differences(diff)),
            })
        }
        ConfigVerb::Apply {
            file,
            comment,
            level,
        } => {
            let view = client.put_config(&put(&file, level, comment)?).await?;
            console.show(&view, || done(&view))
        }
        ConfigVerb::Rollback {
            version,
            comment,
            level,
        } => {
            let body = RollbackConfig {
                version,
                level: Some(level_of(level)),
                comment,
            };
            let view = client.rollback_config(&body).await?;
            console.show(&view, || done(&view))
        }
        ConfigVerb::History { level, paging } => {
            let query = ConfigVersionsQuery {
                page: Some(paging.page),
                per_page: Some(paging.per_page),
                level: Some(level_of(level)),
            };
            let list = client.list_config_versions(&query).await?;
            console.show(&list, || {
                let rows = list.data.iter().map(|one| {
                    vec![
                        one.version.to_string(),
                        one.created_at.map_or_else(String::new, |at| at.to_string()),
                        one.author.map_or_else(String::new, |who| who.to_string()),
                        one.comment.clone().unwrap_or_default(),
                        differences(&one.diff),
                    ]
                });
                let heads = &["version", "at", "by", "why", "changes"];
                console.table(heads, rows.collect())
            })
        }
        // Those that need no server were taken by `run`.
        ConfigVerb::Show | ConfigVerb::Explain { .. } => {
            Err(Failure::usage("this command takes no server"))
        }
    }
}

/// The changes as the server wants them; none if nothing is to change.
fn patch(changes: &SettingChanges) -> Outcome<Option<ChangeSettings>> {
    let mut groups = Map::new();
    for text in &changes.set {
        let Some((name, value)) = text.split_once('=') else {
            let message = format!("`{text}` is no setting with a value");
            return Err(
                Failure::usage(message).hint("write `--set display.timezone=Europe/Berlin`")
            );
        };
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
        put_in(&mut groups, name, value);
    }
    for name in &changes.unset {
        put_in(&mut groups, name, Value::Null);
    }
    if groups.is_empty() {
        return Ok(None);
    }
    let body = serde_json::from_value(Value::Object(groups))
        .map_err(|error| Failure::usage(error.to_string()))?;
    Ok(Some(body))
}

fn put_in(groups: &mut Map<String, Value>, name: &str, value: Value) {
    match name.split_once('.') {
        None => drop(groups.insert(name.to_owned(), value)),
        Some((group, name)) => {
            let group = groups
                .entry(group)
                .or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(group) = group {
                group.insert(name.to_owned(), value);
            }
        }
    }
}

fn put(path: &Path, level: Level, comment: Option<String>) -> Outcome<PutConfig> {
    let mut yaml = String::new();
    let read = if path.as_os_str() == "-" {
        std::io::stdin().read_to_string(&mut yaml).map(drop)
    } else {
        std::fs::read_to_string(path).map(|text| yaml = text)
    };
    if let Err(error) = read {
        let message = format!("`{}` cannot be read: {error}", path.display());
        return Err(Failure::usage(message));
    }
    Ok(PutConfig {
        config: None,
        yaml: Some(yaml),
        level: Some(level_of(level)),
        comment,
    })
}

const fn level_of(level: Level) -> ConfigLevel {
    if level.system {
        ConfigLevel::System
    } else {
        ConfigLevel::Tenant
    }
}

fn problem(path: &Path, one: &ConfigProblem) -> String {
    let file = path.display();
    let place = match (one.line, one.column) {
        (Some(line), Some(column)) => format!("{file}:{line}:{column}"),
        _ => file.to_string(),
    };
    let name = match one.path.as_str() {
        "" => String::new(),
        name => format!("`{name}`: "),
    };
    format!("{place}: {name}{}", one.message)
}

fn done(view: &ConfigView) -> String {
    match view.diff.as_slice() {
        [] => format!("version {} holds; nothing is different", view.version),
        diff => format!("version {} holds now\n{}", view.version, differences(diff)),
    }
}

fn differences(diff: &[ConfigChange]) -> String {
    let shown = |value: &Option<Value>| match value {
        None => "inherited".to_owned(),
        Some(value) => value.to_string(),
    };
    let lines = diff.iter().map(|one| {
        format!(
            "{}: {} -> {}",
            one.path,
            shown(&one.before),
            shown(&one.after)
        )
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn table(console: Console, view: &SettingsView) -> String {
    let rows = view.inheritance.iter().map(|(path, from)| {
        let value = path
            .split_once('.')
            .and_then(|(group, name)| view.settings.get(group)?.get(name));
        let value = match value {
            None => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
        };
        vec![path.clone(), value, from.clone()]
    });
    console.table(&["setting", "value", "from"], rows.collect())
}
