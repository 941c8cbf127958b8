//! Texts with labels, one JSON object a line.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

/// One text of a corpus.
#[derive(Clone, Debug, Deserialize)]
pub struct Example {
    /// The text.
    pub text: String,
    /// 1 for an attack, 0 for a harmless text.
    pub label: u8,
    /// Where it comes from: what is held out is held out by source.
    #[serde(default)]
    pub source: String,
    /// Its kind, where the source has kinds.
    #[serde(default)]
    pub cat: Option<String>,
    /// Its language, where the source tells.
    #[serde(default)]
    pub lang: Option<String>,
}

/// Reads a file of a folder.
///
/// # Errors
/// If the file cannot be read, or a line of it is no example.
pub fn read(folder: &Path, file: &str) -> Result<Vec<Example>> {
    let path = folder.join(file);
    let text =
        fs::read_to_string(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
    text.lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(index, line)| {
            serde_json::from_str(line).with_context(|| {
                format!("line {} of `{}` is no example", index + 1, path.display())
            })
        })
        .collect()
}
