//! Chunks of Gemini: each is an answer of its own, whose texts go on from chunk to chunk.

use super::Running;
use super::heard::{Done, Ending, Heard};
use crate::scan::{Kind, ScanError, Scanner};

impl<'a> Heard<'a> {
    pub(super) fn gemini(&mut self, scanner: &mut Scanner<'a>) -> Done {
        scanner.object(|scanner, name| match (name, scanner.kind()?) {
            ("candidates", Kind::Array) => scanner.array(|scanner, _| self.candidate(scanner)),
            _ => self.whole(scanner, name),
        })
    }

    fn candidate(&mut self, scanner: &mut Scanner<'a>) -> Done {
        if scanner.kind()? != Kind::Object {
            return self.whole(scanner, "candidates");
        }
        let from = self.deltas.len();
        let (mut item, mut ended) = (0, false);
        scanner.object(|scanner, name| {
            match (name, scanner.kind()?) {
                ("index", _) => item = self.count(scanner, name)?,
                ("content", Kind::Object) => self.turn(scanner)?,
                ("finishReason" | "finish_reason", Kind::String) => {
                    let reason = self.word(scanner, name)?;
                    ended = !matches!(&*reason, "" | "FINISH_REASON_UNSPECIFIED");
                }
                _ => self.whole(scanner, name)?,
            }
            Ok(())
        })?;
        self.assign(from, |slot| slot.item = item);
        self.ends.extend(ended.then_some(Ending::Item(item)));
        Ok(())
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

    /// Arguments that come in pieces, where a request has asked for that.
    fn pieces_of_call(&mut self, scanner: &mut Scanner<'a>) -> Done {
        scanner.object(|scanner, name| match (name, scanner.kind()?) {
            ("partialArgs" | "partial_args", Kind::Array) => scanner.array(|scanner, _| {
                if scanner.kind()? != Kind::Object {
                    return scanner.skip().map(|_| ());
                }
                scanner.object(|scanner, name| match name {
                    "stringValue" | "string_value" => self.begun(scanner, Running::Arguments),
                    _ => scanner.skip().map(|_| ()),
                })
            }),
            _ => scanner.skip().map(|_| ()),
        })?;
        Ok::<(), ScanError>(())
    }
}
