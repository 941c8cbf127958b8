//! Marks that a prompt is built with: of roles, of turns, of the results of tools. Whoever writes
//! them into a text wants it to be read as something else than it is.

use std::sync::Arc;

use regex_automata::meta::{BuildError, Regex};

use crate::finding::{Channel, Entity, RuleId, Severity};

/// What a mark is called, what it is taken for, and how grave it is from a user and in data.
type Mark = (&'static str, Entity, Severity, Severity, &'static str);

use Entity::{Exfiltration, RoleMarker};
use Severity::{High, Low, Medium};

const MARKS: &[Mark] = &[
    (
        "chatml",
        RoleMarker,
        High,
        High,
        r"(?i)<\|(?:im_start|im_end|im_sep|system|user|assistant|tool|begin_of_text|end_of_text|start_header_id|end_header_id|eot_id|eom_id|endoftext|endofprompt|end_of_turn|start_of_turn|channel|message|return|python_tag)\|>",
    ),
    (
        "llama",
        RoleMarker,
        High,
        High,
        r"(?i)\[/INST\]|\[INST\]|<</?SYS>>|<(?:start|end)_of_turn>",
    ),
    (
        "heading",
        RoleMarker,
        Medium,
        High,
        r"(?im)^[ \t>]{0,8}#{1,6} ?(?:system|developer|admin)(?: (?:prompt|message|instructions?|override|update|note))?(?: ?:|[ \t]{0,4}$)",
    ),
    (
        "bracket",
        RoleMarker,
        Medium,
        High,
        r"(?i)[\[({<]{1,2} ?/?(?:system|developer|admin|root)[ _-]?(?:prompt|message|instructions?|override|note|notice|update|command|alert|mode)[^\])}>\n]{0,40}[\])}>]{1,2}|[\[{]{1,2} ?(?:system|admin|developer) ?[\]}]{1,2}",
    ),
    (
        "tag",
        RoleMarker,
        Medium,
        High,
        r"(?i)</?(?:system|sys|system[_-]prompt|assistant|developer|admin|new[_-]instructions?|user[_-]input|user[_-]query|human)>",
    ),
    (
        "line",
        RoleMarker,
        Medium,
        High,
        r"(?im)^[ \t>*]{0,8}(?:system|developer|admin(?:istrator)?)[ -](?:prompt|message|instructions?|override|note|notice|update|command|alert|directive)[ \t*]{0,4}:",
    ),
    (
        "speaker",
        RoleMarker,
        Low,
        Medium,
        r"(?im)^[ \t>*]{0,8}system[ \t*]{0,4}:",
    ),
    (
        "json",
        RoleMarker,
        Medium,
        High,
        r#"(?i)["']role["'] ?: ?["'](?:system|developer)["']"#,
    ),
    (
        "tool",
        RoleMarker,
        Medium,
        High,
        r"(?i)</?(?:tool_results?|tool_response|tool_output|tool_calls?|function_results?|function_response|function_calls?|invoke name=[^>\n]{0,60})>",
    ),
    (
        "order",
        RoleMarker,
        Low,
        High,
        r"(?i)<(?:important|information|instructions?|attention|urgent|hidden|secret|override|priority)>",
    ),
    (
        "end",
        RoleMarker,
        Medium,
        High,
        r"(?i)[-=*#_]{3,} ?(?:end|begin|start)(?:ning)? (?:of )?(?:the )?(?:system|prompt|context|user|instructions?|untrusted|retrieved|admin|new)[^\n]{0,40}",
    ),
    (
        "image",
        Exfiltration,
        High,
        High,
        r"(?i)!\[[^\]\n]{0,120}\]\(https?://[^)\s]{1,300}[?&/=](?:[a-z_]{1,24}=)?(?:\{|<|\[|%7B|\$\{?|\*|DATA|CONTENT|CONVERSATION|SUMMARY|SECRET|INSERT|YOUR_|HISTORY)",
    ),
    (
        "link",
        Exfiltration,
        Low,
        Low,
        r"!\[[^\]\n]{0,120}\]\(https?://[^)\s]{1,200}[?&][A-Za-z_]{1,24}=[A-Za-z0-9+/=%_-]{64,}",
    ),
];

/// The marks, ready to be searched.
pub(super) struct Markers {
    regex: Regex,
    ids: Vec<RuleId>,
}

/// A mark in a text: bytes of the original.
#[derive(Clone, Debug)]
pub(super) struct Marked {
    pub(super) rule: RuleId,
    pub(super) entity: Entity,
    pub(super) severity: Severity,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// How many marks of a text are told.
const MOST: usize = 16;

impl Markers {
    pub(super) fn new() -> Result<Self, Box<BuildError>> {
        let patterns: Vec<&str> = MARKS.iter().map(|mark| mark.4).collect();
        Ok(Self {
            regex: Regex::new_many(&patterns).map_err(Box::new)?,
            ids: MARKS
                .iter()
                .map(|mark| Arc::from(format!("injection.marker.{}", mark.0)))
                .collect(),
        })
    }

    /// The marks of a text.
    pub(super) fn find(&self, text: &str, channel: Channel) -> Vec<Marked> {
        let data = matches!(
            channel,
            Channel::ToolResult | Channel::Document | Channel::Memory
        );
        let found = self.regex.find_iter(text).take(MOST);
        found
            .filter_map(|found| {
                let (_, entity, user, in_data, _) = MARKS.get(found.pattern().as_usize())?;
                Some(Marked {
                    rule: self.ids.get(found.pattern().as_usize())?.clone(),
                    entity: *entity,
                    severity: if data { *in_data } else { *user },
                    start: found.start(),
                    end: found.end(),
                })
            })
            .collect()
    }
}
