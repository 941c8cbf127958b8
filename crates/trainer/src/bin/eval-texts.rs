//! Writes the English texts that names and addresses are measured on, with what they hold, for other
//! detectors: `eval-texts DATA_FOLDER`. One line for each: `table`, `text`, `spans` (first byte, past
//! the last byte, entity).

use std::env;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use anyhow::{Context, Result};
use iron_trainer::names::measure::Data;
use serde_json::json;

fn main() -> Result<()> {
    let folder = env::args_os().nth(1).map(PathBuf::from);
    let folder = folder.context("name the folder of the data: eval-texts DATA_FOLDER")?;
    let (export, silver) = ("names_export.jsonl", "names_silver.jsonl");
    let data = Data::read(&folder.join(export), &folder.join(silver))?;
    let mut out = BufWriter::new(io::stdout().lock());
    for (table, texts) in ["by family", "by locale"].iter().zip(data.held_out()) {
        for known in texts.iter().filter(|known| known.family.starts_with("en/")) {
            let spans = known.spans.iter();
            let spans: Vec<_> = spans
                .map(|(entity, span)| json!([span.start, span.end, entity.name()]))
                .collect();
            writeln!(
                out,
                "{}",
                json!({"table": table, "text": known.text, "spans": spans})
            )?;
        }
    }
    Ok(out.flush()?)
}
