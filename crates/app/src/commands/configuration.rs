//! `iron config` and `iron completions`.

use clap::CommandFactory as _;
use serde_json::{Value, json};

use super::load;
use crate::args::{Cli, ConfigVerb, Global};
use crate::config::keys::KEYS;
use crate::config::{Setting, nearest};
use crate::console::Console;
use crate::failure::{Exit, Failure, Outcome};

pub(super) fn run(verb: ConfigVerb, global: &Global, console: Console) -> Outcome {
    match verb {
        ConfigVerb::Show => show(global, console),
        ConfigVerb::Explain { key } => explain(&key, global, console),
        // The others were taken to the server.
        _ => validate(global, console),
    }
}

fn show(global: &Global, console: Console) -> Outcome {
    let config = load(global, Vec::new())?;
    let data: Vec<_> = config.settings().map(describe).collect();
    console.show(&data, || {
        let rows = config.settings().map(|setting| {
            let value = setting.shown().unwrap_or_else(|| "-".to_owned());
            vec![
                setting.key.name.to_owned(),
                value,
                setting.place.to_string(),
            ]
        });
        console.table(&["setting", "value", "from"], rows.collect())
    })
}

fn explain(name: &str, global: &Global, console: Console) -> Outcome {
    let config = load(global, Vec::new())?;
    let Some(setting) = config.setting(name) else {
        let close = nearest(name, KEYS.iter().map(|key| key.name));
        let failure = Failure::new(
            Exit::NotFound,
            "UNKNOWN_SETTING",
            format!("unknown setting `{name}`"),
        );
        return Err(failure.hint(match close {
            Some(close) => format!("did you mean `{close}`?"),
            None => "`iron config show` lists them all".to_owned(),
        }));
    };
    console.show(&describe(setting), || {
        let overridden: Vec<_> = setting.overridden.iter().map(ToString::to_string).collect();
        let mut facts = vec![
            ("setting", setting.key.name.to_owned()),
            (
                "value",
                setting.shown().unwrap_or_else(|| "not set".to_owned()),
            ),
            ("from", setting.place.to_string()),
        ];
        if !overridden.is_empty() {
            facts.push(("overrides", overridden.join(", ")));
        }
        facts.push(("default", setting.key.default.unwrap_or("none").to_owned()));
        facts.push(("expects", setting.key.kind.describe()));
        facts.push(("variable", setting.key.variable()));
        format!("{}\n\n{}", console.facts(&facts), setting.key.meaning)
    })
}

fn validate(global: &Global, console: Console) -> Outcome {
    match load(global, Vec::new()) {
        Ok(config) => {
            let files: Vec<_> = config
                .files()
                .iter()
                .map(|file| file.display().to_string())
                .collect();
            console.show(&json!({ "valid": true, "files": files }), || {
                match &files[..] {
                    [] => {
                        "valid: no file found, so the environment and the defaults hold".to_owned()
                    }
                    files => format!("valid: {}", files.join(", ")),
                }
            })
        }
        Err(invalid) => {
            let message = invalid.to_string();
            Err(Failure::new(
                Exit::Problems,
                "INVALID_CONFIGURATION",
                message,
            ))
        }
    }
}

fn describe(setting: &Setting) -> Value {
    json!({
        "name": setting.key.name,
        "value": setting.shown(),
        "from": setting.place.to_string(),
        "overrides": setting.overridden.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "default": setting.key.default,
        "expects": setting.key.kind.describe(),
        "variable": setting.key.variable(),
        "meaning": setting.key.meaning,
    })
}

/// Prints the completions of a shell.
pub(super) fn completions(shell: clap_complete::Shell) -> Outcome {
    clap_complete::generate(shell, &mut Cli::command(), "iron", &mut std::io::stdout());
    Ok(())
}
