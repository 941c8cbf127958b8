//! The short form of a rule, written as a policy in Cedar.

use std::fmt::Write as _;

use super::action_name;
use crate::clock::{Window, Zone};
use crate::short::{Names, Short, split_domain};
use crate::{Effect, Kind};

/// The policy. Its zone is the one of its window.
pub(crate) fn written(short: &Short, zone: Option<&Zone>) -> String {
    let effect = match short.effect {
        Effect::Allow | Effect::RequireApproval => "permit",
        Effect::Deny => "forbid",
    };
    let conditions: Vec<_> = [
        scope(short),
        tool(short),
        caller(short),
        moment(short, zone),
        attributes(short),
        resources(short),
    ]
    .concat();
    let mut text = format!(
        "{effect} (principal, action in [{}], resource)",
        actions(short)
    );
    if !conditions.is_empty() {
        let _ = write!(text, "\nwhen {{ {} }}", balanced(&conditions, "&&"));
    }
    text.push(';');
    text
}

/// Whether it holds for calls of tools, too, as far as these name what it is about.
fn reaches_tools(short: &Short) -> bool {
    short.restricts() && matches!(short.kind, Kind::Data | Kind::Network)
}

fn actions(short: &Short) -> String {
    let own = format!("Action::\"{}\"", action_name(short.kind));
    if !reaches_tools(short) {
        return own;
    }
    format!("{own}, Action::\"{}\"", action_name(Kind::Tool))
}

fn scope(short: &Short) -> Vec<String> {
    let named = match short.kind {
        Kind::Network => "url",
        Kind::Data => "statement",
        Kind::Tool | Kind::Model => return Vec::new(),
    };
    let action = action_name(short.kind);
    let scope = format!("(action == Action::\"{action}\" || context has {named})");
    if reaches_tools(short) {
        vec![scope]
    } else {
        Vec::new()
    }
}

