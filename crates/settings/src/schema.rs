//! The list of settings: their kinds, defaults and levels.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use crate::Level;

/// One setting.
#[derive(Debug)]
pub struct Setting {
    /// Its name, `group.name`.
    pub path: &'static str,
    /// Which values it takes.
    pub kind: Kind,
    /// Where it may be set.
    pub levels: &'static [Level],
    /// Which of two values is stricter, where a level below may not loosen it.
    pub stricter: Option<Stricter>,
    /// What it does.
    pub meaning: &'static str,
    default: Fallback,
}

/// What holds where nothing is set.
#[derive(Debug)]
enum Fallback {
    Number(i64),
    Text(&'static str),
    Flag(bool),
    Percentages(&'static [i64]),
    /// No bound at all.
    Nothing,
}

/// Which values a setting takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A whole number from the first to the second.
    Number(i64, i64),
    /// As before; 0 means no limit.
    Limit(i64),
    /// Yes or no.
    Flag,
    /// The name of a time zone, such as `Europe/Berlin`.
    TimeZone,
    /// One to ten percentages from 1 to 99, rising.
    Percentages,
}

/// Which of two values is stricter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stricter {
    /// The smaller one.
    Less,
    /// The larger one.
    More,
}

/// Why a value cannot be set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// The name, as it was written.
    pub path: String,
    /// Where it stands in the text: line and column from 1; none if it did not come as text.
    pub place: Option<(u64, u64)>,
    /// What is wrong with it, and what would be right.
    pub problem: String,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Some((line, column)) => {
                write!(f, "line {line}, column {column}: {}", self.problem)
            }
            None => f.write_str(&self.problem),
        }
    }
}

