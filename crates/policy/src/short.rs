//! The short form of a rule, checked and ready to be asked.
//!
//! What a call is decided by is the rule's policy in Cedar. The answers here sort out the rules that
//! cannot match before Cedar is asked, tell which tools an agent can see, and say why a rule did
//! not match; a test holds both to be the same.

use crate::clock::Window;
use crate::facts::{Facts, Truth};
use crate::request::Resource;
use crate::{Effect, Field, Kind, Match, Policy, Role, Values, glob};

/// Whether a rule matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It does not, because of this field.
    No(Field),
    Maybe,
    Yes,
}

/// The short form of a rule.
#[derive(Debug, Clone)]
pub(crate) struct Short {
    pub(crate) kind: Kind,
    pub(crate) effect: Effect,
    pub(crate) matches: Match,
    pub(crate) agents: Names,
    pub(crate) teams: Names,
    pub(crate) roles: Vec<Role>,
    /// The number of its zone in the set, and when it is open.
    pub(crate) window: Option<(usize, Window)>,
    pub(crate) attributes: Vec<(String, Vec<String>)>,
    pub(crate) tainted: Option<bool>,
}

/// Entries that are ids, or globs of names. What is written like an id is never taken for a name,
/// which anybody may choose.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    pub(crate) ids: Vec<String>,
    pub(crate) globs: Vec<String>,
}

