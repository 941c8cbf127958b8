use serde_json::Value;

use super::findings::Findings;
use super::infer::{self, Meaning};
use super::path::ReadLink;
use super::pointer::{Pattern, Pointer};
use super::rule::{Declared, Rule};
use super::schema::Schema;
use super::violation::Broken;
use super::{Violation, characters, strict, structure};
use crate::{Resources, Tool, ToolKind};

/// How much the arguments of one call may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The bytes of all arguments, as JSON; 1 MiB by default.
    pub max_bytes: usize,
    /// The bytes of what is written to a file; 100 MB by default. They count among all arguments.
    pub max_file_bytes: u64,
    /// How deep arguments may be nested; 64 by default.
    pub max_depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            max_bytes: 1 << 20,
            max_file_bytes: 100_000_000,
            max_depth: 64,
        }
    }
}

/// What is wrong with the declaration of a tool.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The schema of its arguments cannot be used.
    #[error("the schema of `{tool}` cannot be used: {reason}")]
    Schema {
        /// The tool.
        tool: String,
        /// What is wrong, and where.
        reason: String,
    },
    /// What is declared of a parameter cannot be held.
    #[error("parameter `{parameter}` of `{tool}`: {reason}")]
    Parameter {
        /// The tool.
        tool: String,
        /// The parameter, as it is declared.
        parameter: String,
        /// What is wrong and what to do.
        reason: String,
    },
}

/// What holds for the arguments of one tool, ready to be used. Cheap to use, dear to make: make one
/// for each version of a tool.
#[derive(Debug)]
pub struct Checker {
    kind: ToolKind,
    schema: Option<Schema>,
    declared: Vec<Declared>,
    /// What holds for arguments that are not declared, by what their names say.
    inferred: infer::Rules,
    limits: Limits,
}

/// As deep as JSON within texts of JSON is read.
const MOST_EMBEDDED: usize = 3;

impl Checker {
    /// Reads what is declared of a tool.
    ///
    /// # Errors
    /// [`Error`] if its schema or one of its parameters cannot be used.
    pub fn new(tool: &Tool) -> Result<Self, Error> {
        Self::with_limits(tool, Limits::default())
    }

    /// The same with other limits.
    ///
    /// # Errors
    /// As [`Checker::new`].
    pub fn with_limits(tool: &Tool, limits: Limits) -> Result<Self, Error> {
        let schema = tool.schema.as_ref().map(Schema::new).transpose();
        let schema = schema.map_err(|reason| Error::Schema {
            tool: tool.name.clone(),
            reason,
        })?;
        let declared = tool.parameters.iter().map(|parameter| {
            let read = || -> Result<Declared, Broken> {
                Ok(Declared {
                    pattern: Pattern::parse(&parameter.name)?,
                    rule: Rule::new(&parameter.kind)?,
                })
            };
            read().map_err(|broken| Error::Parameter {
                tool: tool.name.clone(),
                parameter: parameter.name.clone(),
                reason: broken.message,
            })
        });
        let declared = declared.collect::<Result<Vec<_>, _>>()?;
        Ok(Checker {
            kind: tool.kind,
            schema,
            inferred: infer::Rules::new(&declared, limits),
            declared,
            limits,
        })
    }

    /// What the arguments of a call name. `null` stands for no arguments.
    ///
    /// # Errors
    /// All that is wrong with them, at most 32.
    pub fn check(&self, arguments: &Value) -> Result<Resources, Vec<Violation>> {
        self.judge(arguments, Findings::new(None))
    }

    /// The same, and paths are followed through symbolic links: they must lie where they may before
    /// and after. Between this and the opening of the file a link may change; who opens files where
    /// others write should open them below a folder that it holds.
    ///
    /// # Errors
    /// As [`Checker::check`].
    pub fn check_linked(
        &self,
        arguments: &Value,
        read: ReadLink<'_>,
    ) -> Result<Resources, Vec<Violation>> {
        self.judge(arguments, Findings::new(Some(read)))
    }

    /// Reads the text of arguments strictly and checks them: no name twice in one object, no number
    /// that is changed by being read, nothing after the end.
    ///
    /// # Errors
    /// As [`Checker::check`].
    pub fn check_text(&self, text: &str) -> Result<(Value, Resources), Vec<Violation>> {
        let arguments = match text.trim() {
            "" => Value::Null,
            _ => {
                strict::parse(text, self.limits).map_err(|broken| vec![broken.at(String::new())])?
            }
        };
        let resources = self.check(&arguments)?;
        Ok((arguments, resources))
    }

