//! How the words look in an OpenAPI document; only with the feature `openapi`.

use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::{Period, Scope, Timestamp};

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

impl PartialSchema for Period {
    fn schema() -> RefOr<Schema> {
        let all = [
            Period::None,
            Period::Daily,
            Period::Weekly,
            Period::Monthly,
            Period::Quarterly,
        ];
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("How often a budget begins anew, in UTC."))
            .enum_values(Some(all.map(Period::as_str)))
            .into()
    }
}

impl ToSchema for Period {}

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
