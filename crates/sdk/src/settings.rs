//! Settings: what may be changed while everything runs, and the versions of it.

use std::collections::BTreeMap;

use iron_primitives::{ConfigId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use crate::words::words;

words! {
    /// Where a whole configuration is kept.
    ConfigLevel {
        /// For the installation; for platform admins.
        System = "system",
        /// For the tenant.
        Tenant = "tenant",
    }
}

/// Groups of settings with names and values, as far as they are to be different. Null takes a
/// value away, so that the inherited one holds again; null for a group takes away all of it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(min_properties = 1)]
pub struct ChangeSettings {
    /// How people decide about tool calls.
    #[serde(default, with = "crate::null", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub approval: Option<Option<Map<String, Value>>>,
    /// What new budgets begin with.
    #[serde(default, with = "crate::null", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub budget: Option<Option<Map<String, Value>>>,
    /// How clients show things.
    #[serde(default, with = "crate::null", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub display: Option<Option<Map<String, Value>>>,
    /// When people are told that calls fail.
    #[serde(default, with = "crate::null", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub notifications: Option<Option<Map<String, Value>>>,
    /// How often may be asked.
    #[serde(default, with = "crate::null", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub rate_limits: Option<Option<Map<String, Value>>>,
    /// When providers that fail are left alone, and how far calls go on to others.
    #[serde(default, with = "crate::null", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub routing: Option<Option<Map<String, Value>>>,
    /// What sessions, passwords and tokens must satisfy.
    #[serde(default, with = "crate::null", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub security: Option<Option<Map<String, Value>>>,
}

/// What holds at a level.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SettingsView {
    /// Every setting with the value that holds, by group.
    pub settings: Map<String, Value>,
    /// For each setting, by its dotted name, the level that its value comes from: `default`,
    /// `system`, `tenant`, `team`, `project` or `user`.
    pub inheritance: BTreeMap<String, String>,
    /// How often something was changed at this level.
    pub version: i64,
    /// When something was last changed at this level.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub updated_at: Option<Timestamp>,
    /// Who changed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub updated_by: Option<UserId>,
}

/// Which configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ConfigQuery {
    /// The level; the tenant if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<ConfigLevel>,
    /// Which version; the newest if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1)]
    pub version: Option<i64>,
}

/// Which versions to list.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ConfigVersionsQuery {
    /// Which page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1)]
    pub page: Option<u32>,
    /// How many versions are on a page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 100)]
    pub per_page: Option<u32>,
    /// The level; the tenant if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<ConfigLevel>,
}

/// A whole configuration: either `config` or `yaml`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PutConfig {
    /// Groups of settings with names and values. What is not in it is inherited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub config: Option<Map<String, Value>>,
    /// The same as YAML; what is wrong with it is told with line and column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, max_length = 100000)]
    pub yaml: Option<String>,
    /// The level; the tenant if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub level: Option<ConfigLevel>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_length = 1, max_length = 500)]
    pub comment: Option<String>,
}

/// Back to an older version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RollbackConfig {
    /// The version whose content is to hold again.
    #[schema(minimum = 1)]
    pub version: i64,
    /// The level; the tenant if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub level: Option<ConfigLevel>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_length = 1, max_length = 500)]
    pub comment: Option<String>,
}

/// A configuration as it was written at one time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ConfigView {
    /// The version; absent before the first one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub id: Option<ConfigId>,
    /// Its number at this level; 0 before the first one.
    pub version: i64,
    /// The level.
    pub level: ConfigLevel,
    /// What is set, by group.
    pub config: Map<String, Value>,
    /// The same as YAML.
    pub yaml: String,
    /// What is different from the version before.
    pub diff: Vec<ConfigChange>,
    /// Why, in the author's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub comment: Option<String>,
    /// Who wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub author: Option<UserId>,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub created_at: Option<Timestamp>,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ConfigChange {
    /// The dotted name of the setting.
    pub path: String,
    /// Its value before; absent if it was not set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// Its value now; absent if it is not set any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

/// Whether a configuration could be applied.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ConfigCheck {
    /// Whether it could.
    pub valid: bool,
    /// What is wrong with it.
    pub problems: Vec<ConfigProblem>,
    /// What it would change.
    pub diff: Vec<ConfigChange>,
}

/// One thing that is wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConfigProblem {
    /// The dotted name of the setting; empty for what is wrong with the text as a whole.
    pub path: String,
    /// The line in the text, from 1; only for YAML.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub line: Option<u64>,
    /// The column in the line, from 1; only for YAML.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub column: Option<u64>,
    /// What is wrong, and what would be right.
    pub message: String,
}
