//! Prints how well the detectors do: `guard-eval DATA_FOLDER [FAMILY…]`.

use std::env;
use std::io;
use std::path::PathBuf;

use anyhow::{Context, Result};

fn main() -> Result<()> {
    let mut arguments = env::args().skip(1);
    let folder = arguments
        .next()
        .map(PathBuf::from)
        .context("name the folder of the data: guard-eval DATA_FOLDER [FAMILY…]")?;
    let families: Vec<_> = arguments.collect();
    iron_trainer::eval::print(&folder, &families, &mut io::stdout().lock())
}
