//! The fields of a prediction of Replicate. Such a request is always one that the translation has
//! written, so everything in its input counts as text.

use super::RequestError;
use super::content::expect;
use super::edits::CapField;
use super::fields::{Done, Reader};
use crate::replicate::LONGEST_BILLED_S;
use crate::scan::{Kind, Scanner};

impl Reader {
    pub(super) fn prediction(&mut self, scanner: &mut Scanner<'_>, name: &str) -> Done {
        if name != "input" {
            scanner.skip()?;
            return Ok(());
        }
        // A model that is paid by the second runs no longer than it is let.
        self.read.facts.seconds = Some(LONGEST_BILLED_S);
        let start = scanner.position();
        expect(scanner, Kind::Object, "input")?;
        scanner.object(|scanner, name| match (name, scanner.kind()?) {
            ("max_tokens" | "max_completion_tokens" | "max_output_tokens", Kind::Number) => {
                self.cap(scanner, CapField::ReplicateInput)
            }
            ("system_prompt" | "system_instruction", Kind::String) => {
                let start = scanner.position();
                scanner.skip()?;
                self.read.before_prompt.push(start..scanner.end());
                Ok(())
            }
            _ => scanner.skip().map(|_| ()).map_err(RequestError::from),
        })?;
        self.prompt(start..scanner.end(), 1);
        Ok(())
    }
}
