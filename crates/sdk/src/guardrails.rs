//! Guardrails: profiles of what is looked for in texts, checks of texts, and what was found in calls.

mod profiles;

use iron_primitives::{AgentId, ProfileId, ProjectId, RequestId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::words::words;
pub use profiles::*;

words! {
    /// How sure a finding must be to count.
    GuardrailSensitivity {
        /// From a confidence of 0.3.
        Strict = "strict",
        /// From a confidence of 0.5.
        Moderate = "moderate",
        /// From a confidence of 0.75.
        Permissive = "permissive",
    }
}

words! {
    /// What is done about data that should not pass.
    GuardrailAction {
        /// Nothing, and nothing is told.
        Ignore = "ignore",
        /// It is told, and passes.
        Alert = "alert",
        /// It is replaced.
        Redact = "redact",
        /// The text does not pass.
        Block = "block",
    }
}

words! {
    /// What is done about an injection.
    GuardrailAlarm {
        /// Nothing, and nothing is told.
        Ignore = "ignore",
        /// It is told as something to know.
        Warn = "warn",
        /// It is told as something to look at.
        Flag = "flag",
        /// The text does not pass.
        Block = "block",
    }
}

words! {
    /// What stands in the place of what was redacted.
    GuardrailRedaction {
        /// `[REDACTED]`.
        Plain = "plain",
        /// What it was: `[EMAIL]`.
        Typed = "typed",
        /// Asterisks, but for the last four letters or digits of long values.
        Masked = "masked",
        /// What it was and a number, `[EMAIL_1]`, for which the answer gets the value back.
        Pseudonym = "pseudonym",
    }
}

words! {
    /// A law or a standard.
    GuardrailCompliance {
        /// The General Data Protection Regulation of the European Union.
        Gdpr = "gdpr",
        /// The eighteen identifiers of protected health information in the United States.
        Hipaa = "hipaa",
        /// Account data of the payment card industry.
        PciDss = "pci_dss",
    }
}

words! {
    /// What is done about images, sound and files that cannot be read.
    GuardrailUnread {
        /// They pass.
        Allow = "allow",
        /// The request is refused.
        Refuse = "refuse",
    }
}

words! {
    /// What becomes of a call of a tool that a model proposes.
    GuardrailToolCallAction {
        /// It passes and is told.
        Annotate = "annotate",
        /// It is taken out of the answer.
        Strip = "strip",
        /// The answer is refused.
        Refuse = "refuse",
    }
}

words! {
    /// The way of a text.
    GuardrailDirection {
        /// To a model.
        Input = "input",
        /// From a model.
        Output = "output",
    }
}

words! {
    /// Where a text comes from.
    GuardrailChannel {
        /// Written by the developer: instructions of the system.
        System = "system",
        /// Written by a user.
        User = "user",
        /// What a tool gave back.
        ToolResult = "tool_result",
        /// A document, retrieved or attached.
        Document = "document",
        /// What an agent wrote down for later.
        Memory = "memory",
        /// What a model asks a tool to do.
        ToolArguments = "tool_arguments",
        /// What a model said.
        Output = "output",
    }
}

impl GuardrailChannel {
    /// Whether the text goes to a model or comes from it.
    pub const fn direction(self) -> GuardrailDirection {
        match self {
            GuardrailChannel::ToolArguments | GuardrailChannel::Output => {
                GuardrailDirection::Output
            }
            _ => GuardrailDirection::Input,
        }
    }
}

words! {
    /// What becomes of a text.
    GuardrailVerdict {
        /// It passes as it is.
        Allow = "allow",
        /// It passes, with something to know.
        Warn = "warn",
        /// It passes, with something to look at.
        Flag = "flag",
        /// It passes with parts of it replaced.
        Redact = "redact",
        /// It does not pass.
        Block = "block",
    }
}

words! {
    /// How grave an injection is.
    GuardrailSeverity {
        /// Seen in harmless texts too.
        Low = "low",
        /// Rare in harmless texts.
        Medium = "medium",
        /// Not seen in harmless texts, except where they speak about attacks.
        High = "high",
    }
}

/// What a finding is taken for, such as `email`, `api_key` or `jailbreak`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, min_length = 1, max_length = 40)]
pub struct EntityName(pub String);

/// A text that is to be checked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckGuardrails {
    /// Whether the text goes to a model or comes from it.
    pub direction: GuardrailDirection,
    /// The text.
    #[schema(max_length = 200_000)]
    pub text: String,
    /// By which profile; for a user the default of the tenant if absent. A token of an agent is
    /// checked by the agent's own and names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub profile_id: Option<ProfileId>,
    /// Where the text comes from; `user` or `output` if absent, by its direction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub channel: Option<GuardrailChannel>,
}

