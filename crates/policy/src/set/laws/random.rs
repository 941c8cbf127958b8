//! Random rules and calls, with few enough words that they often meet.

use std::collections::BTreeMap;

use iron_primitives::{AgentId, TeamId, Timestamp};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use crate::{
    Access, Agent, Conditions, Effect, Kind, Match, Policy, Request, Resources, RiskLevel, Role,
    Statement, Subject, Team, Tool, ToolKind, Url, Values,
};

const AGENT: &str = "agent_0192f0c1-7d5e-7cc3-98c4-dc0c0c07398f";
const TEAM: &str = "team_0192f0c1-7d5e-7cc3-98c4-dc0c0c073990";

/// A call, with all that a request borrows.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) kind: Kind,
    pub(super) name: String,
    pub(super) tool: Tool,
    pub(super) agent: Agent,
    pub(super) model: Option<String>,
    pub(super) resources: Resources,
    pub(super) attributes: BTreeMap<String, String>,
    pub(super) end_user: Option<String>,
    pub(super) tainted: bool,
    pub(super) now: Timestamp,
}

impl Call {
    pub(super) fn request(&self) -> Request<'_> {
        let subject = match self.kind {
            Kind::Tool => Subject::Tool {
                name: &self.name,
                tool: &self.tool,
            },
            Kind::Model => Subject::Model(&self.name),
            Kind::Data => Subject::Data(&self.name),
            Kind::Network => Subject::Network,
        };
        Request {
            subject,
            agent: &self.agent,
            model: self.model.as_deref(),
            resources: &self.resources,
            attributes: &self.attributes,
            end_user: self.end_user.as_deref(),
            tainted: self.tainted,
            now: self.now,
        }
    }
}

fn some(of: &'static [&'static str]) -> impl Strategy<Value = Vec<String>> {
    let few = subsequence(of, 1..=2.min(of.len()));
    few.prop_map(|few| few.into_iter().map(str::to_owned).collect())
}

fn often(of: &'static [&'static str]) -> impl Strategy<Value = Vec<String>> {
    prop_oneof![1 => Just(Vec::new()), 1 => some(of)]
}

/// Mostly nothing: rules that say much match too little to learn from.
fn rarely(of: &'static [&'static str]) -> impl Strategy<Value = Vec<String>> {
    prop_oneof![9 => Just(Vec::new()), 1 => some(of)]
}

fn one(of: &'static [&'static str]) -> impl Strategy<Value = String> {
    select(of).prop_map(str::to_owned)
}

fn few<T: Copy + std::fmt::Debug + 'static>(of: &'static [T]) -> impl Strategy<Value = Vec<T>> {
    prop_oneof![9 => Just(Vec::new()), 1 => subsequence(of, 1..=2)]
}

const KINDS: &[ToolKind] = &[
    ToolKind::Api,
    ToolKind::Database,
    ToolKind::Email,
    ToolKind::Custom,
];
const ACCESS: &[Access] = &[Access::Read, Access::Write, Access::Admin];
const RISKS: &[RiskLevel] = &[RiskLevel::Low, RiskLevel::High];
const ROLES: &[Role] = &[Role::ReadOnly, Role::ReadWrite, Role::Admin];
const EFFECTS: &[Effect] = &[Effect::Allow, Effect::RequireApproval, Effect::Deny];
const TOOLS: &[&str] = &["a", "ab", "b/c", "b/d"];
const PATHS: &[&str] = &["/a", "/a/b", "/c\"\\ü*"];

/// Things of one sort, or none.
fn things() -> impl Strategy<Value = Match> {
    let paths = some(&["/a*", "/a/b", "*ü*", "*\"\\*", "*"]);
    let domains = some(&["x.org", "*.ORG", "*.org/p*", "x.org/*", "*"]);
    let sql = (some(&["select", "DROP"]), some(&["t", "s.*", "*", "S.t"]));
    let commands = some(&["rm", "/bin/*", "r*"]);
    let recipients = some(&["*@x.org", "Ann@*", "*"]);
    let all = (0..7, paths, domains, sql, commands, recipients);
    all.prop_map(
        |(sort, paths, domains, (statements, tables), commands, recipients)| {
            let mut matches = Match::default();
            match sort {
                0 => matches.paths = paths,
                1 => matches.domains = domains,
                2 => (matches.statements, matches.tables) = (statements, tables),
                3 => matches.commands = commands,
                4 => matches.recipients = recipients,
                _ => {}
            }
            matches
        },
    )
}

fn kinds() -> impl Strategy<Value = Kind> {
    prop_oneof![
        6 => Just(Kind::Tool),
        1 => Just(Kind::Model),
        1 => Just(Kind::Data),
        1 => Just(Kind::Network)
    ]
}