impl Names {
    pub(crate) fn sort<I: std::str::FromStr>(entries: &[String]) -> Self {
        let is_id = |entry: &&String| entry.parse::<I>().is_ok();
        let (ids, globs) = entries.iter().partition::<Vec<&String>, _>(is_id);
        Self {
            ids: ids.into_iter().cloned().collect(),
            globs: globs.into_iter().cloned().collect(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ids.is_empty() && self.globs.is_empty()
    }

    fn contains(&self, id: &impl ToString, name: &str) -> bool {
        any(&self.globs, name) || (!self.ids.is_empty() && self.ids.contains(&id.to_string()))
    }
}

impl Short {
    pub(crate) fn new(policy: &Policy, window: Option<(usize, Window)>) -> Self {
        let mut matches = policy.matches.clone();
        for list in [
            &mut matches.recipients,
            &mut matches.tables,
            &mut matches.statements,
        ] {
            list.iter_mut()
                .for_each(|entry| *entry = entry.to_lowercase());
        }
        matches
            .domains
            .iter_mut()
            .for_each(|entry| *entry = lower_host(entry));
        let attributes = policy.conditions.attributes.iter();
        let attributes = attributes.map(|(key, values)| (key.clone(), listed(values)));
        Self {
            kind: policy.kind,
            effect: policy.effect,
            agents: Names::sort::<iron_primitives::AgentId>(&matches.agents),
            teams: Names::sort::<iron_primitives::TeamId>(&matches.teams),
            matches,
            roles: policy.conditions.roles.clone(),
            window,
            attributes: attributes.collect(),
            tainted: policy.conditions.tainted,
        }
    }

    /// Whether it says deny or ask: then what could be meant is meant.
    pub(crate) fn restricts(&self) -> bool {
        self.effect > Effect::Allow
    }

    /// Whether it looks at none of the things that a call names.
    pub(crate) fn names_nothing(&self) -> bool {
        let it = &self.matches;
        let lists = [
            &it.paths,
            &it.domains,
            &it.statements,
            &it.tables,
            &it.commands,
            &it.recipients,
        ];
        lists.into_iter().all(Vec::is_empty)
    }

    /// Whether it matches calls of which this is known.
    pub(crate) fn test(&self, facts: &Facts<'_>) -> Verdict {
        let mut verdict = Verdict::Yes;
        for (field, truth) in self.answers(facts) {
            match truth {
                Truth::No => return Verdict::No(field),
                Truth::Maybe => verdict = Verdict::Maybe,
                Truth::Yes => {}
            }
        }
        verdict
    }

    fn answers(&self, facts: &Facts<'_>) -> impl Iterator<Item = (Field, Truth)> {
        let about_call = [
            (Field::Kind, concerns(self.kind, self.effect, facts)),
            (Field::Tools, self.tools(facts)),
            (
                Field::ToolKinds,
                self.declared(&self.matches.tool_kinds, facts, |tool| tool.kind),
            ),
            (
                Field::Access,
                self.declared(&self.matches.access, facts, |tool| tool.access),
            ),
            (
                Field::RiskLevels,
                self.declared(&self.matches.risk_levels, facts, |tool| tool.risk_level),
            ),
            (Field::Models, self.models(facts)),
            (Field::Agents, self.agents(facts)),
            (Field::Teams, self.teams(facts)),
            (Field::Roles, one_of(&self.roles, &facts.agent.role)),
            (self.clock_field(), self.clock(facts)),
            (Field::Attributes, self.attributes(facts)),
            (Field::Tainted, self.taint(facts)),
        ];
        about_call.into_iter().chain(self.resource(facts))
    }

    fn tools(&self, facts: &Facts<'_>) -> Truth {
        if self.matches.tools.is_empty() {
            return Truth::Yes;
        }
        let Some(called) = facts.called else {
            return Truth::No;
        };
        let globs = self.matches.tools.iter();
        globs.fold(Truth::No, |truth, glob| truth.or(called.name.test(glob)))
    }

    fn declared<T: PartialEq>(
        &self,
        wanted: &[T],
        facts: &Facts<'_>,
        of: impl Fn(&crate::Tool) -> T,
    ) -> Truth {
        let tool = facts.called.map(|called| of(called.tool));
        Truth::from(wanted.is_empty() || tool.is_some_and(|value| wanted.contains(&value)))
    }

    fn models(&self, facts: &Facts<'_>) -> Truth {
        if self.matches.models.is_empty() {
            return Truth::Yes;
        }
        let globs = &self.matches.models;
        facts
            .model
            .test(|model| model.is_some_and(|name| any(globs, name)))
    }

    fn agents(&self, facts: &Facts<'_>) -> Truth {
        let agent = facts.agent;
        Truth::from(self.agents.is_empty() || self.agents.contains(&agent.id, &agent.name))
    }

    fn teams(&self, facts: &Facts<'_>) -> Truth {
        let contains = |team: &crate::Team| self.teams.contains(&team.id, &team.name);
        Truth::from(self.teams.is_empty() || facts.agent.team.as_ref().is_some_and(contains))
    }

    fn clock_field(&self) -> Field {
        match &self.window {
            Some((_, window)) if window.hours.is_some() => Field::Hours,
            _ => Field::Weekdays,
        }
    }

    fn clock(&self, facts: &Facts<'_>) -> Truth {
        let Some((zone, window)) = &self.window else {
            return Truth::Yes;
        };
        let open = |clock| window.is_open(clock);
        facts
            .clocks
            .test(|clocks| clocks.get(*zone).copied().is_some_and(open))
    }

    fn attributes(&self, facts: &Facts<'_>) -> Truth {
        let each = self.attributes.iter();
        each.map(|(key, values)| facts.has_attribute(key, values))
            .fold(Truth::Yes, |all, truth| match (all, truth) {
                (Truth::No, _) | (_, Truth::No) => Truth::No,
                (Truth::Yes, Truth::Yes) => Truth::Yes,
                _ => Truth::Maybe,
            })
    }

    fn taint(&self, facts: &Facts<'_>) -> Truth {
        match self.tainted {
            Some(wanted) => facts.tainted.test(|tainted| tainted == wanted),
            None => Truth::Yes,
        }
    }

    fn resource(&self, facts: &Facts<'_>) -> [(Field, Truth); 6] {
        let matches = &self.matches;
        let named = |list: &[String], test: &dyn Fn(Option<Resource<'_>>) -> bool| {
            if list.is_empty() {
                Truth::Yes
            } else {
                facts.resource.test(test)
            }
        };
        let path = |it: Option<Resource<'_>>| matches!(it, Some(Resource::Path(path)) if any(&matches.paths, path));
        let domain = |it: Option<Resource<'_>>| match it {
            Some(Resource::Url(url)) => any_domain(&matches.domains, url),
            _ => false,
        };
        let statement = |it: Option<Resource<'_>>| match it {
            Some(Resource::Statement { kind, .. }) => contains(&matches.statements, kind),
            _ => false,
        };
        let table = |it: Option<Resource<'_>>| match it {
            Some(Resource::Statement {
                table: Some(table), ..
            }) => self.any_last_part(&matches.tables, &table.to_lowercase(), '.'),
            _ => false,
        };
        let command = |it: Option<Resource<'_>>| match it {
            Some(Resource::Command(name)) => self.any_last_part(&matches.commands, name, '/'),
            _ => false,
        };
        let recipient = |it: Option<Resource<'_>>| match it {
            Some(Resource::Recipient(to)) => any(&matches.recipients, &to.to_lowercase()),
            _ => false,
        };
        [
            (Field::Paths, named(&matches.paths, &path)),
            (Field::Domains, named(&matches.domains, &domain)),
            (Field::Statements, named(&matches.statements, &statement)),
            (Field::Tables, named(&matches.tables, &table)),
            (Field::Commands, named(&matches.commands, &command)),
            (Field::Recipients, named(&matches.recipients, &recipient)),
        ]
    }

    /// Whether a glob matches the name, or, where the rule restricts and the glob has no such
    /// separator, the last part of the name.
    fn any_last_part(&self, globs: &[String], name: &str, separator: char) -> bool {
        let last = last_part(name, separator);
        globs.iter().any(|glob| {
            glob::matches(glob, name)
                || (self.restricts() && !glob.contains(separator) && glob::matches(glob, last))
        })
    }
}