/// What a check says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GuardrailsChecked {
    /// What would become of the text.
    pub verdict: GuardrailVerdict,
    /// How grave the gravest injection is, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub severity: Option<GuardrailSeverity>,
    /// What was found, in the order of the text.
    pub findings: Vec<GuardrailFinding>,
    /// If a user may not write a text of this length: how long it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub too_long: Option<TextTooLong>,
    /// The text with what is redacted replaced.
    pub text: String,
    /// The profile; absent for a built-in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub profile_id: Option<ProfileId>,
    /// Its version; 0 for a built-in one.
    pub profile_version: i64,
    /// How long the check took, in milliseconds.
    pub took_ms: f64,
}

/// A length that is more than a profile allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TextTooLong {
    /// How many characters (Unicode code points) the text has.
    pub chars: u64,
    /// How many it may have.
    pub most: u64,
}

/// One finding in a text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GuardrailFinding {
    /// What it is taken for.
    #[serde(rename = "type")]
    pub entity: EntityName,
    /// The rule that says so.
    pub rule: String,
    /// Where it begins: a count of characters (Unicode code points), as Python slices texts.
    pub start: u64,
    /// Where it ends, likewise; the character there is not part of it.
    pub end: u64,
    /// Where it begins in the UTF-8 of the text, in bytes.
    pub start_byte: u64,
    /// Where it ends, likewise.
    pub end_byte: u64,
    /// How sure it is, from 0 to 1.
    pub confidence: f64,
    /// How grave it is, for injections.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub severity: Option<GuardrailSeverity>,
    /// What is done about it.
    pub action: GuardrailVerdict,
}

/// What guardrails found in a call: what and where, never the text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ViolationView {
    /// The violation: the call and a number within it.
    pub id: String,
    /// The call: `X-Request-Id` of its answer.
    pub call_id: RequestId,
    /// The agent.
    pub agent_id: AgentId,
    /// Its project then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub project_id: Option<ProjectId>,
    /// The profile; absent for a built-in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub profile_id: Option<ProfileId>,
    /// Its version; 0 for a built-in one.
    pub profile_version: i64,
    /// What it is taken for; `max_input_chars` for a text that was refused for its length, `unread`
    /// for what was refused because it cannot be read.
    #[serde(rename = "type")]
    pub entity: EntityName,
    /// The rule that found it.
    pub rule: String,
    /// Where the text came from.
    pub channel: String,
    /// What was done about it.
    pub verdict: String,
    /// How grave it is, for injections.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub severity: Option<String>,
    /// How sure it is, from 0 to 1.
    pub confidence: f64,
    /// Which text of the request or the answer it stands in, from 0.
    pub part: u32,
    /// Where it begins in the UTF-8 of that text, in bytes.
    pub start_byte: i64,
    /// Where it ends, likewise.
    pub end_byte: i64,
    /// When the call began.
    pub occurred_at: Timestamp,
}

/// Which violations to list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ViolationQuery {
    /// The page, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1)]
    pub page: Option<u32>,
    /// How many on a page; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 100)]
    pub per_page: Option<u32>,
    /// By this agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<AgentId>,
    /// In this project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project_id: Option<ProjectId>,
    /// In this call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_id: Option<RequestId>,
    /// Taken for one of these, comma-separated, such as `email,api_key`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(pattern = "^[a-z_]+(, ?[a-z_]+)*$", max_length = 1000)]
    pub r#type: Option<String>,
    /// One or several of `warn`, `flag`, `redact` and `block`, comma-separated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(pattern = "^(warn|flag|redact|block)(, ?(warn|flag|redact|block))*$")]
    pub verdict: Option<String>,
    /// In texts of one or several channels, comma-separated, such as `user,tool_result`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(pattern = "^[a-z_]+(, ?[a-z_]+)*$", max_length = 200)]
    pub channel: Option<String>,
    /// In calls that began on or after this date or timestamp.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_date: Option<String>,
    /// In calls that began before this date or timestamp.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_date: Option<String>,
}
