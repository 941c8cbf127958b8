//! Tables of names and addresses.

use std::io;
use std::path::Path;

use anyhow::Result;

use super::Table;
use crate::names::measure::{Data, TEXTS};

/// Trains a variant without what it is measured on, and measures. It takes two files of the data
/// folder that are made by programs of this crate.
pub(super) fn measure(folder: &Path) -> Result<Vec<Table>> {
    let export = folder.join("names_export.jsonl");
    let silver = folder.join("names_silver.jsonl");
    if export.exists() && silver.exists() {
        return Data::read(&export, &silver)?.measure(TEXTS, &mut io::sink());
    }
    let table = Table {
        title: "Names and addresses".to_owned(),
        note: "not measured: make `names_export.jsonl` with `crates/trainer/data/export.py` and \
               `names_silver.jsonl` with `crates/trainer/data/silver.py`, in the folder of the data"
            .to_owned(),
        ..Table::default()
    };
    Ok(vec![table])
}
