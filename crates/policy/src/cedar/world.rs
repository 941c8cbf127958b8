//! One call, as Cedar sees it.

use std::collections::{BTreeMap, HashMap, HashSet};

use cedar_policy::{
    Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, PolicySet, Request as Question,
    RestrictedExpression as Value,
};

use super::Vocabulary;
use crate::clock::{Local, Zone};
use crate::facts::{END_USER, OF_EVERY_TOOL, declared};
use crate::request::Resource;
use crate::short::last_part;
use crate::{Agent, Request, Subject, Tool, Url};

/// What Cedar answers about one rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Matches,
    DoesNot,
    /// It could not be evaluated.
    Failed,
}

/// All that Cedar may look at for one call, but what is judged.
pub(crate) struct World<'a> {
    vocabulary: &'static Vocabulary,
    entities: Entities,
    principal: EntityUid,
    subject: EntityUid,
    request: &'a Request<'a>,
    attributes: EntityUid,
}

/// One question: the call, and one thing that it names.
pub(crate) struct Asked<'a> {
    world: &'a World<'a>,
    question: Question,
}

impl<'a> World<'a> {
    /// Nothing if Cedar does not take it.
    pub(crate) fn new(
        vocabulary: &'static Vocabulary,
        request: &'a Request<'a>,
        clocks: impl Iterator<Item = (&'a Zone, Local)>,
    ) -> Option<Self> {
        let principal = uid(&vocabulary.agent, &request.agent.id.to_string());
        let subject = subject(vocabulary, request);
        let attributes = uid(&vocabulary.attributes, "call");
        let mut entities = vec![
            agent(principal.clone(), request.agent)?,
            called(subject.clone(), request)?,
            tagged(attributes.clone(), request)?,
        ];
        for (zone, clock) in clocks {
            entities.push(shown(uid(&vocabulary.zone, &zone.name), clock)?);
        }
        Some(Self {
            vocabulary,
            entities: Entities::from_entities(entities, None).ok()?,
            principal,
            subject,
            request,
            attributes,
        })
    }

    /// The question about one thing that the call names.
    pub(crate) fn ask(&'a self, resource: Option<Resource<'_>>) -> Option<Asked<'a>> {
        let context = Context::from_pairs(self.context(resource)?).ok()?;
        let action = self.vocabulary.action(self.request.subject.kind()).clone();
        let (principal, subject) = (self.principal.clone(), self.subject.clone());
        let question = Question::new(principal, action, subject, context, None).ok()?;
        Some(Asked {
            world: self,
            question,
        })
    }

    fn context(&self, resource: Option<Resource<'_>>) -> Option<Vec<(String, Value)>> {
        let mut context = vec![
            pair("attributes", Value::new_entity_uid(self.attributes.clone())),
            pair("tainted", Value::new_bool(self.request.tainted)),
            pair("now", Value::new_long(self.request.now.seconds())),
        ];
        let model = match self.request.subject {
            Subject::Model(name) => Some(name),
            _ => self.request.model,
        };
        context.extend(model.map(|name| pair("model", text(name))));
        if let Some(resource) = resource {
            context.push(named(resource)?);
        }
        Some(context)
    }
}

impl Asked<'_> {
    /// Whether the one policy of the set matches.
    pub(crate) fn answer(&self, policy: &PolicySet) -> Answer {
        let world = self.world;
        let authorizer = &world.vocabulary.authorizer;
        let response = authorizer.is_authorized(&self.question, policy, &world.entities);
        let diagnostics = response.diagnostics();
        if diagnostics.errors().next().is_some() {
            return Answer::Failed;
        }
        match diagnostics.reason().next() {
            Some(_) => Answer::Matches,
            None => Answer::DoesNot,
        }
    }
}

fn subject(vocabulary: &Vocabulary, request: &Request<'_>) -> EntityUid {
    match request.subject {
        Subject::Tool { name, .. } => uid(&vocabulary.tool, name),
        Subject::Model(name) => uid(&vocabulary.model, name),
        Subject::Data(name) => uid(&vocabulary.source, name),
        Subject::Network => uid(&vocabulary.host, ""),
    }
}

