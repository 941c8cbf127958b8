//! Cedar underneath: the schema, rules as policies in Cedar, and what it is asked.

mod check;
mod text;
mod world;

pub(crate) use check::parse;
pub(crate) use text::written;
pub(crate) use world::{Answer, Asked, World};

use std::sync::LazyLock;

use cedar_policy::{Authorizer, EntityTypeName, EntityUid, Schema, Validator};

use crate::Kind;
use crate::error::Problem;

/// The schema of all policies, in Cedar's own language.
pub const SCHEMA: &str = include_str!("../data/schema.cedarschema");

static VOCABULARY: LazyLock<Result<Vocabulary, Problem>> = LazyLock::new(Vocabulary::read);

/// What all questions to Cedar share.
pub(crate) struct Vocabulary {
    pub(crate) validator: Validator,
    pub(crate) authorizer: Authorizer,
    agent: EntityTypeName,
    tool: EntityTypeName,
    model: EntityTypeName,
    source: EntityTypeName,
    host: EntityTypeName,
    attributes: EntityTypeName,
    pub(crate) zone: EntityTypeName,
    call_tool: EntityUid,
    call_model: EntityUid,
    query_data: EntityUid,
    connect: EntityUid,
}

impl Vocabulary {
    /// The one there is.
    pub(crate) fn get() -> Result<&'static Self, Problem> {
        VOCABULARY.as_ref().map_err(Clone::clone)
    }

    fn read() -> Result<Self, Problem> {
        let (schema, _) = Schema::from_cedarschema_str(SCHEMA)
            .map_err(|error| Problem::Schema(error.to_string()))?;
        let entity = |name: &str| {
            name.parse::<EntityTypeName>()
                .map_err(|error| Problem::Schema(error.to_string()))
        };
        let action = |name: &str| {
            format!("Action::\"{name}\"")
                .parse::<EntityUid>()
                .map_err(|error| Problem::Schema(error.to_string()))
        };
        Ok(Self {
            validator: Validator::new(schema),
            authorizer: Authorizer::new(),
            agent: entity("Agent")?,
            tool: entity("Tool")?,
            model: entity("Model")?,
            source: entity("Source")?,
            host: entity("Host")?,
            attributes: entity("Attributes")?,
            zone: entity("Zone")?,
            call_tool: action(action_name(Kind::Tool))?,
            call_model: action(action_name(Kind::Model))?,
            query_data: action(action_name(Kind::Data))?,
            connect: action(action_name(Kind::Network))?,
        })
    }

    /// What Cedar calls a call of this kind.
    pub(crate) const fn action(&self, kind: Kind) -> &EntityUid {
        match kind {
            Kind::Tool => &self.call_tool,
            Kind::Model => &self.call_model,
            Kind::Data => &self.query_data,
            Kind::Network => &self.connect,
        }
    }
}

const fn action_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Tool => "call_tool",
        Kind::Model => "call_model",
        Kind::Data => "query_data",
        Kind::Network => "connect",
    }
}