fn tool(short: &Short) -> Vec<String> {
    let matches = &short.matches;
    let names = |list: Vec<&'static str>, attribute: &str| {
        let list = list.into_iter().map(str::to_owned).collect::<Vec<_>>();
        (!list.is_empty()).then(|| format!("{}.contains(resource.{attribute})", set(&list)))
    };
    [
        like("resource.name", &matches.tools),
        names(
            matches.tool_kinds.iter().map(|it| it.name()).collect(),
            "kind",
        ),
        names(
            matches.access.iter().map(|it| it.name()).collect(),
            "access",
        ),
        names(
            matches.risk_levels.iter().map(|it| it.name()).collect(),
            "risk_level",
        ),
        models(short),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn models(short: &Short) -> Option<String> {
    if short.kind == Kind::Model {
        return like("resource.name", &short.matches.models);
    }
    let like = like("context.model", &short.matches.models)?;
    Some(format!("(context has model && {like})"))
}

fn caller(short: &Short) -> Vec<String> {
    let agent = |id: &String| format!("principal == Agent::{}", quoted(id));
    let agents = named(&short.agents, agent, "principal.name");
    let team = |id: &String| format!("principal.team.id == {}", quoted(id));
    let teams = named(&short.teams, team, "principal.team.name");
    let teams = teams.map(|teams| format!("(principal has team && {teams})"));
    let roles = short.roles.iter().map(|role| role.name().to_owned());
    let roles = roles.collect::<Vec<_>>();
    let roles = (!roles.is_empty()).then(|| format!("{}.contains(principal.role)", set(&roles)));
    [agents, teams, roles].into_iter().flatten().collect()
}

fn named(names: &Names, id: impl Fn(&String) -> String, name: &str) -> Option<String> {
    let mut any = names.ids.iter().map(id).collect::<Vec<_>>();
    any.extend(like(name, &names.globs));
    (!any.is_empty()).then(|| balanced(&any, "||"))
}

fn moment(short: &Short, zone: Option<&Zone>) -> Vec<String> {
    let window = short.window.as_ref().zip(zone);
    let window = window.map(|((_, window), zone)| open(window, zone));
    let taint = short
        .tainted
        .map(|tainted| format!("context.tainted == {tainted}"));
    window.into_iter().chain(taint).collect()
}

fn open(window: &Window, zone: &Zone) -> String {
    let clock = format!("Zone::{}", quoted(&zone.name));
    let days = window.days.iter().map(|&day| day.to_owned());
    let days = set(&days.collect::<Vec<_>>());
    let began = |day: &str| match window.days.is_empty() {
        true => String::new(),
        false => format!(" && {days}.contains({clock}.{day})"),
    };
    let Some(hours) = window.hours else {
        return format!("{days}.contains({clock}.weekday)");
    };
    let since = format!("{clock}.minute >= {}", hours.from);
    let until = format!("{clock}.minute < {}", hours.to);
    let (today, yesterday) = (began("weekday"), began("yesterday"));
    if hours.crosses_midnight() {
        return format!("(({since}{today}) || ({until}{yesterday}))");
    }
    format!("({since} && {until}{today})")
}

fn attributes(short: &Short) -> Vec<String> {
    let condition = |(key, values): &(String, Vec<String>)| {
        let key = quoted(key);
        let tags = "context.attributes";
        format!(
            "({tags}.hasTag({key}) && {tags}.getTag({key}).containsAny({}))",
            set(values)
        )
    };
    short.attributes.iter().map(condition).collect()
}

fn resources(short: &Short) -> Vec<String> {
    let matches = &short.matches;
    let under =
        |attribute: &str, condition: String| format!("(context has {attribute} && {condition})");
    let recipients = like("context.recipient", &matches.recipients);
    [
        like("context.path", &matches.paths).map(|it| under("path", it)),
        domains(&matches.domains).map(|it| under("url", it)),
        (!matches.statements.is_empty())
            .then(|| {
                format!(
                    "{}.contains(context.statement.kind)",
                    set(&matches.statements)
                )
            })
            .map(|it| under("statement", it)),
        tables(short).map(|it| under("statement", it)),
        commands(short).map(|it| under("command", it)),
        recipients.map(|it| under("recipient", it)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn domains(globs: &[String]) -> Option<String> {
    let each = globs.iter().map(|glob| {
        let (host, path) = split_domain(glob);
        let host = format!("context.url.host like {}", quoted(host));
        match path {
            Some(path) => format!("({host} && context.url.path like {})", quoted(path)),
            None => host,
        }
    });
    let each = each.collect::<Vec<_>>();
    (!each.is_empty()).then(|| balanced(&each, "||"))
}

fn tables(short: &Short) -> Option<String> {
    let (whole, last) = ("context.statement.table", "context.statement.name");
    let any = last_parts(short, &short.matches.tables, '.', whole, last)?;
    let known = "context.statement has table && context.statement has name";
    Some(format!("({known} && {any})"))
}

fn commands(short: &Short) -> Option<String> {
    let (whole, last) = ("context.command.program", "context.command.name");
    last_parts(short, &short.matches.commands, '/', whole, last)
}

/// The whole name is like a glob, or its last part is like one that has no separator, where the
/// rule restricts.
fn last_parts(
    short: &Short,
    globs: &[String],
    separator: char,
    whole: &str,
    last: &str,
) -> Option<String> {
    let plain = globs
        .iter()
        .filter(|glob| short.restricts() && !glob.contains(separator));
    let plain = plain.cloned().collect::<Vec<_>>();
    let any = [like(whole, globs), like(last, &plain)];
    let any = any.into_iter().flatten().collect::<Vec<_>>();
    (!any.is_empty()).then(|| balanced(&any, "||"))
}

/// The text is like one of the globs; nothing without globs.
fn like(text: &str, globs: &[String]) -> Option<String> {
    let (open, exact) = globs
        .iter()
        .cloned()
        .partition::<Vec<_>, _>(|glob| glob.contains('*'));
    let mut any = Vec::new();
    if !exact.is_empty() {
        any.push(format!("{}.contains({text})", set(&exact)));
    }
    any.extend(
        open.iter()
            .map(|glob| format!("{text} like {}", quoted(glob))),
    );
    (!any.is_empty()).then(|| balanced(&any, "||"))
}

fn set(texts: &[String]) -> String {
    let texts = texts.iter().map(|text| quoted(text));
    format!("[{}]", texts.collect::<Vec<_>>().join(", "))
}

/// All joined by the operator, in brackets that nest as little as can be: what evaluates it descends
/// once for each.
fn balanced(terms: &[String], operator: &str) -> String {
    match terms {
        [] => String::new(),
        [term] => term.clone(),
        terms => {
            let (left, right) = terms.split_at(terms.len() / 2);
            let (left, right) = (balanced(left, operator), balanced(right, operator));
            format!("({left} {operator} {right})")
        }
    }
}

/// The text in quotes, or the glob: a star is a star in patterns. What is not plain ASCII is written by
/// its number.
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            ' '..='~' => quoted.push(character),
            _ => {
                let _ = write!(quoted, "\\u{{{:x}}}", u32::from(character));
            }
        }
    }
    quoted.push('"');
    quoted
}