fn matching() -> impl Strategy<Value = (Kind, Match)> {
    let declared = (
        rarely(&["a*", "b/c", "*", "*d"]),
        few(KINDS),
        few(ACCESS),
        few(RISKS),
    );
    let callers = (
        rarely(&["m*", "n"]),
        rarely(&["ann", "b*", AGENT]),
        rarely(&["sales", "*s", TEAM]),
    );
    (kinds(), things(), declared, callers).prop_map(|(kind, things, declared, callers)| {
        let (models, agents, teams) = callers;
        let mut matches = Match {
            agents,
            teams,
            ..Match::default()
        };
        match kind {
            Kind::Tool => {
                matches = Match {
                    models,
                    agents: matches.agents,
                    teams: matches.teams,
                    ..things
                };
                (
                    matches.tools,
                    matches.tool_kinds,
                    matches.access,
                    matches.risk_levels,
                ) = declared;
            }
            Kind::Model => matches.models = models,
            Kind::Data => (matches.statements, matches.tables) = (things.statements, things.tables),
            Kind::Network => matches.domains = things.domains,
        }
        (kind, matches)
    })
}

fn conditions() -> impl Strategy<Value = Conditions> {
    let hours = option::weighted(0.1, one(&["09:00-17:00", "22:00-06:00", "00:00-24:00"]));
    let zone = option::of(one(&["Europe/Berlin", "Asia/Tokyo"]));
    let values = some(&["prod", "dev", "high", "true", "phi"]);
    let attribute = option::weighted(
        0.3,
        (
            one(&["env", "risk_level", "external", "data_class", "end_user"]),
            values,
        ),
    );
    (
        few(ROLES),
        hours,
        rarely(&["mon", "fri"]),
        zone,
        attribute,
        option::weighted(0.1, any::<bool>()),
    )
        .prop_map(|(roles, hours, weekdays, zone, attribute, tainted)| {
            let timed = hours.is_some() || !weekdays.is_empty();
            let attribute = attribute.filter(|(_, values)| !values.is_empty());
            let attributes = attribute.map(|(key, values)| (key, Values::Any(values)));
            Conditions {
                roles,
                hours,
                weekdays,
                timezone: zone.filter(|_| timed),
                attributes: attributes.into_iter().collect(),
                tainted,
            }
        })
}

pub(super) fn policies() -> impl Strategy<Value = Vec<Policy>> {
    let one = (matching(), conditions(), select(EFFECTS));
    vec(one, 0..8).prop_map(|rules| {
        let each = rules.into_iter().enumerate();
        let each = each.map(|(number, ((kind, matches), conditions, effect))| Policy {
            name: format!("p{number}"),
            description: String::new(),
            kind,
            effect,
            matches,
            conditions,
            approval: None,
            cedar: None,
            examples: crate::Examples::default(),
            enabled: true,
        });
        each.collect()
    })
}

pub(super) fn resources() -> impl Strategy<Value = Resources> {
    let url = (one(&["x.org", "www.x.org", "y.net"]), one(&["/", "/p/q"]));
    let url = url.prop_map(|(host, path)| Url {
        scheme: "https".to_owned(),
        host,
        port: None,
        path,
    });
    let statement = (one(&["select", "drop"]), often(&["t", "s.t", "u"]));
    let statement = statement.prop_map(|(kind, tables)| Statement { kind, tables });
    (
        often(PATHS),
        vec(url, 0..2),
        vec(statement, 0..2),
        often(&["rm", "/bin/rm", "ls"]),
        often(&["ann@x.org", "Bob@y.net"]),
    )
        .prop_map(
            |(paths, urls, statements, commands, recipients)| Resources {
                paths,
                urls,
                statements,
                commands,
                recipients,
            },
        )
}

fn tool() -> impl Strategy<Value = Tool> {
    (
        select(KINDS),
        select(ACCESS),
        select(RISKS),
        option::of(any::<bool>()),
        often(&["phi", "pci"]),
        option::weighted(0.3, one(&["prod", "dev"])),
    )
        .prop_map(
            |(kind, access, risk_level, external, data_class, env)| Tool {
                kind,
                access,
                risk_level,
                external,
                data_class,
                attributes: env.map(|env| ("env".to_owned(), env)).into_iter().collect(),
                ..Tool::default()
            },
        )
}

fn agent() -> impl Strategy<Value = Agent> {
    let team = option::of(one(&["sales", "devs", "ops"]));
    let env = option::weighted(0.3, one(&["prod", "dev"]));
    (one(&["ann", "bob"]), select(ROLES), team, env).prop_map(|(name, role, team, env)| Agent {
        id: AGENT.parse::<AgentId>().expect("an id"),
        name,
        role,
        team: team.map(|name| Team {
            id: TEAM.parse::<TeamId>().expect("an id"),
            name,
        }),
        attributes: env.map(|env| ("env".to_owned(), env)).into_iter().collect(),
    })
}

pub(super) fn calls() -> impl Strategy<Value = Call> {
    let claims = option::weighted(
        0.5,
        (
            one(&["env", "data_class", "end_user"]),
            one(&["prod", "phi"]),
        ),
    );
    (
        (kinds(), one(TOOLS), tool(), agent()),
        (option::of(one(&["m1", "n"])), resources(), claims),
        (
            option::of(one(&["dev", "eve"])),
            any::<bool>(),
            0_i64..2_000_000,
        ),
    )
        .prop_map(
            |((kind, name, tool, agent), (model, resources, claims), rest)| {
                let (end_user, tainted, minutes) = rest;
                Call {
                    kind,
                    name,
                    tool,
                    agent,
                    model,
                    resources,
                    attributes: claims.into_iter().collect(),
                    end_user,
                    tainted,
                    now: Timestamp::from_seconds(1_750_000_000 + minutes * 60),
                }
            },
        )
}