/// Every setting, sorted by its name.
pub const SETTINGS: &[Setting] = &[
    Setting {
        path: "approval.forbid_own",
        kind: Kind::Flag,
        levels: TENANTS,
        stricter: Some(Stricter::More),
        meaning: "Whether owners of agents may not decide about the tool calls of their own agents.",
        default: Fallback::Flag(false),
    },
    Setting {
        path: "approval.grant_seconds",
        kind: Kind::Number(60, 86_400),
        levels: TENANTS,
        stricter: Some(Stricter::Less),
        meaning: "How many seconds after its approval a tool call can be made, once.",
        default: Fallback::Number(3_600),
    },
    Setting {
        path: "approval.timeout_seconds",
        kind: Kind::Number(30, 3_600),
        levels: TENANTS,
        stricter: Some(Stricter::Less),
        meaning: "How many seconds a tool call waits for its approval, unless its policy says \
                  otherwise; then it is denied.",
        default: Fallback::Number(300),
    },
    Setting {
        path: "budget.alert_levels",
        kind: Kind::Percentages,
        levels: &[Level::System, Level::Tenant, Level::Team, Level::Project],
        stricter: None,
        meaning: "At which percentages of its budget a new agent warns, unless its own soft \
                  limits are given.",
        default: Fallback::Percentages(&[50, 80, 90, 95]),
    },
    Setting {
        path: "display.timezone",
        kind: Kind::TimeZone,
        levels: Level::ALL,
        stricter: None,
        meaning: "The time zone in which clients show times. The API itself always speaks UTC.",
        default: Fallback::Text("UTC"),
    },
    Setting {
        path: "notifications.error_count",
        kind: Kind::Number(0, 1_000_000),
        levels: TENANTS,
        stricter: None,
        meaning: "After how many failed calls of one agent within `notifications.error_minutes` \
                  people are told, at most once in that time; 0 for never.",
        default: Fallback::Number(20),
    },
    Setting {
        path: "notifications.error_minutes",
        kind: Kind::Number(1, 60),
        levels: TENANTS,
        stricter: None,
        meaning: "Within how many minutes failed calls of an agent are counted.",
        default: Fallback::Number(5),
    },
    limit(
        "rate_limits.anonymous_per_hour",
        SYSTEM,
        "Requests an hour from one address without a credential; 0 for no limit.",
    ),
    limit(
        "rate_limits.anonymous_per_minute",
        SYSTEM,
        "Requests a minute from one address without a credential; 0 for no limit.",
    ),
    limit(
        "rate_limits.user_per_hour",
        TENANTS,
        "Requests an hour of one user, all sessions and API tokens together; 0 for no limit.",
    ),
    limit(
        "rate_limits.user_per_minute",
        TENANTS,
        "Requests a minute of one user, all sessions and API tokens together; 0 for no limit.",
    ),
    Setting {
        path: "routing.breaker_error_percent",
        kind: Kind::Number(0, 100),
        levels: TENANTS,
        stricter: None,
        meaning: "From how many failures among a hundred calls on a provider is left alone for a \
                  model; 0 for never.",
        default: Fallback::Number(50),
    },
    Setting {
        path: "routing.breaker_failures",
        kind: Kind::Number(0, 1_000),
        levels: TENANTS,
        stricter: None,
        meaning: "After how many failures in a row a provider is left alone for a model; 0 for \
                  never.",
        default: Fallback::Number(5),
    },
    Setting {
        path: "routing.breaker_minimum_calls",
        kind: Kind::Number(1, 10_000),
        levels: TENANTS,
        stricter: None,
        meaning: "Among how many calls at the least `routing.breaker_error_percent` is counted.",
        default: Fallback::Number(20),
    },
    Setting {
        path: "routing.breaker_open_seconds",
        kind: Kind::Number(1, 3_600),
        levels: TENANTS,
        stricter: None,
        meaning: "For how many seconds a provider that fails is left alone the first time. Then one \
                  call tries it; if that fails, too, the time doubles, up to thirty times as long.",
        default: Fallback::Number(10),
    },
    Setting {
        path: "routing.breaker_window_seconds",
        kind: Kind::Number(1, 600),
        levels: TENANTS,
        stricter: None,
        meaning: "In how many seconds `routing.breaker_error_percent` is counted.",
        default: Fallback::Number(30),
    },
    Setting {
        path: "routing.chain_seconds",
        kind: Kind::Limit(86_400),
        levels: TENANTS,
        stricter: None,
        meaning: "After how many seconds of a call no further provider is asked; 0 for no limit. An \
                  attempt under way is not cut off.",
        default: Fallback::Number(300),
    },
    Setting {
        path: "routing.fallback_after_send",
        kind: Kind::Flag,
        levels: TENANTS,
        stricter: None,
        meaning: "Whether another provider is asked after an attempt that brought no answer and may \
                  be billed all the same. The agent pays for both then.",
        default: Fallback::Flag(true),
    },
    Setting {
        path: "security.access_key_days",
        kind: Kind::Number(1, 365),
        levels: TENANTS,
        stricter: Some(Stricter::Less),
        meaning: "How many days the key of an access request works from its claim on.",
        default: Fallback::Number(90),
    },
    Setting {
        path: "security.api_token_max_days",
        kind: Kind::Limit(3_650),
        levels: TENANTS,
        stricter: Some(Stricter::Less),
        meaning: "How long a new API token may be good for, in days; 0 for no limit. With a limit \
                  every new token needs an end.",
        default: Fallback::Nothing,
    },
    Setting {
        path: "security.invitation_hours",
        kind: Kind::Number(1, 720),
        levels: TENANTS,
        stricter: Some(Stricter::Less),
        meaning: "How many hours an invitation can be accepted.",
        default: Fallback::Number(72),
    },
    Setting {
        path: "security.password_min_length",
        kind: Kind::Number(8, 128),
        levels: TENANTS,
        stricter: Some(Stricter::More),
        meaning: "The fewest characters of a new password.",
        default: Fallback::Number(8),
    },
    Setting {
        path: "security.refresh_days",
        kind: Kind::Number(1, 30),
        levels: TENANTS,
        stricter: Some(Stricter::Less),
        meaning: "How many days a session may be revived with its refresh token.",
        default: Fallback::Number(30),
    },
    Setting {
        path: "security.session_idle_minutes",
        kind: Kind::Number(5, 480),
        levels: TENANTS,
        stricter: Some(Stricter::Less),
        meaning: "After how many minutes without a request a session is over.",
        default: Fallback::Number(30),
    },
];

const SYSTEM: &[Level] = &[Level::System];
const TENANTS: &[Level] = &[Level::System, Level::Tenant];

const fn limit(path: &'static str, levels: &'static [Level], meaning: &'static str) -> Setting {
    Setting {
        path,
        kind: Kind::Limit(1_000_000),
        levels,
        stricter: Some(Stricter::Less),
        meaning,
        default: Fallback::Nothing,
    }
}

/// The setting of this name.
pub fn setting(path: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.path == path)
}

