//! Trains the model of injections: `train-injection DATA_FOLDER OUT`.

use std::env;
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::{Context, Result};
use iron_trainer::injection::calibrate::{self, Allowed};
use iron_trainer::injection::data;
use iron_trainer::injection::train::{Settings, train};

/// How many harmless texts of sources never seen may be suspected.
const ALLOWED: Allowed = Allowed {
    text: 0.004,
    window: 0.002,
};

fn main() -> Result<()> {
    let mut arguments = env::args_os().skip(1).map(PathBuf::from);
    let usage =
        "name the folder of the data and the file to write: train-injection DATA_FOLDER OUT";
    let folder = arguments.next().context(usage)?;
    let out = arguments.next().context(usage)?;
    let mut report = io::stdout().lock();

    let settings = Settings::default();
    let examples = data::read(&folder)?;
    writeln!(report, "{} texts", examples.len())?;
    let scored = calibrate::cross(&examples, data::SOURCES, settings);
    let model = train(&data::samples(&examples, None, settings.seed), settings);
    let head = calibrate::head(&model, &examples, &scored, ALLOWED);
    writeln!(report, "{head:?}")?;
    let model = model.with_head(head);
    fs::write(&out, model.to_bytes()).with_context(|| format!("cannot write `{}`", out.display()))
}
