//! Events of OpenAI's responses: deltas, the same text again when it is done, and then again with
//! the part, the item and the response that it stands in.

use super::heard::{Done, Ending, Heard, Way};
use super::{Running, Slot};
use crate::kind::Dialect;
use crate::scan::{Kind, Scanner, Text};
use crate::texts::keys::{self, Holds};
use crate::texts::walk::is_data;
use crate::texts::{Medium, PartKind};

/// What is known of an event before its type is.
#[derive(Default)]
struct Known<'a> {
    word: Option<String>,
    item: u32,
    part: u32,
    delta: Option<Text<'a>>,
    added: Option<Scanner<'a>>,
}

impl<'a> Heard<'a> {
    pub(super) fn responses(&mut self, scanner: &mut Scanner<'a>, event: Option<&str>) -> Done {
        let mut known = Known::default();
        scanner.object(|scanner, name| self.event_field(scanner, name, &mut known))?;
        let Known { item, part, .. } = known;
        let word = known.word.as_deref().or(event).unwrap_or_default();
        if let Some(text) = known.delta {
            self.more(text, word);
        }
        if let Some(mut added) = known.added.filter(|_| word.ends_with("part.added")) {
            self.part_added(&mut added)?;
        }
        self.assign(0, |slot| (slot.item, slot.part) = (item, part));
        let ending = match word {
            "response.completed"
            | "response.incomplete"
            | "response.failed"
            | "response.cancelled"
            | "error" => Some(Ending::All),
            "response.output_item.done" => Some(Ending::Item(item)),
            _ => word.strip_suffix(".done").map(|stem| {
                let running = running(stem);
                Ending::Slot(Slot {
                    item,
                    part,
                    running,
                })
            }),
        };
        self.ends.extend(ending);
        Ok(())
    }

    fn event_field(
        &mut self,
        scanner: &mut Scanner<'a>,
        name: &str,
        known: &mut Known<'a>,
    ) -> Done {
        match (name, scanner.kind()?) {
            ("type", Kind::String) => known.word = Some(self.word(scanner, name)?.into_owned()),
            ("output_index", _) => known.item = self.count(scanner, name)?,
            ("content_index" | "summary_index", _) => known.part = self.count(scanner, name)?,
            ("sequence_number", Kind::Number) => {
                let place = scanner.skip()?;
                let number = scanner.read(&place).parse().ok();
                self.sequence = number.map(|number| (place, number));
            }
            ("delta", Kind::String) => known.delta = Some(scanner.string()?),
            ("delta", _) => self.unknown(scanner, name, Way::START.to(name))?,
            ("partial_image_b64", Kind::String) => {
                let text = scanner.string()?;
                match is_data(text.raw, Holds::Bytes) {
                    true => self.walk.unread(Medium::Image, text),
                    false => self.walk.string(text, name),
                }
            }
            ("response", Kind::Object) => self.response(scanner)?,
            ("part", Kind::Object) => {
                self.opens = true;
                known.added = Some(scanner.clone());
                self.whole(scanner, name)?;
            }
            _ => self.whole(scanner, name)?,
        }
        Ok(())
    }

    fn more(&mut self, text: Text<'a>, word: &str) {
        match word.strip_suffix(".delta") {
            Some(stem) if is_sound(stem) && is_data(text.raw, Holds::Bytes) => {
                self.walk.unread(Medium::Audio, text);
            }
            Some(stem) => self.delta(text, running(stem)),
            None => self.walk.string(text, "delta"),
        }
    }

    fn response(&mut self, scanner: &mut Scanner<'a>) -> Done {
        self.opens = true;
        scanner.object(|scanner, name| {
            let field = keys::reply_field(Dialect::OpenAiResponses, name);
            self.walk.field(scanner, name, field)
        })
    }

    /// A part begins. It may have a text already, of which the deltas are the rest.
    fn part_added(&mut self, scanner: &mut Scanner<'a>) -> Done {
        let (from, mut of_part) = (self.deltas.len(), Running::Prose);
        scanner.object(|scanner, name| match (name, scanner.kind()?) {
            ("type", Kind::String) => {
                of_part = match &*scanner.string()?.decoded() {
                    "summary_text" => Running::Reasoning,
                    "reasoning_text" => Running::Thinking,
                    _ => Running::Prose,
                };
                Ok(())
            }
            ("text", _) => self.begun(scanner, Running::Prose),
            ("refusal", _) => self.begun(scanner, Running::Refusal),
            _ => scanner.skip().map(|_| ()),
        })?;
        self.assign(from, |slot| {
            if slot.running == Running::Prose {
                slot.running = of_part;
            }
        });
        Ok(())
    }
}

fn is_sound(stem: &str) -> bool {
    stem.ends_with("audio")
}

/// What runs in events whose type begins so.
fn running(stem: &str) -> Running {
    match stem {
        "response.output_text" => Running::Prose,
        "response.refusal" => Running::Refusal,
        "response.reasoning_summary_text" => Running::Reasoning,
        "response.reasoning_text" => Running::Thinking,
        _ if stem.ends_with("_arguments") => Running::Arguments,
        _ if stem.contains("_call") => Running::Input,
        _ => Way::START.to(stem).running(PartKind::Prose),
    }
}
