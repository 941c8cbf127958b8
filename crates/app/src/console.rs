//! What a command says: data on stdout, everything else on stderr, JSON when asked.

use std::io::{IsTerminal as _, Write as _};

use comfy_table::presets::NOTHING;
use comfy_table::{Attribute, Cell, Color, ContentArrangement, Table};
use iron_primitives::{Timestamp, Zone};
use serde::Serialize;

use crate::failure::{Failure, Outcome};

/// How to talk, as the flags and the terminal say.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Console {
    json: bool,
    quiet: bool,
    color: bool,
    interactive: bool,
    /// In which instants are shown to people; UTC if none.
    zone: Option<&'static Zone>,
}

impl Console {
    /// Reads the terminal and the environment.
    pub(crate) fn new(json: bool, quiet: bool, no_color: bool, no_input: bool) -> Self {
        let plain = no_color || std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Console {
            json,
            quiet,
            color: !plain && std::io::stdout().is_terminal(),
            interactive: !no_input && !json && std::io::stdin().is_terminal(),
            zone: None,
        }
    }

    /// The same, with instants in tables in this zone. JSON stays as it is.
    pub(crate) fn in_zone(self, zone: Option<Zone>) -> Self {
        // One for the life of the process, whose console is copied about.
        let zone = zone.map(|zone| &*Box::leak(Box::new(zone)));
        Console { zone, ..self }
    }

    /// A value for people: an instant in their zone, anything else as it is.
    fn local(&self, text: &str) -> String {
        let at = self.zone.zip(text.parse::<Timestamp>().ok());
        at.map_or_else(|| text.to_owned(), |(zone, at)| zone.show(at))
    }

    /// Whether data is to be JSON.
    pub(crate) const fn json(&self) -> bool {
        self.json
    }

    /// Shows data: as JSON, or in the given words.
    pub(crate) fn show(&self, data: &impl Serialize, words: impl FnOnce() -> String) -> Outcome {
        if self.json {
            let text = serde_json::to_string_pretty(data).map_err(anyhow::Error::from)?;
            return self.line(&text);
        }
        self.line(&words())
    }

    /// One object per line, for what goes on and on.
    pub(crate) fn event(&self, data: &impl Serialize, words: impl FnOnce() -> String) -> Outcome {
        self.line(&self.rendered(data, words)?)
    }

    /// The line that [`Console::event`] writes.
    pub(crate) fn rendered(
        &self,
        data: &impl Serialize,
        words: impl FnOnce() -> String,
    ) -> Outcome<String> {
        match self.json {
            true => Ok(serde_json::to_string(data).map_err(anyhow::Error::from)?),
            false => Ok(words()),
        }
    }

    /// Writes a line of data.
    pub(crate) fn write(&self, text: &str) -> std::io::Result<()> {
        let mut out = std::io::stdout().lock();
        writeln!(out, "{text}").and_then(|()| out.flush())
    }

    /// A line of data; the process ends well if nobody reads it.
    pub(crate) fn line(&self, text: &str) -> Outcome {
        match self.write(text) {
            // Whoever reads has read enough (`iron audit list | head`).
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(0),
            written => Ok(written?),
        }
    }

    /// A piece of a file, as it is; the process ends well if nobody reads it.
    pub(crate) fn bytes(&self, piece: &[u8]) -> Outcome {
        let mut out = std::io::stdout().lock();
        match out.write_all(piece).and_then(|()| out.flush()) {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(0),
            written => Ok(written?),
        }
    }

    /// A remark for people.
    pub(crate) fn note(&self, text: &str) {
        if !self.quiet && !self.json {
            let _ = writeln!(std::io::stderr().lock(), "{text}");
        }
    }

    /// The last words of a command that failed.
    pub(crate) fn fail(&self, failure: &Failure) {
        let mut err = std::io::stderr().lock();
        let _ = match self.json {
            true => writeln!(err, "{}", failure.to_json()),
            // Whoever pressed Ctrl-C made no error.
            false if failure.is_interruption() => writeln!(err, "{failure}"),
            false => writeln!(err, "error: {failure}"),
        };
    }

    /// Whether somebody can be asked.
    pub(crate) const fn interactive(&self) -> bool {
        self.interactive
    }

    /// Asks whether to do something that can also be left.
    pub(crate) fn agrees(&self, question: &str) -> Outcome<bool> {
        let answer = inquire::Confirm::new(question)
            .with_default(false)
            .prompt_skippable()
            .map_err(asked)?;
        // Esc is a no; Ctrl-C is not an answer.
        Ok(answer.unwrap_or_default())
    }

    /// Asks before something is lost.
    pub(crate) fn confirm(&self, question: &str, force: bool) -> Outcome {
        if force {
            return Ok(());
        }
        if !self.interactive {
            return Err(Failure::usage(format!("{question} needs a yes"))
                .hint("add `--force` where nobody can be asked"));
        }
        match self.agrees(question)? {
            true => Ok(()),
            false => Err(Failure::usage("nothing was changed")),
        }
    }

    /// Asks for a line of text.
    pub(crate) fn ask(&self, question: &str, flag: &str) -> Outcome<String> {
        self.must_be_interactive(flag)?;
        inquire::Text::new(question).prompt().map_err(asked)
    }

    /// Asks for a secret without showing it.
    pub(crate) fn ask_secret(&self, question: &str, instead: &str) -> Outcome<String> {
        self.must_be_interactive(instead)?;
        inquire::Password::new(question)
            .without_confirmation()
            .prompt()
            .map_err(asked)
    }

    fn must_be_interactive(&self, instead: &str) -> Outcome {
        match self.interactive {
            true => Ok(()),
            false => Err(Failure::usage(format!(
                "{instead} is missing, and nobody can be asked"
            ))),
        }
    }

