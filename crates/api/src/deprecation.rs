//! What goes away: operations and fields that have a successor, and the day on which they end.
//!
//! [`DEPRECATED`] is the one table. From it come the headers of answers (RFC 9745, RFC 8594), the
//! marks in the OpenAPI document, the answer after the last day, the counters of use, and what
//! people are told ahead ([`notices`]).
//!
//! - **Six months at least** lie between the two days; until the last one everything works as before.
//! - **Who still uses it is known**: once a day for each user the audit log has an entry
//!   (`api.deprecated_use`), whichever server was asked.

pub(crate) mod notices;
pub(crate) mod uses;

use axum::response::Response;
use http::{HeaderValue, Method, header};
use iron_net::problem::Problem;
use iron_primitives::{ErrorKind, Timestamp};
use serde_json::{Map, Value, json};

use crate::openapi::operations_mut;

/// Something that goes away.
#[derive(Debug, PartialEq)]
pub(crate) struct Deprecated {
    /// Its name in metrics, records and notices; of an operation its `operationId`.
    pub(crate) name: &'static str,
    pub(crate) what: What,
    /// The day on which it was deprecated.
    pub(crate) since: Day,
    /// The day from which on it is refused.
    pub(crate) sunset: Day,
    /// What to use.
    pub(crate) successor: &'static str,
    /// How to change over, a page of the documentation.
    pub(crate) guide: &'static str,
}

#[derive(Debug, PartialEq)]
pub(crate) enum What {
    /// An operation; the successor has this path.
    Operation {
        method: Method,
        path: &'static str,
        successor_path: &'static str,
    },
    /// A field of a request's body.
    Field {
        schema: &'static str,
        field: &'static str,
    },
}

/// Everything that goes away.
pub(crate) static DEPRECATED: &[Deprecated] = &[
    Deprecated {
        name: "rotate_token_post",
        what: What::Operation {
            method: Method::POST,
            path: "/api/v1/tokens/{token_id}/rotate",
            successor_path: "/api/v1/tokens/{token_id}/rotate",
        },
        since: Day::new(2026, 11, 22),
        sunset: Day::new(2027, 6, 30),
        successor: "PUT /api/v1/tokens/{token_id}/rotate",
        guide: "docs/how-to/leave-deprecated-operations.md",
    },
    Deprecated {
        name: "set_agent_budget.force",
        what: What::Field {
            schema: "SetAgentBudget",
            field: "force",
        },
        since: Day::new(2026, 11, 22),
        sunset: Day::new(2027, 6, 30),
        successor: "PUT /api/v1/limits/agents/{agent_id}/budget without `force`",
        guide: "docs/how-to/leave-deprecated-operations.md",
    },
];

/// A day, by its first instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Day(Timestamp);

impl Day {
    /// A day of the Gregorian calendar, by Howard Hinnant's count from the first of March.
    const fn new(year: i64, month: i64, day: i64) -> Day {
        let year = if month <= 2 { year - 1 } else { year };
        let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
        let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
        Day(Timestamp::from_seconds(days * 86_400))
    }

    pub(crate) const fn start(self) -> Timestamp {
        self.0
    }

    /// As people write it, `2027-06-30`.
    pub(crate) fn date(self) -> String {
        let mut text = self.0.to_string();
        text.truncate(10);
        text
    }
}

/// The operation with this method and route, if it goes away.
pub(crate) fn operation(method: &Method, route: &str) -> Option<&'static Deprecated> {
    DEPRECATED.iter().find(|deprecated| match &deprecated.what {
        What::Operation {
            method: known,
            path,
            ..
        } => known == method && *path == route,
        What::Field { .. } => false,
    })
}

/// The fields of a body that go away.
pub(crate) fn fields(schema: &str, body: &Value) -> Vec<&'static Deprecated> {
    let used = DEPRECATED
        .iter()
        .filter(|deprecated| match deprecated.what {
            What::Field {
                schema: known,
                field,
            } => known == schema && body.get(field).is_some(),
            What::Operation { .. } => false,
        });
    used.collect()
}

impl Deprecated {
    pub(crate) fn is_over(&self, now: Timestamp) -> bool {
        now >= self.sunset.start()
    }

    /// The answer to an operation whose last day has passed.
    pub(crate) fn gone(&self) -> Problem {
        let message = format!(
            "this operation ended on {}; use `{}` instead (`{}` tells how)",
            self.sunset.date(),
            self.successor,
            self.guide
        );
        Problem::new(ErrorKind::EndpointSunset, message)
            .detail("replacement", self.successor)
            .detail("sunset", self.sunset.start().to_string())
            .detail("guide", self.guide)
    }

    /// The answer to a field whose last day has passed.
    pub(crate) fn field_gone(&self, field: &str) -> Problem {
        let message = format!(
            "is accepted no more since {}; use `{}` (`{}` tells how)",
            self.sunset.date(),
            self.successor,
            self.guide
        );
        Problem::field(field, message)
    }

