//! What is decided: one call.

use std::collections::BTreeMap;
use std::fmt;

use iron_primitives::Timestamp;

use crate::{Agent, Kind, Resources, Tool, Url};

/// One call of an agent, as far as policies may look at it.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// What is called.
    pub subject: Subject<'a>,
    /// Who calls.
    pub agent: &'a Agent,
    /// The model that the call of a tool comes from, where that is known.
    pub model: Option<&'a str>,
    /// What the arguments name.
    pub resources: &'a Resources,
    /// What the call says of itself.
    pub attributes: &'a BTreeMap<String, String>,
    /// For whom it is made, if the agent says.
    pub end_user: Option<&'a str>,
    /// Whether what led to it has read what strangers may have written.
    pub tainted: bool,
    /// When.
    pub now: Timestamp,
}

/// What is called.
#[derive(Debug, Clone, Copy)]
pub enum Subject<'a> {
    /// A registered tool.
    Tool {
        /// The name that the agent used.
        name: &'a str,
        /// What is declared of it.
        tool: &'a Tool,
    },
    /// A model, by its name.
    Model(&'a str),
    /// A data source, by its name.
    Data(&'a str),
    /// Whatever answers at the addresses among the resources.
    Network,
}

impl Subject<'_> {
    /// The kind of rules that are about it.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Tool { .. } => Kind::Tool,
            Self::Model(_) => Kind::Model,
            Self::Data(_) => Kind::Data,
            Self::Network => Kind::Network,
        }
    }
}

/// One of the things that the arguments name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Resource<'a> {
    Path(&'a str),
    Url(&'a Url),
    Statement {
        kind: &'a str,
        table: Option<&'a str>,
    },
    Command(&'a str),
    Recipient(&'a str),
}

impl fmt::Display for Resource<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(text) | Self::Command(text) | Self::Recipient(text) => f.write_str(text),
            Self::Url(url) => url.fmt(f),
            Self::Statement { kind, table: None } => f.write_str(kind),
            Self::Statement {
                kind,
                table: Some(table),
            } => write!(f, "{kind} {table}"),
        }
    }
}

/// What is judged for one call, each by itself; without resources the call alone.
pub(crate) fn judged(resources: &Resources) -> Vec<Option<Resource<'_>>> {
    let paths = resources.paths.iter().map(|path| Resource::Path(path));
    let urls = resources.urls.iter().map(Resource::Url);
    let statements = resources.statements.iter().flat_map(|statement| {
        let kind = statement.kind.as_str();
        let alone = statement
            .tables
            .is_empty()
            .then_some(Resource::Statement { kind, table: None });
        let tables = statement
            .tables
            .iter()
            .map(move |table| Resource::Statement {
                kind,
                table: Some(table),
            });
        alone.into_iter().chain(tables)
    });
    let commands = resources
        .commands
        .iter()
        .map(|name| Resource::Command(name));
    let recipients = resources
        .recipients
        .iter()
        .map(|to| Resource::Recipient(to));
    let all = paths
        .chain(urls)
        .chain(statements)
        .chain(commands)
        .chain(recipients);
    let all: Vec<_> = all.map(Some).collect();
    if all.is_empty() { vec![None] } else { all }
}
