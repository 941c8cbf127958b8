//! Trains what finds names and addresses: `train-names EXPORT SILVER OUT`.
//!
//! The export is made by `data/export.py`, the silver labels by `data/silver.py`.

use std::env;
use std::fs;
use std::path::PathBuf;

use anyhow::{Result, bail};
use iron_trainer::names::examples::HeldOut;
use iron_trainer::names::measure::{Data, TEXTS};

fn main() -> Result<()> {
    let arguments: Vec<_> = env::args().skip(1).map(PathBuf::from).collect();
    let [export, silver, out] = arguments.as_slice() else {
        bail!("name the export, the silver labels and the file to write");
    };
    let trained = Data::read(export, silver)?.train(TEXTS, &HeldOut::default());
    fs::write(out, trained.write())?;
    Ok(())
}