    /// Says in the head of an answer what goes away, when, and what comes after it. `path` is the
    /// one that was asked for.
    pub(crate) fn announce(&self, path: &str, response: &mut Response) {
        let seconds = |instant: Timestamp| instant.seconds();
        let http_date = u64::try_from(seconds(self.sunset.start())).unwrap_or_default();
        let http_date = std::time::UNIX_EPOCH + std::time::Duration::from_secs(http_date);
        let deprecation = format!("@{}", seconds(self.since.start()));
        let page = "</api/v1/docs>; rel=\"deprecation\"; type=\"text/html\"".to_owned();
        let told = [
            ("deprecation", deprecation),
            ("sunset", httpdate::fmt_http_date(http_date)),
            ("x-api-deprecation", "true".to_owned()),
            ("x-api-sunset", self.sunset.start().to_string()),
        ];
        let mut links = vec![page];
        if let What::Operation {
            path: route,
            successor_path,
            ..
        } = self.what
        {
            let successor = filled(successor_path, route, path);
            links.push(format!("<{successor}>; rel=\"successor-version\""));
        }
        let head = response.headers_mut();
        for (name, text) in told {
            if let Ok(value) = HeaderValue::try_from(text) {
                head.insert(name, value);
            }
        }
        for link in links {
            if let Ok(value) = HeaderValue::try_from(link) {
                head.append(header::LINK, value);
            }
        }
    }
}

/// The successor's path with what stands in the path that was asked for.
fn filled(successor: &str, route: &str, path: &str) -> String {
    let given: Vec<(&str, &str)> = route.split('/').zip(path.split('/')).collect();
    let parts = successor.split('/').map(|part| {
        let found = given.iter().find(|(name, _)| *name == part);
        found.map_or(part, |(_, text)| text)
    });
    parts.collect::<Vec<_>>().join("/")
}

/// Marks the document.
pub(crate) fn mark(document: &mut Value) {
    for deprecated in DEPRECATED {
        match deprecated.what {
            What::Operation { .. } => {
                for (id, operation) in operations_mut(document) {
                    if id == deprecated.name {
                        mark_operation(deprecated, operation);
                    }
                }
            }
            What::Field { schema, field } => {
                let pointer = format!("/components/schemas/{schema}/properties/{field}");
                if let Some(Value::Object(field)) = document.pointer_mut(&pointer) {
                    mark_one(deprecated, field);
                }
            }
        }
    }
}

fn mark_one(deprecated: &Deprecated, marked: &mut Map<String, Value>) {
    marked.insert("deprecated".to_owned(), json!(true));
    marked.insert("x-sunset".to_owned(), json!(deprecated.sunset.start()));
    let text = marked.get("description").and_then(Value::as_str);
    let text = format!(
        "{}\n\nDeprecated since {}, refused from {} on. Use `{}`; `{}` tells how.",
        text.unwrap_or_default(),
        deprecated.since.date(),
        deprecated.sunset.date(),
        deprecated.successor,
        deprecated.guide
    );
    marked.insert("description".to_owned(), json!(text.trim()));
}

fn mark_operation(deprecated: &Deprecated, operation: &mut Map<String, Value>) {
    mark_one(deprecated, operation);
    let Some(Value::Object(responses)) = operation.get_mut("responses") else {
        return;
    };
    responses.insert(
        "410".to_owned(),
        json!({"$ref": "#/components/responses/Problem"}),
    );
    responses.sort_keys();
    for (status, response) in responses {
        if status.starts_with('2') {
            let text = |text: &str| json!({"description": text, "schema": {"type": "string"}});
            response["headers"] = json!({
                "Deprecation": text("When it was deprecated (RFC 9745)."),
                "Sunset": text("When it ends (RFC 8594)."),
                "Link": text("The page about it (`deprecation`) and what comes after it (`successor-version`)."),
                "X-API-Deprecation": text("`true`."),
                "X-API-Sunset": text("When it ends, as a timestamp."),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_counted_as_the_calendar_says() {
        for (day, text) in [
            (Day::new(1970, 1, 1), "1970-01-01"),
            (Day::new(2000, 2, 29), "2000-02-29"),
            (Day::new(2027, 6, 30), "2027-06-30"),
            (Day::new(2100, 3, 1), "2100-03-01"),
        ] {
            assert_eq!(day.date(), text);
        }
    }

    #[test]
    fn six_months_at_least_are_left_to_change_over() {
        for deprecated in DEPRECATED {
            let notice = deprecated
                .sunset
                .start()
                .since(deprecated.since.start())
                .as_secs();
            assert!(notice >= 184 * 86_400, "{}", deprecated.name);
        }
    }

    #[test]
    fn every_guide_is_there_and_names_what_goes_away() {
        for deprecated in DEPRECATED {
            let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
            let guide = std::fs::read_to_string(root.join(deprecated.guide)).unwrap();
            assert!(guide.contains(deprecated.name), "{}", deprecated.name);
            assert!(
                guide.contains(&deprecated.sunset.date()),
                "{}",
                deprecated.name
            );
        }
    }

    #[test]
    fn a_successor_stands_where_its_predecessor_stood() {
        assert_eq!(filled("/b/{id}/x", "/a/{id}", "/a/7"), "/b/7/x");
    }
}