    fn judge(
        &self,
        arguments: &Value,
        mut findings: Findings<'_>,
    ) -> Result<Resources, Vec<Violation>> {
        if arguments.is_null() {
            return self.judge(&Value::Object(serde_json::Map::new()), findings);
        }
        let mut pointer = Pointer::default();
        if !arguments.is_object() {
            let message = "arguments are one object; give `{\"name\": value}`";
            return Err(vec![Broken::new("type", message).at(String::new())]);
        }
        // What is too large or too deep is not looked into any further.
        structure::check(arguments, self.limits).map_err(|violation| vec![violation])?;
        if let Some(schema) = &self.schema {
            schema.check(arguments, &mut findings);
        }
        self.walk(arguments, Meaning::Unknown, &mut pointer, 0, &mut findings);
        findings.finish()
    }

    fn walk(
        &self,
        node: &Value,
        meaning: Meaning,
        pointer: &mut Pointer,
        embedded: usize,
        findings: &mut Findings<'_>,
    ) {
        let mut declared = false;
        if embedded == 0 {
            for parameter in &self.declared {
                if parameter.pattern.matches(pointer) {
                    parameter.rule.apply(node, pointer, findings);
                    declared = true;
                }
            }
        }
        if declared
            || self
                .inferred
                .apply(self.kind, meaning, node, pointer, findings)
        {
            return;
        }
        match node {
            Value::Object(members) => {
                self.check_names(members, pointer, findings);
                let paired = self.inferred.pair(self.kind, members, pointer, findings);
                for (name, member) in members {
                    if paired.contains(&name.as_str()) {
                        continue;
                    }
                    let meaning = infer::meaning(self.kind, name).or(meaning);
                    let length = pointer.push(name);
                    self.walk(member, meaning, pointer, embedded, findings);
                    pointer.truncate(length);
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    let length = pointer.push_index(index);
                    self.walk(item, meaning, pointer, embedded, findings);
                    pointer.truncate(length);
                }
            }
            Value::String(text) if meaning == Meaning::Json && embedded < MOST_EMBEDDED => {
                if let Some(inner) = self.embedded(text, pointer, findings) {
                    self.walk(&inner, Meaning::Unknown, pointer, embedded + 1, findings);
                }
            }
            _ => {}
        }
    }

    /// The JSON within a text, if it is an object or a list.
    fn embedded(
        &self,
        text: &str,
        pointer: &Pointer,
        findings: &mut Findings<'_>,
    ) -> Option<Value> {
        if !text.trim_start().starts_with(['{', '[']) {
            return None;
        }
        match strict::parse(text, self.limits) {
            Ok(value) => Some(value),
            Err(broken) if broken.rule == "json" => None,
            Err(broken) => {
                findings.refuse(broken, pointer);
                None
            }
        }
    }

    /// Refuses names that a tool may take for others: twice the same but for case and spelling, or
    /// almost what is declared.
    fn check_names(
        &self,
        members: &serde_json::Map<String, Value>,
        pointer: &Pointer,
        findings: &mut Findings<'_>,
    ) {
        let mut seen: Vec<(String, &str)> = Vec::with_capacity(members.len());
        for name in members.keys() {
            let known = infer::meaning(self.kind, name) != Meaning::Unknown;
            let free = matches!(self.kind, ToolKind::Custom | ToolKind::Payment);
            let compared = known || pointer.is_root() && (!free || !self.declared.is_empty());
            if !compared {
                continue;
            }
            let folded = characters::folded_name(name);
            let twin = self.declared.iter().any(|parameter| {
                pointer.is_root()
                    && parameter.pattern.single().is_some_and(|single| {
                        single != name && characters::folded_name(single) == folded
                    })
            });
            if twin || (!folded.is_empty() && seen.iter().any(|(other, _)| *other == folded)) {
                let message = format!(
                    "{} is spelled almost like another argument; give each argument once",
                    super::violation::quoted(name)
                );
                findings.refuse(Broken::new("duplicate_key", message), pointer);
            }
            seen.push((folded, name));
        }
    }
}
