//! `iron guardrails` and `iron violations`.

mod examples;
mod profiles;

use std::io::Read as _;
use std::path::Path;

use iron_sdk::guardrails::{
    CheckGuardrails, GuardrailFinding, GuardrailsChecked, ViolationQuery, ViolationView,
};
use serde::de::DeserializeOwned;

use super::resolve::{agent, parse, project};
use crate::args::{Guardrails, Violations};
use crate::connection::Connection;
use crate::console::Console;
use crate::failure::{Failure, Outcome};

pub(super) use examples::run_offline;
pub(super) use profiles::find as profile;

pub(super) async fn run(verb: Guardrails, connection: &Connection, console: Console) -> Outcome {
    let client = connection.client().await?;
    match verb {
        Guardrails::Check {
            text,
            file,
            direction,
            channel,
            profile,
        } => {
            let text = match (text, file) {
                (Some(text), _) => text,
                (None, Some(file)) => read(&file)?,
                (None, None) => return Err(Failure::usage("there is no text to check")),
            };
            let profile_id = match profile {
                Some(name) => Some(profiles::find(&client, &name).await?),
                None => None,
            };
            let body = CheckGuardrails {
                direction,
                text,
                profile_id,
                channel,
            };
            let checked = client.check_guardrails(&body).await?;
            console.show(&checked, || shown(console, &checked))
        }
        Guardrails::Test { file, profile, .. } => {
            examples::run(&client, &file, profile.as_deref(), console).await
        }
        Guardrails::Profiles(verb) => profiles::run(verb, &client, console).await,
    }
}

pub(super) async fn violations(
    verb: Violations,
    connection: &Connection,
    console: Console,
) -> Outcome {
    let client = connection.client().await?;
    let Violations::List {
        agent: by,
        project: within,
        call,
        types,
        verdict,
        channel,
        from,
        to,
        paging,
    } = verb;
    let call = call.map(|call| parse(&call, "the id of a call such as `req_…`"));
    let query = ViolationQuery {
        page: Some(paging.page),
        per_page: Some(paging.per_page),
        agent_id: match by {
            Some(name) => Some(agent(&client, &name).await?),
            None => None,
        },
        project_id: match within {
            Some(name) => Some(project(&client, &name).await?),
            None => None,
        },
        call_id: call.transpose()?,
        r#type: types,
        verdict,
        channel,
        start_date: from,
        end_date: to,
    };
    let list = client.list_violations(&query).await?;
    console.show(&list, || table(console, &list.data))
}

/// A file, or standard input.
pub(super) fn read(path: &Path) -> Outcome<String> {
    let mut text = String::new();
    let read = match path.as_os_str() == "-" {
        true => std::io::stdin().read_to_string(&mut text).map(drop),
        false => std::fs::read_to_string(path).map(|read| text = read),
    };
    match read {
        Ok(()) => Ok(text),
        Err(error) => {
            let message = format!("`{}` cannot be read: {error}", path.display());
            Err(Failure::usage(message))
        }
    }
}

/// A file of YAML, of which JSON is a part.
pub(super) fn read_yaml<T: DeserializeOwned>(path: &Path) -> Outcome<T> {
    parsed(path, &read(path)?)
}

/// The one thing in a file of YAML, or all of a list.
pub(super) fn read_many<T: DeserializeOwned>(path: &Path) -> Outcome<Vec<T>> {
    let text = read(path)?;
    let says = |line: &&str| !line.is_empty() && !line.starts_with(['#', '%']) && *line != "---";
    let first = text.lines().map(str::trim).find(says).unwrap_or_default();
    match first.starts_with(['-', '[']) {
        true => parsed(path, &text),
        false => Ok(vec![parsed(path, &text)?]),
    }
}

fn parsed<T: DeserializeOwned>(path: &Path, text: &str) -> Outcome<T> {
    serde_saphyr::from_str(text)
        .map_err(|error| Failure::usage(format!("`{}` does not read: {error}", path.display())))
}

fn shown(console: Console, checked: &GuardrailsChecked) -> String {
    let mut lines = vec![("verdict", checked.verdict.to_string())];
    if let Some(severity) = checked.severity {
        lines.push(("severity", severity.to_string()));
    }
    if let Some(long) = checked.too_long {
        let said = format!("{} characters, {} at most", long.chars, long.most);
        lines.push(("too long", said));
    }
    lines.push(("text", checked.text.clone()));
    lines.push(("took", format!("{} ms", checked.took_ms)));
    let rows = checked.findings.iter().map(row).collect();
    let headings = ["type", "rule", "from", "to", "confidence", "action"];
    let findings = console.table_below(&headings, rows);
    format!("{}\n{findings}", console.facts(&lines))
}

fn row(finding: &GuardrailFinding) -> Vec<String> {
    vec![
        finding.entity.0.clone(),
        finding.rule.clone(),
        finding.start.to_string(),
        finding.end.to_string(),
        finding.confidence.to_string(),
        finding.action.to_string(),
    ]
}

fn table(console: Console, violations: &[ViolationView]) -> String {
    let rows = violations.iter().map(|one| {
        vec![
            one.occurred_at.to_string(),
            one.agent_id.to_string(),
            one.entity.0.clone(),
            one.rule.clone(),
            one.channel.clone(),
            one.verdict.clone(),
            one.call_id.to_string(),
        ]
    });
    let headings = [
        "occurred", "agent", "type", "rule", "channel", "verdict", "call",
    ];
    console.table(&headings, rows.collect())
}
