//! How well the detectors do, as tables: what `guard-eval` prints.
//!
//! Each family of detectors has a file with the tables it fills. A table never measures a model on
//! a source that the model was trained on: it trains a variant without the source and says so.

use std::io::Write;
use std::path::Path;

use anyhow::{Result, bail};

mod injection;
mod names;
mod table;

pub use table::{Rate, Table};

/// Makes the tables of one family from the data folder.
type Measure = fn(&Path) -> Result<Vec<Table>>;

/// The families, in the order they are printed.
const FAMILIES: &[(&str, Measure)] = &[
    ("injection", injection::tables),
    ("injection-sources", injection::by_source),
    ("names", names::measure),
];

/// Prints the tables of the families named, or of all if none is named.
///
/// # Errors
/// If a name is of no family, a file of the folder cannot be read, or `out` cannot be written.
pub fn print(folder: &Path, names: &[String], out: &mut dyn Write) -> Result<()> {
    for name in names {
        if FAMILIES.iter().all(|(known, _)| known != name) {
            let known: Vec<_> = FAMILIES.iter().map(|(known, _)| *known).collect();
            bail!(
                "no tables are named `{name}`; name one of: {}",
                known.join(", ")
            );
        }
    }
    for (name, measure) in FAMILIES {
        if names.is_empty() || names.iter().any(|wanted| wanted == name) {
            for table in measure(folder)? {
                writeln!(out, "{table}")?;
            }
        }
    }
    Ok(())
}
