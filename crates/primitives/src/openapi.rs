//! How the words look in an OpenAPI document; only with the feature `openapi`.

use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::{PeriodKind, Scope, Timestamp};

const UUID: &str = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";

/// The schema of an id with this prefix.
pub(crate) fn id_schema(prefix: &str, entity: &str) -> RefOr<Schema> {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(format!("The id of one {entity}.")))
        .pattern(Some(format!("^{prefix}_{UUID}$")))
        .into()
}

impl PartialSchema for Timestamp {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .description(Some("ISO 8601 in UTC with milliseconds and `Z`."))
            .examples([serde_json::json!("2025-12-10T10:30:45.123Z")])
            .into()
    }
}

impl ToSchema for Timestamp {}

impl PartialSchema for PeriodKind {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some(
                "How often a budget begins anew: in UTC, or with `custom` as its schedule says.",
            ))
            .enum_values(Some(PeriodKind::ALL.map(PeriodKind::as_str)))
            .into()
    }
}

// Under this name clients have known it from the beginning.
impl ToSchema for PeriodKind {
    fn name() -> std::borrow::Cow<'static, str> {
        "Period".into()
    }
}

impl PartialSchema for Scope {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some(
                "The id of an agent, pool, user, team, project or tenant.",
            ))
            .pattern(Some(format!("^(agent|pool|user|team|proj|tenant)_{UUID}$")))
            .into()
    }
}

impl ToSchema for Scope {}