/// What holds where nothing is set, as far as the server was started with something else than the
/// list says.
#[derive(Debug, Clone, Default)]
pub struct Defaults(BTreeMap<&'static str, Value>);

impl Defaults {
    /// Says what a setting is where nobody sets it; what is no setting is passed over.
    #[must_use]
    pub fn with(mut self, path: &str, value: impl Into<Value>) -> Self {
        if let Some(setting) = setting(path) {
            self.0.insert(setting.path, value.into());
        }
        self
    }

    pub(crate) fn of(&self, setting: &Setting) -> Value {
        let own = self.0.get(setting.path).cloned();
        own.unwrap_or_else(|| setting.default.value())
    }
}

impl Fallback {
    fn value(&self) -> Value {
        match self {
            Fallback::Number(number) => (*number).into(),
            Fallback::Text(text) => (*text).into(),
            Fallback::Flag(flag) => (*flag).into(),
            Fallback::Percentages(list) => list.to_vec().into(),
            Fallback::Nothing => 0.into(),
        }
    }
}

impl Setting {
    /// Its default by the list.
    pub fn default_value(&self) -> Value {
        self.default.value()
    }

    /// What is wrong with a value.
    pub(crate) fn problem(&self, value: &Value) -> Option<String> {
        let good = match self.kind {
            Kind::Number(least, most) => value
                .as_i64()
                .is_some_and(|number| (least..=most).contains(&number)),
            Kind::Limit(most) => value
                .as_i64()
                .is_some_and(|number| (0..=most).contains(&number)),
            Kind::Flag => value.is_boolean(),
            Kind::TimeZone => value.as_str().is_some_and(is_zone),
            Kind::Percentages => is_percentages(value),
        };
        (!good).then(|| format!("expected {}", self.kind))
    }

    /// Whether the first value is looser than the second.
    pub(crate) fn loosens(&self, value: &Value, than: &Value) -> bool {
        let (Some(a), Some(b)) = (self.weight(value), self.weight(than)) else {
            return false;
        };
        match self.stricter {
            None => false,
            Some(Stricter::Less) => a > b,
            Some(Stricter::More) => a < b,
        }
    }

    /// A value as a number to compare; no limit is the largest, and yes is more than no.
    fn weight(&self, value: &Value) -> Option<i64> {
        if let Some(flag) = value.as_bool() {
            return Some(i64::from(flag));
        }
        let number = value.as_i64()?;
        let unlimited = matches!(self.kind, Kind::Limit(_)) && number == 0;
        Some(if unlimited { i64::MAX } else { number })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::Number(least, most) => write!(f, "a whole number from {least} to {most}"),
            Kind::Limit(most) => {
                write!(f, "a whole number from 0 (no limit) to {most}")
            }
            Kind::Flag => f.write_str("`true` or `false`"),
            Kind::TimeZone => f.write_str("the name of a time zone such as `Europe/Berlin`"),
            Kind::Percentages => f.write_str("one to ten rising percentages from 1 to 99"),
        }
    }
}

fn is_zone(name: &str) -> bool {
    // The library takes any case; what is kept is what every client understands.
    jiff::tz::TimeZone::get(name).is_ok_and(|zone| zone.iana_name() == Some(name))
}

fn is_percentages(value: &Value) -> bool {
    let Some(list) = value
        .as_array()
        .filter(|list| (1..=10).contains(&list.len()))
    else {
        return false;
    };
    let mut before = 0;
    list.iter().all(|one| {
        let number = one.as_i64().filter(|number| (1..=99).contains(number));
        let rises = number.is_some_and(|number| number > before);
        before = number.unwrap_or(before);
        rises
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_list_is_sorted_and_every_default_is_of_its_kind() {
        assert!(SETTINGS.is_sorted_by(|a, b| a.path < b.path));
        for setting in SETTINGS {
            let default = setting.default_value();
            assert_eq!(setting.problem(&default), None, "{}", setting.path);
            assert!(setting.levels.is_sorted(), "{}", setting.path);
        }
    }

    #[test]
    fn values_of_another_kind_are_refused() {
        let refused = |path: &str, value: Value| {
            let setting = setting(path).expect("a setting");
            assert!(setting.problem(&value).is_some(), "{path}: {value}");
        };
        for value in [json!(4), json!(481), json!("30"), json!(30.5), json!(null)] {
            refused("security.session_idle_minutes", value);
        }
        for value in [
            json!("Mars/Olympus"),
            json!("europe/berlin"),
            json!(""),
            json!(1),
        ] {
            refused("display.timezone", value);
        }
        for value in [
            json!([]),
            json!([80, 50]),
            json!([50, 50]),
            json!([100]),
            json!([0.5]),
            json!(50),
        ] {
            refused("budget.alert_levels", value);
        }
        refused("rate_limits.user_per_minute", json!(-1));
    }

    #[test]
    fn no_limit_is_looser_than_any_limit() {
        let setting = setting("rate_limits.user_per_minute").expect("a setting");
        assert!(setting.loosens(&json!(0), &json!(1_000_000)));
        assert!(!setting.loosens(&json!(1_000_000), &json!(0)));
        assert!(!setting.loosens(&json!(0), &json!(0)));
    }
}
