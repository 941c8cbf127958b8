//! `iron guardrails test`: texts in which a profile must find something, and texts in which it must
//! not.

use std::path::Path;

use iron_guard::{Channel, Guard, Pseudonyms};
use iron_sdk::Client;
use iron_sdk::guardrails::{
    CheckGuardrails, GuardrailChannel, GuardrailDirection, GuardrailVerdict, UpdateGuardrailProfile,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{profiles, read_yaml};
use crate::console::Console;
use crate::failure::{Exit, Failure, Outcome};

/// What a file of examples says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Examples {
    profile: Option<UpdateGuardrailProfile>,
    #[serde(default)]
    must: Vec<Example>,
    #[serde(default)]
    must_not: Vec<Example>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Example {
    Text(String),
    Facts(Facts),
}

/// A text, and what is expected of it beside that something is found, or nothing.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Facts {
    text: String,
    #[serde(rename = "type")]
    entity: Option<String>,
    verdict: Option<GuardrailVerdict>,
    direction: Option<GuardrailDirection>,
    channel: Option<GuardrailChannel>,
}

impl From<Example> for Facts {
    fn from(example: Example) -> Self {
        match example {
            Example::Facts(facts) => facts,
            Example::Text(text) => Facts {
                text,
                ..Facts::default()
            },
        }
    }
}

impl Facts {
    /// Where the text comes from: as it says, or by its direction.
    fn channel(&self) -> GuardrailChannel {
        match (self.channel, self.direction) {
            (Some(channel), _) => channel,
            (None, Some(GuardrailDirection::Output)) => GuardrailChannel::Output,
            (None, _) => GuardrailChannel::User,
        }
    }

    /// Whether what was found is what it must or must not be.
    fn holds(&self, must: bool, found: &Found) -> bool {
        let named = |entity: &String| self.entity.as_ref().is_none_or(|wanted| wanted == entity);
        let seen = found.types.iter().any(named);
        let verdict = self.verdict.is_none_or(|wanted| wanted == found.verdict);
        match must {
            true => seen && verdict,
            false => !seen,
        }
    }
}

/// What was found in a text.
struct Found {
    verdict: GuardrailVerdict,
    types: Vec<String>,
}

/// How the examples went.
#[derive(Debug, Default, Serialize)]
struct Report {
    passed: usize,
    failed: Vec<Failed>,
}

/// An example that does not hold.
#[derive(Debug, Serialize)]
struct Failed {
    text: String,
    must: bool,
    verdict: GuardrailVerdict,
    found: Vec<String>,
}

impl Report {
    fn count(&mut self, must: bool, facts: Facts, found: Found) {
        if facts.holds(must, &found) {
            self.passed += 1;
            return;
        }
        self.failed.push(Failed {
            text: facts.text,
            must,
            verdict: found.verdict,
            found: found.types,
        });
    }

    fn tell(&self, console: Console) -> Outcome {
        console.show(self, || self.words())?;
        match self.failed.len() {
            0 => Ok(()),
            failed => Err(Failure::new(
                Exit::Problems,
                "EXAMPLES_FAILED",
                format!("{failed} of {} examples do not hold", self.passed + failed),
            )),
        }
    }

    fn words(&self) -> String {
        let line = |failed: &Failed| {
            let must = if failed.must { "must" } else { "must not" };
            let found = match failed.found.as_slice() {
                [] => "nothing".to_owned(),
                found => found.join(", "),
            };
            let verdict = failed.verdict;
            let text = &failed.text;
            format!("{must}: `{text}`\n  found {found}; verdict {verdict}")
        };
        let mut lines: Vec<String> = self.failed.iter().map(line).collect();
        lines.push(format!("{} examples hold", self.passed));
        lines.join("\n")
    }
}

/// Asks the server, unless the file brings its own profile.
pub(super) async fn run(
    client: &Client,
    file: &Path,
    profile: Option<&str>,
    console: Console,
) -> Outcome {
    let examples: Examples = read_yaml(file)?;
    if examples.profile.is_some() {
        if profile.is_some() {
            let message = "the file brings a profile of its own; leave `--profile` out";
            return Err(Failure::usage(message));
        }
        return here(examples, console);
    }
    let profile_id = match profile {
        Some(name) => Some(profiles::find(client, name).await?),
        None => None,
    };
    let mut report = Report::default();
    for (must, example) in all(examples) {
        let channel = example.channel();
        let body = CheckGuardrails {
            direction: channel.direction(),
            text: example.text.clone(),
            profile_id,
            channel: Some(channel),
        };
        let checked = client.check_guardrails(&body).await?;
        let types = checked.findings.into_iter().map(|one| one.entity.0);
        let found = Found {
            verdict: checked.verdict,
            types: types.collect(),
        };
        report.count(must, example, found);
    }
    report.tell(console)
}

/// Asks nobody.
pub(in crate::commands) fn run_offline(file: &Path, console: Console) -> Outcome {
    here(read_yaml(file)?, console)
}

fn here(mut examples: Examples, console: Console) -> Outcome {
    let profile = examples.profile.take().unwrap_or_default();
    let guard = guard_of(&profile)?;
    let mut report = Report::default();
    for (must, example) in all(examples) {
        let channel = channel_of(example.channel());
        let judgement = guard.judge(&example.text, channel, &mut Pseudonyms::default());
        let types = judgement.findings.iter();
        let types = types.map(|judged| judged.finding.entity.name().to_owned());
        let verdict = judgement.verdict().name();
        let found = Found {
            verdict: GuardrailVerdict::from_word(verdict).unwrap_or(GuardrailVerdict::Allow),
            types: types.collect(),
        };
        report.count(must, example, found);
    }
    report.tell(console)
}

fn all(examples: Examples) -> impl Iterator<Item = (bool, Facts)> {
    let must = examples.must.into_iter().map(|one| (true, one.into()));
    let must_not = examples.must_not.into_iter().map(|one| (false, one.into()));
    must.chain(must_not)
}

/// The profile at work, held against what the server would hold it against.
fn guard_of(profile: &UpdateGuardrailProfile) -> Outcome<Guard> {
    let text = serde_json::to_string(profile).map_err(anyhow::Error::from)?;
    let mut fields: Map<String, Value> =
        serde_json::from_str(&text).map_err(anyhow::Error::from)?;
    fields.shift_remove("name");
    fields.shift_remove("is_default");
    let refused = |error: iron_rules::Error| Failure::usage(format!("the profile: {error}"));
    let profile = iron_rules::profile_of(fields).map_err(refused)?;
    Ok(Guard::new(profile).map_err(anyhow::Error::from)?)
}

const fn channel_of(channel: GuardrailChannel) -> Channel {
    match channel {
        GuardrailChannel::System => Channel::System,
        GuardrailChannel::User => Channel::User,
        GuardrailChannel::ToolResult => Channel::ToolResult,
        GuardrailChannel::Document => Channel::Document,
        GuardrailChannel::Memory => Channel::Memory,
        GuardrailChannel::ToolArguments => Channel::ToolArguments,
        GuardrailChannel::Output => Channel::Output,
    }
}
