//! What the simulated provider answers, whatever the dialect says it in.

use serde_json::Value;

use super::ask::{Ask, Tool, ToolChoice};
use super::catalogue::Behaviour;
use super::{planted, schema, words};

/// An answer with all of its choices.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) id: String,
    pub(super) model: String,
    pub(super) created_s: u64,
    pub(super) choices: Vec<Choice>,
    /// Whether a thought precedes the answer.
    pub(super) thought: Option<String>,
    /// Input and output tokens as they are reported; none where nothing is.
    pub(super) usage: Option<(u64, u64)>,
}

/// One of the answers.
#[derive(Debug)]
pub(super) struct Choice {
    pub(super) content: Content,
    pub(super) ended: Ended,
    pub(super) tokens: u64,
}

/// Words or calls.
#[derive(Debug)]
pub(super) enum Content {
    Text(String),
    Calls(Vec<Call>),
}

/// A call of a tool.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) id: String,
    pub(super) name: String,
    /// JSON; cut off where the cap did not suffice.
    pub(super) arguments: String,
}

/// Why an answer ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ended {
    Naturally,
    /// At this stop sequence.
    AtStop(String),
    AtCap,
    WithCalls,
}

const THOUGHT: &str = "This is a simulated thought.";

impl Reply {
    pub(super) fn of(ask: &Ask, behaviour: Behaviour, created_s: u64) -> Reply {
        let thought = Some(THOUGHT.to_owned()).filter(|_| ask.thinks);
        let spent = thought
            .as_deref()
            .map_or(0, |text| words::tokens(text).len() as u64);
        // A cap that the thought uses up leaves no room for it.
        let (thought, spent) = if spent < ask.cap {
            (thought, spent)
        } else {
            (None, 0)
        };
        let room = ask.cap.saturating_sub(spent);
        let choices: Vec<Choice> = (0..ask.choices)
            .map(|index| Choice::of(ask, behaviour, index, room))
            .collect();
        let output = choices
            .iter()
            .map(|choice| choice.tokens)
            .sum::<u64>()
            .saturating_add(spent);
        let usage = match behaviour {
            Behaviour::NoUsage => None,
            Behaviour::WrongUsage => Some((
                ask.input_tokens.saturating_mul(10),
                output.saturating_mul(10),
            )),
            _ => Some((ask.input_tokens, output)),
        };
        Reply {
            id: ask.seed.id(),
            model: ask.model.clone(),
            created_s,
            choices,
            thought,
            usage,
        }
    }
}

impl Choice {
    fn of(ask: &Ask, behaviour: Behaviour, index: u64, room: u64) -> Choice {
        let mut draw = ask.seed.part(index);
        let called = tools_to_call(ask, behaviour);
        if !called.is_empty() {
            return Choice::calls(ask, behaviour, &called, (index, room));
        }
        let planted = planted::text(behaviour);
        let text = match (&ask.schema, planted) {
            (Some(wanted), _) => {
                let mut value = schema::value(wanted, &mut draw);
                if let Some(text) = planted {
                    planted::plant(&mut value, text);
                }
                value.to_string()
            }
            (None, Some(text)) => text.to_owned(),
            (None, None) => words::sentences(&mut draw, &ask.said, &ask.results),
        };
        let first_stop = ask
            .stop
            .iter()
            .filter_map(|stop| Some((text.find(stop.as_str())?, stop)))
            .min();
        let (text, ended) = match first_stop {
            Some((at, stop)) => (
                text.get(..at).unwrap_or_default(),
                Ended::AtStop(stop.clone()),
            ),
            None => (text.as_str(), Ended::Naturally),
        };
        let (text, tokens, fits) = capped(text, room);
        let ended = if fits { ended } else { Ended::AtCap };
        Choice {
            content: Content::Text(text),
            ended,
            tokens,
        }
    }

    fn calls(
        ask: &Ask,
        behaviour: Behaviour,
        called: &[&Tool],
        (index, room): (u64, u64),
    ) -> Choice {
        let (mut calls, mut used, mut fits) = (Vec::new(), 0_u64, true);
        for (number, tool) in called.iter().enumerate() {
            let number = number as u64;
            let mut draw = ask.seed.part(
                index
                    .wrapping_mul(64)
                    .wrapping_add(number)
                    .wrapping_add(1_000),
            );
            let mut arguments = schema::value(&tool.schema, &mut draw);
            if let Some(text) = planted::text(behaviour) {
                planted::plant(&mut arguments, text);
            }
            let arguments = match arguments {
                object @ Value::Object(_) => object.to_string(),
                _ => "{}".to_owned(),
            };
            let left = room.saturating_sub(used);
            if left == 0 {
                fits = false;
                break;
            }
            // One token for the call itself.
            let (arguments, tokens, whole) = capped(&arguments, left.saturating_sub(1));
            used = used.saturating_add(tokens).saturating_add(1);
            let id = format!("{:012x}{index}{number}", draw.next() & 0xFFFF_FFFF_FFFF);
            calls.push(Call {
                id,
                name: tool.name.clone(),
                arguments,
            });
            fits &= whole;
            if !whole {
                break;
            }
        }
        let ended = if fits { Ended::WithCalls } else { Ended::AtCap };
        Choice {
            content: Content::Calls(calls),
            ended,
            tokens: used,
        }
    }
}

/// The longest beginning of a text that the room allows, its tokens, and whether it is all.
fn capped(text: &str, room: u64) -> (String, u64, bool) {
    let tokens = words::tokens(text);
    let room = usize::try_from(room).unwrap_or(usize::MAX);
    let kept: String = tokens.iter().take(room).copied().collect();
    (kept, tokens.len().min(room) as u64, tokens.len() <= room)
}

/// The agent calls what it is offered until there are results; others only what they must.
fn tools_to_call(ask: &Ask, behaviour: Behaviour) -> Vec<&Tool> {
    let offered: Vec<&Tool> = match &ask.tool_choice {
        ToolChoice::None => return Vec::new(),
        ToolChoice::Named(name) => ask
            .tools
            .iter()
            .filter(|tool| tool.name == *name)
            .take(1)
            .collect(),
        ToolChoice::Any => ask.tools.iter().take(1).collect(),
        ToolChoice::Auto if behaviour == Behaviour::Agent => ask
            .tools
            .iter()
            .take(if ask.parallel { 2 } else { 1 })
            .collect(),
        ToolChoice::Auto if planted::text(behaviour).is_some() => {
            ask.tools.iter().take(1).collect()
        }
        ToolChoice::Auto => return Vec::new(),
    };
    if ask.results.is_empty() {
        offered
    } else {
        Vec::new()
    }
}
