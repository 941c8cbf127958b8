//! Prints how well names and addresses are found that training did not see:
//! `eval-names EXPORT SILVER ERRORS`.

use std::env;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use anyhow::{Result, bail};
use iron_trainer::names::measure::{Data, TEXTS};

fn main() -> Result<()> {
    let arguments: Vec<_> = env::args().skip(1).map(PathBuf::from).collect();
    let [export, silver, errors] = arguments.as_slice() else {
        bail!("name the export, the silver labels and the file to write errors to");
    };
    let mut errors = BufWriter::new(File::create(errors)?);
    let mut out = io::stdout().lock();
    for table in Data::read(export, silver)?.measure(TEXTS, &mut errors)? {
        writeln!(out, "{table}")?;
    }
    Ok(())
}
