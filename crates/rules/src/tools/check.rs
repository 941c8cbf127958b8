//! Whether a tool may be stored: its size, its sense, and where its secret would go.

use iron_net::egress::BaseUrl;
use iron_policy::parameters::{Checker, Error as DeclarationError};
use iron_policy::{ParameterKind, Tool, ToolKind};
use iron_primitives::{Money, Secret};
use iron_runtime::ToolPlaces;
use iron_runtime::authority::{RateLimit, Run};
use iron_runtime::databases::{DatabaseAddress, UnusableAddress};
use serde_json::{Map, Value};

use super::model::StoredTool;
use crate::Error;
use crate::check::field;

const MAX_BYTES: usize = 64 * 1024;
const MAX_LIST: usize = 50;
const MAX_RATE: u32 = 1_000_000;
/// Ten thousand dollars a call.
const MAX_COST: Money = Money::from_nanos(10_000_000_000_000);
const MAX_SECRET: usize = 16 * 1024;
const MAX_TIMEOUT_S: u32 = 300;
const MAX_ROWS: u32 = 10_000;
const SECRET: &str = "{secret}";
/// Arguments that a tool with `run: {type: sql}` runs.
const STATEMENTS: [&str; 3] = ["sql", "query", "statement"];

/// Headers that say who is calling: what stands in them is a secret.
const CREDENTIALS: &[&str] = &[
    "authorization",
    "proxy-authorization",
    "cookie",
    "x-api-key",
    "api-key",
];

/// The tool with these fields in the place of its own; a null clears one.
pub(crate) fn merged(before: Option<&Tool>, fields: Map<String, Value>) -> Result<Tool, Error> {
    let mut object = match before.map(serde_json::to_value) {
        Some(Ok(Value::Object(object))) => object,
        _ => Map::new(),
    };
    for (name, value) in fields {
        match value {
            Value::Null => object.shift_remove(&name),
            value => object.insert(name, value),
        };
    }
    let parameters = object.get("parameters").cloned();
    let read = serde_json::from_value(Value::Object(object));
    let tool: Tool = read.map_err(|error| field("tool", error.to_string()))?;
    known_limits(parameters.as_ref(), &tool)?;
    Ok(tool)
}

/// A limit of another kind would change nothing, and is refused: whoever states it believes that it
/// acts.
fn known_limits(given: Option<&Value>, tool: &Tool) -> Result<(), Error> {
    let given = given.and_then(Value::as_array).into_iter().flatten();
    for (index, (given, parameter)) in given.zip(&tool.parameters).enumerate() {
        let read = serde_json::to_value(parameter).unwrap_or_default();
        for (name, value) in given.as_object().into_iter().flatten() {
            if !value.is_null() && read.get(name).is_none() {
                let path = format!("parameters[{index}].{name}");
                return Err(field(path, "means nothing for this kind of parameter"));
            }
        }
    }
    Ok(())
}

/// Whether all of a tool makes sense together, but for its secret.
pub(crate) fn tool(stored: &StoredTool, places: &ToolPlaces) -> Result<(), Error> {
    let tool = &stored.tool;
    name(&tool.name)?;
    if serde_json::to_vec(stored).map_or(usize::MAX, |text| text.len()) > MAX_BYTES {
        return Err(field("tool", "expected at most 64 KiB in all"));
    }
    parameters(tool)?;
    Checker::new(tool).map_err(|error| blame(tool, error))?;
    words(tool)?;
    if stored.cost.is_negative() || stored.cost > MAX_COST {
        return Err(field("cost", "expected 0 to 10000 dollars"));
    }
    rate(stored.rate)?;
    match &stored.run {
        // By this kind statements are known for what they are, to policies too.
        Some(Run::Sql { .. }) if tool.kind != ToolKind::Database => Err(field(
            "kind",
            "a tool that makes statements is of the kind `database`",
        )),
        Some(run @ Run::Sql { .. }) => {
            statements(tool)?;
            check_run(run, places)
        }
        Some(run) => check_run(run, places),
        None => Ok(()),
    }
}

/// What is run is known for a statement, else policies about statements see none.
fn statements(tool: &Tool) -> Result<(), Error> {
    let mut parameters = tool.parameters.iter();
    let other = parameters.position(|parameter| {
        STATEMENTS.contains(&parameter.name.as_str())
            && !matches!(parameter.kind, ParameterKind::Sql { .. })
    });
    match other {
        None => Ok(()),
        Some(index) => Err(field(
            format!("parameters[{index}].kind"),
            "expected `sql`: what it holds is run as a statement",
        )),
    }
}