    /// A table that stands below something else: nothing at all if it is empty.
    pub(crate) fn table_below(&self, headings: &[&str], rows: Vec<Vec<String>>) -> String {
        match rows.is_empty() {
            true => String::new(),
            false => format!("\n{}", self.table(headings, rows)),
        }
    }

    /// A table with these headings.
    pub(crate) fn table(&self, headings: &[&str], rows: Vec<Vec<String>>) -> String {
        if rows.is_empty() {
            return "nothing to show".to_owned();
        }
        let mut table = Table::new();
        table
            .load_style(NOTHING)
            .set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(headings.iter().map(|heading| {
            let cell = Cell::new(heading.to_uppercase());
            if self.color {
                cell.add_attribute(Attribute::Bold)
            } else {
                cell
            }
        }));
        for row in rows {
            table.add_row(
                row.into_iter()
                    .map(|text| self.cell(&self.local(&printable(&text)))),
            );
        }
        if !self.color {
            table.force_no_tty();
        }
        trimmed(&table.to_string())
    }

    /// Names and values below each other.
    pub(crate) fn facts(&self, facts: &[(&str, String)]) -> String {
        let width = facts
            .iter()
            .map(|(name, _)| name.len())
            .max()
            .unwrap_or_default();
        let lines: Vec<_> = facts
            .iter()
            .map(|(name, value)| format!("{name:width$}  {}", self.local(value)))
            .collect();
        lines.join("\n")
    }

    /// A state padded to this width, in its colour.
    pub(crate) fn paint(&self, state: &str, width: usize) -> String {
        let code = match color_of(state).filter(|_| self.color) {
            Some(Color::Green) => 32,
            Some(Color::Yellow) => 33,
            Some(_) => 31,
            None => return format!("{state:width$}"),
        };
        format!("\x1b[{code}m{state:width$}\x1b[0m")
    }

    fn cell(&self, text: &str) -> Cell {
        match color_of(text).filter(|_| self.color) {
            Some(color) => Cell::new(text).fg(color),
            None => Cell::new(text),
        }
    }
}

/// A text that others wrote, on one line and without what would steer a terminal.
pub(crate) fn printable(text: &str) -> String {
    let shown = |letter: char| match letter.is_control() {
        true => char::REPLACEMENT_CHARACTER,
        false => letter,
    };
    text.chars().map(shown).collect()
}

/// Millionths of a dollar in dollars: cents at least, and as many places more as are needed.
pub(crate) fn dollars(micros: i64) -> String {
    let sign = if micros < 0 { "-" } else { "" };
    let micros = micros.unsigned_abs();
    let places = format!("{:06}", micros % 1_000_000);
    let (cents, more) = places.split_at(2);
    let more = more.trim_end_matches('0');
    format!("{sign}{}.{cents}{more}", micros / 1_000_000)
}

/// States speak in colour, so that trouble is seen at a glance.
fn color_of(state: &str) -> Option<Color> {
    match state {
        "active" | "running" | "healthy" | "ok" | "intact" | "completed" => Some(Color::Green),
        "paused" | "exhausted" | "rotating" | "degraded" | "warning" | "refused"
        | "client_gone" => Some(Color::Yellow),
        "failed" | "revoked" | "stopped" | "inactive" | "unhealthy" | "problem" | "cut"
        | "provider_error" | "unknown" => Some(Color::Red),
        _ => None,
    }
}

fn asked(error: inquire::InquireError) -> Failure {
    use crate::failure::Exit;
    match error {
        inquire::InquireError::OperationCanceled | inquire::InquireError::OperationInterrupted => {
            Failure::interrupted("interrupted, nothing was changed")
        }
        other => Failure::new(Exit::Error, "IO_ERROR", other.to_string()),
    }
}

fn trimmed(text: &str) -> String {
    text.lines()
        .map(str::trim_end)
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dollars_have_cents_and_what_is_needed_beyond() {
        let shown = [0, 171, 10_000, 1_230_000, 1_234_500, -5, i64::MIN].map(dollars);
        let expected = [
            "0.00",
            "0.000171",
            "0.01",
            "1.23",
            "1.2345",
            "-0.000005",
            "-9223372036854.775808",
        ];
        assert_eq!(shown, expected);
    }

    #[test]
    fn instants_are_shown_in_the_zone_of_whoever_reads_and_nothing_else_is() {
        let console = Console::new(false, false, true, true);
        let here = console.in_zone("Asia/Kolkata".parse().ok());
        let (at, word) = ("2026-11-23T20:00:00.000Z", "2026-11-23T20:00:00.000Zulu");
        let rows = vec![vec![at.to_owned(), word.to_owned()]];
        let table = here.table(&["when", "what"], rows.clone());
        assert!(table.contains("2026-11-24T01:30:00.000+05:30"), "{table}");
        assert!(table.contains(word), "{table}");
        let facts = here.facts(&[("when", at.to_owned())]);
        assert_eq!(facts, "when  2026-11-24T01:30:00.000+05:30");
        assert!(console.table(&["when", "what"], rows).contains(at));
    }

    #[test]
    fn what_others_wrote_cannot_steer_the_terminal() {
        let hostile = "gpt\x1b]0;owned\x07\u{9b}2J\r\n\x7f-ö模";
        assert_eq!(
            printable(hostile),
            "gpt\u{fffd}]0;owned\u{fffd}\u{fffd}2J\u{fffd}\u{fffd}\u{fffd}-ö模"
        );
        let console = Console::new(false, false, true, true);
        let table = console.table(&["model"], vec![vec![hostile.to_owned()]]);
        assert!(
            !table.contains(['\x1b', '\x07', '\u{9b}', '\r']),
            "{table:?}"
        );
    }
}
