//! Whether a rule is well formed: sizes, and what may stand beside what.

use iron_primitives::UserId;

use crate::error::Problem;
use crate::short::split_domain;
use crate::{Conditions, Effect, Kind, Match, Policy, Values};

/// How many characters a name may have.
pub const LONGEST_NAME: usize = 100;
/// How many characters a description may have.
const LONGEST_DESCRIPTION: usize = 2_000;
/// How many entries a list may have.
const MOST_ENTRIES: usize = 100;
/// How many characters an entry may have.
const LONGEST_ENTRY: usize = 256;
/// How many stars a glob may have.
const MOST_STARS: usize = 8;
/// How many bytes a policy in Cedar may have.
const LONGEST_CEDAR: usize = 4_096;
/// How many people may have to agree.
const MOST_QUORUM: u32 = 10;
/// How long people may have at least and at most, in seconds.
const TIMEOUT_SECONDS: (u32, u32) = (30, 3_600);

/// How many bytes an address of mail may have.
const LONGEST_ADDRESS: usize = 254;
/// What users can be.
const ROLES_OF_USERS: [&str; 5] = ["admin", "developer", "operator", "viewer", "auditor"];

/// A part of a rule, or the field that is wrong and why.
pub(super) type Checked<T = ()> = Result<T, (&'static str, Problem)>;

pub(super) fn bounds(policy: &Policy) -> Checked {
    length("name", &policy.name, LONGEST_NAME)?;
    if policy.description.chars().count() > LONGEST_DESCRIPTION {
        let most = LONGEST_DESCRIPTION;
        return Err(("description", Problem::BadLength { most }));
    }
    if let Some(text) = &policy.cedar
        && text.len() > LONGEST_CEDAR
    {
        let most = LONGEST_CEDAR;
        return Err(("cedar", Problem::BadLength { most }));
    }
    for (field, globs) in globs(&policy.matches) {
        list(field, globs)?;
        globs.iter().try_for_each(|glob| stars(field, glob))?;
    }
    attributes(policy)
}

fn attributes(policy: &Policy) -> Checked {
    const FIELD: &str = "conditions.attributes";
    let attributes = &policy.conditions.attributes;
    if attributes.len() > MOST_ENTRIES {
        return Err((FIELD, Problem::TooManyEntries { most: MOST_ENTRIES }));
    }
    for (key, values) in attributes {
        length(FIELD, key, LONGEST_ENTRY)?;
        match values {
            Values::One(value) => length(FIELD, value, LONGEST_ENTRY)?,
            Values::Any(values) if values.is_empty() => {
                return Err((FIELD, Problem::NoValues(key.clone())));
            }
            Values::Any(values) => list(FIELD, values)?,
        }
    }
    Ok(())
}

pub(super) fn approval(policy: &Policy) -> Checked {
    let Some(approval) = &policy.approval else {
        return Ok(());
    };
    if policy.effect != Effect::RequireApproval {
        let effect = policy.effect.name();
        return Err(("approval", Problem::NobodyAsked(effect)));
    }
    list("approval.approvers", &approval.approvers)?;
    if let Some(nobody) = approval.approvers.iter().find(|entry| !is_approver(entry)) {
        let problem = Problem::NotAnApprover(nobody.clone());
        return Err(("approval.approvers", problem));
    }
    let range = |field, value, least, most| {
        let fits = (least..=most).contains(&value);
        fits.then_some(())
            .ok_or((field, Problem::OutOfRange { least, most }))
    };
    range("approval.quorum", approval.quorum, 1, MOST_QUORUM)?;
    let (least, most) = TIMEOUT_SECONDS;
    match approval.timeout_seconds {
        Some(seconds) => range("approval.timeout_seconds", seconds, least, most),
        None => Ok(()),
    }
}

/// Whether it is an id of a user, an address of mail as far as one can see, or a role.
fn is_approver(entry: &str) -> bool {
    if let Some(role) = entry.strip_prefix("role:") {
        return ROLES_OF_USERS.contains(&role);
    }
    let is_address = || {
        let (local, domain) = entry.rsplit_once('@')?;
        let plain = entry.bytes().all(|byte| byte.is_ascii_graphic());
        let whole = plain && !local.is_empty() && !local.contains('@') && !domain.is_empty();
        (whole && entry.len() <= LONGEST_ADDRESS).then_some(())
    };
    entry.parse::<UserId>().is_ok() || is_address().is_some()
}

pub(super) fn only_form(policy: &Policy) -> Checked {
    if policy.matches != Match::default() {
        return Err(("cedar", Problem::TwoForms("match")));
    }
    if policy.conditions != Conditions::default() {
        return Err(("cedar", Problem::TwoForms("conditions")));
    }
    Ok(())
}

/// Whether each field means something for the kind of rule, and the fields together.
pub(super) fn fields(policy: &Policy) -> Checked {
    let matches = &policy.matches;
    let kind = policy.kind;
    for (field, used, kinds) in used(matches) {
        if used && !kinds.contains(&kind) {
            return Err((field, Problem::NotOfThisKind(kind.name())));
        }
    }
    one_sort(matches)?;
    for path in &matches.paths {
        if !path.starts_with(['/', '*']) {
            return Err(("match.paths", Problem::RelativePath(path.clone())));
        }
    }
    matches.domains.iter().try_for_each(|glob| domain(glob))
}

fn domain(glob: &str) -> Checked {
    let (host, _) = split_domain(glob);
    let address = host.starts_with('[') && host.ends_with(']');
    if host.is_empty() || (host.contains(':') && !address) {
        return Err(("match.domains", Problem::NotADomain(glob.to_owned())));
    }
    Ok(())
}

fn one_sort(matches: &Match) -> Checked {
    let sorts = [
        ("match.paths", "paths", !matches.paths.is_empty()),
        ("match.domains", "domains", !matches.domains.is_empty()),
        (
            "match.statements",
            "statements",
            !matches.statements.is_empty(),
        ),
        ("match.tables", "statements", !matches.tables.is_empty()),
        ("match.commands", "commands", !matches.commands.is_empty()),
        (
            "match.recipients",
            "recipients",
            !matches.recipients.is_empty(),
        ),
    ];
    let mut first: Option<&'static str> = None;
    for (field, sort, _) in sorts.into_iter().filter(|(_, _, used)| *used) {
        match first {
            Some(first) if first != sort => {
                return Err((field, Problem::MixedResources(first, sort)));
            }
            _ => first = Some(sort),
        }
    }
    Ok(())
}

/// Each field, whether it says something, and for which kinds of rules it may.
fn used(matches: &Match) -> [(&'static str, bool, &'static [Kind]); 11] {
    const TOOL: &[Kind] = &[Kind::Tool];
    const DATA: &[Kind] = &[Kind::Tool, Kind::Data];
    const NETWORK: &[Kind] = &[Kind::Tool, Kind::Network];
    [
        ("match.tools", !matches.tools.is_empty(), TOOL),
        ("match.tool_kinds", !matches.tool_kinds.is_empty(), TOOL),
        ("match.access", !matches.access.is_empty(), TOOL),
        ("match.risk_levels", !matches.risk_levels.is_empty(), TOOL),
        ("match.paths", !matches.paths.is_empty(), TOOL),
        ("match.commands", !matches.commands.is_empty(), TOOL),
        ("match.recipients", !matches.recipients.is_empty(), TOOL),
        (
            "match.models",
            !matches.models.is_empty(),
            &[Kind::Tool, Kind::Model],
        ),
        ("match.domains", !matches.domains.is_empty(), NETWORK),
        ("match.statements", !matches.statements.is_empty(), DATA),
        ("match.tables", !matches.tables.is_empty(), DATA),
    ]
}

fn globs(matches: &Match) -> [(&'static str, &[String]); 10] {
    [
        ("match.tools", &matches.tools),
        ("match.domains", &matches.domains),
        ("match.paths", &matches.paths),
        ("match.statements", &matches.statements),
        ("match.tables", &matches.tables),
        ("match.commands", &matches.commands),
        ("match.recipients", &matches.recipients),
        ("match.models", &matches.models),
        ("match.agents", &matches.agents),
        ("match.teams", &matches.teams),
    ]
}

fn list(field: &'static str, entries: &[String]) -> Checked {
    if entries.len() > MOST_ENTRIES {
        return Err((field, Problem::TooManyEntries { most: MOST_ENTRIES }));
    }
    entries
        .iter()
        .try_for_each(|entry| length(field, entry, LONGEST_ENTRY))
}

fn length(field: &'static str, text: &str, most: usize) -> Checked {
    let characters = text.chars().count();
    if (1..=most).contains(&characters) && !text.chars().any(char::is_control) {
        return Ok(());
    }
    Err((field, Problem::BadLength { most }))
}

fn stars(field: &'static str, glob: &str) -> Checked {
    if glob.matches('*').count() <= MOST_STARS {
        return Ok(());
    }
    let problem = Problem::TooManyStars {
        glob: glob.to_owned(),
        most: MOST_STARS,
    };
    Err((field, problem))
}