fn name(name: &str) -> Result<(), Error> {
    let stem = name.strip_suffix('*').unwrap_or(name);
    let allowed = |char: char| char.is_ascii_alphanumeric() || "_-./:".contains(char);
    match (1..=128).contains(&name.len()) && stem.chars().all(allowed) {
        true => Ok(()),
        false => Err(field(
            "name",
            "expected 1 to 128 letters, digits and `_-./:`, with a `*` at the end if it stands for \
             all names that begin alike",
        )),
    }
}

fn parameters(tool: &Tool) -> Result<(), Error> {
    if tool.parameters.len() > MAX_LIST {
        return Err(field("parameters", "expected at most 50"));
    }
    for (index, parameter) in tool.parameters.iter().enumerate() {
        let path = || format!("parameters[{index}].name");
        if !(1..=200).contains(&parameter.name.len()) {
            return Err(field(path(), "expected 1 to 200 characters"));
        }
        let mut before = tool.parameters.iter().take(index);
        if before.any(|other| other.name == parameter.name) {
            return Err(field(path(), "another parameter has this name"));
        }
    }
    Ok(())
}

/// Which field of a tool keeps its arguments from being checked.
fn blame(tool: &Tool, error: DeclarationError) -> Error {
    match error {
        DeclarationError::Schema { reason, .. } => field("schema", reason),
        DeclarationError::Parameter {
            parameter, reason, ..
        } => {
            let mut all = tool.parameters.iter();
            let index = all.position(|one| one.name == parameter);
            field(format!("parameters[{}]", index.unwrap_or(0)), reason)
        }
    }
}

fn words(tool: &Tool) -> Result<(), Error> {
    let word = |char: char| char.is_ascii_lowercase() || char.is_ascii_digit() || char == '_';
    let is_word = |text: &String| (1..=50).contains(&text.len()) && text.chars().all(word);
    if tool.data_class.len() > MAX_LIST || !tool.data_class.iter().all(is_word) {
        let problem = "expected at most 50 words of 1 to 50 `a-z`, `0-9` and `_`, such as `phi`";
        return Err(field("data_class", problem));
    }
    let fits = |name: &String, value: &String| is_word(name) && value.len() <= 200;
    let all = &tool.attributes;
    if all.len() > MAX_LIST || !all.iter().all(|(name, value)| fits(name, value)) {
        let problem = "expected at most 50 names of 1 to 50 `a-z`, `0-9` and `_`, with texts of at \
                       most 200 bytes";
        return Err(field("attributes", problem));
    }
    match tool.description.chars().count() <= 2_000 {
        true => Ok(()),
        false => Err(field("description", "expected at most 2000 characters")),
    }
}

fn rate(rate: RateLimit) -> Result<(), Error> {
    let all = [
        ("per_minute", rate.per_minute),
        ("per_hour", rate.per_hour),
        ("per_day", rate.per_day),
    ];
    for (name, limit) in all {
        if limit.is_some_and(|limit| !(1..=MAX_RATE).contains(&limit)) {
            let path = format!("rate_limit.{name}");
            return Err(field(
                path,
                "expected 1 to 1000000; leave it out for no limit",
            ));
        }
    }
    Ok(())
}

fn check_run(run: &Run, places: &ToolPlaces) -> Result<(), Error> {
    let (timeout, rows) = match run {
        Run::Http {
            url,
            headers,
            timeout_seconds,
            ..
        } => {
            check_url(url, places)?;
            if headers.len() > MAX_LIST {
                return Err(field("run.headers", "expected at most 50"));
            }
            for (name, value) in headers {
                check_header(name, value)?;
            }
            (*timeout_seconds, None)
        }
        Run::Sql {
            max_rows,
            timeout_seconds,
        } => (*timeout_seconds, *max_rows),
    };
    if timeout.is_some_and(|seconds| !(1..=MAX_TIMEOUT_S).contains(&seconds)) {
        return Err(field("run.timeout_seconds", "expected 1 to 300"));
    }
    match rows.is_some_and(|rows| !(1..=MAX_ROWS).contains(&rows)) {
        true => Err(field("run.max_rows", "expected 1 to 10000")),
        false => Ok(()),
    }
}

