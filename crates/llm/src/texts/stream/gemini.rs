//! Chunks of Gemini: each is an answer of its own, whose texts go on from chunk to chunk.

use super::Running;
use super::heard::{Done, Ending, Heard, Way};
use crate::scan::{Kind, Scanner};
use crate::texts::PartKind;

impl<'a> Heard<'a> {
    pub(super) fn gemini(&mut self, scanner: &mut Scanner<'a>) -> Done {
        scanner.object(|scanner, name| match (name, scanner.kind()?) {
            ("candidates", Kind::Array) => self.choices(scanner, name, Self::candidate),
            _ => self.whole(scanner, name),
        })
    }

    fn candidate(&mut self, scanner: &mut Scanner<'a>, name: &str) -> Done {
        match (name, scanner.kind()?) {
            ("content", Kind::Object) => self.turn(scanner),
            _ => self.whole(scanner, name),
        }
    }

    fn turn(&mut self, scanner: &mut Scanner<'a>) -> Done {
        scanner.object(|scanner, name| match (name, scanner.kind()?) {
            ("parts", Kind::Array) => scanner.array(|scanner, _| self.gemini_part(scanner)),
            _ => self.whole(scanner, name),
        })
    }

    /// Reads a part as a whole, and then again for the texts in it that run on.
    fn gemini_part(&mut self, scanner: &mut Scanner<'a>) -> Done {
        let mut again = scanner.clone();
        self.whole(scanner, "parts")?;
        if again.kind()? != Kind::Object {
            return Ok(());
        }
        let from = self.deltas.len();
        let mut is_thought = false;
        again.object(|scanner, name| match (name, scanner.kind()?) {
            ("text", Kind::String) => self.begun(scanner, Running::Prose),
            ("thought", Kind::Bool) => {
                is_thought = scanner.boolean()?;
                Ok(())
            }
            ("thoughtSignature" | "thought_signature", _) => {
                self.opens = true;
                scanner.skip().map(|_| ())
            }
            ("functionCall" | "function_call", Kind::Object) => self.pieces_of_call(scanner),
            _ => scanner.skip().map(|_| ()),
        })?;
        let said = self.deltas.iter_mut().skip(from);
        for (slot, _) in said.filter(|(slot, _)| is_thought && slot.running == Running::Prose) {
            slot.running = Running::Reasoning;
        }
        Ok(())
    }

    /// Arguments that come in pieces, where a request has asked for that. Each says to which value
    /// it belongs; the call says whether more of it follows.
    fn pieces_of_call(&mut self, scanner: &mut Scanner<'a>) -> Done {
        let mut goes_on = false;
        scanner.object(|scanner, name| match (name, scanner.kind()?) {
            ("partialArgs" | "partial_args", Kind::Array) => {
                scanner.array(|scanner, _| self.piece_of_call(scanner))
            }
            ("willContinue" | "will_continue", Kind::Bool) => {
                goes_on = scanner.boolean()?;
                Ok(())
            }
            _ => scanner.skip().map(|_| ()),
        })?;
        self.ends.extend((!goes_on).then_some(Ending::Calls(0)));
        Ok(())
    }

    fn piece_of_call(&mut self, scanner: &mut Scanner<'a>) -> Done {
        if scanner.kind()? != Kind::Object {
            return scanner.skip().map(|_| ());
        }
        let from = self.deltas.len();
        let mut way = Way::START.to("functionCall");
        scanner.object(|scanner, name| match (name, scanner.kind()?) {
            ("stringValue" | "string_value", Kind::String) => self.begun(scanner, Running::Input),
            ("jsonPath" | "json_path", Kind::String) => {
                way = way.to(&scanner.string()?.decoded());
                Ok(())
            }
            _ => scanner.skip().map(|_| ()),
        })?;
        self.assign(from, |slot| slot.running = way.running(PartKind::Prose));
        Ok(())
    }
}
