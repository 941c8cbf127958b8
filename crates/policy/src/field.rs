//! The fields of a rule, to say which one did not match.

use std::fmt;

/// A field of a rule.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// What kind of calls it is about.
    Kind,
    /// The names of tools.
    Tools,
    /// What the tools work on.
    ToolKinds,
    /// What the tools need an agent to be.
    Access,
    /// How bad the worst is that the tools can do.
    RiskLevels,
    /// The models.
    Models,
    /// The agents.
    Agents,
    /// The teams.
    Teams,
    /// The roles of agents.
    Roles,
    /// The time of day.
    Hours,
    /// The day of the week.
    Weekdays,
    /// The attributes.
    Attributes,
    /// Whether the call is tainted.
    Tainted,
    /// The paths.
    Paths,
    /// The addresses of the web.
    Domains,
    /// The kinds of statements.
    Statements,
    /// The tables.
    Tables,
    /// The programs.
    Commands,
    /// The addresses of mail.
    Recipients,
    /// The policy in Cedar.
    Cedar,
}

impl Field {
    /// As it is written in a rule: `match.paths`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kind => "kind",
            Self::Tools => "match.tools",
            Self::ToolKinds => "match.tool_kinds",
            Self::Access => "match.access",
            Self::RiskLevels => "match.risk_levels",
            Self::Models => "match.models",
            Self::Agents => "match.agents",
            Self::Teams => "match.teams",
            Self::Roles => "conditions.roles",
            Self::Hours => "conditions.hours",
            Self::Weekdays => "conditions.weekdays",
            Self::Attributes => "conditions.attributes",
            Self::Tainted => "conditions.tainted",
            Self::Paths => "match.paths",
            Self::Domains => "match.domains",
            Self::Statements => "match.statements",
            Self::Tables => "match.tables",
            Self::Commands => "match.commands",
            Self::Recipients => "match.recipients",
            Self::Cedar => "cedar",
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