fn agent(uid: EntityUid, agent: &Agent) -> Option<Entity> {
    let mut attributes = HashMap::from([
        pair("name", text(&agent.name)),
        pair("role", text(agent.role.name())),
    ]);
    if let Some(team) = &agent.team {
        let fields = [
            pair("id", text(&team.id.to_string())),
            pair("name", text(&team.name)),
        ];
        attributes.extend([pair("team", Value::new_record(fields).ok()?)]);
    }
    Entity::new(uid, attributes, HashSet::new()).ok()
}

fn called(uid: EntityUid, request: &Request<'_>) -> Option<Entity> {
    let attributes = match request.subject {
        Subject::Tool { name, tool } => tool_attributes(name, tool),
        Subject::Model(name) | Subject::Data(name) => HashMap::from([pair("name", text(name))]),
        Subject::Network => HashMap::from([pair("name", text(""))]),
    };
    Entity::new(uid, attributes, HashSet::new()).ok()
}

fn tool_attributes(name: &str, tool: &Tool) -> HashMap<String, Value> {
    let classes = tool.data_class.iter().map(|class| text(class));
    HashMap::from([
        pair("name", text(name)),
        pair("kind", text(tool.kind.name())),
        pair("access", text(tool.access.name())),
        pair("risk_level", text(tool.risk_level.name())),
        pair("external", Value::new_bool(tool.is_external())),
        pair(
            "untrusted_output",
            Value::new_bool(tool.has_untrusted_output()),
        ),
        pair("data_class", Value::new_set(classes)),
    ])
}

/// What the tool says beats what the agent says, which beats what the call says.
fn tagged(uid: EntityUid, request: &Request<'_>) -> Option<Entity> {
    let mut tags: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let claimed = request.attributes.iter().chain(&request.agent.attributes);
    tags.extend(claimed.map(|(key, value)| (key.as_str(), vec![value.as_str()])));
    tags.remove(END_USER);
    tags.extend(request.end_user.map(|user| (END_USER, vec![user])));
    if let Subject::Tool { tool, .. } = request.subject {
        let own = tool.attributes.keys().map(String::as_str);
        let keys = own.chain(OF_EVERY_TOOL);
        tags.extend(keys.filter_map(|key| Some((key, declared(tool, key)?))));
    }
    let tags = tags.into_iter().map(|(key, values)| {
        let values = values.into_iter().map(text);
        (key.to_owned(), Value::new_set(values))
    });
    Entity::new_with_tags(uid, [], [], tags).ok()
}

fn shown(uid: EntityUid, clock: Local) -> Option<Entity> {
    let attributes = HashMap::from([
        pair("minute", Value::new_long(i64::from(clock.minute))),
        pair("weekday", text(clock.weekday())),
        pair("yesterday", text(clock.yesterday())),
    ]);
    Entity::new(uid, attributes, HashSet::new()).ok()
}

fn named(resource: Resource<'_>) -> Option<(String, Value)> {
    Some(match resource {
        Resource::Path(path) => pair("path", text(path)),
        Resource::Url(url) => pair("url", address(url)?),
        Resource::Statement { kind, table } => {
            let mut fields = vec![pair("kind", text(&kind.to_lowercase()))];
            if let Some(table) = table.map(str::to_lowercase) {
                fields.push(pair("name", text(last_part(&table, '.'))));
                fields.push(pair("table", text(&table)));
            }
            pair("statement", Value::new_record(fields).ok()?)
        }
        Resource::Command(program) => {
            let fields = [
                pair("program", text(program)),
                pair("name", text(last_part(program, '/'))),
            ];
            pair("command", Value::new_record(fields).ok()?)
        }
        Resource::Recipient(to) => pair("recipient", text(&to.to_lowercase())),
    })
}

fn address(url: &Url) -> Option<Value> {
    let mut fields = vec![
        pair("scheme", text(&url.scheme)),
        pair("host", text(&url.host.to_lowercase())),
        pair("path", text(&url.path)),
    ];
    fields.extend(
        url.port
            .map(|port| pair("port", Value::new_long(i64::from(port)))),
    );
    Value::new_record(fields).ok()
}

fn uid(kind: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(id))
}

fn text(text: &str) -> Value {
    Value::new_string(text.to_owned())
}

fn pair(name: &str, value: Value) -> (String, Value) {
    (name.to_owned(), value)
}
