//! What is known of a call, and of calls that nobody has made yet.

use std::collections::BTreeMap;

use crate::clock::Local;
use crate::request::Resource;
use crate::{Agent, Kind, Request, Subject, Tool, glob};

/// What is known of a call. Where something is not known, it may be anything.
#[derive(Clone, Copy)]
pub(crate) struct Facts<'a> {
    pub(crate) kind: Kind,
    pub(crate) called: Option<Called<'a>>,
    pub(crate) model: Known<Option<&'a str>>,
    pub(crate) agent: &'a Agent,
    pub(crate) attributes: Known<&'a BTreeMap<String, String>>,
    pub(crate) end_user: Known<Option<&'a str>>,
    pub(crate) tainted: Known<bool>,
    pub(crate) clocks: Known<&'a [Local]>,
    pub(crate) resource: Known<Option<Resource<'a>>>,
}

/// Something, or anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known<T> {
    Is(T),
    Unknown,
}

/// The tool that is called.
#[derive(Clone, Copy)]
pub(crate) struct Called<'a> {
    pub(crate) name: Name<'a>,
    pub(crate) tool: &'a Tool,
}

/// What a tool is called by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Name<'a> {
    This(&'a str),
    /// Any name that begins so.
    Prefix(&'a str),
}

/// Whether something is so of a call: of no call that the facts fit, of all, or of some.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Truth {
    No,
    Maybe,
    Yes,
}

impl Truth {
    pub(crate) fn or(self, other: Truth) -> Truth {
        match (self, other) {
            (Truth::Yes, _) | (_, Truth::Yes) => Truth::Yes,
            (Truth::No, Truth::No) => Truth::No,
            _ => Truth::Maybe,
        }
    }
}

impl From<bool> for Truth {
    fn from(value: bool) -> Self {
        if value { Truth::Yes } else { Truth::No }
    }
}

impl<T> Known<T> {
    pub(crate) fn test(self, test: impl FnOnce(T) -> bool) -> Truth {
        match self {
            Known::Is(value) => Truth::from(test(value)),
            Known::Unknown => Truth::Maybe,
        }
    }
}

impl Name<'_> {
    pub(crate) fn test(self, glob: &str) -> Truth {
        match self {
            Name::This(name) => Truth::from(glob::matches(glob, name)),
            Name::Prefix(prefix) if glob::covers(glob, prefix) => Truth::Yes,
            Name::Prefix(prefix) if glob::overlaps(glob, prefix) => Truth::Maybe,
            Name::Prefix(_) => Truth::No,
        }
    }
}

impl<'a> Facts<'a> {
    /// All of a call but the resource that is judged.
    pub(crate) fn of(request: &Request<'a>, clocks: &'a [Local]) -> Self {
        let (called, model) = match request.subject {
            Subject::Tool { name, tool } => {
                let name = Name::This(name);
                (Some(Called { name, tool }), request.model)
            }
            Subject::Model(name) => (None, Some(name)),
            Subject::Data(_) | Subject::Network => (None, request.model),
        };
        Self {
            kind: request.subject.kind(),
            called,
            model: Known::Is(model),
            agent: request.agent,
            attributes: Known::Is(request.attributes),
            end_user: Known::Is(request.end_user),
            tainted: Known::Is(request.tainted),
            clocks: Known::Is(clocks),
            resource: Known::Unknown,
        }
    }

    /// All calls of a tool that an agent may ever make.
    pub(crate) fn of_any_call(tool: &'a Tool, agent: &'a Agent) -> Self {
        let name = match tool.name.strip_suffix('*') {
            Some(prefix) => Name::Prefix(prefix),
            None => Name::This(&tool.name),
        };
        Self {
            kind: Kind::Tool,
            called: Some(Called { name, tool }),
            model: Known::Unknown,
            agent,
            attributes: Known::Unknown,
            end_user: Known::Unknown,
            tainted: Known::Unknown,
            clocks: Known::Unknown,
            resource: Known::Unknown,
        }
    }

    /// The same, about this resource.
    pub(crate) fn about(self, resource: Option<Resource<'a>>) -> Self {
        Self {
            resource: Known::Is(resource),
            ..self
        }
    }

    /// Whether the attribute has one of the values.
    pub(crate) fn has_attribute(&self, key: &str, values: &[String]) -> Truth {
        let any = |value: &str| values.iter().any(|wanted| wanted == value);
        if let Some(declared) = self.called.and_then(|called| declared(called.tool, key)) {
            return Truth::from(declared.into_iter().any(any));
        }
        if key == END_USER {
            return self.end_user.test(|user| user.is_some_and(any));
        }
        if let Some(value) = self.agent.attributes.get(key) {
            return Truth::from(any(value));
        }
        self.attributes
            .test(|attributes| attributes.get(key).is_some_and(|value| any(value)))
    }
}

/// The attribute that names the person for whom a call is made.
pub(crate) const END_USER: &str = "end_user";

/// The attributes that are declared of every tool.
pub(crate) const OF_EVERY_TOOL: [&str; 4] =
    ["risk_level", "external", "untrusted_output", "data_class"];

/// What is declared of the tool under this name; nothing if nothing is.
pub(crate) fn declared<'a>(tool: &'a Tool, key: &str) -> Option<Vec<&'a str>> {
    let truth = |value| vec![if value { "true" } else { "false" }];
    match key {
        "risk_level" => Some(vec![tool.risk_level.name()]),
        "external" => Some(truth(tool.is_external())),
        "untrusted_output" => Some(truth(tool.has_untrusted_output())),
        "data_class" => Some(tool.data_class.iter().map(String::as_str).collect()),
        END_USER => None,
        _ => tool.attributes.get(key).map(|value| vec![value.as_str()]),
    }
}
