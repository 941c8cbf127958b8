//! Log lines: one per event, on standard error, without secrets.

use std::io::{self, Write};

use serde::{Deserialize, Serialize};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::redact;

/// How lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// For people.
    #[default]
    Pretty,
    /// One JSON object per line, for collectors.
    Json,
}

/// What is logged and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// How lines look.
    pub format: Format,
    /// Directives such as `info,iron_runtime=debug`.
    pub filter: String,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            format: Format::Pretty,
            filter: "info".to_owned(),
        }
    }
}

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The filter does not read.
    #[error("the log filter `{filter}` does not read; write it like `info,iron_runtime=debug`")]
    Filter {
        /// What was given.
        filter: String,
        /// What is wrong with it.
        #[source]
        source: tracing_subscriber::filter::ParseError,
    },
    /// Something in this process has set logging up already.
    #[error("logging was set up twice")]
    Twice,
}

/// Sets logging up for the whole process.
///
/// # Errors
/// If the filter does not read, or logging was set up before.
pub fn init(config: &Config) -> Result<(), Error> {
    let filter = EnvFilter::try_new(&config.filter).map_err(|source| Error::Filter {
        filter: config.filter.clone(),
        source,
    })?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(Redacting(io::stderr));
    let result = match config.format {
        Format::Json => lines
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .try_init(),
        Format::Pretty => lines.with_ansi(false).with_target(false).try_init(),
    };
    result.map_err(|_| Error::Twice)
}

/// Wraps a writer so that every event passes [`redact`].
#[derive(Debug, Clone)]
pub struct Redacting<W>(
    /// Where the lines go.
    pub W,
);

impl<'a, W: MakeWriter<'a>> MakeWriter<'a> for Redacting<W> {
    type Writer = RedactingWriter<W::Writer>;
    fn make_writer(&'a self) -> Self::Writer {
        RedactingWriter(self.0.make_writer())
    }
}

/// Masks secrets in what it writes; an event arrives in one piece.
#[derive(Debug)]
pub struct RedactingWriter<W>(W);

impl<W: Write> Write for RedactingWriter<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0
            .write_all(redact(&String::from_utf8_lossy(line)).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