/// Whether a rule of this kind and effect is about the calls at all.
pub(crate) fn concerns(kind: Kind, effect: Effect, facts: &Facts<'_>) -> Truth {
    if kind == facts.kind {
        return Truth::Yes;
    }
    if facts.kind != Kind::Tool || effect == Effect::Allow {
        return Truth::No;
    }
    match kind {
        Kind::Network => facts
            .resource
            .test(|it| matches!(it, Some(Resource::Url(_)))),
        Kind::Data => facts
            .resource
            .test(|it| matches!(it, Some(Resource::Statement { .. }))),
        Kind::Tool | Kind::Model => Truth::No,
    }
}

/// What stands after the last separator.
pub(crate) fn last_part(name: &str, separator: char) -> &str {
    name.rsplit(separator).next().unwrap_or(name)
}

/// A host and a path are matched apart: a star for hosts must not reach into the path.
fn any_domain(globs: &[String], url: &crate::Url) -> bool {
    let host = url.host.to_lowercase();
    globs.iter().any(|glob| {
        let (host_glob, path_glob) = split_domain(glob);
        glob::matches(host_glob, &host)
            && path_glob.is_none_or(|path_glob| glob::matches(path_glob, &url.path))
    })
}

/// The glob of the host, and that of the path with its slash, if there is one.
pub(crate) fn split_domain(glob: &str) -> (&str, Option<&str>) {
    match glob.find('/') {
        Some(at) => (glob.get(..at).unwrap_or_default(), glob.get(at..)),
        None => (glob, None),
    }
}

fn any(globs: &[String], text: &str) -> bool {
    globs.iter().any(|glob| glob::matches(glob, text))
}

fn contains(list: &[String], text: &str) -> bool {
    let text = text.to_lowercase();
    list.contains(&text)
}

fn one_of<T: PartialEq>(wanted: &[T], value: &T) -> Truth {
    Truth::from(wanted.is_empty() || wanted.contains(value))
}

fn listed(values: &Values) -> Vec<String> {
    match values {
        Values::One(value) => vec![value.clone()],
        Values::Any(values) => values.clone(),
    }
}

fn lower_host(glob: &str) -> String {
    match glob.split_once('/') {
        Some((host, path)) => format!("{}/{path}", host.to_lowercase()),
        None => glob.to_lowercase(),
    }
}