/// The host is fixed: an argument that chose it would choose where the secret goes.
fn check_url(url: &str, places: &ToolPlaces) -> Result<(), Error> {
    let wrong = |problem: &str| Err(field("run.url", problem));
    if url.len() > 2_000 {
        return wrong("expected at most 2000 bytes");
    }
    if url.contains(SECRET) {
        return wrong("a secret does not belong in a URL; send it in a header");
    }
    let (scheme, rest) = url.split_once("://").unwrap_or_default();
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if scheme.contains('{') || host.contains('{') {
        return wrong("arguments may stand in the path and the query, not in the host");
    }
    let plain = without_arguments(url).ok_or_else(|| {
        field(
            "run.url",
            "each `{` wants the name of an argument and a `}`",
        )
    })?;
    let (base, query) = plain.split_once('?').unwrap_or((&plain, ""));
    if query.contains('#') {
        return wrong("a URL that is called has no fragment");
    }
    let rules = places.rules_at(&format!("{scheme}://{host}"));
    let Some(rules) = rules else {
        return wrong(
            "is on this machine; an operator can allow its host by the setting `tools.inside_hosts`",
        );
    };
    match BaseUrl::parse(base, rules) {
        Ok(_) => Ok(()),
        Err(error) => wrong(&error.to_string()),
    }
}

/// The URL with an `x` for each argument; none if one is not closed or has no name.
fn without_arguments(url: &str) -> Option<String> {
    let mut parts = url.split('{');
    let mut plain = parts.next()?.to_owned();
    for part in parts {
        let (name, rest) = part.split_once('}')?;
        let fits = |char: char| char.is_ascii_alphanumeric() || "_-".contains(char);
        if name.is_empty() || !name.chars().all(fits) {
            return None;
        }
        plain.push('x');
        plain.push_str(rest);
    }
    (!plain.contains('}')).then_some(plain)
}

fn check_header(name: &str, value: &str) -> Result<(), Error> {
    let path = || format!("run.headers.{name}");
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if !(1..=100).contains(&name.len()) || !name.bytes().all(token) {
        return Err(field(
            "run.headers",
            "expected names of headers, such as `X-Api-Version`",
        ));
    }
    let lower = name.to_ascii_lowercase();
    let own = ["host", "content-length", "transfer-encoding", "connection"];
    if own.contains(&lower.as_str()) {
        return Err(field(
            path(),
            "is set by whoever sends the request; leave it out",
        ));
    }
    if value.len() > 2_000 || !value.bytes().all(is_printable) {
        return Err(field(
            path(),
            "expected at most 2000 printable ASCII characters",
        ));
    }
    if CREDENTIALS.contains(&lower.as_str()) && !value.contains(SECRET) {
        let problem = "put the credential into `secret` and write `{secret}` in its place here";
        return Err(field(path(), problem));
    }
    Ok(())
}

/// Whether a run has a place for the secret of its tool.
pub(crate) fn sends_secret(run: Option<&Run>) -> bool {
    match run {
        None => false,
        Some(Run::Sql { .. }) => true,
        Some(Run::Http { headers, .. }) => headers.values().any(|value| value.contains(SECRET)),
    }
}

/// A run that sends a secret has one.
pub(crate) fn needs_secret(stored: &StoredTool, given: bool) -> Result<(), Error> {
    if given || stored.masked_secret.is_some() || !sends_secret(stored.run.as_ref()) {
        return Ok(());
    }
    let problem = match &stored.run {
        Some(Run::Sql { .. }) => {
            "required: the address of the database, such as `postgres://…` or `sqlite:…`"
        }
        _ => "required: a header of `run` names `{secret}`",
    };
    Err(field("secret", problem))
}

/// Whether a secret can be sent where it would be.
pub(crate) fn secret(
    stored: &StoredTool,
    secret: Option<&Secret>,
    places: &ToolPlaces,
) -> Result<(), Error> {
    needs_secret(stored, secret.is_some())?;
    let Some(secret) = secret else { return Ok(()) };
    let wrong = |problem: &str| Err(field("secret", problem));
    if !(1..=MAX_SECRET).contains(&secret.expose().len()) {
        return wrong("expected 1 to 16384 bytes");
    }
    if !sends_secret(stored.run.as_ref()) {
        return wrong("is sent nowhere; write `{secret}` in a header of `run`");
    }
    if !secret.expose().bytes().all(is_printable) {
        return wrong("expected printable ASCII");
    }
    match &stored.run {
        Some(Run::Sql { .. }) => {
            let checked = check_database(secret.expose(), places);
            checked.or_else(|problem| wrong(&problem.to_string()))
        }
        _ => Ok(()),
    }
}

/// Whether a database may be where an address says. A file is looked for when it is asked.
fn check_database(address: &str, places: &ToolPlaces) -> Result<(), UnusableAddress> {
    let DatabaseAddress::Postgres(server) = DatabaseAddress::parse(address)? else {
        return Ok(());
    };
    let rules = places.rules_at(&server.origin());
    let rules = rules.ok_or(UnusableAddress::ON_THIS_MACHINE)?;
    server.tls_under(rules).map(drop)
}

const fn is_printable(byte: u8) -> bool {
    matches!(byte, 0x20..=0x7e)
}
